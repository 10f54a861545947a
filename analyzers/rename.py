"""Renaming in Python, across a workspace.

jedi says what a name refers to and which uses refer to the same; this module decides where jedi has to look, what belongs
together besides (keyword arguments in other files, the same method of related classes, entries of `__all__`), and whether
the result can be believed.

Invariant: every file of the workspace that holds the word is looked into. What is in a file that cannot be read, or on an
object of an unknown class, is reported as unsure, never changed.
Invariant: each changed file was confirmed by `analyzers/rename_checks.py`.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from analyzers import rename_checks as checks
from analyzers.document import split_lines
from analyzers.python_files import TooManyFiles, files_with_word
from analyzers.refactoring import FileEdits, Refactoring, Refused, check_name, digest
from analyzers.text_changes import Change, applied

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAX_FILES_CHANGED = 1_000
MAX_UNSURE = 20

Places = dict[str, set[tuple[int, int]]]  # path to lines and columns, from 0


class Code(Protocol):
    """The code as the author sees it: the editor's texts over the files, and jedi's view of them."""

    root: str
    texts: dict[str, str]  # of what is open
    candidates: list[tuple[str, str]]  # paths and texts that jedi is to look into

    def script(self, path: str, text: str) -> Any:
        """Return jedi's `Script` of a text."""

    def read(self, path: str) -> bytes:
        """Return a file's bytes. Raises FileNotFoundError."""


@dataclass(frozen=True, slots=True)
class _Found:
    """A use of a name, with the attributes of jedi's that matter here."""

    name: str
    module_path: Path
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class _Definition:
    """Where a name is defined; `line` from 1, as jedi counts."""

    path: str
    line: int
    column: int
    is_member: bool = False
    is_top: bool = False
    is_alias: bool = False


def renamed(code: Code, path: str, line: int, column: int, new_name: str) -> Refactoring:
    """Return the edits that rename what stands at a place of the open file `path`. Raises Refused."""
    check_name(new_name)
    script = code.script(path, code.texts[path])
    leaf = name_at(script, line, column)
    old = leaf.value
    if new_name == old:
        return Refactoring()
    defined = definitions(code, path, script, leaf)
    unread = _look_for(code, old)
    places = _places(code, path, script, leaf, defined)
    if len(places) > MAX_FILES_CHANGED:
        raise Refused(f"more than {MAX_FILES_CHANGED} files would change")
    texts = {where: _text_of(code, where) for where in places}
    files = []
    for where, points in sorted(places.items()):
        if any(one.is_top for one in defined):
            points.update(checks.exported(texts[where], old))
        edits = _edits(points, old, new_name)
        reason = _check(texts[where], edits, old, new_name)
        if reason:
            edits = _edits(points | _overlooked(code.script(where, texts[where]), old, points), old, new_name)
            if _check(texts[where], edits, old, new_name):
                raise Refused(f"{os.path.basename(where)}: {reason}")
        files.append(FileEdits(where, edits, digest(texts[where])))
    for one in defined:
        if one.is_member and checks.member_in_use(texts.get(one.path, ""), one.line, new_name):
            raise Refused(f"the class has a member '{new_name}' already")
    unsure = [*((where, 0, 0) for where in unread), *_unsure(code, old, places, defined)]
    return Refactoring(tuple(files), unsure=tuple(unsure[:MAX_UNSURE]), unsure_count=len(unsure))


def _look_for(code: Code, name: str) -> list[str]:
    """Set the candidates to all files that hold `name`; return those that hold it and cannot be read."""
    word = re.compile(rf"\b{re.escape(name)}\b")
    found = {
        path: text
        for path, text in code.texts.items()
        if path.endswith((".py", ".pyi")) and is_inside(path, code.root) and word.search(text)
    }
    unread = []
    try:
        for path, data in files_with_word(code.root, name):
            if path in code.texts:
                continue
            try:
                found[path] = data.decode("utf-8-sig")
            except UnicodeDecodeError:
                unread.append(path)
    except TooManyFiles:
        raise Refused("the workspace holds too many Python files") from None
    code.candidates = sorted(found.items())
    return unread


def _places(code: Code, path: str, script: Any, leaf: Any, defined: list[_Definition]) -> Places:
    """Return where the name is used with this meaning."""
    name = leaf.value
    found = list(script.get_references(*leaf.start_pos, include_builtins=False))
    if any(one.is_alias for one in defined):
        found = [one for one in found if str(one.module_path) == path]
    if any(one.is_member for one in defined):
        for other in _family(code, defined, name):
            relative = code.script(other.path, _text_of(code, other.path))
            found += relative.get_references(other.line, other.column, include_builtins=False)
    places: Places = {}
    for one in [*found, *_keyword_arguments(code, found)]:
        if one.name != name:
            continue
        where = str(one.module_path)
        if one.module_path is None or not is_inside(where, code.root):
            raise Refused(f"'{name}' is defined outside the workspace")
        places.setdefault(where, set()).add((one.line - 1, one.column))
    if not places:
        raise Refused(f"nobody knows what '{name}' refers to")
    return places


def _overlooked(script: Any, name: str, known: set[tuple[int, int]]) -> set[tuple[int, int]]:
    """Return the uses in functions that have the name as a parameter, or declare it `nonlocal` or `global`.

    jedi finds the parameter or the declaration alone where the name is assigned again.
    """
    leaves = script._module_node.get_used_names().get(name, ())  # noqa: SLF001
    found: set[Any] = set()
    for declared in leaves:
        parent = declared.parent
        is_parameter = parent.type == "param" and parent.name is declared
        if (not is_parameter and parent.type not in {"nonlocal_stmt", "global_stmt"}) or _place(declared) not in known:
            continue
        function = declared.search_ancestor("funcdef", "lambdef")
        if function is not None:
            body = function.children[-1]
            found.update(
                _place(leaf)
                for leaf in leaves
                if body.start_pos <= leaf.start_pos < body.end_pos
                and leaf.get_previous_leaf() != "."
                and not (leaf.parent.type == "argument" and leaf.parent.children[0] is leaf)
            )
    return found


def _place(leaf: Any) -> tuple[int, int]:
    line, column = leaf.start_pos
    return line - 1, column


def _text_of(code: Code, path: str) -> str:
    text = code.texts.get(path)
    if text is not None:
        return text
    try:
        return code.read(path).decode("utf-8-sig")
    except (FileNotFoundError, UnicodeDecodeError):
        raise Refused(f"{os.path.basename(path)} cannot be read as UTF-8") from None


def definitions(code: Code, path: str, script: Any, leaf: Any) -> list[_Definition]:
    """Return what the name refers to. Raises Refused unless all of it is in the workspace, and is code."""
    name = leaf.value
    if name.startswith("__") and name.endswith("__"):
        raise Refused(f"'{name}' is a name with a meaning of its own in Python")
    near = [leaf, *(one._name.tree_name for one in script.goto(*leaf.start_pos) if str(one.module_path) == path)]  # noqa: SLF001
    for one in near:
        if one is not None and one.value == name and _is_alias(one):
            # This file's own name for something; what that is called elsewhere does not change.
            return [_Definition(path, one.start_pos[0], one.start_pos[1], is_alias=True)]
    found = script.goto(*leaf.start_pos, follow_imports=True, follow_builtin_imports=True)
    if not found:
        raise Refused(f"nobody knows what '{name}' refers to")
    for one in found:
        if one.type in {"module", "namespace"}:
            raise Refused(f"'{name}' is a module: rename its file")
        if one.type == "keyword":
            raise Refused(f"'{name}' is a keyword")
        if one.module_path is None or one.line is None or not is_inside(str(one.module_path), code.root):
            raise Refused(f"'{name}' is defined outside the workspace")
    return [_definition(one) for one in found]


def _family(code: Code, defined: list[_Definition], name: str) -> list[_Definition]:
    """Return the same member of other classes that inherit it or pass it on: they are renamed together or not at all."""
    family: set[tuple[str, int]] = set()
    for one in defined:
        family |= _classes(code, one, name)
    relatives = []
    known = {(one.path, one.line) for one in defined}
    for path, text in code.candidates:
        for at, line in enumerate(split_lines(text)):
            match = re.match(rf"\s+(?:async\s+)?(?:def\s+)?({re.escape(name)})\s*[(:=]", line)
            if match is None or (path, at + 1) in known:
                continue
            other = _Definition(path, at + 1, match.start(1), is_member=True)
            if not family.isdisjoint(_classes(code, other, name)):
                relatives.append(other)
    return relatives


def _classes(code: Code, member: _Definition, name: str) -> set[tuple[str, int]]:
    """Return the classes (path and line) that have the member and that its class is, or inherits from."""
    script = code.script(member.path, _text_of(code, member.path))
    result = set()
    for one in script.goto(member.line, member.column):
        around = one.parent() if one.module_path is not None else None
        while around is not None and around.type == "function":  # a member that is set on the instance
            around = around.parent()
        if around is None or around.type != "class":
            continue
        for value in around._name.infer():  # noqa: SLF001
            for base in value.py__mro__():
                node = base.tree_node
                if node is None or node.type != "classdef" or name not in _members(node):
                    continue
                where = str(base.get_root_context().py__file__())
                if not is_inside(where, code.root):
                    raise Refused(f"'{name}' also belongs to a class outside the workspace, {base.py__name__()}")
                result.add((where, node.start_pos[0]))
    return result


def _keyword_arguments(code: Code, found: Iterable[Any]) -> Iterator[Any]:
    """Yield the keyword arguments, in other files, that name a parameter. jedi does not look there."""
    parameters = {_key(one) for one in found if one.type == "param"}
    if not parameters:
        return
    files = {where for where, _, _ in parameters}
    for path, text in code.candidates:
        name = next(one.name for one in found)
        if path in files or not re.search(rf"\b{re.escape(name)}\s*=", text):
            continue
        script = code.script(path, text)
        for leaf in script._module_node.get_used_names().get(name, ()):  # noqa: SLF001
            if leaf.parent.type == "argument" and leaf.parent.children[0] is leaf:
                for one in script.goto(*leaf.start_pos, follow_imports=True):
                    if _key(one) in parameters:
                        yield _Found(name, Path(path), *leaf.start_pos)


def _edits(points: set[tuple[int, int]], old: str, new: str) -> tuple[Change, ...]:
    return tuple((line, column, line, column + len(old), new) for line, column in sorted(points))


def _check(text: str, edits: tuple[Change, ...], old: str, new: str) -> str:
    """Return why the edits must not be made, or nothing."""
    lines = split_lines(text)
    for line, column, _, end, _ in edits:
        if line >= len(lines) or lines[line][column:end] != old:
            return "a place is not where it should be"
    return checks.renamed_wrongly(text, applied(text, edits), old, new)


def _unsure(code: Code, name: str, places: Places, defined: list[_Definition]) -> list[tuple[str, int, int]]:
    """Return where the word stands too and nobody knows whether it means the same."""
    word = re.escape(name)
    before = "def" if any(one.is_member for one in defined) else "import"
    pattern = re.compile(rf"(?<=\.){word}\b|(?<=['\"]){word}(?=['\"])|(?<={before} ){word}\b")
    return [
        (path, at, match.start())
        for path, text in code.candidates
        for at, line in enumerate(split_lines(text))
        for match in pattern.finditer(line)
        if (at, match.start()) not in places.get(path, ())
    ]


def is_inside(path: str, root: str) -> bool:
    """Whether `path` is a file of the workspace's own: inside the root, also when links are followed, and not installed."""
    real, inside = os.path.realpath(path), os.path.realpath(root)
    if not real.startswith(inside.rstrip(os.sep) + os.sep):
        return False
    parts = os.path.relpath(real, inside).split(os.sep)
    return "site-packages" not in parts[:-1] and not any(part.startswith(".") for part in parts[:-1])


def name_at(script: Any, line: int, column: int) -> Any:
    """Return the leaf of the name at a place, or the one that ends there. Raises Refused."""
    code = script._code_lines  # noqa: SLF001
    leaf = None
    if 0 <= line < len(code) and 0 <= column <= len(code[line]):
        at = (line + 1, column)
        leaf = script._module_node.get_leaf_for_position(at, include_prefixes=True)  # noqa: SLF001
        following = leaf.get_next_leaf() if leaf is not None else None
        # At a border parso gives the leaf that ends there; a cursor is on the name on either side of it.
        if leaf is not None and leaf.type != "name" and following is not None and following.start_pos == at:
            leaf = following
        if leaf is not None and not leaf.start_pos <= at <= leaf.end_pos:  # in white space or in a comment
            leaf = None
    if leaf is not None and leaf.type == "keyword":
        raise Refused(f"'{leaf.value}' is a keyword")
    if leaf is None or leaf.type != "name":
        raise Refused("there is no name here")
    if leaf.value.startswith("__") and not leaf.value.endswith("__"):
        raise Refused("names that begin with two underscores mean something else in each class")
    return leaf


def _is_alias(leaf: Any) -> bool:
    """Whether a name is what follows `as` in an import."""
    parent = leaf.parent
    return (
        parent is not None
        and parent.type in {"import_as_name", "dotted_as_name"}
        and len(parent.children) == 3
        and parent.children[2] is leaf
    )


def _members(node: Any) -> set[str]:
    """Return the names that the body of a class defines."""
    suite = node.children[-1]
    found = set()
    for statement in getattr(suite, "children", ()):
        inner = statement.children[-1] if statement.type in {"decorated", "async_stmt"} else statement
        inner = inner.children[-1] if inner.type in {"async_funcdef", "async_stmt"} else inner
        if inner.type in {"funcdef", "classdef"}:
            found.add(inner.name.value)
        elif inner.type == "simple_stmt" and inner.children[0].type == "expr_stmt":
            found.update(one.value for one in inner.children[0].get_defined_names())
    return found


def _key(name: Any) -> tuple[str, int, int]:
    return str(name.module_path), name.line, name.column


def _definition(name: Any) -> _Definition:
    tree_name = name._name.tree_name  # noqa: SLF001
    on_instance = tree_name is not None and tree_name.parent is not None and tree_name.parent.type == "trailer"
    try:
        around = name.parent().type
    except (AttributeError, NotImplementedError):
        around = ""
    return _Definition(
        str(name.module_path),
        name.line,
        name.column,
        is_member=on_instance or around == "class",
        is_top=around == "module" and not on_instance,
    )
