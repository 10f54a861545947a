"""The ledger of open documents: what was asked, what was answered, what the editor shows.

Invariant: values and bookkeeping alone; nothing here asks, sends or waits.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from analyzers.document import Point

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Sequence

    from analyzers.document import Document
    from analyzers.finding import Finding
    from analyzers.options import Options
    from analyzers.ranges import TextChange
    from analyzers.ruff import RuffServer
    from analyzers.ruff_wire import RuffConfiguration, RuffDiagnostic
    from server.session import Change
    from server.wire import Diagnostic


@dataclass(frozen=True, slots=True)
class Plan:
    """How a document is analysed, decided from its folder's settings and trust. `ruff` is None where ruff is off."""

    ruff: RuffConfiguration | None
    options: Options
    ignored: tuple[str, ...] = ()  # rules whose findings are not shown, whoever found them
    enabled: bool = True  # false: the file is excluded
    largest: int = 1_000_000  # characters; a longer text is not analysed


@dataclass(frozen=True, slots=True)
class Shown:
    """One diagnostic, as the editor has it (its range in the client's columns), with what is behind it."""

    fingerprint: str
    diagnostic: Diagnostic
    finding: Finding | None  # None for ruff's
    ruff: RuffDiagnostic | None


@dataclass(slots=True)
class OwnFinding:
    """A finding of postil's own, at its present place."""

    finding: Finding
    start: Point
    end: Point


@dataclass(slots=True)
class Tracked:
    """The ledger of one open document."""

    uri: str
    document: Document
    plan: Plan
    ruff: RuffServer | None = None
    ruff_seen: Document | None = None  # the text that `ruff_items` is about
    ruff_items: list[RuffDiagnostic] = field(default_factory=list)
    ruff_off: str = ""
    without_ruff: Document | None = None  # the text that is shown without waiting for ruff any longer
    own_active: bool = False
    own_off: str = ""
    own_running: bool = False
    own_seen: Document | None = None
    own: list[OwnFinding] = field(default_factory=list)
    notebook: bool = False
    unsent: list[TextChange] = field(default_factory=list)  # changes that the analysers do not know yet
    unsent_flat: list[tuple[int, int, int, int, str]] | None = field(
        default_factory=list
    )  # for the analysis process; None: its whole text
    typed_brackets: int = 0
    published: bytes = b"[]"
    published_ranges: tuple[tuple[int, int], ...] = ()  # first and last line of each diagnostic that the editor shows
    touched: bool = False  # an edit hit one of these lines
    shown: list[Shown] = field(default_factory=list)
    shown_for: Document | None = None
    waiting: list[asyncio.Future[None]] = field(default_factory=list)
    grace: asyncio.TimerHandle | None = None
    grace_over: bool = False
    settled: Document | None = None  # the text of which a client that pulls may have been told


def follow(tracked: Tracked, previous: Document, changes: Sequence[Change] | None) -> None:
    """Move the findings behind changes with their text, and drop those that the changes touch.

    `previous`: the text before, of which the tracked document came by `changes` (None: by something else).
    """
    lines = len(previous.lines)
    for change in changes or ():
        lines += _move(tracked, change)
    if changes is None or lines != len(tracked.document.lines):
        # Not only where it says did the text change: a lone `\r` and a `\n` came to touch, or were parted.
        tracked.own = []
        tracked.touched = True


def _move(tracked: Tracked, change: Change) -> int:
    """Follow one change, and return how many lines the text has more."""
    start, end, text = change
    for first, last in tracked.published_ranges:
        if first <= end.line and start.line <= last:
            tracked.touched = True
            break
    added = text.count("\n") + text.count("\r") - text.count("\r\n")
    tail = max(text.rfind("\n"), text.rfind("\r")) + 1
    new_column = len(text) - tail + (start.column if not added else 0)
    kept = []
    for own in tracked.own:
        if own.end < start or (own.end == start and own.end > own.start):
            kept.append(own)
        elif own.start >= end:
            kept.append(
                OwnFinding(
                    own.finding,
                    _moved(own.start, start, end, added, new_column),
                    _moved(own.end, start, end, added, new_column),
                )
            )
    tracked.own = kept
    return added - (end.line - start.line)


def _moved(point: Point, start: Point, end: Point, added: int, new_column: int) -> Point:
    """Return where `point`, at or behind `end`, lies after the change."""
    line = point.line + added - (end.line - start.line)
    return Point(line, point.column - end.column + new_column if point.line == end.line else point.column)
