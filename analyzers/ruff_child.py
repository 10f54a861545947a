"""One life of the `ruff server` process: its start, its two pipes, its end.

Which texts it is told of, and whether it comes back, is decided in `analyzers/ruff.py`.

Invariant: the process is our own dependency's binary, by absolute path, with its working directory outside every workspace.
Invariant: its end is told once, with the exit status and whether it left something unread; nothing is told after that.
"""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import msgspec

from analyzers.framing import FrameReader, FramingError, frame
from analyzers.processes import kill_group, spawn
from analyzers.ruff_binary import ruff_binary

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

log = logging.getLogger("postil.ruff")

MAX_UNSENT = 64 * 1024 * 1024  # bytes that may wait for a child that does not read


class RuffChild:
    """A running `ruff server`. Must be started from the main thread.

    `received` gets the body of each message; `ended` is called with the child, its exit status (negative: a signal) and
    whether it had not read all that was sent.
    """

    def __init__(self, received: Callable[[bytes], None], ended: Callable[[RuffChild, int, bool], None]) -> None:
        """Start the process. Raises OSError."""
        self._received = received
        self._ended = ended
        self._process = spawn([ruff_binary(), "server"], stderr=subprocess.DEVNULL)
        self._writer: asyncio.WriteTransport | None = None
        self._unsent: list[bytes] = []
        self._corked: list[bytes] | None = None
        self._left_unread: bool | None = None  # None while that is not known
        self._connecting = asyncio.get_running_loop().create_task(self._connect())

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def send(self, message: Mapping[str, object]) -> None:
        """Send one message."""
        data = frame(msgspec.json.encode(message))
        if self._corked is not None:
            self._corked.append(data)
        else:
            self._write(data)

    def cork(self) -> None:
        """Hold back what is sent until `uncork`, so that it is one write and wakes the child once."""
        self._corked = []

    def uncork(self) -> None:
        """Send what was held back."""
        corked, self._corked = self._corked, None
        if corked:
            self._write(b"".join(corked))

    def kill(self) -> None:
        """End the process; `ended` follows."""
        kill_group(self._process)

    def kill_and_wait(self) -> None:
        """End the process and wait a moment for it, so that it leaves no zombie to whoever comes after us."""
        self.kill()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=0.2)

    def _write(self, data: bytes) -> None:
        if self._writer is None:
            self._unsent.append(data)
            return
        self._writer.write(data)
        if self._writer.get_write_buffer_size() > MAX_UNSENT:
            log.warning("ruff does not read and is restarted")
            self.kill()

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        if self._process.stdin is None or self._process.stdout is None:
            return
        await loop.connect_read_pipe(lambda: _Output(self), self._process.stdout)
        self._writer, _ = await loop.connect_write_pipe(lambda: _Input(self), self._process.stdin)
        unsent, self._unsent = self._unsent, []
        for data in unsent:
            self._write(data)

    def output(self, bodies: list[bytes]) -> None:
        """Hand on what the child said."""
        for body in bodies:
            self._received(body)

    def output_ended(self) -> None:
        """Take note of the end of the child's output: its death, whatever it came from."""
        left_unread = self.note_unread()
        if self._writer is not None and not self._writer.is_closing():  # asyncio's own abort raises where it is closed
            self._writer.abort()
        if self._process.poll() is None:
            self.kill()
        self._ended(self, self._process.wait(), left_unread)

    def note_unread(self) -> bool:
        """Return whether a child that ends has not read all that was sent; looked at once, before the pipe is closed."""
        if self._left_unread is None and self._writer is None:
            self._left_unread = bool(self._unsent)
        elif self._left_unread is None and self._writer is not None:
            waiting = 0
            with suppress(ImportError, OSError, ValueError):
                import fcntl  # not on Windows
                import termios

                pipe = self._writer.get_extra_info("pipe")
                waiting = int.from_bytes(fcntl.ioctl(pipe.fileno(), termios.FIONREAD, bytes(4)), sys.byteorder)
            self._left_unread = waiting > 0 or self._writer.get_write_buffer_size() > 0
        return bool(self._left_unread)


class _Input(asyncio.BaseProtocol):
    """The child's stdin."""

    def __init__(self, child: RuffChild) -> None:
        self._child = child

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._child.note_unread()  # the pipe is closed after this


class _Output(asyncio.Protocol):
    """The child's stdout. Its end is the child's death."""

    def __init__(self, child: RuffChild) -> None:
        self._child = child
        self._reader = FrameReader()

    def data_received(self, data: bytes) -> None:
        try:
            self._child.output(self._reader.feed(data))
        except (FramingError, msgspec.DecodeError, UnicodeError) as error:
            log.warning("ruff's output cannot be followed (%s); it is restarted", type(error).__name__)
            self._child.kill()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._child.output_ended()
