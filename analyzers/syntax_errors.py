"""The findings about syntax: what is certainly wrong, one finding per trouble, at the smallest honest place.

Grammars are approximations. They fail on valid code that is newer than they are, on macros, on templates, on dialects, and
what they then call an error is noise. `Language.errors` says how far each is believed; the figures are in
`docs/syntax-errors.md`. What can be believed nearly everywhere is brackets: their balance is taken from the tree's tokens, so
those in strings and comments do not count.

An unbalanced bracket makes a parser stumble over everything behind it. So what lies behind the first one is not reported, nor
what lies close behind another error.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from analyzers.finding import Category, Finding, Related, Severity
from analyzers.rules import syntax_error
from analyzers.rules.rule import is_on

if TYPE_CHECKING:
    from collections.abc import Iterator

    from analyzers.document import Span
    from analyzers.static import Subject
    from analyzers.syntax import Node, SyntaxTree

_MOST = 4  # findings in one file
_APART = 5  # lines between two errors that are two troubles
_LONGEST_QUOTE = 30  # code points of the user's text in a message

_CLOSING = {"(": ")", "[": "]", "{": "}"}
_OPENING = {closing: opening for opening, closing in _CLOSING.items()}
# Tokens that open a bracket and have another name.
_OPENERS = {"${": "{", "$(": "(", "#{": "{", "#[": "[", "\\(": "(", "@{": "{", "%w(": "(", "%i(": "("}

_QUOTES = frozenset(('"', "'", "`", '"""', "'''"))
_MACRO_LANGUAGES = frozenset(("c", "cpp"))
# Every repetition is bounded or takes all there is: a text may be built to be slow to search.
_C_TOKEN = re.compile(
    rb"""//(?:[^\n\\]|\\.)* | /\*(?:.*?\*/|.*) | \bR"([^()\s\\]{0,16})\((?:.*?\)\1"|.*) | "(?:[^"\\\n]|\\.)*"
    | \.?\b\d(?:'?\w)* | '(?:[^'\\\n]|\\.)+' | ^[ \t]*\#(?:[^\n\\/]|\\.|/(?!\*)|/\*(?:.*?\*/|.*))* | [()\[\]{}]""",
    re.DOTALL | re.MULTILINE | re.VERBOSE,
)
_TEMPLATE = re.compile(
    r"\{%[^%\n]{0,200}%\}|<%[-=#@!]?\s[^%\n]{0,200}%>|\{\{[#/>!&^~-]|<\?(?:php|=)|\[%[^%\n]{0,200}%\]|<#(?:if|list|include)\b"
)
_PLACEHOLDER = re.compile(r"\{\{[^{}\n]{0,200}\}\}|@[A-Z_]{1,40}@")
_BRANCHED = r"^[ \t]*#[ \t]*(?:else|elif)\b"
_NEW_TYPESCRIPT = re.compile(
    r"\bimport\(\s*['\"]|\bexport type \*|<(?:const|in|out) \w|, (?:in|out) \w|\bfunction \(|\basserts\b|\baccessor\b"
)
_DECLARATIONS = (".d.ts", ".d.mts", ".d.cts")  # full of types that the grammar does not know
_PLACEHOLDER_LANGUAGES = frozenset(("html", "css", "json", "jsonc", "yaml", "toml", "sql", "shellscript"))
# What a grammar does not know, and what it may still be believed about a text that holds it.
_UNKNOWN: dict[str, tuple[tuple[re.Pattern[str], str], ...]] = {
    "javascript": ((re.compile(r"@flow\b|@noflow\b|^(?:import|export) type\b", re.MULTILINE), "never"),),
    "typescript": ((_NEW_TYPESCRIPT, "brackets"),),
    "typescriptreact": ((_NEW_TYPESCRIPT, "brackets"),),
    "rust": ((re.compile(r"\btry!\s*[(\[{]"), "brackets"),),
    # A header may be C++ or Objective-C, and brackets in branches of the preprocessor need not balance.
    "c": (
        (
            re.compile(
                rf"{_BRANCHED}|\b(?:class|template|namespace|typename|operator|virtual)\b|::|^\s*@\w", re.MULTILINE
            ),
            "never",
        ),
    ),
    "cpp": ((re.compile(_BRANCHED, re.MULTILINE), "never"),),
}


class _Trouble(NamedTuple):
    """One error: bytes of the place to mark, what to say, and perhaps the bytes of another place with its words."""

    start: int
    end: int
    message: str
    related: tuple[int, int, str] | None = None


def findings(subject: Subject) -> list[Finding]:
    """Return the syntax errors of `subject`, the first of each cluster."""
    tree, options = subject.tree, subject.options
    if tree is None or not options.syntax_errors or not tree.root.has_error or not is_on(syntax_error.DOC.id, options):
        return []
    return [_finding(tree, trouble) for trouble in _troubles(tree)]


def _troubles(tree: SyntaxTree) -> list[_Trouble]:
    trust = tree.language.errors
    text = tree.document.text
    if trust == "never" or _is_template(tree.language.id, text):
        return []
    if tree.document.uri.endswith(_DECLARATIONS):
        trust = "brackets"
    for unknown, less in _UNKNOWN.get(tree.language.id, ()):
        if unknown.search(text):
            trust = less
    if trust == "never":
        return []
    missing, wrong = _error_nodes(tree.root)
    unbalanced = _unbalanced(tree, missing)
    if trust == "brackets":
        return unbalanced[:_MOST]
    first = unbalanced[0] if unbalanced else None
    found = [first] if first else []
    last_line = -_APART
    for node in sorted((*missing, *wrong), key=lambda one: one.start_byte):
        # Where a bracket is unbalanced, only what lies well before it is a trouble of its own.
        if len(found) == _MOST or (first and tree.data.count(b"\n", node.end_byte, first.start) < _APART):
            break
        if node.start_point[0] - last_line >= _APART:
            found.append(_missing(tree, node) if node.is_missing else _unexpected(tree, node))
        last_line = node.end_point[0]
    return sorted(found)


def _is_template(language: str, text: str) -> bool:
    """Whether something else than the language is mixed into the text."""
    if language != "php" and _TEMPLATE.search(text):
        return True
    return language in _PLACEHOLDER_LANGUAGES and _PLACEHOLDER.search(text) is not None


def _error_nodes(root: Node) -> tuple[list[Node], list[Node]]:
    """Return the missing tokens and the outermost error nodes."""
    missing, wrong = [], []
    todo = [root]
    while todo:
        node = todo.pop()
        if node.is_missing:
            missing.append(node)
        elif node.is_error and node.id != root.id:
            wrong.append(node)
        elif node.has_error:
            todo += node.children
    if root.is_error:
        wrong.append(root)
    return missing, wrong


def _tokens(root: Node) -> Iterator[Node]:
    """Return the leaves of a tree in order, without walking into strings' and comments' insides more than the tree does."""
    todo = [root]
    while todo:
        node = todo.pop()
        if node.child_count:
            todo += reversed(node.children)
        elif not node.is_missing:
            yield node


def _brackets(tree: SyntaxTree) -> Iterator[tuple[str, int]]:
    """Return the brackets of a text that are code, each with its byte."""
    if tree.language.id in _MACRO_LANGUAGES:
        # Macros make the tree's tokens doubtful. What is a string or a comment is known without it, and what a directive holds
        # need not balance.
        for match in _C_TOKEN.finditer(tree.data):
            token = match[0].decode("latin-1")
            if token in _CLOSING or token in _OPENING:
                yield token, match.start()
        return
    for node in _tokens(tree.root):
        kind = _OPENERS.get(node.type, node.type)
        if kind in _CLOSING or kind in _OPENING:
            yield kind, node.start_byte


def _unbalanced(tree: SyntaxTree, missing: list[Node]) -> list[_Trouble]:
    """Return the brackets without a partner, in order."""
    brackets = list(_brackets(tree))
    lonely = _without_partner(tree.data, brackets, by_indent=False)
    if lonely:
        # Which one it is that lacks its partner, the indentation tells better than the order.
        lonely = _without_partner(tree.data, brackets, by_indent=True) or lonely
    return [_lonely(tree, kind, byte, missing) for kind, byte in sorted(lonely, key=lambda one: one[1])]


def _without_partner(data: bytes, brackets: list[tuple[str, int]], *, by_indent: bool) -> list[tuple[str, int]]:
    open_brackets: list[tuple[str, int]] = []
    lonely: list[tuple[str, int]] = []
    for closing, byte in brackets:
        if closing in _CLOSING:
            open_brackets.append((closing, byte))
            continue
        found = [index for index, one in enumerate(open_brackets) if one[0] == _OPENING[closing]]
        if not found:
            lonely.append((closing, byte))
            continue
        index = found[-1]
        indent, is_first = _indent(data, byte)
        if by_indent and is_first and _indent(data, open_brackets[index][1])[0] > indent:
            # A closing bracket at the start of a line belongs to the opening one whose line starts in the same column.
            index = next((one for one in reversed(found) if _indent(data, open_brackets[one][1])[0] == indent), index)
        lonely += open_brackets[index + 1 :]
        del open_brackets[index:]
    return lonely + open_brackets


def _lonely(tree: SyntaxTree, kind: str, byte: int, missing: list[Node]) -> _Trouble:
    if kind in _OPENING:
        return _Trouble(byte, byte + 1, f"unexpected `{kind}`")
    closing = _CLOSING[kind]
    for one in missing:
        if one.type == closing and one.start_byte > byte and tree.data.find(b"\n", byte, one.start_byte) == -1:
            start, end = _place(tree, one.start_byte)
            return _Trouble(start, end, f"expected `{closing}`", (byte, byte + 1, f"to close this `{kind}`"))
    return _Trouble(byte, byte + 1, f"`{kind}` is never closed")


def _missing(tree: SyntaxTree, node: Node) -> _Trouble:
    name = (
        f"`{node.type}`"
        if not node.is_named
        else f"{'an' if node.type[0] in 'aeiou' else 'a'} {node.type.replace('_', ' ')}"
    )
    start, end = _place(tree, node.start_byte)
    return _Trouble(start, end, f"expected {name}")


def _unexpected(tree: SyntaxTree, node: Node) -> _Trouble:
    """Return what is wrong with an error node: the first token the parser gave up on, or where it stopped."""
    tokens = [token for token in _tokens(node) if not token.type.endswith("comment")]
    quotes = [token for token in tokens if token.type in _QUOTES]
    if len(quotes) % 2:
        return _Trouble(quotes[-1].start_byte, quotes[-1].end_byte, "this string is never closed")
    skipped = next((token for token in tokens if token.parse_state == 0 or token.is_error), None)
    last = skipped or (tokens[-1] if tokens else node)
    start, end = _first_line(tree, last.start_byte, last.end_byte)
    is_unexpected = skipped is not None or len(tokens) <= 1
    return _Trouble(start, end, _words(tree.text(start, end).strip(), is_unexpected=is_unexpected))


def _words(quote: str, *, is_unexpected: bool) -> str:
    """Return what to say of the token `quote`. Nothing that cannot be printed gets into a message."""
    if len(quote) > _LONGEST_QUOTE:
        quote = f"{quote[:_LONGEST_QUOTE]}…"
    if not quote or "`" in quote:
        return "syntax error"
    if not quote.isprintable():
        return f"unexpected character U+{ord(next(one for one in quote if not one.isprintable())):04X}"
    return f"unexpected `{quote}`" if is_unexpected else f"syntax error near `{quote}`"


def _finding(tree: SyntaxTree, trouble: _Trouble) -> Finding:
    related: tuple[Related, ...] = ()
    if trouble.related is not None:
        start, end, words = trouble.related
        related = (Related(tree.span(start, end), words),)
    marked = (trouble.start, trouble.end) if trouble.start < trouble.end else _place(tree, trouble.start)
    span: Span = tree.span(*marked)
    return Finding(
        rule=syntax_error.DOC.id,
        source="postil",
        span=span,
        severity=Severity.ERROR,
        category=Category.SYNTAX,
        message=trouble.message,
        related=related,
    )


def _place(tree: SyntaxTree, byte: int) -> tuple[int, int]:
    """Return what to mark where something is missing: the last character before it that is no blank, or the first one."""
    data = tree.data
    end = len(data[:byte].rstrip())
    start = max(end - 1, 0)
    end = max(end, min(1, len(data)))
    while start > 0 and data[start] & 0xC0 == 0x80:
        start -= 1
    while end < len(data) and data[end] & 0xC0 == 0x80:
        end += 1
    return start, end


def _first_line(tree: SyntaxTree, start: int, end: int) -> tuple[int, int]:
    newline = tree.data.find(b"\n", start, end)
    return start, end if newline == -1 else max(newline, start)


def _indent(data: bytes, byte: int) -> tuple[int, bool]:
    """Return how far the line of `byte` is indented, and whether `byte` is the first of it that is no blank."""
    start = data.rfind(b"\n", 0, byte) + 1
    before = data[start : byte + 1]
    indent = len(before) - len(before.lstrip())
    return indent, indent == byte - start
