"""A session with an editor, written down as it goes.

`postil serve --record FILE` writes one JSON object per message: the direction (`in` from the client, `out` from the server),
the milliseconds since the start, and the message itself. `postil replay FILE` (`server/replay.py`) plays it to a fresh server.

Invariant: a recording holds the user's code, so it is written only where the user asks for it, to a file of mode 0600.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress

MAX_RECORDED = 64 * 1024 * 1024  # bytes of one message; a larger one is noted without its body


class Recorder:
    """Writes messages to a file, unbuffered: what was said before a crash is there."""

    def __init__(self, path: str) -> None:
        """Create the file. Raises OSError, also where it exists as a link."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0)
        self._descriptor = os.open(path, flags, 0o600)
        self._start = time.monotonic()

    def __call__(self, direction: str, body: bytes) -> None:
        """Write one message."""
        head = json.dumps({"direction": direction, "milliseconds": round((time.monotonic() - self._start) * 1000, 1)})
        message = body if len(body) <= MAX_RECORDED else b"null"
        # One line each, so that a recording cut short is readable up to its last line. A full disk ends no session.
        with suppress(OSError):
            os.write(self._descriptor, head[:-1].encode() + b', "message": ' + message.replace(b"\n", b" ") + b"}\n")
