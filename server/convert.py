"""The only converter between the client's coordinates and ours.

The client counts columns in units of the encoding that was negotiated (UTF-8 bytes, UTF-16 code units or UTF-32 code points)
and numbers its documents by URI. Inside, a column is a code point and a file is a path.

Invariant: every function clamps. A column in the middle of a surrogate pair or of a multi-byte character means the start of
that character, as editors render it.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

from analyzers.document import Document, Point, Span, line_length
from analyzers.ranges import Position, Range

if TYPE_CHECKING:
    from collections.abc import Sequence


def column_from_units(line: str, units: int, encoding: str) -> int:
    """Return the code-point column of `units` of `encoding` in `line`, clamped to before its line break."""
    length = line_length(line)
    if line.isascii() or encoding == "utf-32":
        return min(units, length)
    if encoding == "utf-16":
        # Walk only when an astral character can lie before the column.
        column = 0
        for character in line[:length]:
            units -= 2 if character > "\uffff" else 1
            if units < 0:
                return column
            column += 1
        return column
    column = 0
    for character in line[:length]:
        units -= _utf8_length(character)
        if units < 0:
            return column
        column += 1
    return column


def units_from_column(line: str, column: int, encoding: str) -> int:
    """Return the units of `encoding` before code-point `column` of `line`."""
    if line.isascii() or encoding == "utf-32":
        return min(column, len(line))
    head = line[:column]
    if encoding == "utf-16":
        return len(head) + sum(character > "\uffff" for character in head)
    return len(head.encode("utf-8", "surrogatepass"))


def point_from_position(lines: Sequence[str], position: Position, encoding: str) -> Point:
    """Return the place of the client's `position`, clamped into the text."""
    if position.line >= len(lines):
        return Point(len(lines) - 1, len(lines[-1]))
    return Point(position.line, column_from_units(lines[position.line], position.character, encoding))


def position_from_point(lines: Sequence[str], point: Point, encoding: str) -> Position:
    """Return the client's position of `point`."""
    line = min(point.line, len(lines) - 1)
    return Position(line, units_from_column(lines[line], point.column, encoding))


def span_from_range(document: Document, range_: Range, encoding: str) -> Span:
    """Return the client's range as offsets, clamped, start before end."""
    start = document.offset(point_from_position(document.lines, range_.start, encoding))
    end = document.offset(point_from_position(document.lines, range_.end, encoding))
    return Span(min(start, end), max(start, end))


def range_from_span(document: Document, span: Span, encoding: str) -> Range:
    """Return offsets as the client's range."""
    lines = document.lines
    return Range(
        position_from_point(lines, document.point(span.start), encoding),
        position_from_point(lines, document.point(span.end), encoding),
    )


def path_from_uri(uri: str) -> str | None:
    """Return the local path of a `file:` URI, or None: another scheme, another host, or a path that cannot be one."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        return None
    if parts.scheme.lower() != "file" or parts.netloc.lower() not in ("", "localhost"):
        return None
    path = unquote(parts.path)
    if "\0" in path or not path:
        return None
    if os.name == "nt" and re.match(r"/[A-Za-z]:", path):
        path = path[1:]
    return path


def uri_from_path(path: str) -> str:
    """Return the `file:` URI of an absolute path."""
    path = path.replace(os.sep, "/")
    return "file://" + quote(("" if path.startswith("/") else "/") + path, safe="/~!$&'()*+,;=:@")


def document_key(uri: str) -> str:
    """Return the spelling under which a document is kept: other spellings of one `file:` URI are one document.

    Percent-encoding and a Windows drive's case are settled for `file:`; other schemes are opaque.
    """
    if uri[:5].lower() != "file:":
        return uri
    if "%" not in uri and uri.startswith("file:///") and ":" not in uri[8:] and uri.isascii():
        return uri  # the usual case, and each keystroke asks
    try:
        parts = urlsplit(uri)
        path = unquote(parts.path, errors="surrogateescape")
    except ValueError:
        return uri
    if re.match(r"/[A-Za-z]:", path):
        path = path[:1] + path[1].lower() + path[2:]
    host = parts.netloc.lower()
    return f"file://{'' if host == 'localhost' else host}{path}"


def _utf8_length(character: str) -> int:
    if character < "\x80":
        return 1
    if character < "\u0800":
        return 2
    return 3 if character <= "\uffff" else 4
