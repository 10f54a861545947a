"""The smallest honest edits between two texts.

Tools answer with whole lines, or whole files, where a few characters changed. An editor keeps cursors, folds, breakpoints and
marks only where the text was not replaced, so what was not changed is not sent.

Why not difflib: its time is quadratic for texts of repeated lines, and this runs on the event loop. Lines that occur exactly
once in both texts are the anchors (Bram Cohen's patience diff, one level deep), which costs O(n log n) always. Where there
are no anchors the result is larger, never wrong.

Invariant: edits are sorted and disjoint, and no edit starts or ends between the CR and the LF of one line break, where
LSP has no position.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from itertools import accumulate
from typing import TYPE_CHECKING

from analyzers.document import Document, Edit, Span, split_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def difference(old: str, new: str, offset: int = 0) -> tuple[Edit, ...]:
    """Return the edits that turn `old` into `new`; their spans are shifted by `offset`, all in code points."""
    if old == new:
        return ()
    old_lines, new_lines = split_lines(old), split_lines(new)
    old_starts = list(accumulate(map(len, old_lines), initial=0))
    edits = []
    old_at = new_at = 0
    for old_start, new_start, length in (*_equal_runs(old_lines, new_lines), (len(old_lines), len(new_lines), 0)):
        removed, added = "".join(old_lines[old_at:old_start]), "".join(new_lines[new_at:new_start])
        if removed != added:
            edits.append(_trimmed(old, old_starts[old_at], removed, added, offset))
        old_at, new_at = old_start + length, new_start + length
    return tuple(edits)


def minimal(document: Document, edits: Iterable[Edit]) -> tuple[Edit, ...]:
    """Return `edits` of `document` sorted, each cut down to what it changes. Raises ValueError when they overlap."""
    result: list[Edit] = []
    end = 0
    for span, text in sorted(edits, key=lambda edit: edit.span):
        if span.start < end or span.end < span.start:
            message = f"edits overlap at offset {span.start}"
            raise ValueError(message)
        end = span.end
        result += difference(document.slice(span), text, span.start)
    return _joined(_off_line_breaks(document.text, result))


def disjoint(groups: Iterable[Sequence[Edit]]) -> tuple[Edit, ...]:
    """Return the edits of all `groups` that can be applied together, sorted: a group that meets an earlier one is left out.

    The edits of one group are disjoint. Equal edits count once. Groups that touch meet, for two insertions at one place have
    no right order.
    """
    taken: list[Edit] = []
    for group in groups:
        fresh = []
        for edit in group:
            at = bisect_left(taken, edit)
            if at < len(taken) and taken[at] == edit:
                continue
            before, after = taken[at - 1 : at] if at else [], taken[at : at + 1]
            if (before and edit.span.start <= before[0].span.end) or (after and after[0].span.start <= edit.span.end):
                break
            fresh.append(edit)
        else:
            for edit in fresh:
                insort(taken, edit)
    return tuple(taken)


def _joined(edits: Iterable[Edit]) -> tuple[Edit, ...]:
    """Return `edits`, which are sorted, with those that touch made one: not every editor keeps their order."""
    result: list[Edit] = []
    for (start, end), text in edits:
        if result and result[-1].span.end == start:
            before = result.pop()
            result.append(Edit(Span(before.span.start, end), before.text + text))
        else:
            result.append(Edit(Span(start, end), text))
    return tuple(result)


def _equal_runs(old: Sequence[str], new: Sequence[str]) -> list[tuple[int, int, int]]:
    """Return (index in old, index in new, count) of runs of equal lines, in order, not overlapping."""
    limit = min(len(old), len(new))
    head = 0
    while head < limit and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < limit - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    runs = [(0, 0, head)] if head else []
    old_at, new_at = head, head
    old_end, new_end = len(old) - tail, len(new) - tail
    for anchor_old, anchor_new in _anchors(old, new, head, old_end, new_end):
        if anchor_old < old_at or anchor_new < new_at:
            continue  # inside the run before
        start_old, start_new = anchor_old, anchor_new
        while start_old > old_at and start_new > new_at and old[start_old - 1] == new[start_new - 1]:
            start_old -= 1
            start_new -= 1
        old_at, new_at = anchor_old + 1, anchor_new + 1
        while old_at < old_end and new_at < new_end and old[old_at] == new[new_at]:
            old_at += 1
            new_at += 1
        runs.append((start_old, start_new, old_at - start_old))
    if tail:
        runs.append((old_end, new_end, tail))
    return runs


def _anchors(old: Sequence[str], new: Sequence[str], start: int, old_end: int, new_end: int) -> list[tuple[int, int]]:
    """Return the longest rising sequence of (old index, new index) of lines that occur once in each range."""
    once_old, once_new = _once(old, start, old_end), _once(new, start, new_end)
    pairs = [(index, once_new[line]) for line, index in once_old.items() if line in once_new]
    pairs.sort()
    ends: list[int] = []  # the smallest new index that ends a rising sequence of each length
    chain: list[int] = []  # the pair at each of those ends
    before: list[int] = []
    for position, (_, index) in enumerate(pairs):
        length = bisect_left(ends, index)
        before.append(chain[length - 1] if length else -1)
        if length == len(ends):
            ends.append(index)
            chain.append(position)
        else:
            ends[length] = index
            chain[length] = position
    rising = []
    at = chain[-1] if chain else -1
    while at >= 0:
        rising.append(pairs[at])
        at = before[at]
    return rising[::-1]


def _once(lines: Sequence[str], start: int, end: int) -> dict[str, int]:
    """Return the index of each line of the range that occurs in it once."""
    places: dict[str, int] = {}
    for index in range(start, end):
        places[lines[index]] = -1 if lines[index] in places else index
    return {line: index for line, index in places.items() if index >= 0}


def _trimmed(old: str, start: int, removed: str, added: str, offset: int) -> Edit:
    """Return the edit of `removed`, at `start` of `old`, into `added`, without what both have at their ends."""
    limit = min(len(removed), len(added))
    head = 0
    while head < limit and removed[head] == added[head]:
        head += 1
    tail = 0
    while tail < limit - head and removed[-1 - tail] == added[-1 - tail]:
        tail += 1
    if _splits_break(old, start + head):
        head -= 1
    end = len(removed) - tail
    if tail and _splits_break(old, start + end):
        tail -= 1
        end += 1
    return Edit(Span(start + head + offset, start + end + offset), added[head : len(added) - tail])


def _splits_break(text: str, at: int) -> bool:
    return 0 < at < len(text) and text[at] == "\n" and text[at - 1] == "\r"


def _off_line_breaks(text: str, edits: Iterable[Edit]) -> list[Edit]:
    """Return `edits` with ends that fall inside a CR LF of the whole text moved out of it."""
    result = []
    for (start, end), replacement in edits:
        if _splits_break(text, start):
            start, replacement = start - 1, "\r" + replacement  # noqa: PLW2901 - the pair is what the loop is about
        if _splits_break(text, end):
            end, replacement = end + 1, replacement + "\n"  # noqa: PLW2901 - as above
        result.append(Edit(Span(start, end), replacement))
    return result
