"""The `Content-Length` framing that LSP clients, LSP servers and postil's own workers speak.

Invariant: memory is bounded by what was really sent. A header block over 8 kB, a length that is no plain number, is given
twice, or is over the limit ends the stream (`FramingError`); nothing is allocated for a body before it arrives.

Why 512 MiB where 64 are usual: a file of 100 MB may be opened in the editor, and `didOpen` carries all of it, escaped. The
limit only says when a length cannot be meant; the buffer grows with the bytes that arrive.
"""

from __future__ import annotations

MAX_HEADER = 8192  # bytes
MAX_BODY = 512 * 1024 * 1024  # bytes
_MAX_DIGITS = 11
_CHARSETS = ("utf-8", "utf8")


class FramingError(Exception):
    """The stream cannot be followed any more. The message holds no text of the stream."""


class FrameReader:
    """Cuts a stream of bytes into message bodies."""

    __slots__ = ("_buffer", "_need", "_scanned")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._need = -1  # length of the body that is being read, or -1 while reading a header block
        self._scanned = 0  # how much of the buffer is known to hold no end of a header block

    @property
    def pending(self) -> bool:
        """Whether the stream stands in the middle of a message."""
        return bool(self._buffer) or self._need >= 0

    def feed(self, data: bytes) -> list[bytes]:
        """Take the next bytes of the stream and return the bodies that they complete. Raises FramingError."""
        buffer = self._buffer
        buffer += data
        bodies: list[bytes] = []
        at = 0
        while True:
            if self._need < 0:
                end, start = self._end_of_header(at)
                if end < 0:
                    if len(buffer) - at > MAX_HEADER:
                        message = f"header block of more than {MAX_HEADER} bytes"
                        raise FramingError(message)
                    break
                if end - at > MAX_HEADER:
                    message = f"header block of more than {MAX_HEADER} bytes"
                    raise FramingError(message)
                self._need = _content_length(bytes(buffer[at:end]))
                at = start
                self._scanned = at
            if len(buffer) - at < self._need:
                break
            bodies.append(bytes(buffer[at : at + self._need]))
            at += self._need
            self._need = -1
            self._scanned = at
        del buffer[:at]
        self._scanned = max(0, self._scanned - at)
        return bodies

    def _end_of_header(self, at: int) -> tuple[int, int]:
        """Return where the header block that starts at `at` ends and where its body starts, or (-1, -1).

        A blank line ends it; lines may end in LF alone.
        """
        buffer = self._buffer
        scan = max(at, self._scanned - 3)
        crlf = buffer.find(b"\r\n\r\n", scan)
        lf = buffer.find(b"\n\n", scan, crlf + 2 if crlf >= 0 else len(buffer))
        if lf >= 0:
            return lf, lf + 2
        if crlf >= 0:
            return crlf, crlf + 4
        self._scanned = len(buffer)
        return -1, -1


def frame(body: bytes) -> bytes:
    """Return `body` with its header block."""
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


def _content_length(header: bytes) -> int:
    length = -1
    for line in header.replace(b"\r\n", b"\n").split(b"\n"):
        name, colon, value = line.partition(b":")
        name, value = name.strip().lower(), value.strip()
        if not colon:
            message = "header line without a colon"
            raise FramingError(message)
        if name == b"content-length":
            if length >= 0:
                message = "Content-Length given twice"
                raise FramingError(message)
            # isdigit() of bytes is ASCII only, so signs, blanks and underscores are refused with it.
            if not value.isdigit() or len(value) > _MAX_DIGITS or int(value) > MAX_BODY:
                message = "Content-Length is not a possible length"
                raise FramingError(message)
            length = int(value)
        elif name == b"content-type":
            charset = (
                value.lower().rpartition(b"charset=")[2].strip(b' "').decode("latin-1")
                if b"charset=" in value.lower()
                else ""
            )
            if charset and charset not in _CHARSETS:
                message = "the charset of a message is not UTF-8"
                raise FramingError(message)
    if length < 0:
        message = "header block without Content-Length"
        raise FramingError(message)
    return length
