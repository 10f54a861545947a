"""Code actions that mend findings: one, all of a kind, all that is safe, and the order of imports.

ruff's own fixes are taken as ruff sent them with its diagnostics. Whatever is more than one fix is asked of ruff again,
because fixes that are right alone can be wrong together: each of two unused imports may go, but both leave an empty block.

Why fix all asks for no confirmation: editors run it on each save. What the user picks from a menu is one undo step in one
file; only a bulk of unsafe fixes is worth a question.

Invariant: what a model proposed is never preferred, never part of a bulk, and asks first.
Invariant: a fix that can change what the program does says "(unsafe)" in its title and is never preferred.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from analyzers.document import Edit
from analyzers.ranges import Range
from analyzers.ruff import RuffError
from analyzers.ruff_check import RuffDied, RuffRefused
from server.convert import span_from_range
from server.edits import difference, disjoint, minimal
from server.markdown import one_line
from server.offers import ActionRefused, Offer, StaleAction

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from analyzers.document import Document
    from analyzers.ruff_wire import RuffEdit
    from server.offers import Context, Shown, WorkspaceEdit

_MOST_KINDS = 3  # of rules for which "fix all of this kind" is offered at one place


class _TextEdit(msgspec.Struct, rename="camel"):
    range: Range
    new_text: str


class _DocumentId(msgspec.Struct):
    uri: str


class _DocumentEdit(msgspec.Struct, rename="camel"):
    text_document: _DocumentId
    edits: list[_TextEdit]


class _Edit(msgspec.Struct, rename="camel"):
    document_changes: list[_DocumentEdit] = []
    changes: dict[str, list[_TextEdit]] = {}


class _ResolvedAction(msgspec.Struct):
    edit: _Edit | None = None


def offer_fixes(context: Context) -> Iterator[Offer]:
    """Offer each fix of the findings in the range, the safe ones first. Findings with one fix between them share an offer."""
    offers: dict[object, Offer] = {}
    for shown in context.shown:
        for index, (title, safe, key) in enumerate(_fixes(shown)):
            same = offers.get(key)
            if same is not None:
                offers[key] = replace(same, fingerprints=(*same.fingerprints, shown.fingerprint))
                continue
            label = f"{one_line(title)} [{shown.rule}]"
            offers[key] = Offer(
                title=label if safe else f"{label} (unsafe)",
                subject=f"{shown.fingerprint} {index}",
                fingerprints=(shown.fingerprint,),
                preferred=safe and shown.is_static,
            )
    yield from sorted(offers.values(), key=lambda offer: not offer.preferred)


async def fix(context: Context, subject: str) -> WorkspaceEdit:
    """Return the edit of one fix. `subject`: the finding's identity and the fix's number."""
    fingerprint, _, number = subject.partition(" ")
    shown = context.finding(fingerprint)
    if shown.ruff is not None:
        return context.edit(_from_ruff(context.document, shown.ruff.edits, context.state.encoding))
    index = int(number) if number.isdecimal() else 0
    if index >= len(shown.fixes):
        raise StaleAction
    return context.edit(shown.fixes[index].edits, "" if shown.is_static else "Apply this proposed fix?")


def offer_all_of_kind(context: Context) -> Iterator[Offer]:
    """Offer to fix all findings of a rule in the file, where the range holds one and there are others."""
    if context.is_cell:
        return
    rules = list(dict.fromkeys((one.source, one.rule) for one in context.shown if one.is_fixable and one.is_static))
    if not rules:
        return
    everywhere = [shown for shown in context.state.shown(context.document.uri) if shown.is_fixable]
    for source, rule in rules[:_MOST_KINDS]:
        safe = sum(one.has_safe_fix for one in everywhere if (one.source, one.rule) == (source, rule))
        total = sum(1 for one in everywhere if (one.source, one.rule) == (source, rule))
        here = tuple(one.fingerprint for one in context.shown if (one.source, one.rule) == (source, rule))
        if safe > 1:
            yield Offer(f"Fix all {safe} {rule} in this file", f"{source} safe {rule}", here)
        if total > max(1, safe):
            yield Offer(f"Fix all {total} {rule} in this file (unsafe)", f"{source} unsafe {rule}", here)


async def fix_all_of_kind(context: Context, subject: str) -> WorkspaceEdit:
    """Return the edits that fix all findings of one rule. `subject`: source, `safe` or `unsafe`, rule."""
    _refuse_cell(context)
    source, _, rest = subject.partition(" ")
    safety, _, rule = rest.partition(" ")
    unsafe = safety == "unsafe"
    document = context.document
    question = f"Apply unsafe fixes of {rule} to the whole file?" if unsafe else ""
    if source != "ruff":
        return context.edit(disjoint(_own_fixes(context, rule=rule, unsafe=unsafe)), question)
    try:
        fixed = await context.state.ruff_fixed(document, rule, unsafe=unsafe)
    except (RuffError, RuffRefused, RuffDied) as error:
        raise ActionRefused(f"ruff could not fix {rule}: {error}") from error
    if not context.is_current():
        raise StaleAction
    if fixed == document.text:
        raise ActionRefused(f"ruff fixes {rule} one at a time")  # a fix for display, which is never applied in bulk
    return context.edit(minimal(document, difference(document.text, fixed)), question)


def offer_fix_all(context: Context) -> Iterator[Offer]:
    """Offer to fix all that is safe. Asked for by kind, as on saving, it is offered before the findings are known."""
    if context.is_cell:
        return
    python = context.document.language == "python"
    if (python and context.request.only) or any(
        one.has_safe_fix and one.is_static for one in context.state.shown(context.document.uri)
    ):
        yield Offer("Fix all safe problems")


async def fix_all(context: Context, _: str) -> WorkspaceEdit:
    """Return the edits of all safe fixes: ruff's, and those of our own that keep clear of them."""
    _refuse_cell(context)
    own = _own_fixes(context, unsafe=False)
    if context.document.language != "python":
        return context.edit(disjoint(own))
    return context.edit(disjoint([await _asked_of_ruff(context, "source.fixAll.ruff"), *own]))


def offer_organized_imports(context: Context) -> Iterator[Offer]:
    """Offer to put the imports in order."""
    if context.document.language == "python" and not context.is_cell:
        yield Offer("Organize imports")


async def organize_imports(context: Context, _: str) -> WorkspaceEdit:
    """Return the edits that put the imports in order."""
    _refuse_cell(context)
    return context.edit(await _asked_of_ruff(context, "source.organizeImports.ruff"))


def _refuse_cell(context: Context) -> None:
    """Raise ActionRefused for a notebook's cell: an import that this cell does not use may be the next one's."""
    if context.is_cell:
        raise ActionRefused("a notebook's cells cannot be fixed one by one")


def _fixes(shown: Shown) -> Iterator[tuple[str, bool, object]]:
    """Yield title, safety and what tells it from others, for each fix of a finding."""
    if shown.ruff is None:
        for one in shown.fixes:
            yield one.title, one.safe, (shown.rule, one.title, one.edits)
    elif shown.ruff.edits:
        edits = tuple((edit.range, edit.new_text) for edit in shown.ruff.edits)
        yield shown.ruff.title or f"Fix {shown.rule}", shown.has_safe_fix, (shown.rule, edits)


def _own_fixes(context: Context, *, unsafe: bool, rule: str = "") -> list[tuple[Edit, ...]]:
    """Return the first fix of each of our own findings, of one rule or of all."""
    chosen = []
    for shown in context.state.shown(context.document.uri):
        if shown.ruff is None and shown.is_static and rule in ("", shown.rule):
            fixes = [one for one in shown.fixes if one.safe or unsafe]
            chosen += [one.edits for one in fixes[:1]]
    return chosen


async def _asked_of_ruff(context: Context, kind: str) -> tuple[Edit, ...]:
    """Return the edits of one of ruff's own source actions, as small as they can be."""
    document = context.document
    action = {"title": kind, "kind": kind, "data": document.uri}
    try:
        answer = await context.state.ruff_request(document.uri, "codeAction/resolve", action)
    except RuffError as error:
        raise ActionRefused(f"ruff did not answer: {error}") from error
    if not context.is_current():
        raise StaleAction
    edit = msgspec.convert(answer, _ResolvedAction).edit
    if edit is None:
        return ()
    per_document = [(one.text_document.uri, one.edits) for one in edit.document_changes] or list(edit.changes.items())
    if any(uri != document.uri for uri, edits in per_document if edits):
        raise ActionRefused("ruff would change other documents too")
    edits = [one for _, edits in per_document for one in edits]
    return _from_ruff(document, edits, context.state.encoding)


def _from_ruff(document: Document, edits: Iterable[_TextEdit | RuffEdit], encoding: str) -> tuple[Edit, ...]:
    """Return ruff's edits, in the client's encoding, as ours."""
    return minimal(document, [Edit(span_from_range(document, one.range, encoding), one.new_text) for one in edits])
