"""Whether a renamed Python file still means what it meant: the second opinion on every rename.

jedi misses uses and takes names of other things along. So its result is compared with the original by means that share
nothing with it: the compiler's syntax trees and symbol tables. A rename is confirmed when the two trees differ in that
identifier alone, and every scope's names are bound as they were: nothing else had the new name where the old one was
visible, no use was left behind, none was caught by another binding. What cannot be confirmed is refused with a reason:
refusing a right rename costs the author a minute, accepting a wrong one costs an afternoon.

Invariant: text is compiled, never run.
"""

from __future__ import annotations

import ast
import symtable
import warnings

from analyzers.document import split_lines

TOO_DEEP = (RecursionError, MemoryError)


def tree_of(text: str) -> ast.Module | None:
    """Return the tree of `text`, or None when this interpreter cannot compile it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(text, "<text>", "exec", dont_inherit=True)  # finds more than a parser: `break` outside a loop, say
            return ast.parse(text)
        except (SyntaxError, ValueError, *TOO_DEEP):
            return None


def table_of(text: str) -> symtable.SymbolTable:
    """Return the symbol table of a text that compiles."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return symtable.symtable(text, "<text>", "exec")


def symbols(table: symtable.SymbolTable) -> dict[str, symtable.Symbol]:
    """Return the names of one scope."""
    return {symbol.get_name(): symbol for symbol in table.get_symbols()}


def renamed_wrongly(before: str, after: str, old: str, new: str) -> str:
    """Return why `after` is not `before` with the name `old` changed to `new`, or nothing."""
    try:
        was, is_ = tree_of(before), tree_of(after)
        if was is None:
            return "the file has syntax that cannot be checked"
        if is_ is None:
            return "the result would not be valid Python"
        if not _same_but_for(was, is_, old, new):
            return "more than the name would change"
        return _bound_differently(table_of(before), table_of(after), old, new)
    except TOO_DEEP:
        return "the file is nested too deeply"


def _same_but_for(was: object, is_: object, old: str, new: str) -> bool:
    """Whether two trees differ in identifiers alone, and those from `old` to `new`."""
    waiting = [(was, is_, False)]
    while waiting:
        one, other, is_name = waiting.pop()
        if isinstance(one, ast.AST):
            if type(one) is not type(other):
                return False
            constant = isinstance(one, ast.Constant)
            waiting.extend(
                (getattr(one, field, None), getattr(other, field, None), not constant) for field in one._fields
            )
        elif isinstance(one, list):
            if not isinstance(other, list) or len(one) != len(other):
                return False
            waiting.extend((a, b, is_name) for a, b in zip(one, other, strict=True))
        elif one != other and not (is_name and _renamed(one, other, old, new)) and (one, other) != (old, new):
            return False  # a string may differ that is all of the name: an entry of `__all__`
    return True


def _renamed(one: object, other: object, old: str, new: str) -> bool:
    if not isinstance(one, str) or not isinstance(other, str):
        return False
    parts, others = one.split("."), other.split(".")  # the name of an imported module has several
    return len(parts) == len(others) and all(
        a == b or (a == old and b == new) for a, b in zip(parts, others, strict=True)
    )


def _flags(symbol: symtable.Symbol) -> tuple[bool, ...]:
    return (
        symbol.is_parameter(),
        symbol.is_local(),
        symbol.is_global(),
        symbol.is_declared_global(),
        symbol.is_nonlocal(),
        symbol.is_free(),
        symbol.is_imported(),
        symbol.is_assigned(),
    )


def _bound_differently(was: symtable.SymbolTable, is_: symtable.SymbolTable, old: str, new: str) -> str:
    """Return what is bound in another way than before, or nothing. The two tables have the same shape."""
    at_the_top = symbols(was).get(old) is not None and old not in symbols(is_)
    new_at_the_top = new in symbols(is_) and new not in symbols(was)
    waiting = [(was, is_)]
    while waiting:
        before, after = waiting.pop()
        if len(before.get_children()) != len(after.get_children()):
            return "the result would have other scopes"
        waiting.extend(zip(before.get_children(), after.get_children(), strict=True))
        names, others = symbols(before), symbols(after)
        if (old in names) and (new in names) and old not in others:
            return f"'{new}' is in use in the same scope (line {before.get_lineno()})"
        if old in names and old in others and new in others and new not in names:
            return f"not all uses of '{old}' were found in the scope at line {before.get_lineno()}"
        if old in names and old not in others:
            if _flags(names[old]) != _flags(others[new]):
                return f"'{new}' would mean something else in the scope at line {before.get_lineno()}"
        elif old in names and _flags(names[old]) != _flags(others[old]):
            return f"a use of '{old}' would be left behind in the scope at line {before.get_lineno()}"
        elif old in names and at_the_top and names[old].is_global():
            return f"a use of '{old}' was not found in the scope at line {before.get_lineno()}"
        if new in names and _flags(names[new]) != _flags(others[new]):
            return f"'{new}' would mean something else in the scope at line {before.get_lineno()}"
        if new in names and new_at_the_top and names[new].is_global():
            return f"'{new}' is in use in the scope at line {before.get_lineno()}"
    return ""


def member_in_use(text: str, line: int, name: str) -> bool:
    """Whether the class around `line` (from 1) has a member called `name`: in its body, or set on the first parameter."""
    tree = tree_of(text)
    if tree is None:
        return False
    around = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) and node.lineno <= line <= (node.end_lineno or node.lineno)
    ]
    if not around:
        return False
    innermost = max(around, key=lambda node: node.lineno)
    for node in ast.walk(innermost):
        if isinstance(node, ast.Attribute) and node.attr == name:
            return True
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and node.name == name:
            return True
    return any(isinstance(node, ast.Name) and node.id == name for one in innermost.body for node in ast.walk(one))


def exported(text: str, name: str) -> set[tuple[int, int]]:
    """Return where the module's `__all__` holds the string `name`: lines and columns, from 0, of the text in the quotes."""
    tree = tree_of(text)
    if tree is None:
        return set()
    lines = split_lines(text)
    found = set()
    for statement in tree.body:
        match statement:
            case (
                ast.Assign(targets=[ast.Name(id="__all__")], value=value)
                | ast.AugAssign(target=ast.Name(id="__all__"), value=value)
            ):
                for node in ast.walk(value):
                    if isinstance(node, ast.Constant) and node.value == name:
                        line = lines[node.lineno - 1]
                        column = len(line.encode()[: node.col_offset].decode())
                        if line[column + 1 : column + 1 + len(name)] == name and line[column] in "'\"":
                            found.add((node.lineno - 1, column + 1))
    return found
