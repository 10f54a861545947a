"""What is known of a text, merged into the one list that the editor shows.

Invariant: one order, by place, then rule, then message; the same findings give the same bytes.
Invariant: a diagnostic holds what this client announced that it understands, and nothing else. Its `data` is the fingerprint.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from analyzers.document import Point, Span
from analyzers.finding import Category, Finding, Severity, fingerprint
from analyzers.ranges import Position, Range
from analyzers.ruff_rules import SYNTAX_ERROR, severity_of
from server.convert import position_from_point
from server.ledger import Shown
from server.wire import CodeDescription, Diagnostic, Location, RelatedInformation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from analyzers.document import Document
    from analyzers.ruff_wire import RuffDiagnostic
    from server.capabilities import Capabilities
    from server.ledger import Tracked

MAX_SHOWN = 1_000  # findings shown of one document; a generated file has more, and nobody reads them
ANALYSED_SCHEMES = ("file:", "untitled:", "vscode-notebook-cell:", "inmemory:")


class Merging:
    """Makes the list, for one client. `notices`: what is wrong with a document that is a settings file."""

    def __init__(self, capabilities: Capabilities, notices: Callable[[Document], list[Finding]]) -> None:
        self._capabilities = capabilities
        self._notices = notices

    def render(self, tracked: Tracked) -> bytes:
        """Merge what is known of the current text, remember it as shown, and return it as a JSON array."""
        document = tracked.document
        encoding = self._capabilities.encoding
        shown: list[Shown] = []
        if tracked.ruff_seen is document:
            self._add_ruff(tracked, shown, encoding)
        shown += [
            # The places of a moved finding are right, those of its fixes are not.
            self._own_shown(
                document,
                own.finding
                if tracked.own_seen is document or not own.finding.fixes
                else replace(own.finding, fixes=()),
                own.start,
                own.end,
                encoding,
            )
            for own in tracked.own
            if not _is_ignored(own.finding.rule, tracked.plan.ignored)
        ]
        for finding in self._notices(document):
            start, end = document.point(finding.span.start), document.point(finding.span.end)
            shown.append(self._own_shown(document, finding, start, end, encoding))
        shown.sort(key=_by_place)
        del shown[MAX_SHOWN:]
        note = self._note(tracked)
        if note is not None:
            # It lies on the first line: no line table is built for it, which takes 0.1 s at 100 MB.
            shown.insert(0, self._own_shown(document, note, Point(0, 0), Point(0, note.span.end), encoding))
        tracked.shown = shown
        tracked.shown_for = document
        return msgspec.json.encode([one.diagnostic for one in shown])

    def _add_ruff(self, tracked: Tracked, shown: list[Shown], encoding: str) -> None:
        lines = tracked.document.lines
        last = len(lines) - 1
        counts: dict[tuple[str, str], int] = {}
        capabilities = self._capabilities
        # A text that is no Python has a hundred thousand syntax errors; ruff reports them in the order of the text.
        for item in sorted(tracked.ruff_items[: 4 * MAX_SHOWN], key=_ruff_place)[:MAX_SHOWN]:
            code = SYNTAX_ERROR if item.code in (None, "invalid-syntax") else str(item.code)
            if _is_ignored(code, tracked.plan.ignored):
                continue
            start, end = item.range.start, item.range.end
            if end.line > last:
                end = position_from_point(lines, Point(last, len(lines[last])), encoding)
                start = min(start, end)
            line = lines[start.line]
            occurrence = counts.get((code, line), 0)
            counts[code, line] = occurrence + 1
            identity = fingerprint(code, line, occurrence)
            diagnostic = Diagnostic(
                Range(start, end),
                item.message.partition("\n\nhelp: ")[0],
                int(severity_of(code)),
                code,
                CodeDescription(item.code_description["href"])
                if capabilities.code_description and item.code_description and "href" in item.code_description
                else None,
                "ruff",
                [tag for tag in item.tags if tag in capabilities.tags] or None if item.tags else None,
                None,
                {"fingerprint": identity} if capabilities.data else None,
            )
            shown.append(Shown(identity, diagnostic, None, item))

    def _own_shown(self, document: Document, finding: Finding, start: Point, end: Point, encoding: str) -> Shown:
        capabilities = self._capabilities
        lines = document.lines
        tags = [
            tag
            for tag, wanted in ((1, finding.unnecessary), (2, finding.deprecated))
            if wanted and tag in capabilities.tags
        ]
        related = None
        if capabilities.related_information and finding.related:
            related = [
                RelatedInformation(
                    Location(
                        document.uri,
                        Range(
                            position_from_point(lines, document.point(one.span.start), encoding),
                            position_from_point(lines, document.point(one.span.end), encoding),
                        ),
                    ),
                    one.message,
                )
                for one in finding.related
                if not one.uri
            ]
        help_link = finding.help if finding.help.startswith("https://") else ""
        diagnostic = Diagnostic(
            Range(position_from_point(lines, start, encoding), position_from_point(lines, end, encoding)),
            finding.message,
            int(finding.severity),
            finding.rule,
            CodeDescription(help_link) if help_link and capabilities.code_description else None,
            finding.source,
            tags or None,
            related,
            {"fingerprint": finding.fingerprint} if capabilities.data and finding.fingerprint else None,
        )
        return Shown(finding.fingerprint, diagnostic, finding, None)

    def _note(self, tracked: Tracked) -> Finding | None:
        """Return what the user should know about the analysis of this text: why some of it is off."""
        if tracked.ruff is not None and tracked.ruff.problem and not tracked.ruff_off:
            tracked.ruff_off = tracked.ruff.problem
        reason = tracked.ruff_off or tracked.own_off
        if not reason or not tracked.uri.startswith(ANALYSED_SCHEMES):
            return None
        what = (
            "ruff and postil's own analysis are"
            if tracked.ruff_off and tracked.own_off
            else (
                "ruff is" if tracked.ruff_off and tracked.document.language == "python" else "postil's own analysis is"
            )
        )
        message = reason if "off until" in reason else f"{what} off for this file: {reason}"
        first = tracked.document.line_text(0)
        return Finding(
            "analysis-off",
            "postil",
            Span(0, min(len(first), 80)),
            Severity.INFO,
            Category.CONFIGURATION,
            message,
            fingerprint=fingerprint("analysis-off", message, 0),
        )


def _by_place(one: Shown) -> tuple[Position, Position, str, str]:
    range_ = one.diagnostic.range
    return (range_.start, range_.end, str(one.diagnostic.code), one.diagnostic.message)


def _ruff_place(one: RuffDiagnostic) -> tuple[Position, Position, str, str]:
    return (one.range.start, one.range.end, str(one.code), one.message)


def _is_ignored(rule: str, ignored: Sequence[str]) -> bool:
    return any(rule == one or (one.endswith("*") and rule.startswith(one[:-1])) for one in ignored)
