"""How hard a function is to test and to follow: cyclomatic and cognitive complexity.

- `cyclomatic` is radon's table for Python and lizard's for the other languages: the number of independent paths. Functions
  inside a function are measured apart and do not raise it.
- `mccabe`, for Python alone, is what ruff's C901 counts: no operators, no ternaries, nested functions added to the outer one.
- `cognitive` is G. Ann Campbell's "Cognitive Complexity" (SonarSource white paper, version 1.7): a break in the linear flow
  costs one, and one more for each level it is nested in; a run of the same logical operator costs one; so does recursion.

One engine reads the tables of `languages.py`; what Python needs beyond a table (`match`, decorators) is marked below.

Invariant: one walk over a piece of a tree, with a stack of its own. What is measured depends on that piece alone.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from analyzers import syntax
from analyzers.units import given_name, name_place

if TYPE_CHECKING:
    from analyzers.languages import Language
    from analyzers.syntax import Node

# What a kind of node is to the metrics; one kind may be several.
_DECISION = 1
_IF = 2
_ELSE_IF = 4
_ELSE = 8
_NESTING = 16
_JUMP = 32
_LOGICAL = 64
_CLOSURE = 128
_FUNCTION = 256
_CLASS = 512
_CALL = 1024
_MCCABE = 2048
_NAMING = 4096
_ASSERT = 8192
_MATCH = 16384

# What is known of a node from above.
_CHAINED = 1  # it is the `if` of an `else if`
_SILENT = 2  # it decides nothing for the cyclomatic complexity: in an `assert`, or in a class inside a function

_SAME_DEPTH_FIELDS = frozenset(
    (
        "condition",
        "subject",
        "value",
        "left",
        "right",
        "iterator",
        "initializer",
        "initialize",
        "update",
        "increment",
        "name",
    )
)
_PARENTHESES = frozenset(("parenthesized_expression", "parenthesized_statements"))
_LABELS = frozenset(("statement_identifier", "label_name", "label", "identifier"))
_LONGEST_NAME = 200  # bytes of a call's name that are compared
_COALESCING = frozenset((b"??", b"?:"))  # shorthand, which the white paper does not charge for
_OWN = (b"self.", b"this.", b"cls.", b"$this->", b"self::", b"static::", b"Self::")
_CATCH_ALL = re.compile(rb"[\s(]*(?!(?:None|True|False)\b)[^\W\d]\w*[\s)]*")


class FunctionMetrics(NamedTuple):
    """The measures of one function. Bytes count from the start of the piece it was found in.

    `within` is the index of the function around it in the same list, or -1; `cognitive_within` is what it adds to that one.
    """

    name: str
    start: int
    end: int
    name_start: int
    name_end: int
    within: int
    cyclomatic: int
    mccabe: int
    cognitive: int
    cognitive_within: int


class _Tally:
    """The counts of one function while it is walked."""

    __slots__ = (
        "calls", "cognitive", "cyclomatic", "depth", "is_decorator", "mccabe", "name", "node", "recursive", "structural",
        "within",
    )  # fmt: skip

    def __init__(
        self, node: Node, name: tuple[int, int], within: int, depth: int, calls: frozenset[bytes], *, is_decorator: bool
    ) -> None:
        self.node = node
        self.name = name
        self.within = within
        self.depth = depth  # how deep it lies in the function around it
        self.calls = calls  # how it would call itself
        self.is_decorator = is_decorator
        self.recursive = False
        self.cyclomatic = 1
        self.mccabe = 1
        self.cognitive = 0
        self.structural = 0  # how many of its increments grow with depth


def functions(piece: Node, data: bytes, language: Language, class_name: str = "") -> list[FunctionMetrics]:
    """Return the measures of every function in `piece`, outer ones before those inside them.

    `data` is the whole text; `class_name` the class whose member the piece is, empty if none.
    """
    if language.branching is None:
        return []
    tallies = _Walk(piece, data, language, class_name).run()
    added = [0] * len(tallies)
    is_namespace = [language.branching.outer_as_namespace and not tally.cognitive for tally in tallies]
    for index in range(len(tallies) - 1, -1, -1):
        tally = tallies[index]
        tally.cognitive += tally.recursive
        if tally.within >= 0:
            outer = tallies[tally.within]
            outer.mccabe += tally.mccabe
            if is_namespace[tally.within]:
                continue
            added[index] = tally.cognitive + tally.structural * tally.depth
            outer.cognitive += added[index]
            outer.structural += tally.structural
    base = piece.start_byte
    return [
        FunctionMetrics(
            name=data[tally.name[0] : tally.name[1]].decode("utf-8", "replace"),
            start=tally.node.start_byte - base,
            end=tally.node.end_byte - base,
            name_start=tally.name[0] - base,
            name_end=tally.name[1] - base,
            within=tally.within,
            cyclomatic=tally.cyclomatic,
            mccabe=tally.mccabe,
            cognitive=tally.cognitive,
            cognitive_within=more,
        )
        for tally, more in zip(tallies, added, strict=True)
    ]


class _Walk:
    """One walk over one piece. On the stack: a node, the function it is in, its depth there, its state, its parent's kind."""

    def __init__(self, piece: Node, data: bytes, language: Language, class_name: str) -> None:
        self.data = data
        self.tables = _tables(language)
        self.class_name = class_name
        self.tallies: list[_Tally] = []
        self.given_names: dict[int, Node] = {}
        self.stack: list[tuple[Node, int, int, int, int]] = [(piece, -1, 0, 0, -1)]

    def run(self) -> list[_Tally]:
        stack, flags = self.stack, self.tables.flags
        while stack:
            node, owner, depth, state, parent = stack.pop()
            kind = node.kind_id
            flag = flags.get(kind, 0)
            if not flag:
                if node.child_count:
                    state &= _SILENT
                    stack.extend([(child, owner, depth, state, kind) for child in node.children])
            elif flag & _FUNCTION:
                self._enter(node, owner, depth, state)
            else:
                if flag & _NAMING:
                    self._remember_name(node)
                if owner >= 0:
                    self._count(node, flag, owner, depth, state, parent)
                elif node.child_count:  # code outside functions is not measured; it may hold functions
                    stack.extend([(child, owner, depth, 0, kind) for child in node.children])
        return self.tallies

    def _count(self, node: Node, flag: int, owner: int, depth: int, state: int, parent: int) -> None:
        tables, tally, kind = self.tables, self.tallies[owner], node.kind_id
        silent = state & _SILENT
        if flag & _DECISION and not silent and _is_below(tables.decision_parents, kind, parent):
            tally.cyclomatic += 1
        if flag & _MCCABE and _is_below(tables.mccabe_parents, kind, parent):
            tally.mccabe += 1
        if flag & _LOGICAL and self._logical(node, tally, owner, depth, silent):
            return
        if flag & (_IF | _NESTING | _ELSE_IF):
            tally.cognitive += 1
            if flag & (_IF | _NESTING) and not state & _CHAINED:
                tally.cognitive += depth
                tally.structural += 1
            if flag & _MATCH:
                self._match(node, tally, silent)
            self._branches(node, owner, depth, silent, has_else=bool(flag & _IF))
        elif flag & _ELSE:
            self._else(node, owner, depth, silent)
        else:
            if flag & _JUMP and (
                node.type.startswith("goto") or any(child.type in _LABELS for child in node.named_children)
            ):
                tally.cognitive += 1
            if flag & _CALL:
                self._call(node, owner)
            if flag & _CLASS:
                depth, silent = 0, _SILENT
            elif flag & _ASSERT:
                silent = _SILENT
            elif flag & _CLOSURE:
                depth += 1
            self.stack.extend([(child, owner, depth, silent, kind) for child in node.children])

    def _branches(self, node: Node, owner: int, depth: int, silent: int, *, has_else: bool) -> None:
        """Walk the children of a node that branches: its conditions as deep as it lies, the rest one deeper."""
        flags, kind = self.tables.flags, node.kind_id
        after_else = False
        for index, child in enumerate(node.children):
            flag = flags.get(child.kind_id, 0)
            deeper, state = depth + 1, silent
            if flag & (_ELSE | _ELSE_IF):
                deeper = depth
            elif has_else and child.type == "else" and child.child_count == 0:
                after_else = True
                continue
            elif after_else and child.is_named and not child.is_extra:
                after_else = False
                if flag & _IF:
                    deeper, state = depth, silent | _CHAINED
                else:
                    self.tallies[owner].cognitive += 1
            elif node.field_name_for_child(index) in _SAME_DEPTH_FIELDS:
                deeper = depth
            self.stack.append((child, owner, deeper, state, kind))

    def _else(self, node: Node, owner: int, depth: int, silent: int) -> None:
        """Walk an `else` that is a node of its own; where the language chains them, an `if` in it is an `else if`."""
        kind = node.kind_id
        first = next((child for child in node.named_children if not child.is_extra), None)
        if self.tables.is_chained and first is not None and self.tables.flags.get(first.kind_id, 0) & _IF:
            self.stack.append((first, owner, depth, silent | _CHAINED, kind))
            return
        self.tallies[owner].cognitive += 1
        self.stack.extend([(child, owner, depth + 1, silent, kind) for child in node.children])

    def _logical(self, node: Node, tally: _Tally, owner: int, depth: int, silent: int) -> bool:
        """Count a tree of logical operators, parentheses looked through; False if the operator at its root is another one."""
        parts = self._operands(node)
        if parts is None:
            return False
        previous = b""
        todo: list[Node | bytes] = [*reversed(parts)]
        while todo:
            part = todo.pop()
            if isinstance(part, bytes):
                tally.cyclomatic += not silent
                if part not in _COALESCING:
                    tally.cognitive += part != previous
                    previous = part
                continue
            inner = part
            while inner.type in _PARENTHESES and inner.named_child_count == 1:
                inner = inner.named_children[0]
            parts = self._operands(inner) if self.tables.flags.get(inner.kind_id, 0) & _LOGICAL else None
            if parts is None:
                self.stack.append((part, owner, depth, silent, node.kind_id))
            else:
                todo += reversed(parts)
        return True

    def _operands(self, node: Node) -> list[Node | bytes] | None:
        """Return the operands and operators of `node` in order, or None if its operator decides nothing."""
        parts: list[Node | bytes] = []
        found = False
        for child in node.children:
            length = child.end_byte - child.start_byte
            text = self.data[child.start_byte : child.end_byte] if length <= 3 and child.child_count == 0 else b""
            if text in self.tables.operators:
                found = True
                parts.append(text)
            elif child.is_named and not child.is_extra:
                parts.append(child)
        return parts if found else None

    def _match(self, node: Node, tally: _Tally, silent: int) -> None:
        """Take off what Python's `match` does not decide: radon any one case that catches all, ruff the last one unguarded."""
        body = node.child_by_field_name("body")
        cases = [child for child in (body or node).named_children if child.type == "case_clause"]
        catching = [case for case in cases if self._catches_all(case)]
        if catching and not silent:
            tally.cyclomatic -= 1
        if catching and catching[-1] == cases[-1] and cases[-1].child_by_field_name("guard") is None:
            tally.mccabe -= 1

    def _catches_all(self, case: Node) -> bool:
        patterns = [child for child in case.named_children if child.type == "case_pattern"]
        if len(patterns) != 1 or case.children[2].type == ",":
            return False
        return _CATCH_ALL.fullmatch(self.data[patterns[0].start_byte : patterns[0].end_byte]) is not None

    def _enter(self, node: Node, owner: int, depth: int, state: int) -> None:
        """Start the tally of a function, and walk what belongs to it."""
        tables = self.tables
        outer = self.tallies[owner] if owner >= 0 else None
        in_inner_class = outer is not None and bool(state & _SILENT)
        start, end = name_place(node, self.given_names.get(node.id), self.data)
        calls: frozenset[bytes] = frozenset()
        if tables.counts_recursion and self._has_name(node):
            name = self.data[start:end]
            is_member = in_inner_class or (outer is None and self.class_name)
            calls = frozenset(own + name for own in _OWN) if is_member else frozenset((name,))
            if tables.has_implicit_self:
                calls |= {name}
        inside = depth if in_inner_class or (outer is not None and outer.is_decorator) else depth + 1
        body = node.child_by_field_name("body")
        is_decorator = tables.is_python and body is not None and self._is_decorator_body(body)
        self.tallies.append(_Tally(node, (start, end), owner, inside, calls, is_decorator=is_decorator))
        # Defaults and annotations are evaluated by whoever defines the function: radon leaves them out.
        parts = [body] if tables.is_python and body is not None else node.children
        index = len(self.tallies) - 1
        self.stack.extend([(child, index, 0, 0, node.kind_id) for child in parts])

    def _is_decorator_body(self, body: Node) -> bool:
        """Whether a Python function only defines another one and returns it, as the white paper exempts it."""
        statements = [child for child in body.named_children if not child.is_extra]
        if (
            statements
            and statements[0].type == "expression_statement"
            and statements[0].named_children[0].type == "string"
        ):
            del statements[0]
        if len(statements) != 2 or statements[1].type != "return_statement":
            return False
        returned = statements[1].named_children
        defined = statements[0].type in ("function_definition", "decorated_definition")
        return defined and len(returned) == 1 and returned[0].type == "identifier"

    def _call(self, node: Node, owner: int) -> None:
        callee = node.child_by_field_name("function") or node.child_by_field_name("name") or node.child(0)
        if callee.type in ("name", "identifier") and (receiver := node.child_by_field_name("object")) is not None:
            start = receiver.start_byte
        elif (receiver := node.child_by_field_name("receiver")) is not None:
            method = node.child_by_field_name("method")
            start, callee = receiver.start_byte, method or callee
        elif (method := node.child_by_field_name("method")) is not None:
            start, callee = method.start_byte, method
        else:
            start = callee.start_byte
        if callee.end_byte - start > _LONGEST_NAME:
            return
        text = self.data[start : callee.end_byte]
        while owner >= 0:
            tally = self.tallies[owner]
            if text in tally.calls:
                tally.recursive = True
            owner = tally.within

    def _remember_name(self, node: Node) -> None:
        """Keep the name that a function gets from what it is assigned to."""
        assigned = given_name(node)
        if assigned is not None and self.tables.flags.get(assigned[0].kind_id, 0) & _FUNCTION:
            self.given_names[assigned[0].id] = assigned[1]

    def _has_name(self, node: Node) -> bool:
        return node.id in self.given_names or node.child_by_field_name("name") is not None


class _Tables(NamedTuple):
    """A language's `Branching`, by the ids of node kinds."""

    flags: dict[int, int]
    decision_parents: dict[int, frozenset[int]]
    mccabe_parents: dict[int, frozenset[int]]
    operators: frozenset[bytes]
    is_python: bool
    is_chained: bool
    counts_recursion: bool
    has_implicit_self: bool


@cache
def _tables(language: Language) -> _Tables:
    branching = language.branching
    assert branching is not None  # noqa: S101 - `functions` asks before
    flags: dict[int, int] = {}

    def mark(kinds: str, flag: int) -> dict[int, frozenset[int]]:
        parents: dict[int, frozenset[int]] = {}
        for entry in kinds.split():
            kind, _, parent = entry.partition("<")
            for kind_id in syntax.kind_ids(language, kind):
                flags[kind_id] = flags.get(kind_id, 0) | flag
                if parent:
                    parents[kind_id] = parents.get(kind_id, frozenset()) | syntax.kind_ids(language, parent)
        return parents

    decision_parents = mark(branching.decisions, _DECISION)
    mccabe_parents = mark(branching.mccabe, _MCCABE)
    mark(branching.ifs, _IF)
    mark(branching.else_ifs, _ELSE_IF)
    mark(branching.elses, _ELSE)
    mark(branching.nesting, _NESTING)
    mark(branching.jumps, _JUMP)
    mark(branching.logical, _LOGICAL)
    mark(branching.closures, _CLOSURE)
    mark(language.functions, _FUNCTION)
    mark(language.classes, _CLASS)
    mark(language.wrappers, _NAMING)
    is_python = language.id == "python"
    if is_python:
        mark("assert_statement", _ASSERT)
        mark("match_statement", _MATCH)
    if not branching.overloads:
        mark(branching.calls, _CALL)
    return _Tables(
        flags=flags,
        decision_parents=decision_parents,
        mccabe_parents=mccabe_parents,
        operators=frozenset(branching.operators.encode().split()),
        is_python=is_python,
        is_chained=branching.chained,
        counts_recursion=not branching.overloads,
        has_implicit_self=branching.implicit_self,
    )


def _is_below(parents: dict[int, frozenset[int]], kind: int, parent: int) -> bool:
    wanted = parents.get(kind)
    return wanted is None or parent in wanted
