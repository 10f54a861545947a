"""Code actions that silence a finding with a comment: on its line, or ruff's in the whole file.

Where ruff's comment belongs, and how it joins one that is there, ruff says itself: in a multi-line string it is the last
line, in a continued one the end of the statement. What ruff would lose is kept: the words behind the codes.

Invariant: nothing but comments is inserted or changed.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from analyzers.document import Edit, Span
from analyzers.languages import by_id
from analyzers.ruff_rules import SYNTAX_ERROR
from analyzers.suppressions import suppression_edit
from server.convert import span_from_range
from server.edits import difference
from server.offers import ActionRefused, Offer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzers.document import Document
    from server.offers import Context, Shown, WorkspaceEdit

_CODES = r"[A-Z]+[0-9]+(?:[\s,]+[A-Z]+[0-9]+)*"
# Both of ruff's forms: the old one by codes, and the one by codes or names that its preview writes.
_LINE_COMMENT = re.compile(rf"#\s*(?:noqa\s*:\s*{_CODES}|ruff\s*:\s*ignore\[[^\]]*\])", re.IGNORECASE)
_FILE_COMMENTS = (
    re.compile(rf"\s*#\s*ruff\s*:\s*noqa\s*:\s*{_CODES}", re.IGNORECASE),
    re.compile(r"\s*#\s*ruff\s*:\s*file-ignore\[[^\]]*(?=\])"),
)
_CODING = re.compile(r"[ \t\f]*#.*?coding[:=]")  # PEP 263
_CODE = re.compile(r"[A-Z]+[0-9]+")
_NAME = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)+")  # what ruff's preview calls a rule
# What ruff says of suppressions, it says in spite of them.
_ABOUT_COMMENTS = frozenset(
    {
        *("RUF100", "RUF101", "RUF102", "RUF103", "RUF104"),
        *("unused-noqa", "redirected-noqa", "invalid-rule-code", "invalid-suppression-comment"),
        "unmatched-suppression-comment",
    }
)


def offer_line(context: Context) -> Iterator[Offer]:
    """Offer to silence each rule in the range, on the line of its finding."""
    offers: dict[tuple[str, str, int], Offer] = {}
    for shown in context.shown:
        if shown.is_note:
            continue
        key = (shown.source, shown.rule, shown.start.line)
        if key in offers:
            fingerprints = (*offers[key].fingerprints, shown.fingerprint)
            offers[key] = replace(offers[key], fingerprints=fingerprints)
            continue
        title = f"Suppress {shown.rule} on this line"
        offers[key] = Offer(title, shown.fingerprint, (shown.fingerprint,), disabled=_why_not(context.document, shown))
    yield from offers.values()


async def suppress_line(context: Context, fingerprint: str) -> WorkspaceEdit:
    """Return the edit that silences one finding where it stands."""
    shown = context.finding(fingerprint)
    document = context.document
    reason = _why_not(document, shown)
    if reason:
        raise ActionRefused(reason)
    if shown.ruff is not None and shown.ruff.noqa_edit is not None:
        span = span_from_range(document, shown.ruff.noqa_edit.range, context.state.encoding)
        return context.edit(_noqa(document, span, shown.ruff.noqa_edit.new_text))
    edit = suppression_edit(document, shown.start.line, shown.rule)
    if edit is None:
        raise ActionRefused("no comment can stand on this line")
    return context.edit((edit,))


def offer_file(context: Context) -> Iterator[Offer]:
    """Offer to silence each of ruff's rules in the range, in the whole file."""
    for rule in dict.fromkeys(shown.rule for shown in context.shown if shown.source == "ruff"):
        here = tuple(shown.fingerprint for shown in context.shown if (shown.source, shown.rule) == ("ruff", rule))
        yield Offer(f"Suppress {rule} in this file", rule, here, disabled=_why_ruff_cannot(rule))


async def suppress_file(context: Context, rule: str) -> WorkspaceEdit:
    """Return the edit that silences one of ruff's rules in the file."""
    reason = _why_ruff_cannot(rule)
    if reason:
        raise ActionRefused(reason)
    return context.edit((_file_comment(context.document, rule),))


def comment_for(document: Document, shown: Shown) -> str:
    """Return the comment that silences a finding on its line; empty where none does."""
    if _why_not(document, shown) or shown.is_note:
        return ""
    if shown.source == "ruff":
        return f"# noqa: {shown.rule}" if _CODE.fullmatch(shown.rule) else f"# ruff: ignore[{shown.rule}]"
    language = by_id(document.language)
    words = f"postil: ignore[{shown.rule}] reason"
    if language is not None and language.line_comment:
        return f"{language.line_comment} {words}"
    if language is not None and language.block_comment is not None:
        return f"{language.block_comment[0]} {words} {language.block_comment[1]}"
    return ""


def _why_not(document: Document, shown: Shown) -> str:
    """Return why no comment silences the finding on its line; empty where one does."""
    if shown.source == "ruff":
        if shown.ruff is None or shown.ruff.noqa_edit is None:
            return "ruff knows no comment that silences this"
        return _why_ruff_cannot(shown.rule)
    language = by_id(document.language)
    if language is None or not (language.line_comment or language.block_comment):
        return f"{language.title if language else 'this language'} has no comments"
    if document.line_text(shown.start.line).endswith("\\"):
        return "no comment can stand on a line that is continued by a backslash"
    return ""


def _why_ruff_cannot(rule: str) -> str:
    """Return why no comment silences one of ruff's rules; empty where one does."""
    if rule in _ABOUT_COMMENTS:
        return "ruff reports mistakes in such comments in spite of them"
    if rule == SYNTAX_ERROR or not (_CODE.fullmatch(rule) or _NAME.fullmatch(rule)):
        return "ruff knows no comment that silences this"
    return ""


def _noqa(document: Document, span: Span, text: str) -> tuple[Edit, ...]:
    """Return ruff's suppression as edits of its line alone, with what stood behind the codes kept."""
    old = document.slice(span).rstrip("\r\n")
    new = text.rstrip("\r\n")
    there = _LINE_COMMENT.search(old)
    kept = old[there.end() :].strip() if there else ""
    if kept:
        new += ("  " if kept.startswith("#") else " ") + kept
    return difference(old, new, span.start)


def _file_comment(document: Document, rule: str) -> Edit:
    """Return the edit that adds `rule` to the file's own comment for ruff, or writes that comment below the first lines."""
    starts = document.line_starts
    lines = document.lines
    by_code = _CODE.fullmatch(rule) is not None
    existing = _FILE_COMMENTS[0 if by_code else 1]
    for index, line in enumerate(lines):
        if line.strip() and not line.lstrip("\ufeff \t\f").startswith("#"):
            break
        there = existing.match(line)
        if there:
            at = starts[index] + there.end()
            return Edit(Span(at, at), f", {rule}")
    line_break = lines[0][len(document.line_text(0)) :] or "\n"
    below = 0
    if lines[0].startswith(("#!", "\ufeff#!")):
        below = 1
    if below < len(lines) and _CODING.match(lines[below].lstrip("\ufeff")):
        below += 1
    comment = f"# ruff: noqa: {rule}" if by_code else f"# ruff: file-ignore[{rule}]"
    if below >= len(lines):
        return Edit(Span(len(document), len(document)), f"{line_break}{comment}{line_break}")
    at = starts[below] + (1 if below == 0 and lines[0].startswith("\ufeff") else 0)
    return Edit(Span(at, at), f"{comment}{line_break}")
