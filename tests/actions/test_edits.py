"""The smallest edits between two texts: always right, disjoint, and where the text changed."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzers.document import Document, Edit, Span
from server.edits import difference, disjoint, minimal

LINES = st.lists(
    st.sampled_from(["a\n", "b\n", "b = 1\r\n", "\n", "\r\n", "\r", "x", "  y\n", "😀\n", "\u2028"]), max_size=12
)
TEXTS = LINES.map("".join)


def checked(before: Document, edits: tuple[Edit, ...]) -> str:
    """Return the text after `edits`, which must be sorted, apart, and at places that LSP can name."""
    end = -1
    for span, _ in edits:
        assert end < span.start <= span.end
        end = span.end
        for offset in span:
            assert before.offset(before.point(offset)) == offset
    return before.edited(edits, 2).text


@given(TEXTS, TEXTS)
def test_a_difference_leads_to_the_new_text(old: str, new: str) -> None:
    assert checked(Document("u", 1, "python", old), difference(old, new)) == new


@given(TEXTS, TEXTS, st.integers(0, 40), st.integers(0, 40))
def test_an_edit_made_smaller_does_the_same(text: str, new: str, one: int, two: int) -> None:
    document = Document("u", 1, "python", text)
    start, end = sorted(document.offset(document.point(offset)) for offset in (one, two))
    result = checked(document, minimal(document, [Edit(Span(start, end), new)]))
    assert result == text[:start] + new + text[end:]


@pytest.mark.parametrize(
    ("old", "new", "edits"),
    [
        ("same\n", "same\n", []),
        ("y == None\n", "y is None\n", [(2, 4, "is")]),
        ("a\nb\nc\n", "a\nc\n", [(2, 4, "")]),
        ("a\nb\nc\nd\n", "A\nb\nc\nD\n", [(0, 1, "A"), (6, 7, "D")]),
        ("a\r\nb", "a\nb", [(1, 3, "\n")]),
        ("", "x", [(0, 0, "x")]),
    ],
)
def test_only_what_changed_is_replaced(old: str, new: str, edits: list[tuple[int, int, str]]) -> None:
    assert difference(old, new) == tuple(Edit(Span(start, end), text) for start, end, text in edits)


@pytest.mark.parametrize("distinct", [1, 100, 20_000])
def test_repeated_lines_cost_no_more(distinct: int) -> None:
    old = "".join(f"line {number % distinct}\n" for number in range(20_000))
    new = "".join(f"line {number % (distinct + 7)}\n" for number in range(20_000))
    started = time.process_time()
    difference(old, new)
    assert time.process_time() - started < 1.0  # seconds; it is about 0.02, and difflib takes minutes


def test_edits_that_overlap_are_refused() -> None:
    document = Document("u", 1, "python", "abcdef")
    with pytest.raises(ValueError, match="overlap"):
        minimal(document, [Edit(Span(0, 3), "x"), Edit(Span(2, 4), "y")])


def test_insertions_at_one_place_are_one_edit_in_their_order() -> None:
    document = Document("u", 1, "python", "ab")
    assert minimal(document, [Edit(Span(1, 1), "x"), Edit(Span(1, 1), "y")]) == (Edit(Span(1, 1), "xy"),)


def test_groups_that_meet_an_earlier_one_are_left_out_whole() -> None:
    first = [Edit(Span(0, 2), "x"), Edit(Span(8, 9), "")]
    meets = [Edit(Span(2, 3), "y"), Edit(Span(5, 6), "y")]
    clear = [Edit(Span(4, 5), "z"), Edit(Span(8, 9), "")]
    assert disjoint([first, meets, clear]) == (Edit(Span(0, 2), "x"), Edit(Span(4, 5), "z"), Edit(Span(8, 9), ""))
