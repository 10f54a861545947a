"""`postil check --fix`: the safe fixes of what was found, written to the files.

ruff puts its own fixes together (it knows which of them exclude each other), from the text that postil read to the text that
postil writes. With `--since`, only fixes on changed lines are wanted, so they are applied one at a time.

Invariant: a file is replaced in one step, with its mode, line ends, encoding and BOM, and only while it still holds the text
that the fixes were made for.
Invariant: only rules that are on are fixed, and unsafe fixes only where they were asked for.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from analyzers.document import Document
from analyzers.languages import language_of
from analyzers.ruff_check import RuffDied, RuffOptions, RuffRefused, check_text, findings_of, fixed_text
from server.files import Unreadable, decoded, read_workspace_file, replace_file
from server.reported import touches

if TYPE_CHECKING:
    from collections.abc import Iterable

    from analyzers.finding import Finding, Fix
    from server.check_plan import Plan
    from server.git import OldTree
    from server.reported import Reported

MAX_SINGLE_FIXES = 200  # fixes applied one at a time to one file
MAX_ROUNDS = 5  # of postil's own fixes, which may make room for each other


def fixable(findings: Iterable[Reported], *, unsafe: bool) -> dict[str, int]:
    """Return how many of `findings` have a fix that may be applied, by path."""
    counts: dict[str, int] = {}
    for one in findings:
        if any(fix.safe or unsafe for fix in one.finding.fixes):
            counts[one.path] = counts.get(one.path, 0) + 1
    return counts


async def fix_file(plan: Plan, path: str, old: OldTree | None, *, unsafe: bool) -> None:
    """Apply the fixes to the file at `path` and write it, if anything changed. Raises Unreadable with the reason if not."""
    content = read_workspace_file(path, None, max_size=plan.settings.max_file_size)
    text = decoded(content, python=path.endswith((".py", ".pyi", ".pyw")))
    if text.lossy:
        raise Unreadable("not in UTF-8")
    try:
        new = await fix_text(plan, os.path.abspath(path), text.text, old, content, unsafe=unsafe)
    except (RuffRefused, RuffDied) as error:
        raise Unreadable(str(error)) from None
    if new != text.text:
        try:
            encoded = text.encoded(new)
        except UnicodeEncodeError:
            raise Unreadable(f"the fix cannot be written in {text.encoding}") from None
        replace_file(path, content, encoded)


async def fix_text(
    plan: Plan, path: str, text: str, old: OldTree | None = None, content: bytes = b"", *, unsafe: bool
) -> str:
    """Return `text`, which is that of `path`, with the wanted fixes applied. Raises as `fixed_text` of ruff does."""
    options = plan.ruff_options_for(path, {}) if path.endswith((".py", ".pyi", ".pyw")) else None
    if options is not None:
        if old is None:
            fixed = await fixed_text(path, text.encode(), options, unsafe=unsafe)
            text = fixed.decode()
        else:
            text = await _fixed_on_changed_lines(plan, path, text, old, content, options, unsafe=unsafe)
    for _ in range(MAX_ROUNDS):
        document = _document(path, text)
        found = _own_findings(plan, document, old, content)
        edits = [edit for fix in _disjoint(found, unsafe=unsafe) for edit in fix.edits]
        if not edits:
            break
        text = document.edited(edits, 0).text
    return text


async def _fixed_on_changed_lines(
    plan: Plan, path: str, text: str, old: OldTree, content: bytes, options: RuffOptions, *, unsafe: bool
) -> str:
    for _ in range(MAX_SINGLE_FIXES):
        document = _document(path, text)
        lines = old.changed_lines(path, content, text)
        found = findings_of(document, await check_text(path, text.encode(), options))
        wanted = [one for one in found if plan.wants(one) and (lines is None or touches(document, one, lines))]
        first = next((fix for one in wanted for fix in one.fixes if (fix.safe or unsafe) and fix.edits), None)
        if first is None:
            break
        text = document.edited(first.edits, 0).text
        # The text now differs from the file: from here on the comparison has to be made line by line.
        content = b"\0" + text.encode()
    return text


def _own_findings(plan: Plan, document: Document, old: OldTree | None, content: bytes) -> list[Finding]:
    if plan.own is None:
        return []
    from analyzers.static import analyse

    options = plan.own
    if document.language == "python" and plan.ruff is not None:
        options = replace(options, syntax_errors=False)
    found = [one for one in analyse(document, options) if one.fixes and plan.wants(one)]
    if old is not None and found:
        lines = old.changed_lines(document.uri, content, document.text)
        found = [one for one in found if lines is None or touches(document, one, lines)]
    return found


def _disjoint(findings: Iterable[Finding], *, unsafe: bool) -> list[Fix]:
    """Return the first fix of each finding, as long as it touches nothing that another one changes."""
    result: list[Fix] = []
    taken: list[tuple[int, int]] = []
    for finding in findings:
        fix = next((one for one in finding.fixes if (one.safe or unsafe) and one.edits), None)
        if fix is None:
            continue
        start, end = fix.edits[0].span.start, fix.edits[-1].span.end
        if all(end < low or start > high for low, high in taken):
            taken.append((start, end))
            result.append(fix)
    return result


def _document(path: str, text: str) -> Document:
    language = language_of(path)
    return Document(path, 0, language.id if language is not None else "", text)
