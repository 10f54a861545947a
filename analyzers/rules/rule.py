"""What there is to say about a rule, and whether it is on.

Invariant: data for hover, SARIF and the documentation; no rule is run from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analyzers.options import Options


@dataclass(frozen=True, slots=True)
class RuleDoc:
    """The documentation of one rule. Texts are Markdown; `bad` and `good` are code; `cwe` is the weakness's number, if any."""

    id: str
    title: str
    what: str
    why: str
    bad: str
    good: str
    fix: str
    link: str
    not_reported: str
    language: str = "python"  # of the two examples
    cwe: int | None = None


def is_on(rule: str, options: Options) -> bool:
    """Whether `rule`, on by default, is wanted."""
    return not any(_matches(rule, pattern) for pattern in options.ignore)


def _matches(rule: str, pattern: str) -> bool:
    return rule.startswith(pattern[:-1]) if pattern.endswith("*") else rule == pattern
