"""The server's two pipes, and its end.

stdin and stdout are driven by the event loop itself, not by a thread pool that others can fill. They are private
descriptors by then (`server/handshake.py`).

Invariant: the process ends when `exit` comes (0 after `shutdown`, else 1), when either pipe is closed, when the client does
not read for too long, and when the process that started it is gone; at once, whatever is running, and with its children.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger("postil.stdio")

MAX_UNREAD = 256 * 1024 * 1024  # bytes that may wait for a client that does not read
LAST_WRITE = 0.5  # seconds to get the last answers out at the end
PARENT_INTERVAL = 1.0  # seconds between two looks at the parent process
_CHUNK = 1 << 18  # bytes


class Stdio:
    """The transport of one conversation."""

    def __init__(self, incoming: int, outgoing: int) -> None:
        self._incoming = incoming
        self._outgoing = outgoing
        self._transport: asyncio.WriteTransport | None = None
        self._loop = asyncio.get_running_loop()
        self.on_exit: Callable[[], None] = lambda: None

    async def connect(self, feed: Callable[[bytes], None], end: Callable[[], None]) -> None:
        """Start to read: `feed` gets the bytes, `end` is called at the end of the stream."""
        try:
            self._transport, _ = await self._loop.connect_write_pipe(
                lambda: _Output(self), os.fdopen(self._outgoing, "wb", buffering=0)
            )
        except ValueError:
            self._transport = None  # a regular file: written to directly
        try:
            await self._loop.connect_read_pipe(lambda: _Input(feed, end), os.fdopen(self._incoming, "rb", buffering=0))
        except ValueError:
            thread = threading.Thread(target=self._read_file, args=(feed, end), daemon=True)
            thread.start()

    def write(self, data: bytes) -> None:
        """Send bytes to the client."""
        if self._transport is None:
            _write_all(self._outgoing, data)
            return
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > MAX_UNREAD:
            log.error("the client does not read; the server ends")
            self.exit(1)

    def exit(self, code: int) -> None:
        """End the process now: what is written is flushed for a moment, nothing is waited for."""
        with suppress(Exception):
            self.on_exit()
        if self._transport is not None:
            deadline = time.monotonic() + LAST_WRITE
            with suppress(Exception):
                self._drain(deadline)
        os._exit(code)

    def watch_parent(self, pid: int) -> None:
        """End the process within seconds of the end of process `pid`; a zombie has ended."""
        if _is_alive(pid):
            self._loop.call_later(PARENT_INTERVAL, self.watch_parent, pid)
        else:
            log.error("the client's process is gone; the server ends")
            self.exit(1)

    def _drain(self, deadline: float) -> None:
        transport = self._transport
        if transport is None or transport.get_write_buffer_size() == 0:
            return
        # The transport's buffer is private; what it holds is written by asking it to, until the pipe takes no more.
        ready = getattr(transport, "_write_ready", None)
        while ready is not None and transport.get_write_buffer_size() and time.monotonic() < deadline:
            ready()
            time.sleep(0.001)

    def _read_file(self, feed: Callable[[bytes], None], end: Callable[[], None]) -> None:
        while data := os.read(self._incoming, _CHUNK):
            self._loop.call_soon_threadsafe(feed, data)
        self._loop.call_soon_threadsafe(end)


class _Input(asyncio.Protocol):
    def __init__(self, feed: Callable[[bytes], None], end: Callable[[], None]) -> None:
        self.data_received = feed  # type: ignore[assignment, method-assign]  # one call less for each message
        self._end = end

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._end()


class _Output(asyncio.BaseProtocol):
    def __init__(self, stdio: Stdio) -> None:
        self._stdio = stdio

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._stdio.exit(1)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        with open(f"/proc/{pid}/stat", "rb") as status:
            return status.read().rpartition(b")")[2].split()[0] not in (b"Z", b"X")
    except (OSError, IndexError):
        return True  # no /proc here: the signal's word is all there is
