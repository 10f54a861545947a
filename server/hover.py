"""What a finding means, shown when the pointer rests on it, and nothing anywhere else.

One finding is explained in full: its message, what the rule is about and why, an example, the same mended, the fix, how to
silence it, a link. Several at one place get a few lines each, the worst first.

Invariant: the message and a fix's title come from the analysed code, so in Markdown they go through `server/markdown.py`.
The rule's words are ours or ruff's and are used as they are.
Invariant: the event loop waits for nothing: ruff is asked for a rule's words once, and is waited for elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from analyzers.ruff_rules import SYNTAX_ERROR
from server.markdown import code_span, inline, one_line, paragraphs, visible
from server.suppressing import comment_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzers.document import Document, Point
    from analyzers.rule_docs import RuleDocs, RuleHelp
    from server.offers import Shown, State

_MOST = 5  # findings at one place; of the others the number is told


@dataclass(frozen=True, slots=True)
class HoverText:
    """What to show, in Markdown or in plain text, and the range it is about."""

    text: str
    markdown: bool
    start: Point
    end: Point


async def hover(state: State, docs: RuleDocs, uri: str, at: Point, *, markdown: bool) -> HoverText | None:
    """Return the explanation of the findings at `at`; None where there is none, or where the text changed meanwhile.

    `markdown`: the client shows Markdown; it gets plain text otherwise.
    """
    document = state.document(uri)
    if document is None:
        return None
    found = sorted(
        (shown for shown in state.shown(uri) if shown.touches(at, at)),
        key=lambda one: (one.severity, one.end.line - one.start.line, one.start, one.rule),
    )
    if not found:
        return None
    helps = {shown.rule: await docs.fetch(_documented_as(shown)) for shown in found[:_MOST]}
    if state.document(uri) is not document:
        return None
    inner = min(found, key=lambda one: (one.end.line - one.start.line, one.end.column - one.start.column))
    text = explanation(document, found, helps, markdown=markdown)
    return HoverText(text, markdown, inner.start, inner.end)


def _documented_as(shown: Shown) -> str:
    """Return the name under which the rule is explained: a syntax error that ruff found is not one of our grammars'."""
    return "invalid-syntax" if shown.source == "ruff" and shown.rule == SYNTAX_ERROR else shown.rule


def explanation(
    document: Document, found: Sequence[Shown], helps: dict[str, RuleHelp | None], *, markdown: bool
) -> str:
    """Return the text about `found`, the worst first, with what is known about their rules."""
    if len(found) == 1:
        shown = found[0]
        return _joined(_in_full(document, shown, helps.get(shown.rule), markdown=markdown))
    parts = [_joined(_in_short(shown, helps.get(shown.rule), markdown=markdown)) for shown in found[:_MOST]]
    if len(found) > _MOST:
        parts.append(f"and {len(found) - _MOST} more here")
    return ("\n\n---\n\n" if markdown else "\n\n").join(parts)


def _in_full(document: Document, shown: Shown, help_: RuleHelp | None, *, markdown: bool) -> list[str]:
    strong = "**" if markdown else ""
    silence = comment_for(document, shown)
    return [
        _message(shown, markdown=markdown),
        _heading(shown, help_, markdown=markdown),
        _words(shown, help_).written(markdown=markdown) if help_ is not None else "",
        f"{strong}Fix{strong}: {_fix(shown, markdown=markdown)}" if shown.is_fixable else "",
        f"{strong}Silence{strong}: {code_span(silence) if markdown else silence}" if silence else "",
        _link(shown, help_, markdown=markdown),
    ]


def _words(shown: Shown, help_: RuleHelp) -> RuleHelp:
    """Return the rule's words, without those on when its fixes are unsafe where this one is not."""
    return help_ if shown.is_fixable and not shown.has_safe_fix else replace(help_, fix_safety="")


def _in_short(shown: Shown, help_: RuleHelp | None, *, markdown: bool) -> list[str]:
    return [
        _message(shown, markdown=markdown),
        _heading(shown, help_, markdown=markdown),
        help_.summary(markdown=markdown) if help_ is not None else "",
        f"Fix: {_fix(shown, markdown=markdown)}" if shown.is_fixable else "",
        _link(shown, help_, markdown=markdown),
    ]


def _joined(parts: Sequence[str]) -> str:
    return "\n\n".join(part for part in parts if part)


def _message(shown: Shown, *, markdown: bool) -> str:
    """Return what the finding says; ruff puts its fix's title behind the message, and it is said elsewhere."""
    message = shown.message.partition("\n\nhelp: ")[0] if shown.source == "ruff" else shown.message
    return paragraphs(message) if markdown else visible(message)


def _heading(shown: Shown, help_: RuleHelp | None, *, markdown: bool) -> str:
    title = f": {help_.title}" if help_ is not None else ""
    if markdown:
        return f"{code_span(f'{shown.source} {shown.rule}')}{title}"
    return f"{one_line(f'{shown.source} {shown.rule}')}{title}"


def _fix(shown: Shown, *, markdown: bool) -> str:
    title = inline(shown.fix_title) if markdown else shown.fix_title
    return title if shown.has_safe_fix else f"{title} (unsafe: it may change what the program does)"


def _link(shown: Shown, help_: RuleHelp | None, *, markdown: bool) -> str:
    url = (help_.url if help_ is not None else "") or shown.url
    if not url.startswith("https://") or any(character in url for character in " <>()[]\\`\n"):
        return ""
    return f"[About this rule]({url})" if markdown else url
