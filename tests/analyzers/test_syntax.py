"""Trees: kept through edits they are those of a fresh parse; hostile texts are refused; bytes become code points."""

from __future__ import annotations

import random
import resource
import time

import pytest

from analyzers import syntax
from analyzers.document import Document, Point, Span
from analyzers.languages import LANGUAGES
from analyzers.syntax import NotParsed, Parse, SyntaxTree, syntax_tree
from tests.analyzers.sources import SOURCES, random_changes

Shape = list[tuple[int, int, int, int, bool, bool]]


def shape(tree: SyntaxTree) -> Shape:
    """Return all there is to know of a tree."""
    result: Shape = []
    todo = [(tree.root, 0)]
    while todo:
        node, depth = todo.pop()
        result.append((depth, node.kind_id, node.start_byte, node.end_byte, node.is_missing, node.has_error))
        todo += [(child, depth + 1) for child in node.children]
    return result


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("language", SOURCES)
def test_a_tree_kept_through_edits_is_a_fresh_one(language: str, seed: int) -> None:
    document = Document("", 0, language, SOURCES[language])
    parse = Parse(document)
    parse.tree()
    for number, (change, after) in enumerate(random_changes(document, seed, 60)):
        parse.change(Point(*change[:2]), Point(*change[2:4]), change[4], after.version)
        assert parse.document.text == after.text
        if number % 3 == 2:
            continue  # several changes to one parse
        kept, fresh = parse.tree(), syntax_tree(after)
        assert kept.data == fresh.data
        assert shape(kept) == shape(fresh)


def test_every_language_has_a_valid_source() -> None:
    assert not [one for one in SOURCES if syntax_tree(Document("", 0, one, SOURCES[one])).root.has_error]
    assert {one.id for one in LANGUAGES} - set(SOURCES) == {"jsonc"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("(" * 500, "brackets are nested deeper than 200"),
        ("(" * 50_000, "a line is longer than 20000 characters"),
        ('"' * 10_000_000, "a line is longer than 20000 characters"),
        ("x\n" * 20_001, "the file has more than 20000 lines"),
        (("x" * 1000 + "\n") * 1001, "the file is larger than 1000 kB"),
        (("é" * 999 + "\n") * 600, "the file is larger than 1000 kB"),
    ],
    ids=["deep", "deep line", "wide", "long", "large", "large in bytes"],
)
def test_refusals(text: str, reason: str) -> None:
    with pytest.raises(NotParsed, match=reason):
        syntax_tree(Document("", 0, "python", text))


def test_a_refused_text_may_become_a_good_one() -> None:
    parse = Parse(Document("", 1, "python", "x = 1\n"))
    parse.tree()
    parse.change(Point(0, 4), Point(0, 4), "(" * 300, 2)
    with pytest.raises(NotParsed, match="nested"):
        parse.tree()
    parse.change(Point(0, 4), Point(0, 304), "", 3)
    assert shape(parse.tree()) == shape(syntax_tree(parse.document))


def test_depth_grows_by_deleting_too() -> None:
    parse = Parse(Document("", 1, "python", "x = " + "[]" * 300 + "\n"))
    parse.tree()
    for number in range(300):
        parse.change(Point(0, 5 + number), Point(0, 6 + number), "", number + 2)
    with pytest.raises(NotParsed, match="nested"):
        parse.tree()


def test_a_slow_text_is_left_alone_until_it_is_another() -> None:
    noise = random.Random(1)
    text = "".join(chr(noise.randrange(1, 256)) if number % 100 else "\n" for number in range(300_000))
    parse = Parse(Document("", 1, "c", text))
    with pytest.raises(NotParsed, match="too long"):
        parse.tree()
    parse.change(Point(0, 0), Point(0, 0), "x", 2)
    start = time.process_time()
    with pytest.raises(NotParsed, match="too long"):
        parse.tree()
    assert time.process_time() - start < 0.1
    parse.replace("int a;\n", 3)
    assert not parse.tree().root.has_error


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_every_line_end_is_one(line_end: str) -> None:
    tree = syntax_tree(Document("", 0, "python", line_end.join(["def f():", "    if a:", "        b()", ""])))
    assert not tree.root.has_error
    assert len(tree.data) == len(tree.document.text)
    assert tree.root.end_point[0] == 3


def test_code_points() -> None:
    text = "é😀 = '\ud800'\nx = 1\n"
    tree = syntax_tree(Document("", 0, "python", text))
    start, end = (len(syntax.encoded(text[:number])) for number in (text.index("x"), len(text)))
    assert tree.span(start, end) == Span(text.index("x"), len(text))
    assert tree.offset(start) == text.index("x")
    assert tree.byte_offset(text.index("x")) == start
    assert tree.spans([(start, end), (0, start)]) == [Span(text.index("x"), len(text)), Span(0, text.index("x"))]
    # Never outside the text, wherever a node may end.
    assert all(0 <= tree.offset(byte) <= len(text) for byte in range(len(tree.data) + 1))


def test_a_deep_tree_is_walked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syntax, "MAX_NESTING", 1 << 30)
    tree = syntax_tree(Document("", 0, "json", "[" * 9000 + "]" * 9000))
    assert max(depth for depth, *_ in shape(tree)) > 9000


def test_parsing_again_and_again_keeps_no_memory() -> None:
    parse = Parse(Document("", 0, "python", SOURCES["python"] * 30))
    parse.tree()

    def type_and_parse(times: int) -> None:
        for number in range(times):
            parse.change(Point(1, 5), Point(1, 5), "x", 2 * number + 1)
            parse.tree()
            parse.change(Point(1, 5), Point(1, 6), "(" if number % 9 == 0 else "", 2 * number + 2)
            if number % 9 == 0:
                parse.tree()
                parse.change(Point(1, 5), Point(1, 6), "", 2 * number + 2)
            parse.tree()

    type_and_parse(100)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    type_and_parse(1000)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 3000  # kB
