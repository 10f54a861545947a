"""The parent's end of a worker process: the process, its three pipes, and the messages cut out of them.

What the messages mean, who waits for them and what happens at a death is `server/workers.py`'s business: it owns a `Child`
and is told of three things by the functions that it gave: a message came, the output ended, the output is no output.

Invariant: the child's output is bounded by `MAX_ANSWER`; its stderr is read, counted and dropped (shown at debug level).
Invariant: the event loop never waits for the process: pipes are asyncio's, the end is polled.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from analyzers.processes import kill_group

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

_log = logging.getLogger("postil.workers")

MAX_ANSWER = 256 * 1024 * 1024  # bytes
_LONGEST_POLL = 0.5  # seconds


class Child:
    """One process and its three pipes."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        *,
        received: Callable[[Child, bytes], None],
        at_end: Callable[[Child], None],
        flooded: Callable[[Child], None],
    ) -> None:
        self.process = process
        self.started = asyncio.get_running_loop().time()
        self.is_ready = False
        self.answered = False
        self.reason = ""  # why the server ended it, if it did
        self.ended = False
        self.first_load: int | None = None  # bytes that its start put into the line; None until they are there
        self.stderr_size = 0
        self.input: asyncio.WriteTransport | None = None
        self._received = received
        self._at_end = at_end
        self._flooded = flooded
        self._transports: list[asyncio.BaseTransport] = []

    @property
    def is_connected(self) -> bool:
        """Whether messages can be written."""
        return self.input is not None

    async def connect(self) -> None:
        """Hand the pipes to the event loop."""
        loop = asyncio.get_running_loop()
        answers, _ = await loop.connect_read_pipe(lambda: _Answers(self), self.process.stdout)
        self._transports.append(answers)
        errors, _ = await loop.connect_read_pipe(lambda: _Errors(self), self.process.stderr)
        self._transports.append(errors)
        self.input, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, self.process.stdin)

    def received(self, body: bytes) -> None:
        """Pass a message on."""
        self._received(self, body)

    def at_end(self) -> None:
        """Pass on that the output ended."""
        self.ended = True
        self._at_end(self)

    def flooded(self) -> None:
        """Pass on that the output cannot be meant."""
        self._flooded(self)

    def end(self) -> None:
        """Kill the process and close the pipes."""
        kill_group(self.process)
        if self.input is not None and not self.input.is_closing():  # asyncio fails at a pipe that is closed already
            self.input.abort()
        for transport in self._transports:
            transport.close()

    async def wait(self) -> int | None:
        """Return the exit status, or None when the system has not let the process go after a second."""
        pause = 0.001
        while (status := self.process.poll()) is None:
            if pause > _LONGEST_POLL:
                return None
            await asyncio.sleep(pause)
            pause *= 2
        return status


class _Answers(asyncio.Protocol):
    """Cuts the child's output into messages."""

    def __init__(self, child: Child) -> None:
        self._child = child
        self._buffer = bytearray()

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer
        buffer += data
        at = 0
        while len(buffer) - at >= 4:
            length = int.from_bytes(buffer[at : at + 4], "big")
            if length > MAX_ANSWER:
                self._child.flooded()
                return
            if len(buffer) - at - 4 < length:
                break
            self._child.received(bytes(buffer[at + 4 : at + 4 + length]))
            at += 4 + length
        del buffer[:at]

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._child.at_end()


class _Errors(asyncio.Protocol):
    """Reads the child's stderr, so that the child never waits for somebody to do so."""

    def __init__(self, child: Child) -> None:
        self._child = child

    def data_received(self, data: bytes) -> None:
        self._child.stderr_size += len(data)
        _log.debug("worker stderr: %s", data)
