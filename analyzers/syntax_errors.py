"""The findings about syntax: what the parser could not make sense of, one per trouble, at the smallest honest place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyzers.finding import Category, Finding, Severity

if TYPE_CHECKING:
    from analyzers.static import Subject
    from analyzers.syntax import Node

_MOST = 5  # findings in one file
_RULE = "syntax-error"


def findings(subject: Subject) -> list[Finding]:
    """Return the syntax errors of `subject`."""
    tree = subject.tree
    if tree is None or not subject.options.syntax_errors or not tree.root.has_error:
        return []
    return []
