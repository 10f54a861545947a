"""The findings about complexity: which functions are over a limit, and the one thing to say about each.

A function over both limits is one finding. Where an inner function is reported, the outer one is charged without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, cast

from analyzers import metrics, units
from analyzers.finding import Category, Finding, Severity
from analyzers.rules import cognitive_complexity, cyclomatic_complexity
from analyzers.rules.rule import is_on

if TYPE_CHECKING:
    from analyzers.metrics import FunctionMetrics
    from analyzers.static import Subject

_NO_LIMIT = 1 << 30


class _Limits(NamedTuple):
    cognitive: int
    cyclomatic: int


def findings(subject: Subject) -> list[Finding]:
    """Return the findings about the complexity of the functions of `subject`."""
    tree, options = subject.tree, subject.options
    if tree is None or tree.language.branching is None:
        return []
    limits = _Limits(
        options.cognitive_limit if is_on(cognitive_complexity.DOC.id, options) else _NO_LIMIT,
        options.cyclomatic_limit if is_on(cyclomatic_complexity.DOC.id, options) else _NO_LIMIT,
    )
    result = []
    for piece in units.pieces(tree):
        if piece.node.child_count and (measured := _measured(subject, piece)):
            for function, rule, message in _judged(measured, limits):
                start = piece.node.start_byte
                result.append(
                    Finding(
                        rule=rule,
                        source="postil",
                        span=tree.span(start + function.name_start, start + function.name_end),
                        severity=Severity.INFO,
                        category=Category.SMELL,
                        message=message,
                    )
                )
    return result


def _measured(subject: Subject, piece: units.Piece) -> tuple[FunctionMetrics, ...]:
    tree = subject.tree
    assert tree is not None  # noqa: S101 - `findings` asks before
    key = units.raw_key(tree, piece)
    if key is not None:
        known = subject.memory.get((__name__, key))
        if known is not None:
            return cast("tuple[FunctionMetrics, ...]", known)
    measured = tuple(metrics.functions(piece.node, tree.data, tree.language, piece.class_name))
    if key is not None:
        subject.memory.put((__name__, key), measured)
    return measured


def _judged(functions: tuple[FunctionMetrics, ...], limits: _Limits) -> list[tuple[FunctionMetrics, str, str]]:
    """Return the functions over a limit, inner ones first, each with its rule and message."""
    cognitive_limit, cyclomatic_limit = limits
    if all(one.cognitive <= cognitive_limit and one.cyclomatic <= cyclomatic_limit for one in functions):
        return []
    judged = []
    reported_inside = [0] * len(functions)
    for index in range(len(functions) - 1, -1, -1):
        function = functions[index]
        cognitive = function.cognitive - reported_inside[index]
        charged = reported_inside[index]
        name = f"`{function.name}`" if function.name.isidentifier() else "This function"
        many_paths = function.cyclomatic > cyclomatic_limit
        if cognitive > cognitive_limit:
            paths = function.cyclomatic if many_paths else None
            message = cognitive_complexity.message(name, cognitive, cognitive_limit, paths, cyclomatic_limit)
            judged.append((function, cognitive_complexity.DOC.id, message))
            charged = function.cognitive_within
        elif many_paths:
            message = cyclomatic_complexity.message(name, function.cyclomatic, cyclomatic_limit)
            judged.append((function, cyclomatic_complexity.DOC.id, message))
        if function.within >= 0:
            reported_inside[function.within] += min(charged, function.cognitive_within)
    return judged
