"""The parts of a text: its functions and methods, and the module's body, each with a key of its content.

A `Piece` is a stretch that is worth remembering on its own: a statement of the module, a member of a class. Analyses are asked
about pieces, so that a keystroke costs one of them.

Invariant: no walk is recursive. What a piece says depends on its own text and the class it is in.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

from analyzers.syntax import kind_ids

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzers.syntax import Node, SyntaxTree

_BODIES = frozenset(
    (
        "accessor_list", "block", "body_statement", "class_body", "declaration_list", "enum_body", "enum_class_body",
        "enum_declaration_list", "field_declaration_list", "interface_body", "object_type", "protocol_body", "statement_block",
        "template_body", "with_template_body",
    )
)  # fmt: skip


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
            own = tree.text(name.start_byte, min(name.end_byte, name.start_byte + 200)) if name is not None else "?"
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
