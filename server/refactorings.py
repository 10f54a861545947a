"""Code actions that rewrite Python by name: extract a variable or a function, inline a variable.

jedi does the work, in the names worker, when the action is resolved. Offering looks at the selected text alone.

Invariant: one file changes, the one asked about; anything wider is refused with a reason.
"""

from __future__ import annotations

import ast
import keyword
import re
import textwrap
import warnings
from typing import TYPE_CHECKING

from analyzers.document import Edit, Point, Span
from server.convert import path_from_uri
from server.edits import minimal
from server.offers import ActionRefused, Offer, StaleAction, UnknownAction

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzers.document import Document
    from server.offers import Context, WorkspaceEdit

_LONGEST_SELECTION = 10_000  # code points; a selection is parsed to see whether the offer makes sense
_NAME = re.compile(r"[^\W\d]\w*")


def offer_extract_variable(context: Context) -> Iterator[Offer]:
    """Offer to give the selected expression a name."""
    if _selected(context, "eval"):
        yield Offer("Extract variable", _place(context))


def offer_extract_function(context: Context) -> Iterator[Offer]:
    """Offer to move the selected expression or statements into a function."""
    if _selected(context, "eval") or _selected(context, "exec"):
        yield Offer("Extract function", _place(context))


def offer_inline(context: Context) -> Iterator[Offer]:
    """Offer to put a variable's value where its name stands."""
    document = context.document
    if document.language != "python":
        return
    span = _name_around(document, context.selection)
    name = document.slice(span) if span else ""
    if name and not keyword.iskeyword(name) and re.search(rf"\b{name}\s*(?::[^=\n]+)?=(?!=)", document.text):
        yield Offer(f"Inline {name}", _place(context))


async def extract_variable(context: Context, place: str) -> WorkspaceEdit:
    """Return the edit that names the expression at `place`."""
    return await _refactored(context, "extract_variable", place, _free_name(context.document, "extracted_variable"))


async def extract_function(context: Context, place: str) -> WorkspaceEdit:
    """Return the edit that makes a function of the code at `place`."""
    return await _refactored(context, "extract_function", place, _free_name(context.document, "extracted_function"))


async def inline(context: Context, place: str) -> WorkspaceEdit:
    """Return the edit that inlines the variable at `place`."""
    return await _refactored(context, "inline", place, "")


async def _refactored(context: Context, refactoring: str, place: str, name: str) -> WorkspaceEdit:
    document = context.document
    try:
        first_line, first_column, last_line, last_column = map(int, place.split())
    except ValueError:
        raise UnknownAction from None
    start, end = document.clamp(Point(first_line, first_column)), document.clamp(Point(last_line, last_column))
    files = [one for one in await context.state.refactored(document, refactoring, start, end, name) if one.edits]
    if not context.is_current():
        raise StaleAction
    own = path_from_uri(document.uri)
    if len(files) > 1 or any(own is not None and one.path != own for one in files):
        raise ActionRefused("other files would change too")
    edits = [
        Edit(Span(document.offset(Point(line, column)), document.offset(Point(to_line, to_column))), text)
        for one in files
        for line, column, to_line, to_column, text in one.edits
    ]
    if not edits:
        raise ActionRefused("there is nothing to change")
    return context.edit(minimal(document, edits))


def _selected(context: Context, mode: str) -> bool:
    """Whether the selection is an expression (`eval`) or whole statements (`exec`) of Python."""
    start, end = context.selection
    if context.document.language != "python" or not 0 < end - start <= _LONGEST_SELECTION:
        return False
    text = context.document.slice(Span(start, end))
    if not text.strip() or "\0" in text or max(map(text.count, "([{-~")) > 100:
        return False
    if mode == "eval":
        text = f"({text.strip()}\n)"
    else:
        # The first line's indentation may lie outside the selection.
        line = context.document.line_text(context.request.start.line)
        text = textwrap.dedent(line[: len(line) - len(line.lstrip())] + text.lstrip())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree: ast.Module | ast.Expression = (
                ast.parse(text, mode="eval") if mode == "eval" else ast.parse(text, mode="exec")
            )
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return False
    if isinstance(tree, ast.Expression):
        return not isinstance(tree.body, ast.Name | ast.Starred)
    return any(not isinstance(one, ast.Import | ast.ImportFrom) and not _is_name(one) for one in tree.body)


def _is_name(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Name)


def _name_around(document: Document, selection: Span) -> Span | None:
    """Return the span of the identifier that the selection lies in, or None."""
    point = document.point(selection.start)
    start = document.line_starts[point.line]
    for match in _NAME.finditer(document.line_text(point.line)):
        if match.start() <= point.column <= match.end():
            span = Span(start + match.start(), start + match.end())
            return span if selection.end <= span.end else None
    return None


def _free_name(document: Document, name: str) -> str:
    """Return `name`, with a number where the text holds it already."""
    number = 1
    candidate = name
    while re.search(rf"\b{candidate}\b", document.text):
        number += 1
        candidate = f"{name}_{number}"
    return candidate


def _place(context: Context) -> str:
    (first_line, first_column), (last_line, last_column) = context.request.start, context.request.end
    return f"{first_line} {first_column} {last_line} {last_column}"
