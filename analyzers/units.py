"""The parts of a text: its functions and methods, and the module's body, each with a key of its content.

A `Piece` is a stretch that is worth remembering on its own: a statement of the module, a member of a class. Analyses are asked
about pieces, so that a keystroke costs one of them.

A `Unit` is what is reviewed on its own: an outermost function with everything inside it, or all that is in no function. Its key
is the address of what is known about it. It is made of the unit's own tokens in their structure, its comments' words and the
classes it is in. So white space, the layout of comments, imports at the top and the unit's place change no key, and typing in
one unit changes no other unit's key. Strings count as they are written.

Invariant: no walk is recursive. What is said about a piece depends on its own text and the classes it is in.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache
from typing import TYPE_CHECKING, NamedTuple, cast

from analyzers.document import Span
from analyzers.memory import Memory
from analyzers.syntax import kind_ids

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzers.languages import Language
    from analyzers.syntax import Node, SyntaxTree

_BODIES = frozenset(
    (
        "accessor_list", "block", "body_statement", "class_body", "declaration_list", "enum_body", "enum_class_body",
        "enum_declaration_list", "field_declaration_list", "interface_body", "object_type", "protocol_body", "statement_block",
        "template_body", "with_template_body",
    )
)  # fmt: skip
# Nodes whose text counts as it is written. `concatenated_string` is code with strings in it.
_VERBATIM = re.compile(r"(?<!concatenated_)string|heredoc|^char|regex|jsx_text|raw_text|_content$|^text$")
# What a comment says to a tool is not what it says about the code.
_FOR_TOOLS = re.compile(
    rb"\W*(?:postil:|noqa|type:|pyright:|mypy:|ruff:|pylint:|nosec|pragma|fmt:|isort:|eslint|@ts-|prettier-|nolint|rubocop:|NOSONAR)"
)
_WORD = re.compile(rb"[^\s#/*<>!=-]+(?:[^\s]*[^\s*/>-])?")
_LONGEST_CLASS_NAME = 200  # bytes


class Unit(NamedTuple):
    """A part of a text that is looked at on its own.

    `name` is qualified by the classes around it, and empty for the module's body; `kind` is "function", "method" or "module".
    `span` is in code points; the module's is the whole text, its `text` that outside functions. `key` is hexadecimal.
    """

    name: str
    kind: str
    span: Span
    text: str
    key: str


class _Found(NamedTuple):
    """A function of a piece: its name, its bytes from the start of the piece, and the digest of its content."""

    name: str
    start: int
    end: int
    digest: bytes


class _PieceUnits(NamedTuple):
    """What a piece holds: functions, and the digest of the rest; empty if there is no rest."""

    functions: tuple[_Found, ...]
    rest: bytes


class Piece(NamedTuple):
    """A stretch of a text: its node, and the classes it is a member of, joined by dots."""

    node: Node
    class_name: str


def pieces(tree: SyntaxTree) -> Iterator[Piece]:
    """Return the pieces of `tree`, in order. Together they hold every token but the brackets around class bodies."""
    language = tree.language
    classes = kind_ids(language, language.classes)
    namespaces = kind_ids(language, language.namespaces)
    wrappers = kind_ids(language, language.wrappers)
    todo: list[Piece] = [Piece(child, "") for child in reversed(tree.root.children)]
    while todo:
        piece = todo.pop()
        node, class_name = piece
        kind = node.kind_id
        if kind in classes:
            name = node.child_by_field_name("name") or node.child_by_field_name("type")
            end = 0 if name is None else min(name.end_byte, name.start_byte + _LONGEST_CLASS_NAME)
            own = "?" if name is None else tree.text(name.start_byte, end)
            class_name = f"{class_name}.{own}" if class_name else own
        elif kind in wrappers:
            if not any(child.kind_id in classes for child in node.children):
                yield piece
                continue
        elif kind not in namespaces and not node.is_error:
            yield piece
            continue
        for child in reversed(node.children):
            if child.type in _BODIES:
                todo += [Piece(member, class_name) for member in reversed(child.children)]
            else:
                todo.append(Piece(child, class_name))


def raw_key(tree: SyntaxTree, piece: Piece) -> bytes | None:
    """Return a key of a piece's exact text, or None if it holds an error: what an error is depends on what surrounds it."""
    node, class_name = piece
    if node.has_error:
        return None
    recipe = f"{tree.language.id}\0{node.kind_id}\0{class_name}\0".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(recipe + tree.data[node.start_byte : node.end_byte], digest_size=16).digest()


def units(tree: SyntaxTree, memory: Memory | None = None) -> list[Unit]:
    """Return the units of `tree`, in order, the module's body first. `memory` makes the next call cheap."""
    memory = Memory(0) if memory is None else memory
    places: list[tuple[int, int]] = []
    named: list[tuple[str, str, bytes]] = []
    body = hashlib.blake2b(tree.language.id.encode(), digest_size=16)
    for piece in pieces(tree):
        start = piece.node.start_byte
        found = _units_of(tree, piece, memory)
        body.update(found.rest)
        for one in found.functions:
            places.append((start + one.start, start + one.end))
            name = f"{piece.class_name}.{one.name}" if piece.class_name else one.name
            named.append((name, "method" if piece.class_name else "function", one.digest))
    text = tree.document.text
    spans = tree.spans(places)
    outside, at = [], 0
    for span in spans:
        outside.append(text[at : span.start])
        at = max(at, span.end)
    outside.append(text[at:])
    result = [Unit("", "module", Span(0, len(text)), "".join(outside), body.hexdigest())]
    for (name, kind, digest), span in zip(named, spans, strict=True):
        result.append(Unit(name, kind, span, text[span.start : span.end], digest.hex()))
    return result


def name_place(node: Node, given: Node | None, data: bytes) -> tuple[int, int]:
    """Return the bytes of a function's name: its own, or the `given` one; for one without a name, its first words."""
    name = node.child_by_field_name("name") or given
    if name is None:
        declarator = node.child_by_field_name("declarator")
        while declarator is not None:
            name = declarator
            declarator = declarator.child_by_field_name("declarator")
    if name is not None:
        start, end = name.start_byte, name.end_byte
    else:
        body = node.child_by_field_name("body")
        start, end = node.start_byte, node.end_byte
        if body is not None and body.start_byte > start:
            end = body.start_byte
    newline = data.find(b"\n", start, end)
    end = end if newline == -1 else newline
    while end > start + 1 and data[end - 1] in b" \t\r":
        end -= 1
    return start, end


def given_name(node: Node) -> tuple[Node, Node] | None:
    """Return the value that `node` assigns to a name, and that name; None if it is no assignment."""
    value = node.child_by_field_name("value") or node.child_by_field_name("right")
    if value is not None:
        for field in ("name", "key", "left", "property"):
            name = node.child_by_field_name(field)
            if name is not None:
                return value, name
    return None


def _units_of(tree: SyntaxTree, piece: Piece, memory: Memory) -> _PieceUnits:
    key = raw_key(tree, piece)
    if key is not None:
        known = memory.get((__name__, key))
        if known is not None:
            return cast("_PieceUnits", known)
    found = _Reading(tree, piece).read()
    if key is not None:
        memory.put((__name__, key), found)
    return found


class _Reading:
    """One walk over one piece, which writes its tokens down: those of each function apart, and the rest."""

    def __init__(self, tree: SyntaxTree, piece: Piece) -> None:
        language: Language = tree.language
        self.data = tree.data
        self.piece = piece
        self.recipe = f"{language.id}\0{piece.class_name}\0".encode("utf-8", "surrogatepass")
        self.functions = kind_ids(language, language.functions)
        self.wrappers = kind_ids(language, language.wrappers)
        self.imports = kind_ids(language, language.imports)
        self.comments = kind_ids(language, language.comments)
        self.needs_name = language.branching is not None and language.branching.outer_as_namespace

    def read(self) -> _PieceUnits:
        """Return what the piece holds."""
        base = self.piece.node.start_byte
        found: list[_Found] = []
        rest: list[bytes] = []
        todo: list[Node | None] = [self.piece.node]  # None closes a node
        while todo:
            node = todo.pop()
            if node is None:
                rest.append(b")")
            elif node.kind_id in self.imports or node.kind_id in self.comments:
                continue
            elif (function := self._function(node)) is not None:
                name, digest = function
                found.append(_Found(name, node.start_byte - base, node.end_byte - base, digest))
            else:
                self._write(node, rest, todo)
        tokens = b"\0".join(rest)
        # A piece whose only tokens are the names of nodes around a function has no rest: the function may move.
        has_rest = any(not one.startswith((b"(", b")")) for one in rest)
        return _PieceUnits(tuple(found), _digest(self.recipe, tokens) if has_rest else b"")

    def _function(self, node: Node) -> tuple[str, bytes] | None:
        """Return the name and digest of the function that `node` is, perhaps in a wrapper; None if it is none."""
        inner, given = node, None
        while inner.kind_id in self.wrappers:
            assigned = given_name(inner)
            inside = [
                child
                for child in inner.named_children
                if child.kind_id in self.wrappers or child.kind_id in self.functions
            ]
            if len(inside) != 1:
                return None
            inner = inside[0]
            if assigned is not None and assigned[0] == inner:
                given = assigned[1]
        if inner.kind_id not in self.functions:
            return None
        if self.needs_name and given is None and inner.child_by_field_name("name") is None:
            return None
        start, end = name_place(inner, given, self.data)
        tokens: list[bytes] = []
        comments: list[bytes] = []
        todo: list[Node | None] = [node]
        while todo:
            one = todo.pop()
            if one is None:
                tokens.append(b")")
            elif one.kind_id in self.comments:
                words = self.data[one.start_byte : one.end_byte]
                if not _FOR_TOOLS.match(words):
                    comments += _WORD.findall(words)
            else:
                self._write(one, tokens, todo)
        digest = _digest(self.recipe, b"\0".join(tokens) + b"\0\0" + b" ".join(comments))
        return self.data[start:end].decode("utf-8", "replace"), digest

    def _write(self, node: Node, tokens: list[bytes], todo: list[Node | None]) -> None:
        """Write a token down, or the kind of a node and, later, what is in it."""
        if node.child_count and not _is_verbatim(node.type):
            tokens.append(b"(%d" % node.kind_id)
            todo.append(None)
            todo += reversed(node.children)
        elif text := self.data[node.start_byte : node.end_byte].strip(b" \t\n\r"):
            tokens.append(b"%d:" % node.kind_id + text)


@cache
def _is_verbatim(kind: str) -> bool:
    return _VERBATIM.search(kind) is not None


def _digest(recipe: bytes, content: bytes) -> bytes:
    return hashlib.blake2b(recipe + content, digest_size=16).digest()
