"""postil's own rules, one module each, and what is written about them.

A rule's module holds its `DOC` and what makes its findings. Whoever adds a rule adds the module and a line in `RULES`.
"""

from __future__ import annotations

from analyzers.rules import cognitive_complexity, cyclomatic_complexity, syntax_error
from analyzers.rules.rule import RuleDoc

__all__ = ["RULES", "RuleDoc", "rule_doc"]

RULES: tuple[RuleDoc, ...] = (cognitive_complexity.DOC, cyclomatic_complexity.DOC, syntax_error.DOC)


def rule_doc(rule: str) -> RuleDoc | None:
    """Return what is written about `rule`, or None if it is not one of ours."""
    return next((doc for doc in RULES if doc.id == rule), None)
