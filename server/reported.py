"""What a report is made of: findings with their places by line and column, and what happened besides.

Invariant: data. How it looks is `server/reports.py`'s business.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analyzers.document import Document, Edit
    from analyzers.finding import Finding


@dataclass(frozen=True, slots=True)
class Place:
    """A line and a column, both from 1, the column in code points."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Replacement:
    """One edit of a fix, by line and column."""

    start: Place
    end: Place
    text: str


@dataclass(frozen=True, slots=True)
class Reported:
    """A finding with all that a report says of it. `lines` are the source lines from `start` on, at most three."""

    path: str
    finding: Finding
    start: Place
    end: Place
    lines: tuple[str, ...]
    replacements: tuple[tuple[Replacement, ...], ...] = ()  # one tuple for each of the finding's fixes


@dataclass(slots=True)
class Report:
    """What came of a check. `skipped`: files left out, by reason. `notes`: what else a reader must know."""

    findings: list[Reported] = field(default_factory=list)
    checked: int = 0
    unchanged: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0
    fixed: int = 0
    failed: bool = False  # something that was asked for by name could not be checked


def reported(name: str, document: Document, finding: Finding) -> Reported:
    """Return `finding` with its places and source lines."""
    start, end = document.point(finding.span.start), document.point(finding.span.end)
    return Reported(
        name,
        finding,
        _place(document, finding.span.start),
        _place(document, finding.span.end),
        tuple(document.line_text(line) for line in range(start.line, min(end.line, start.line + 2) + 1)),
        tuple(tuple(_replacement(document, edit) for edit in fix.edits) for fix in finding.fixes),
    )


def touches(document: Document, finding: Finding, lines: frozenset[int]) -> bool:
    """Return whether the finding is on one of `lines` (from 0)."""
    first = document.point(finding.span.start).line
    last = document.point(max(finding.span.start, finding.span.end - 1)).line
    return any(line in lines for line in range(first, last + 1))


def _place(document: Document, offset: int) -> Place:
    line, column = document.point(offset)
    return Place(line + 1, column + 1)


def _replacement(document: Document, edit: Edit) -> Replacement:
    return Replacement(_place(document, edit.span.start), _place(document, edit.span.end), edit.text)
