"""Syntax trees: the only importer of tree-sitter, and the only place that knows bytes.

A `Parse` follows one document through its changes and keeps the tree, so that a parse after a keystroke costs what changed and
not what is there. A `SyntaxTree` is the parse of one version: its root, the bytes it was made from, and the way back to code
points.

tree-sitter counts bytes of UTF-8 and ends a row at `\\n` alone, so a lone `\\r` is shown to it as `\\n`: the length stays, and
a file with `\\r` line ends has rows. Lone surrogates are passed through as they are and are errors to every grammar.

A text may be built to stop a parser: 1 MB of random bytes keeps it busy for seconds, 10 MB of quotes take half a gigabyte. What
is too large, too wide or too deep is refused beforehand, and so is what would take too long, with a reason that can be shown.

Invariant: no walk is recursive, no node is turned into a string (both end the process on a deep tree), and no one asks a node
for its parent in a loop (it is searched for from the root).
"""

from __future__ import annotations

import importlib
import re
import time
from array import array
from functools import cache
from itertools import accumulate
from typing import TYPE_CHECKING

import tree_sitter

from analyzers.document import Document, Point, Span
from analyzers.languages import by_id

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzers.languages import Language

Node = tree_sitter.Node

MAX_BYTES = 1_000_000
MAX_LINES = 20_000
MAX_LINE_LENGTH = 20_000  # code points
MAX_NESTING = 200  # open brackets
TIME_LIMIT = 0.2  # seconds of CPU for one parse
_MUCH_TOO_LONG = 5  # times the limit: a text that took so long is left alone until it is another one
_INSERTED = 500  # code points; what inserts more is parsed afresh, with a look at what it costs
_FIRST_PART = 200  # bytes of a text that are parsed first
_GROWTH = 4  # from one part to the next
_NOTICEABLE = 0.005  # seconds; less is no sign of anything
_CHUNK = 4096  # bytes
_REPARSED_AFRESH = 300_000  # bytes; beyond, the tree of a text with errors may depend on how it was typed
_TOO_LARGE = f"the file is larger than {MAX_BYTES // 1000} kB"
_TOO_SLOW = "parsing takes too long"

_LONE_CR = re.compile(rb"\r(?!\n)")
_BRACKETS = b"([{)]}"
_NO_BRACKETS = bytes(byte for byte in range(256) if byte not in _BRACKETS)
_DEPTH = bytes.maketrans(_BRACKETS, b"\x01\x01\x01\xff\xff\xff")
_NOT_CONTINUATION = bytes(byte for byte in range(256) if not 0x80 <= byte <= 0xBF)


class NotParsed(Exception):
    """A text has no tree. The argument is a reason that a person can be shown."""


class SyntaxTree:
    """The parse of one version of one document. `data` is what was parsed: the text in UTF-8, as long as the document's."""

    __slots__ = ("_is_ascii", "data", "document", "language", "root")

    def __init__(self, document: Document, language: Language, data: bytes, root: Node) -> None:
        self.document = document
        self.language = language
        self.data = data
        self.root = root
        self._is_ascii = data.isascii()

    def offset(self, byte: int) -> int:
        """Return the code point offset of a byte offset."""
        return byte if self._is_ascii else _code_points(self.data, 0, byte)

    def span(self, start_byte: int, end_byte: int) -> Span:
        """Return the span, in code points, of a range of bytes."""
        if self._is_ascii:
            return Span(start_byte, end_byte)
        start = _code_points(self.data, 0, start_byte)
        return Span(start, start + _code_points(self.data, start_byte, end_byte))

    def spans(self, ranges: Sequence[tuple[int, int]]) -> list[Span]:
        """Return the spans of many ranges of bytes, in one pass."""
        if self._is_ascii:
            return [Span(start, end) for start, end in ranges]
        offsets = {0: 0}
        byte = offset = 0
        for edge in sorted({edge for one in ranges for edge in one}):
            offset += _code_points(self.data, byte, edge)
            offsets[edge] = offset
            byte = edge
        return [Span(offsets[start], offsets[end]) for start, end in ranges]

    def byte_offset(self, offset: int) -> int:
        """Return the byte offset of a code point offset."""
        return offset if self._is_ascii else len(encoded(self.document.text[:offset]))

    def text(self, start_byte: int, end_byte: int) -> str:
        """Return the text of a range of bytes. Its line ends may be those shown to the parser."""
        return self.data[start_byte:end_byte].decode("utf-8", "replace")


class Parse:
    """A document and its tree, kept through changes."""

    __slots__ = (
        "_current",
        "_data",
        "_depth_bound",
        "_has_carriage_returns",
        "_parser",
        "_slow_size",
        "_tree",
        "document",
        "language",
    )

    def __init__(self, document: Document) -> None:
        """Follow `document` from here on. ValueError if its language is not in the table."""
        language = by_id(document.language)
        if language is None:
            message = f"no grammar for {document.language!r}"
            raise ValueError(message)
        self.document = document
        self.language = language
        self._parser: tree_sitter.Parser | None = None
        self._tree: tree_sitter.Tree | None = None  # edited along with the text, and parsed when somebody asks
        self._current: SyntaxTree | None = None
        self._data: bytes | None = None  # of the tree's text; None when it is not known
        self._has_carriage_returns = False
        self._slow_size = 0  # bytes of the last text that took too long
        self._depth_bound = MAX_NESTING + 1  # the text is not nested deeper than this; checked when over the limit

    def change(self, start: Point, end: Point, text: str, version: int) -> None:
        """Apply one change: what lies from `start` to `end` (clamped) is now `text`."""
        before = self.document
        self._current = None  # its nodes belong to a tree that is about to be edited
        self.document = before.replaced(start, end, text, version)
        if self._tree is None or self._data is None or len(text) > _INSERTED:
            self._forget()
            return
        first, last = sorted((before.offset(start), before.offset(end)))
        old = self._data
        start_byte, end_byte = first, last
        if len(old) != len(before):
            start_byte = len(encoded(before.text[:first]))
            end_byte = start_byte + len(encoded(before.text[first:last]))
        inserted = encoded(text)
        new_end_byte = start_byte + len(inserted)
        new = old[:start_byte] + inserted + old[end_byte:]
        if self._has_carriage_returns or b"\r" in inserted:
            # What a `\r` is shown as depends on what follows it: take the bytes afresh, with the one before the change.
            self._has_carriage_returns = True
            new = shown(self.document.text)
            if old[start_byte - 1 : start_byte] in (b"\r", b"\n"):
                start_byte -= 1
        self._tree.edit(
            start_byte,
            end_byte,
            new_end_byte,
            _byte_point(old, start_byte),
            _byte_point(old, end_byte),
            _byte_point(new, new_end_byte),
        )
        removed = old[start_byte:end_byte]
        self._depth_bound += sum(map(inserted.count, (b"(", b"[", b"{"))) + sum(map(removed.count, (b")", b"]", b"}")))
        self._data = new

    def replace(self, text: str, version: int) -> None:
        """Take `text` as the whole new text."""
        self.document = self.document.with_text(text, version)
        self._forget()

    def tree(self, limit: float = TIME_LIMIT) -> SyntaxTree:
        """Return the tree of the document as it is now. Raises NotParsed; `limit` is in seconds of CPU."""
        document = self.document
        if self._current is not None and self._current.document is document:
            return self._current
        self._current = None
        refusal = size_refusal(document)
        data = b"" if refusal else self._data
        if refusal is None:
            if data is None:
                data = shown(document.text)
                self._has_carriage_returns = "\r" in document.text
                self._tree = None
                self._depth_bound = MAX_NESTING + 1
            if len(data) > MAX_BYTES:
                refusal = _TOO_LARGE
            elif abs(len(data) - self._slow_size) * 10 < self._slow_size:
                refusal = _TOO_SLOW  # still about the text that was too slow a moment ago
            elif self._depth_bound > MAX_NESTING:
                self._depth_bound = nesting(data)
                if self._depth_bound > MAX_NESTING:
                    refusal = f"brackets are nested deeper than {MAX_NESTING}"
        if refusal is not None or data is None:
            self._forget()
            raise NotParsed(refusal)
        self._data = data
        if self._parser is None:
            self._parser = tree_sitter.Parser(grammar(self.language))
        start = time.thread_time()
        tree = (
            parse(self._parser, data, limit) if self._tree is None else self._reparsed(self._parser, data, self._tree)
        )
        if tree is None or time.thread_time() - start > _MUCH_TOO_LONG * limit:
            self._slow_size = len(data)
            self._forget()
            raise NotParsed(_TOO_SLOW)
        self._tree = tree
        self._current = SyntaxTree(document, self.language, data, tree.root_node)
        return self._current

    def _reparsed(self, parser: tree_sitter.Parser, data: bytes, edited: tree_sitter.Tree) -> tree_sitter.Tree:
        tree = parser.parse(data, edited)
        if tree.root_node.has_error and len(data) <= _REPARSED_AFRESH:
            # How tree-sitter recovers from an error depends on what it could reuse, and the same text must give the same
            # findings: a text with errors is parsed afresh.
            tree = parser.parse(data)
        return tree

    def _forget(self) -> None:
        self._tree = None
        self._data = None
        self._depth_bound = MAX_NESTING + 1


def syntax_tree(document: Document, limit: float = TIME_LIMIT) -> SyntaxTree:
    """Return the tree of `document`, parsed afresh. Raises NotParsed, ValueError if its language is not in the table."""
    return Parse(document).tree(limit)


def parse(parser: tree_sitter.Parser, data: bytes, limit: float = TIME_LIMIT) -> tree_sitter.Tree | None:
    """Return the tree of `data`, parsed afresh, or None when that takes more than about `limit` seconds of CPU.

    tree-sitter can only be stopped while it parses through a read callback, and its binding (0.26.1) loses the memory of all
    that the callback returns: 100 kB for each keystroke. So a text is given at once, unless it may be one that was built to be
    slow. What starts well and turns bad late is left to whoever runs this in a process that can be ended.
    """
    before = 0.0
    is_doubtful = False
    for part in _parts(len(data)):
        start = time.thread_time()
        parser.parse(data[:part])
        cost = time.thread_time() - start
        growth = max(_GROWTH, cost / before) if before else _GROWTH
        before = cost
        # What keeps a parser busy for seconds shows it early, by its cost or by how that grows: opened comments in Swift take
        # eight times as long when they are twice as many.
        if cost > limit / 2 or (cost > limit / 4 and growth > 2 * _GROWTH):
            return None
        # A part that ends inside a long comment may look bad too.
        is_doubtful |= cost > _NOTICEABLE and (cost * growth > limit or cost * len(data) / part > limit)
    return _parse_within(parser, data, limit) if is_doubtful else parser.parse(data)


def _parts(length: int) -> list[int]:
    """Return how much of a text to parse before all of it, in ever larger steps. Together they cost a third of a parse."""
    parts = []
    while (length := length // _GROWTH) >= _FIRST_PART:
        parts.append(length)
    return parts[::-1]


def _parse_within(parser: tree_sitter.Parser, data: bytes, limit: float) -> tree_sitter.Tree | None:
    """Return the tree of `data`, or None after `limit` seconds of CPU. Loses at most some three times the text in memory."""
    deadline = time.thread_time() + limit
    reads = 0
    most_reads = 2 * len(data) // _CHUNK + 100

    def read(byte: int, _: tree_sitter.Point) -> bytes:
        nonlocal reads
        reads += 1
        return data[byte : byte + _CHUNK]

    def is_late(_: int, __: bool) -> bool:  # noqa: FBT001 - tree-sitter's signature
        return reads > most_reads or time.thread_time() > deadline

    try:
        return parser.parse(read, progress_callback=is_late)
    except ValueError:
        parser.reset()
        return None


@cache
def grammar(language: Language) -> tree_sitter.Language:
    """Return the grammar of `language`, imported on first use. Raises ImportError when its package is missing."""
    return tree_sitter.Language(getattr(importlib.import_module(language.module), language.entry)())


@cache
def kind_ids(language: Language, kinds: str) -> frozenset[int]:
    """Return the ids of `kinds`, separated by blanks; a token is written after `'`. Unknown kinds are left out."""
    wanted = set(kinds.split())
    known = grammar(language)
    found = set()
    for kind_id in range(known.node_kind_count):
        name = known.node_kind_for_id(kind_id) or ""
        if (name if known.node_kind_is_named(kind_id) else f"'{name}") in wanted:
            found.add(kind_id)
    return frozenset(found)


def size_refusal(document: Document) -> str | None:
    """Return why `document` is too large or too wide to be parsed, or None."""
    lines: Sequence[str] = document.lines
    if len(lines) > MAX_LINES:
        return f"the file has more than {MAX_LINES} lines"
    if max(map(len, lines)) > MAX_LINE_LENGTH:
        return f"a line is longer than {MAX_LINE_LENGTH} characters"
    if len(document) > MAX_BYTES:
        return _TOO_LARGE
    return None


def nesting(data: bytes) -> int:
    """Return how deep brackets are open at most, those in strings and comments counted as well."""
    steps = array("b", data.translate(_DEPTH, _NO_BRACKETS))
    return max(accumulate(steps), default=0)


def encoded(text: str) -> bytes:
    """Return `text` in UTF-8, with lone surrogates as three bytes each."""
    return text.encode("utf-8", "surrogatepass")


def shown(text: str) -> bytes:
    """Return the bytes that are shown to the parser for `text`: as long as its UTF-8, with lone `\\r` as `\\n`."""
    data = encoded(text)
    return _LONE_CR.sub(b"\n", data) if b"\r" in data else data


def _byte_point(data: bytes, byte: int) -> tuple[int, int]:
    return data.count(b"\n", 0, byte), byte - (data.rfind(b"\n", 0, byte) + 1)


def _code_points(data: bytes, start: int, end: int) -> int:
    """Return how many code points start in a range of bytes."""
    part = data[start:end]
    return len(part) - len(part.translate(None, _NOT_CONTINUATION))
