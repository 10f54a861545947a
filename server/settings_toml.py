"""postil's part of a TOML file, with the place of every key and value in it.

`tomllib` tells no positions, gives up the whole file at the first mistake, and needs memory that grows with the square of a
dotted key's length (measured: one key of 100,000 parts, 200 kB of text, ends a 16 GB machine). So a small scanner
runs first: it walks over the statements, keeps those that belong to postil and notes where their keys and values stand.
`tomllib` reads just those; a statement that it refuses is dropped, reported, and the others count.

Invariant: the time and memory that a file costs grow with its size and no faster, whoever wrote it.
Invariant: values come from `tomllib` alone. The scanner decides what is read and where it stands, never what it means.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import accumulate
from typing import NamedTuple

from analyzers.document import Span

MAX_PART = 64 * 1024  # code points that postil's part of a file may have
MAX_DEPTH = 16  # parts of a dotted key, and brackets within brackets
MAX_DROPPED = 20  # statements that may be wrong before the rest is not read
MAX_LOST = 5  # values without an end, anywhere in the file, before the rest is not looked at

_BLANK = re.compile(r"(?:[ \t\r\n]++|#[^\n]*+)*+")
_SPACE = re.compile(r"[ \t]*+")
_BASIC = r'"(?:[^"\\\n]++|\\.)*+"'
_LITERAL = r"'[^'\n]*+'"
_LONG_BASIC = r'"""(?:[^"\\]++|\\[\s\S]|"{1,2}+(?!"))*+"{3,5}+'
_LONG_LITERAL = r"'''(?:[^']++|'{1,2}+(?!'))*+'{3,5}+"
_STRING = re.compile(f"{_LONG_BASIC}|{_LONG_LITERAL}|{_BASIC}|{_LITERAL}")
_KEY = re.compile(rf"[A-Za-z0-9_-]++|{_BASIC}|{_LITERAL}")
_PLAIN = re.compile(r"[^\"'#\[\]{}\n]++")
_BARE_VALUE = re.compile(r"[^\"'#\[\]{},\n]++")
_HEADER_LINE = re.compile(r"^\[{1,2}[A-Za-z0-9_.\"' -]+\]{1,2}[ \t]*(?:#.*)?$", re.MULTILINE)
_POSITION = re.compile(r" ?\(at (?:line (\d+), column (\d+)|end of document)\)$")

Path = tuple[str | int, ...]


class Place(NamedTuple):
    """Where a setting stands: its key (for an entry of a list, the entry) and its value."""

    key: Span
    value: Span


class Trouble(NamedTuple):
    """A mistake in a text: where, of which kind (a rule's id), and what to tell about it."""

    span: Span
    rule: str
    message: str


@dataclass(slots=True)
class Parsed:
    """What a text says: nested values, where each stands, and what is wrong with it."""

    values: dict[str, object] = field(default_factory=dict)
    places: dict[Path, Place] = field(default_factory=dict)
    troubles: list[Trouble] = field(default_factory=list)

    def place(self, path: Path) -> Place:
        """Return where `path` stands, or else the nearest table or list around it, or else the beginning."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, Place(Span(0, 0), Span(0, 0)))


class _Statement(NamedTuple):
    span: Span
    header: bool


class _LostError(Exception):
    """The scanner does not understand a text; `tomllib` will say what is wrong with it."""


def parse_toml(text: str, table: tuple[str, ...]) -> Parsed:
    """Return what `table` holds in `text`; an empty `table` is the whole file. Never raises for any text."""
    scanner = _Scanner(text, table)
    scanner.scan()
    parsed = Parsed(places=scanner.places, troubles=scanner.troubles)
    if sum(end - start for (start, end), _ in scanner.ours) > MAX_PART:
        first = scanner.ours[0].span
        message = f"postil's settings are longer than {MAX_PART // 1024} KiB and are not read"
        parsed.troubles.append(Trouble(first, "settings-unreadable", message))
        return parsed
    values: object = _load(text, scanner.ours, parsed.troubles)
    for name in table:
        values = values.get(name, {}) if isinstance(values, dict) else values
    if isinstance(values, dict):
        parsed.values = values
    else:
        parsed.troubles.append(Trouble(parsed.place(()).value, "settings-value", "this must be a table of settings"))
    return parsed


def _load(text: str, statements: list[_Statement], troubles: list[Trouble]) -> dict[str, object]:
    """Return what `tomllib` reads from `statements`, without those that it refuses."""
    statements = list(statements)
    for _ in range(MAX_DROPPED):
        if not statements:
            return {}
        pieces = [text[start:end] + "\n" for (start, end), _ in statements]
        starts = list(accumulate(map(len, pieces), initial=0))
        reduced = "".join(pieces)
        try:
            return tomllib.loads(reduced)
        except tomllib.TOMLDecodeError as error:
            message, offset = _message_and_offset(error, reduced)
            guilty = min(bisect_right(starts, offset) - 1, len(statements) - 1)
            offset = statements[guilty].span.start + offset - starts[guilty]
        except (ValueError, RecursionError):  # a number of 5,000 digits: no position
            message, guilty = "this value cannot be read", _guilty(pieces)
            offset = statements[guilty].span.start
        span = statements[guilty].span
        offset = max(span.start, min(offset, span.end - 1))
        line_end = text.find("\n", offset, span.end)
        troubles.append(Trouble(Span(offset, span.end if line_end < 0 else line_end), "settings-syntax", message))
        after = guilty + 1
        if statements[guilty].header:  # its keys must not fall to the table before
            while after < len(statements) and not statements[after].header:
                after += 1
        del statements[guilty:after]
    if statements:
        troubles.append(Trouble(statements[0].span, "settings-syntax", "too much of this is wrong: it is not read"))
    return {}


def _message_and_offset(error: tomllib.TOMLDecodeError, text: str) -> tuple[str, int]:
    """Return what `tomllib` says without its position, and the offset that the position means."""
    said = str(error)
    found = _POSITION.search(said)
    message = f"not valid TOML: {said[: found.start()] if found else said}"[:200]
    if not found or found[1] is None:
        return message, len(text)
    # tomllib counts lines by "\n" after turning "\r\n" into it, so the lines are ours and the columns are too.
    offset = 0
    for _ in range(int(found[1]) - 1):
        offset = text.find("\n", offset) + 1
    return message, offset + int(found[2]) - 1


def _guilty(pieces: list[str]) -> int:
    """Return which statement raises something other than a syntax error."""
    for index, piece in enumerate(pieces):
        try:
            tomllib.loads(piece)
        except tomllib.TOMLDecodeError:
            continue
        except (ValueError, RecursionError):
            return index
    return 0


class _Scanner:
    """One walk over a text."""

    def __init__(self, text: str, table: tuple[str, ...]) -> None:
        self.text = text
        self.table = table
        self.ours: list[_Statement] = []
        self.places: dict[Path, Place] = {}
        self.troubles: list[Trouble] = []
        self._lost = 0
        self._size = 0

    def scan(self) -> None:
        text, position = self.text, 0
        around: tuple[str, ...] = ()  # the table that key lines belong to
        skipping = False  # under a header that is too deep
        while (position := _end(_BLANK, text, position)) < len(text) and self._lost < MAX_LOST:
            start = position
            header = text[start] == "["
            brackets = 2 if text.startswith("[[", start) else 1
            keys, position = self._keys(start + brackets if header else start)
            end = self._header_end(position) if header else self._value_end(position)
            names = tuple(name for name, _ in keys)
            path = names if header else around + names
            if header:
                around, skipping = names[: MAX_DEPTH + 1], False
            # A line without a key is wrong; it is ours to tell where it stands in our table.
            if self._is_ours(path) and not skipping and (names or around[: len(self.table)] == self.table):
                if len(path) > MAX_DEPTH:
                    skipping = header
                    self.troubles.append(Trouble(Span(start, end), "settings-syntax", "nested too deep; not read"))
                else:
                    self.ours.append(_Statement(Span(start, end), header))
                    self._size += end - start
                    if self._size > MAX_PART:
                        return
                    self._note(keys, path, len(path) - len(names), Span(start, end), None if header else position)
            position = max(end, start + 1)

    def _is_ours(self, path: tuple[str, ...]) -> bool:
        """Whether `path` is in the table, or around it."""
        count = min(len(path), len(self.table))
        return path[:count] == self.table[:count]

    def _keys(self, position: int) -> tuple[list[tuple[str, Span]], int]:
        """Return the parts of a dotted key and where it ends; stops at what is no key, and at too many parts."""
        keys: list[tuple[str, Span]] = []
        while found := _KEY.match(self.text, _end(_SPACE, self.text, position)):
            keys.append((_name(found[0]), Span(*found.span())))
            position = _end(_SPACE, self.text, found.end())
            if not self.text.startswith(".", position) or len(keys) > MAX_DEPTH:
                break
            position += 1
        return keys, position

    def _header_end(self, position: int) -> int:
        end = self.text.find("\n", position)
        return len(self.text) if end < 0 else end

    def _value_end(self, position: int) -> int:
        """Return where the statement ends: at the end of the line on which its brackets and strings are closed."""
        text, depth, start = self.text, 0, position
        while position < len(text):
            character = text[position]
            if character in "\"'":
                found = _STRING.match(text, position)
                if found and not (found.end() - position == 2 and text.startswith(character * 3, position)):
                    position = found.end()
                elif text.startswith(character * 3, position):
                    return self._recover(start)
                else:  # a string ends on its line
                    position = self._header_end(position)
            elif character == "\n":
                if not depth:
                    return position
                position += 1
            elif character == "#":
                position = self._header_end(position)
            elif character in "[]{}":
                depth = max(0, depth + (1 if character in "[{" else -1))
                position += 1
            else:
                position = _end(_PLAIN, text, position)
        return self._recover(start) if depth else position

    def _recover(self, start: int) -> int:
        """Return where a value without an end stops: at the next line that looks like a table's header."""
        self._lost += 1
        found = _HEADER_LINE.search(self.text, self._header_end(start))
        return found.start() if found else len(self.text)

    def _note(
        self, keys: list[tuple[str, Span]], path: tuple[str, ...], before: int, statement: Span, value: int | None
    ) -> None:
        """Note the places of the parts of one statement's key, and of what is in its value."""
        for index, (_, span) in enumerate(keys, before + 1):
            if index >= len(self.table):
                place = Place(span, Span(span.start if value is None else keys[0][1].start, statement.end))
                self.places.setdefault(path[:index][len(self.table) :], place)
        if value is None or not keys or not self.text.startswith("=", value):
            return
        try:
            start = _end(_SPACE, self.text, value + 1)
            end = self._value(start, path, 0)
        except _LostError:
            return
        self._put(path, keys[-1][1], Span(start, end))

    def _put(self, path: Path, key: Span, value: Span) -> None:
        if path[: len(self.table)] == self.table:
            self.places[path[len(self.table) :]] = Place(key, value)

    def _value(self, position: int, path: Path, depth: int) -> int:
        """Note the places of what is in the value at `position`, and return where it ends. Raises _LostError."""
        text = self.text
        if depth > MAX_DEPTH:
            raise _LostError
        if text.startswith("[", position):
            return self._array(position + 1, path, depth)
        if text.startswith("{", position):
            return self._inline_table(position + 1, path, depth)
        found = _STRING.match(text, position) or _BARE_VALUE.match(text, position)
        if not found:
            raise _LostError
        return position + len(found[0].rstrip())

    def _array(self, position: int, path: Path, depth: int) -> int:
        index = 0
        while not self.text.startswith("]", position := _end(_BLANK, self.text, position)):
            end = self._value(position, (*path, index), depth + 1)
            self._put((*path, index), Span(position, end), Span(position, end))
            index += 1
            position = _end(_BLANK, self.text, end)
            if self.text.startswith(",", position):
                position += 1
            elif not self.text.startswith("]", position):
                raise _LostError
        return position + 1

    def _inline_table(self, position: int, path: Path, depth: int) -> int:
        while not self.text.startswith("}", position := _end(_BLANK, self.text, position)):
            keys, position = self._keys(position)
            if not keys or len(keys) > MAX_DEPTH or not self.text.startswith("=", position):
                raise _LostError
            inner = (*path, *(name for name, _ in keys))
            start = _end(_SPACE, self.text, position + 1)
            end = self._value(start, inner, depth + 1)
            for count, (_, span) in enumerate(keys[:-1], len(path) + 1):
                self._put(inner[:count], span, Span(keys[0][1].start, end))
            self._put(inner, keys[-1][1], Span(start, end))
            position = _end(_BLANK, self.text, end)
            if self.text.startswith(",", position):
                position += 1
            elif not self.text.startswith("}", position):
                raise _LostError
        return position + 1


def _end(pattern: re.Pattern[str], text: str, position: int) -> int:
    """Return where `pattern`, matched at `position`, ends; `position` where it does not match."""
    found = pattern.match(text, position)
    return found.end() if found else position


def _name(part: str) -> str:
    """Return the name that one part of a key spells."""
    if part[0] == "'":
        return part[1:-1]
    if part[0] != '"':
        return part
    if "\\" not in part:
        return part[1:-1]
    try:
        return str(tomllib.loads(f"name = {part}")["name"])
    except ValueError:
        return part[1:-1]
