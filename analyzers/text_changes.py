"""What changed between two texts, as edits by line and column.

Tools that rewrite code answer with whole files. Put into the editor as such, they would move the cursor, lose folds and
marks, and undo what was typed meanwhile; so only what differs is sent.

Invariant: applied to the old text, the changes give the new one; they are sorted, disjoint, and end on code points.
"""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

from analyzers.document import Document, split_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

# Start line, start column, end line, end column (from 0, in code points), and the text that comes in their place.
Change = tuple[int, int, int, int, str]

_TOKEN = re.compile(r"\w+|\s+|.", re.DOTALL)
_MAX_TOKENS = 2_000  # in one stretch of changed lines; more are replaced as a whole


def changes(old: str, new: str) -> tuple[Change, ...]:
    """Return the changes that turn `old` into `new`."""
    document = Document("", 0, "", old)
    starts = document.line_starts
    before, after = document.lines, split_lines(new)
    result: list[Change] = []
    for tag, first, last, to_first, to_last in difflib.SequenceMatcher(
        None, before, after, autojunk=False
    ).get_opcodes():
        if tag == "equal":
            continue
        offset = starts[first]
        for start, end, text in _inside("".join(before[first:last]), "".join(after[to_first:to_last])):
            begin, stop = document.point(offset + start), document.point(offset + end)
            result.append((*begin, *stop, text))
    return tuple(result)


def applied(old: str, edits: tuple[Change, ...]) -> str:
    """Return `old` with `edits`, which are sorted and disjoint, applied."""
    document = Document("", 0, "", old)
    pieces, at = [], 0
    for line, column, end_line, end_column, text in edits:
        start = document.line_starts[line] + column
        pieces += [old[at:start], text]
        at = document.line_starts[end_line] + end_column
    return "".join([*pieces, old[at:]])


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """Return how many lines at the start are the same."""
    for count, (line, its) in enumerate(zip(one, other, strict=False)):
        if line != its:
            return count
    return min(len(one), len(other))


def _inside(old: str, new: str) -> list[tuple[int, int, str]]:
    """Return the differences of two stretches of text, by words."""
    before, after = _TOKEN.findall(old), _TOKEN.findall(new)
    if len(before) > _MAX_TOKENS or len(after) > _MAX_TOKENS:
        return [(0, len(old), new)]
    result = []
    offsets = [0]
    for token in before:
        offsets.append(offsets[-1] + len(token))
    for tag, first, last, to_first, to_last in difflib.SequenceMatcher(
        None, before, after, autojunk=False
    ).get_opcodes():
        if tag != "equal":
            result.append((offsets[first], offsets[last], "".join(after[to_first:to_last])))
    return result
