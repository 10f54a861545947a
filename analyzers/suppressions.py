"""Comments that switch findings off: `# postil: ignore[rule, rule] reason`, on the line of the finding.

Without rules in brackets all of postil's own findings of the line are off. The comment is written as the language writes
comments; a language without comments (JSON) has no suppressions.

Invariant: a suppression hides findings of its own line and of no other.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from analyzers.document import Edit, Span
from analyzers.languages import by_id

if TYPE_CHECKING:
    from collections.abc import Iterable

    from analyzers.document import Document
    from analyzers.finding import Finding
    from analyzers.languages import Language

_MARK = "postil:"
_RULE = re.compile(r"[A-Za-z0-9_*-]+")


class Suppression(NamedTuple):
    """What one comment switches off: `rules`, or everything when it is empty. Columns are of its line, in code points."""

    rules: tuple[str, ...]
    rules_end: int  # where a further rule would be written; -1 without brackets


def kept(document: Document, findings: Iterable[Finding]) -> list[Finding]:
    """Return the `findings` that no comment on their line switches off."""
    remaining = list(findings)
    if not remaining or _MARK not in document.text:
        return remaining
    return [one for one in remaining if not is_suppressed(document, document.point(one.span.start).line, one.rule)]


def is_suppressed(document: Document, line: int, rule: str) -> bool:
    """Whether a comment on `line` (from 0) switches `rule` off."""
    return any(not one.rules or rule in one.rules for one in suppressions(document, line))


def suppressions(document: Document, line: int) -> list[Suppression]:
    """Return the suppressions written on `line` (from 0)."""
    language = by_id(document.language)
    text = document.line_text(line)
    if language is None or _MARK not in text or (pattern := _pattern(language)) is None:
        return []
    found = []
    for match in pattern.finditer(text):
        rules = tuple(_RULE.findall(match["rules"] or ""))
        if rules or match["rules"] is None:
            found.append(Suppression(rules, match.end("rules") if match["rules"] is not None else -1))
    return found


def suppression_edit(document: Document, line: int, rule: str) -> Edit | None:
    """Return the edit that switches `rule` off on `line` (from 0): into the comment that is there, or in a new one.

    None where it is off already, and where no comment can be written: the language has none, or the line is continued by a
    backslash.
    """
    language = by_id(document.language)
    if language is None or is_suppressed(document, line, rule):
        return None
    start = document.line_starts[line] if line < len(document.lines) else len(document)
    for one in suppressions(document, line):
        if one.rules_end >= 0:
            at = start + one.rules_end
            return Edit(Span(at, at), f", {rule}")
    text = document.line_text(line)
    comment = f"postil: ignore[{rule}]"
    if text.endswith("\\"):
        return None
    at = start + len(text)
    space = "" if not text or text.isspace() else "  "
    if language.line_comment:
        return Edit(Span(at, at), f"{space}{language.line_comment} {comment}")
    if language.block_comment:
        opening, closing = language.block_comment
        return Edit(Span(at, at), f"{space}{opening} {comment} {closing}")
    return None


@cache
def _pattern(language: Language) -> re.Pattern[str] | None:
    openings = [
        re.escape(mark)
        for mark in (language.line_comment, language.block_comment and language.block_comment[0])
        if mark
    ]
    if not openings:
        return None
    return re.compile(rf"(?:{'|'.join(openings)})\W{{0,8}}{_MARK}\s*ignore\b(?:\[(?P<rules>[^\]\r\n]*)\])?")
