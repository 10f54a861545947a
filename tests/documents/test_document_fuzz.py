"""Random edits: postil's `Document` equals the naive model, in three encodings (RELIABILITY.md G1).

The edits go through the session's own `change` (`server/session.py`), so what is compared is what happens to a didChange:
the text, and what ruff and postil's own analysis are told. 200,000 edits on the change run; POSTIL_FUZZ multiplies them. A divergence names its seed.
"""

from __future__ import annotations

import hashlib
import os
import random
import re

import msgspec
import pytest

from analyzers.document import Document, Edit, Point, Span, split_lines
from analyzers.ranges import Position, TextChange
from server import convert
from server.capabilities import Capabilities
from server.session import Session
from server.wire import DocumentItem
from tests.documents import oracle

TIMES = int(os.environ.get("POSTIL_FUZZ", "1"))
EDITS = 200_000
SEQUENCE = 50  # edits before a fresh text
PARTS = 4  # parallel parts
URI = "untitled:x"


def same(found: object, expected: object, *about: object) -> None:
    """Fail where the two differ, in ASCII: half a character in a message stops a parallel run of pytest."""
    if found != expected:
        pytest.fail(f"{about!a}\nfound    {found!a}\nexpected {expected!a}")


def encodable(text: str) -> str:
    """Return the text as ruff knows it, which takes no half characters: U+FFFD is as long in each encoding."""
    return re.sub("[\ud800-\udfff]", "\ufffd", text)


class Editing:
    """A session of the server with one document, changed as a didChange changes it."""

    def __init__(self, text: str, encoding: str) -> None:
        self.encoding = encoding
        self.session = Session(Capabilities({"general": {"positionEncodings": [encoding]}}))
        self.document = self.session.open(DocumentItem(URI, "plaintext", 0, text))

    def change(self, *changes: oracle.Json) -> None:
        """Apply the changes of one didChange; what the session tells its analyzers is checked against the texts."""
        before = self.document
        made = self.session.change(URI, before.version + 1, [msgspec.convert(one, TextChange) for one in changes])
        assert made is not None
        self.document = made.document
        assert self.session.documents[URI] is made.document
        if made.changes is None:
            assert any("range" not in one for one in changes)
            return
        told = before.text
        told_in_units = encodable(before.text)
        for change, wire in zip(made.changes, made.wire, strict=True):
            lines = [start for start, _ in oracle.line_spans(told)]
            start = lines[change.start.line] + change.start.column
            end = lines[change.end.line] + change.end.column
            assert start <= end
            told = told[:start] + change.text + told[end:]
            told_in_units = oracle.applied(told_in_units, msgspec.to_builtins(wire), self.encoding)
        same(told, self.document.text, "postil's own analysis was told of another change", changes)
        same(told_in_units, encodable(self.document.text), "ruff was told of another change", changes, made.wire)


def check_equal(document: Document, text: str, seed: str) -> None:
    """Check everything a document says about itself against its text."""
    same(document.text, text, seed)
    spans = oracle.line_spans(text)
    same(document.line_starts, [start for start, _ in spans] + [len(text)], seed)
    same([document.line_text(line) for line in range(len(spans))], [text[start:end] for start, end in spans], seed)
    same((len(document.lines), len(document)), (len(spans), len(text)), seed)


@pytest.mark.parametrize("part", range(PARTS))
def test_random_edits_equal_the_model(part: int) -> None:
    """No divergence in 200,000 edits."""
    for number in range(part, EDITS * TIMES // SEQUENCE, PARTS):
        encoding = oracle.ENCODINGS[number % 3]
        seed = f"seed edits-{number}, {encoding}"
        chance = random.Random(seed)
        text = oracle.random_text(chance, 40)
        editing = Editing(text, encoding)
        left = SEQUENCE
        while left > 0:
            changes = []
            for _ in range(chance.choice([1, 1, 1, 2, 3])):
                changes.append(oracle.random_change(chance, text, encoding))
                text = oracle.applied(text, changes[-1], encoding)
            editing.change(*changes)
            same(editing.document.text, text, seed, changes)
            left -= len(changes)
        check_equal(editing.document, text, seed)


def test_every_version_is_whole() -> None:
    """After each edit the lines, starts and length are those of the text, and the version before has not changed."""
    for number in range(300 * TIMES):
        encoding = oracle.ENCODINGS[number % 3]
        seed = f"seed whole-{number}, {encoding}"
        chance = random.Random(seed)
        text = oracle.random_text(chance, 20)
        editing = Editing(text, encoding)
        for _ in range(20):
            change = oracle.random_change(chance, text, encoding, longest=120)
            before, old_text = editing.document, text
            editing.change(change)
            text = oracle.applied(text, change, encoding)
            check_equal(editing.document, text, seed)
            check_equal(before, old_text, seed)
        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        assert editing.document.digest == digest == Document("file:///y", 9, "python", text).digest, seed


def test_positions_there_and_back() -> None:
    """Each offset becomes a position of the model and comes back; each position becomes the model's offset."""
    for number in range(3000 * TIMES):
        encoding = oracle.ENCODINGS[number % 3]
        seed = f"seed positions-{number}, {encoding}"
        chance = random.Random(seed)
        text = oracle.random_text(chance, 15)
        document = Document("file:///x", 0, "plaintext", text)
        for _ in range(10):
            wild = oracle.random_position(chance, text, encoding)
            point = convert.point_from_position(document.lines, Position(wild["line"], wild["character"]), encoding)
            expected = oracle.offset(text, wild["line"], wild["character"], encoding)
            assert document.offset(point) == expected, (seed, wild)
            position = convert.position_from_point(document.lines, document.point(expected), encoding)
            assert oracle.offset(text, position.line, position.character, encoding) == expected, (seed, wild)
            at = chance.randrange(len(text) + 1)
            assert document.offset(document.point(at)) in (at, at - 1), seed  # inside \r\n there is no place
            span = Span(*sorted((at, chance.randrange(len(text) + 1))))
            assert document.slice(span) == text[span.start : span.end]


def test_edits_by_span() -> None:
    """`edited` with several disjoint edits equals replacing them from the last to the first; overlaps are refused."""
    for number in range(2000 * TIMES):
        chance = random.Random(f"spans-{number}")
        text = oracle.random_text(chance, 20)
        document = Document("file:///x", 3, "plaintext", text)
        cuts = sorted(chance.sample(range(len(text) + 1), k=min(len(text) + 1, chance.choice([0, 2, 4, 6]))))
        pairs = list(zip(cuts[::2], cuts[1::2], strict=False))
        edits = [Edit(Span(start, end), oracle.random_text(chance, 2)) for start, end in pairs]
        expected = text
        for span, new in reversed(edits):
            expected = expected[: span.start] + new + expected[span.end :]
        chance.shuffle(edits)
        check_equal(document.edited(edits, 4), expected, f"spans-{number}")
    with pytest.raises(ValueError, match="overlap"):
        Document("file:///x", 1, "plaintext", "abcdef").edited([Edit(Span(0, 3), ""), Edit(Span(2, 4), "")], 2)


@pytest.mark.parametrize("separator", ["\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"])
def test_odd_separators_end_no_line(separator: str) -> None:
    """A line ends at its three ends alone, in short texts and in texts of odd separators only."""
    assert split_lines(f"a{separator}b\nc{separator}") == [f"a{separator}b\n", f"c{separator}"]
    assert split_lines(separator * 3) == [separator * 3]
    assert split_lines(f"{separator}\r{separator}\r\n{separator}") == [f"{separator}\r", f"{separator}\r\n", separator]


def test_seams_between_carriage_return_and_line_feed() -> None:
    """Breaks made and unmade by typing between, before and behind `\\r` and `\\n`."""
    document = Document("file:///x", 1, "plaintext", "a\rb\n")
    document = document.replaced(Point(1, 0), Point(1, 1), "", 2)  # "a\r\n": the two meet and are one
    check_equal(document, "a\r\n", "meet")
    document = document.replaced(Point(0, 1), Point(0, 1), "\r", 3)  # "a\r\r\n"
    check_equal(document, "a\r\r\n", "before")
    document = document.replaced(Point(1, 0), Point(2, 0), "\n", 4)  # "a\r\n"
    check_equal(document, "a\r\n", "joined by what was typed")
    document = document.replaced(Point(0, 0), Point(1, 0), "", 5)
    check_equal(document, "", "empty")


def test_ten_megabytes_in_one_line() -> None:
    """An edit by position in a huge line is made right; columns are counted from its start."""
    text = "é" * 5_000_000
    document = Document("file:///x", 1, "plaintext", text)
    for encoding, units in (("utf-8", 2), ("utf-16", 1), ("utf-32", 1)):
        point = convert.point_from_position(document.lines, Position(0, 4_000_000 * units), encoding)
        assert point == Point(0, 4_000_000)
    document = document.replaced(Point(0, 4_000_000), Point(0, 4_000_001), "\n", 2)
    assert [len(line) for line in document.lines] == [4_000_001, 999_999]


def test_a_line_emptied_behind_a_carriage_return() -> None:
    """What is left of the line is a line feed that meets the carriage return before it: the two are one line end."""
    editing = Editing("a\rb\nc\n", "utf-16")
    ends = {"start": {"line": 1, "character": 0}, "end": {"line": 1, "character": 1}}
    here = {"line": 1, "character": 0}
    editing.change({"range": ends, "text": ""}, {"range": {"start": here, "end": here}, "text": "X"})
    check_equal(editing.document, "a\r\nXc\n", "seam")
