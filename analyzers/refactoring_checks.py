"""Whether extracted or inlined Python still means what it meant: the second opinion on these refactorings.

jedi drops parentheses, takes an expression out of the lambda that it belongs to, and computes early what was computed under
a condition. So its result is compared with the original by the compiler's trees. It is confirmed
- for a variable, when substituting the value for the name gives back the original tree, and the value is computed as often
  as it was and under the same conditions;
- for a function, when the file compiles and the new function's names mean what they meant.
What cannot be confirmed is refused with a reason.

Invariant: text is compiled, never run.
"""

from __future__ import annotations

import ast
import builtins
import textwrap
from typing import TYPE_CHECKING

from analyzers.rename_checks import TOO_DEEP, symbols, table_of, tree_of

if TYPE_CHECKING:
    import symtable
    from collections.abc import Iterator

_BUILTINS = frozenset(dir(builtins))


# Extract and inline a variable


def extracted_wrongly(before: str, after: str, name: str, selected: str) -> str:
    """Return why `after` is not `before` with the expression `selected` put into the variable `name`, or nothing."""
    try:
        was, is_ = tree_of(before), tree_of(after)
        if was is None:
            return "the file has syntax that cannot be checked"
        if is_ is None:
            return "the result would not be valid Python"
        found = _assignment(is_, name)
        if found is None:
            return "the result has no such variable"
        block, index, value = found
        if ast.dump(value) != _expression(selected):
            return "the selection is not a whole expression"
        del block[index]
        if index >= len(block):
            return "nothing follows the variable"
        reason = _computed_elsewhere(block[index], name, value)
        _Substitution(name, value).visit(is_)
        return reason or ("" if ast.dump(was) == ast.dump(is_) else "the result would compute something else")
    except TOO_DEEP:
        return "the file is nested too deeply"


def inlined_wrongly(before: str, after: str, name: str, line: int) -> str:
    """Return why `after` is not `before` with the variable `name`, assigned on `line` (from 1), replaced by its value."""
    try:
        was, is_ = tree_of(before), tree_of(after)
        if was is None:
            return "the file has syntax that cannot be checked"
        if is_ is None:
            return "the result would not be valid Python"
        found = _assignment(was, name, line)
        if found is None:
            return "the value is not assigned by a statement of its own"
        block, index, value = found
        scope = _function_around(was, block[index])
        del block[index]
        uses = sum(isinstance(node, ast.Name) and node.id == name for node in ast.walk(scope))
        following = block[index] if index < len(block) else None
        once = uses == 1 and following is not None and _first_computed(following, name)
        if not once and not _is_steady(value, was, line):
            return "the value would be computed at another time, or more than once"
        _Substitution(name, value).visit(scope)
        return "" if ast.dump(was) == ast.dump(is_) else "the result would compute something else"
    except TOO_DEEP:
        return "the file is nested too deeply"


def _expression(text: str) -> str:
    """Return the dump of the tree of an expression, or nothing."""
    try:
        return ast.dump(ast.parse(f"({text.strip()}\n)", mode="eval").body)
    except (SyntaxError, ValueError, *TOO_DEEP):
        return ""


class _Substitution(ast.NodeTransformer):
    """Puts a value where a name is read."""

    def __init__(self, name: str, value: ast.expr) -> None:
        self._name = name
        self._value = value

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self._value if node.id == self._name and isinstance(node.ctx, ast.Load) else node


def _blocks(tree: ast.AST) -> Iterator[list[ast.stmt]]:
    for node in ast.walk(tree):
        for field in ("body", "orelse", "finalbody"):
            block = getattr(node, field, None)
            if isinstance(block, list):
                yield block


def _assignment(tree: ast.AST, name: str, line: int = 0) -> tuple[list[ast.stmt], int, ast.expr] | None:
    """Return where `name` is assigned alone (on `line`, if given): the block, the index in it, and the value."""
    for block in _blocks(tree):
        for index, statement in enumerate(block):
            match statement:
                case ast.Assign(targets=[ast.Name(id=found)], value=value) if found == name and line in {
                    0,
                    statement.lineno,
                }:
                    return block, index, value
    return None


def _function_around(tree: ast.Module, statement: ast.stmt) -> ast.AST:
    around: list[ast.FunctionDef | ast.AsyncFunctionDef] = [
        node
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and any(one is statement for one in ast.walk(node))
    ]
    return max(around, key=lambda node: node.lineno, default=tree)


def _is_steady(value: ast.expr, tree: ast.Module, line: int) -> bool:
    """Whether a value is the same whenever it is computed after `line`: operators on what is not assigned any more."""
    kinds = (ast.Constant, ast.Name, ast.Attribute, ast.UnaryOp, ast.BinOp, ast.Tuple, ast.operator, ast.unaryop)
    parts = list(ast.walk(value))
    if not all(isinstance(node, (*kinds, ast.expr_context)) for node in parts):
        return False
    names = {node.id for node in parts if isinstance(node, ast.Name)}
    members = {node.attr for node in parts if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Name)
            and node.id in names
            and not isinstance(node.ctx, ast.Load)
            and node.lineno > line
        ):
            return False
        if isinstance(node, ast.Attribute) and node.attr in members and not isinstance(node.ctx, ast.Load):
            return False
    return True


def _first_computed(statement: ast.stmt, name: str) -> bool:
    """Whether nothing that could matter is computed in `statement` before `name` is read, and it is read once and always."""
    if isinstance(statement, (ast.Return, ast.Expr, ast.Assign, ast.AnnAssign)):
        node: ast.AST | None = statement.value
    elif isinstance(statement, (ast.If, ast.Assert)):
        node = statement.test
    elif isinstance(statement, (ast.For, ast.AsyncFor)):
        node = statement.iter
    elif isinstance(statement, (ast.With, ast.AsyncWith)):
        node = statement.items[0].context_expr
    else:
        return False
    while node is not None:
        if isinstance(node, ast.Name):
            return node.id == name
        node = _computed_first(node, name)
    return False


def _computed_first(node: ast.AST, name: str) -> ast.AST | None:
    """Return the part of `node` that holds `name`, when only names and constants are computed before it."""
    if isinstance(node, (ast.Lambda, ast.GeneratorExp, ast.ListComp, ast.SetComp, ast.DictComp)):
        # The first iterable alone is computed here and once.
        node = ast.Tuple([node.generators[0].iter]) if not isinstance(node, ast.Lambda) else ast.Tuple([])
    for part in ast.iter_child_nodes(node):
        if any(isinstance(one, ast.Name) and one.id == name for one in ast.walk(part)):
            conditional = isinstance(node, (ast.BoolOp, ast.IfExp, ast.Compare)) and part is not _always(node)
            return None if conditional else part
        if not isinstance(
            part, (ast.Name, ast.Constant, ast.expr_context, ast.operator, ast.unaryop, ast.cmpop, ast.boolop)
        ):
            return None
    return None


def _always(node: ast.BoolOp | ast.IfExp | ast.Compare) -> ast.expr:
    if isinstance(node, ast.BoolOp):
        return node.values[0]
    return node.test if isinstance(node, ast.IfExp) else node.left


def _computed_elsewhere(statement: ast.stmt, name: str, value: ast.expr) -> str:
    """Return why `value` must not be computed before `statement`, which reads it as `name`; or nothing."""
    read = {node.id for node in ast.walk(value) if isinstance(node, ast.Name)}
    trivial = all(isinstance(node, (ast.Constant, ast.Name, ast.expr_context)) for node in ast.walk(value))
    for node, reason in _path_to(statement, name):
        if reason == "own" and read & _bound_in(node):
            return "the expression uses a name that exists only inside this comprehension or lambda"
        if reason and not trivial:
            return "the expression is computed only under a condition here, or each time anew"
    return ""


def _path_to(statement: ast.stmt, name: str) -> Iterator[tuple[ast.AST, str]]:
    """Yield the nodes from `statement` down to `name`, each with what is special about its way of computing that part."""
    node: ast.AST = statement
    while not (isinstance(node, ast.Name) and node.id == name):
        for field, value in ast.iter_fields(node):
            parts = value if isinstance(value, list) else [value]
            inside = [
                (index, part)
                for index, part in enumerate(parts)
                if isinstance(part, ast.AST)
                and any(isinstance(one, ast.Name) and one.id == name for one in ast.walk(part))
            ]
            if inside:
                index, part = inside[0]
                yield node, _special(node, field, index)
                node = part
                break
        else:
            return


def _special(node: ast.AST, field: str, index: int) -> str:
    if isinstance(node, (ast.ListComp, ast.SetComp, ast.GeneratorExp, ast.DictComp)):
        return "own" if field != "generators" or index > 0 else ""
    if isinstance(node, ast.comprehension):
        return "" if field == "iter" else "own"
    if isinstance(node, ast.Lambda):
        return "own" if field == "body" else ""
    if isinstance(node, ast.BoolOp):
        return "conditional" if index else ""
    if isinstance(node, ast.IfExp):
        return "conditional" if field != "test" else ""
    if isinstance(node, ast.Compare):
        return "conditional" if field == "comparators" and index else ""
    if isinstance(node, ast.While):
        return "conditional"
    if isinstance(node, ast.Assert):
        return "conditional" if field == "msg" else ""
    if isinstance(node, (ast.If, ast.For, ast.AsyncFor, ast.With, ast.AsyncWith, ast.Try)) and field in {
        "body",
        "orelse",
        "finalbody",
        "handlers",
    }:
        return "conditional"  # an `elif`: it stands in the statement that the variable was put in front of
    return ""


def _bound_in(node: ast.AST) -> set[str]:
    bound = {one.id for one in ast.walk(node) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)}
    return bound | {one.arg for one in ast.walk(node) if isinstance(one, ast.arg)}


# Extract a function


def function_extracted_wrongly(before: str, after: str, name: str, selected: str) -> str:
    """Return why the function `name`, new in `after`, does not stand for the code `selected`; or nothing."""
    try:
        if tree_of(before) is None:
            return "the file has syntax that cannot be checked"
        tree = tree_of(after)
        if tree is None:
            return "the result would not be valid Python"
        functions = [
            node
            for node in ast.walk(tree)
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and node.name == name
        ]
        if len(functions) != 1:
            return f"'{name}' is in use"
        if not _holds(functions[0], selected):
            return "the selection is neither a whole expression nor whole statements"
        return _unknown_names(table_of(before), table_of(after), name) or _assigned_late(functions[0])
    except TOO_DEEP:
        return "the file is nested too deeply"


def _holds(function: ast.FunctionDef | ast.AsyncFunctionDef, selected: str) -> bool:
    """Whether a function's body is the selected code: returned as an expression, or as statements before a `return`."""
    body = [ast.dump(statement) for statement in function.body]
    expression = _expression(selected)
    match function.body:
        case [ast.Return(value=ast.expr() as value)] if ast.dump(value) == expression:
            return True
    try:
        statements = ast.parse(textwrap.dedent(selected)).body
    except (SyntaxError, ValueError, *TOO_DEEP):
        return False
    wanted = [ast.dump(statement) for statement in statements]
    added = function.body[len(wanted) :]
    return body[: len(wanted)] == wanted and (not added or (len(added) == 1 and isinstance(added[0], ast.Return)))


def _unknown_names(was: symtable.SymbolTable, is_: symtable.SymbolTable, name: str) -> str:
    scope = _scope(is_, name)
    if scope is None:
        return "the new function is nowhere"
    known = set(symbols(was))
    for symbol in scope.get_symbols():
        if symbol.is_global() and symbol.get_name() not in known and symbol.get_name() not in _BUILTINS:
            before = [one for one in _all_symbols(was) if one.get_name() == symbol.get_name()]
            if any(not one.is_global() for one in before):
                return f"'{symbol.get_name()}' would not be known in the new function"
    return ""


def _scope(table: symtable.SymbolTable, name: str) -> symtable.SymbolTable | None:
    waiting = [table]
    while waiting:
        one = waiting.pop()
        if one.get_name() == name:
            return one
        waiting.extend(one.get_children())
    return None


def _all_symbols(table: symtable.SymbolTable) -> Iterator[symtable.Symbol]:
    yield from table.get_symbols()
    for child in table.get_children():
        yield from _all_symbols(child)


def _assigned_late(function: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """Find a name that the new function changes in place before it has given it a value."""
    arguments = function.args
    known = {one.arg for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)}
    declared: set[str] = set()
    for node in ast.walk(function):
        if isinstance(node, (ast.Global, ast.Nonlocal)):
            declared.update(node.names)
    for statement in function.body:
        for node in ast.walk(statement):
            if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
                target = node.target.id
                if target not in known | declared:
                    return f"'{target}' is changed before it has a value in the new function"
        stored = {one.id for one in ast.walk(statement) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)}
        reads = [one for one in ast.walk(statement) if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Load)]
        if isinstance(statement, ast.Assign) and any(one.id in stored - known - declared for one in reads):
            late = next(one.id for one in reads if one.id in stored - known - declared)
            return f"'{late}' is read before it has a value in the new function"
        known |= stored
    last = function.body[-1]
    if isinstance(last, ast.Return) and isinstance(last.value, (ast.Name, ast.Tuple)):
        sure = {one.arg for one in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)} | declared
        for statement in function.body:
            if not isinstance(statement, (ast.If, ast.For, ast.AsyncFor, ast.While, ast.Try, ast.Match)):
                sure |= {
                    one.id
                    for one in ast.walk(statement)
                    if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store)
                }
                sure |= {one.name for one in (statement,) if isinstance(one, (ast.FunctionDef, ast.ClassDef))}
        returned = {one.id for one in ast.walk(last.value) if isinstance(one, ast.Name)}
        unsure = sorted((returned & known) - sure)
        if unsure:
            return f"'{unsure[0]}' may have no value at the end of the new function"
    return ""
