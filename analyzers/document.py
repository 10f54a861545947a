"""One immutable version of one text, and the only line table in the house.

Everything inside postil counts in code points: a `Span` is a half-open range of them, a `Point` is a line and a column.
Bytes, UTF-16 units and the editor's own encodings are converted at the edge (`server/convert.py`), never here.

A `Document` is kept as its lines, because an edit by line and column then costs a copy of a list of references, whatever
the size of the text: joining the text, finding line starts and hashing are done when somebody asks, once per version.

Invariant: a line ends at `\\n`, `\\r\\n` or `\\r` and nowhere else (LSP 3.17, "Text Documents"). `str.splitlines` also ends
lines at form feeds, file separators, NEL and U+2028, so its result counts only for texts that hold none of those.
Invariant: positions are clamped, never refused. A column past the end of its line means the end of the line, before its
line break; a line past the last one means the end of the text.
"""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
# Where `str.splitlines` ends a line and LSP does not.
_ODD_SEPARATORS = ("\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029")
_ODD_ASCII_SEPARATORS = _ODD_SEPARATORS[:5]


class Span(NamedTuple):
    """A half-open range of a document's text, in code points."""

    start: int
    end: int


class Point(NamedTuple):
    """A place in a document: a line and a column, both from 0, the column in code points."""

    line: int
    column: int


class Edit(NamedTuple):
    """Replace the text of `span` by `text`."""

    span: Span
    text: str


class Document:
    """One version of one text. Never changes; `edited` and `replaced` return the next version.

    `uri` is the client's spelling, `version` the client's number (0 where there is none), `language` an id of
    `analyzers.languages`.
    """

    __slots__ = ("_digest", "_length", "_line_starts", "_text", "language", "lines", "uri", "version")

    def __init__(self, uri: str, version: int, language: str, text: str) -> None:
        self.uri = uri
        self.version = version
        self.language = language
        self.lines: Sequence[str] = split_lines(text)
        self._text: str | None = text
        self._length = len(text)
        self._line_starts: list[int] | None = None
        self._digest: str | None = None

    def __repr__(self) -> str:
        return f"Document({self.uri!r}, version={self.version}, lines={len(self.lines)})"

    @property
    def text(self) -> str:
        """The whole text."""
        if self._text is None:
            self._text = "".join(self.lines)
        return self._text

    @property
    def line_starts(self) -> list[int]:
        """The offset at which each line starts, in code points; one entry more than lines, the last being the length."""
        if self._line_starts is None:
            self._line_starts = list(accumulate(map(len, self.lines), initial=0))
        return self._line_starts

    @property
    def digest(self) -> str:
        """The SHA-256 of the text, in hexadecimal. Lone surrogates are allowed, and are hashed as themselves."""
        if self._digest is None:
            self._digest = hashlib.sha256(self.text.encode("utf-8", "surrogatepass")).hexdigest()
        return self._digest

    def __len__(self) -> int:
        """The length of the text, in code points. Known without the line table: limits ask for it after each change."""
        return self._length

    def line_text(self, line: int) -> str:
        """Return the text of `line` without its line break; empty past the end."""
        return self.lines[line].rstrip("\r\n") if 0 <= line < len(self.lines) else ""

    def clamp(self, point: Point) -> Point:
        """Return the nearest place that exists: within the line, before its line break, within the text."""
        line, column = point
        if line < 0:
            return Point(0, 0)
        if line >= len(self.lines):
            return Point(len(self.lines) - 1, len(self.lines[-1]))
        if column <= 0:
            return Point(line, 0)
        text = self.lines[line]
        return Point(line, column if column < len(text) - 1 else min(column, line_length(text)))

    def offset(self, point: Point) -> int:
        """Return the offset of `point`, clamped, in code points."""
        line, column = self.clamp(point)
        return self.line_starts[line] + column

    def point(self, offset: int) -> Point:
        """Return the place of `offset`, clamped into the text."""
        starts = self.line_starts
        offset = max(0, min(offset, starts[-1]))
        line = min(bisect_right(starts, offset) - 1, len(self.lines) - 1)
        return Point(line, offset - starts[line])

    def slice(self, span: Span) -> str:
        """Return the text of `span`."""
        return self.text[span.start : span.end]

    def replaced(self, start: Point, end: Point, text: str, version: int) -> Document:
        """Return the next version, with the text from `start` to `end` (clamped, in either order) replaced by `text`."""
        start, end = self.clamp(start), self.clamp(end)
        if end < start:
            start, end = end, start
        lines = self.lines
        first, last = start.line, end.line
        middle = lines[first][: start.column] + text + lines[last][end.column :]
        after = last + 1
        # A line break may be made or unmade at the seams: `\r` and `\n` that come to touch are one, and a line whose break
        # went is one with the next.
        if first > 0 and middle.startswith("\n") and lines[first - 1].endswith("\r"):
            first -= 1
            middle = lines[first] + middle
        while after < len(lines) and (
            not middle.endswith(("\n", "\r")) or (middle.endswith("\r") and lines[after].startswith("\n"))
        ):
            middle += lines[after]
            after += 1
        pieces = split_lines(middle)
        if after < len(lines):
            pieces.pop()  # the empty piece behind the last line break: the line after it is there already
        following = list(lines)
        following[first:after] = pieces
        return self._next(version, following, len(middle) - sum(map(len, lines[first:after])))

    def with_line(self, line: int, text: str, version: int) -> Document:
        """Return the next version, with one line replaced. `text` must end in the line break that the line has, if any.

        The way of nearly all keystrokes; `replaced` does the same for any change.
        """
        lines = list(self.lines)
        longer = len(text) - len(lines[line])
        lines[line] = text
        return self._next(version, lines, longer)

    def edited(self, edits: Iterable[Edit], version: int) -> Document:
        """Return the next version with `edits` applied; they must not overlap, and their spans are those of this version.

        Raises ValueError when two edits overlap.
        """
        pieces: list[str] = []
        at = 0
        text = self.text
        for span, replacement in sorted(edits, key=lambda edit: edit.span):
            if span.start < at:
                message = f"edits overlap at offset {span.start}"
                raise ValueError(message)
            pieces += (text[at : span.start], replacement)
            at = span.end
        pieces.append(text[at:])
        return self.with_text("".join(pieces), version)

    def with_text(self, text: str, version: int) -> Document:
        """Return the next version, with the whole text replaced."""
        return Document(self.uri, version, self.language, text)

    def _next(self, version: int, lines: list[str], longer: int) -> Document:
        document = Document.__new__(Document)
        document.uri = self.uri
        document.version = version
        document.language = self.language
        document.lines = lines
        document._length = self._length + longer  # noqa: SLF001 - its own class
        document._text = document._line_starts = document._digest = None  # noqa: SLF001 - its own class
        return document


def split_lines(text: str) -> list[str]:
    """Return the lines of `text`, each with its line break; the last one has none and may be empty."""
    if text.isascii():
        plain = not any(separator in text for separator in _ODD_ASCII_SEPARATORS)
    else:
        plain = not any(separator in text for separator in _ODD_SEPARATORS)
    lines = text.splitlines(keepends=True) if plain else _LINE.findall(text)
    if not lines or lines[-1].endswith(("\n", "\r")):
        lines.append("")
    return lines


def line_length(line: str) -> int:
    """Return the length of `line` without its line break, in code points."""
    if line.endswith("\r\n"):
        return len(line) - 2
    return len(line) - 1 if line.endswith(("\n", "\r")) else len(line)


def without_surrogates(text: str) -> str:
    """Return `text` with each lone surrogate replaced by U+FFFD, which has the same length in all three encodings."""
    return text if text.isascii() else re.sub("[\ud800-\udfff]", "\ufffd", text)
