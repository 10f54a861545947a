"""`syntax-error`: text that its language's grammar does not accept. Found by `analyzers/syntax_errors.py`."""

from __future__ import annotations

from analyzers.rules.rule import RuleDoc

DOC = RuleDoc(
    id="syntax-error",
    title="The text is not valid in its language",
    what="The parser met something that cannot stand there, or missed something that must.",
    why="The file does not run, compile or load, and other findings below the place may be wrong.",
    bad="total = sum(price * count for price, count in lines\n",
    good="total = sum(price * count for price, count in lines)\n",
    fix="Look at the marked place and just before it: an unclosed bracket, quote or block shows up where it is missed.",
    link="https://tree-sitter.github.io/tree-sitter/",
    not_reported=(
        "Whatever the grammar cannot be trusted with: files with template markers, C and C++ shaped by macros, SQL whose "
        "dialect is not known. There only what is certain is reported, such as a bracket that is never closed. In Python, ruff "
        "reports syntax errors, and this rule is silent."
    ),
)
