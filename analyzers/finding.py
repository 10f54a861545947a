"""What an analyzer has to say: a finding, and perhaps a fix.

Invariant: findings and fixes are data. They know offsets of one document version (code points), no file, no editor.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING

from analyzers.document import Edit, Span  # noqa: TC001 - msgspec reads the annotations when findings cross a process

if TYPE_CHECKING:
    from collections.abc import Iterable

    from analyzers.document import Document

_LONGEST_LINE = 4096  # code points


class Severity(IntEnum):
    """How much a finding matters; smaller is worse. The numbers are LSP's DiagnosticSeverity."""

    ERROR = 1
    WARNING = 2
    INFO = 3
    HINT = 4


class Category(StrEnum):
    """What kind of trouble a finding is about."""

    SYNTAX = "syntax"
    BUG = "bug"
    SECURITY = "security"
    SMELL = "smell"
    STYLE = "style"
    CONFIGURATION = "configuration"


@dataclass(frozen=True, slots=True)
class Fix:
    """A set of edits that mends a finding. `safe`: it cannot change what the program does.

    The edits are sorted and disjoint; ValueError otherwise.
    """

    title: str
    edits: tuple[Edit, ...]
    safe: bool

    def __post_init__(self) -> None:
        """Check that the edits can be applied together."""
        end = 0
        for span, _ in self.edits:
            if span.start < end or span.end < span.start:
                message = f"the edits of {self.title!r} overlap or are not sorted"
                raise ValueError(message)
            end = span.end


@dataclass(frozen=True, slots=True)
class Related:
    """Another place that explains a finding; `uri` is empty for the finding's own document."""

    span: Span
    message: str
    uri: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong with one text.

    `rule` is the code shown to people and used in settings (`F401`, `cognitive-complexity`); `source` is the tool that found
    it (`ruff`, `postil`); `help` is Markdown about the rule or a link; `confidence` is from 0 to 1; `cwe` the weakness's
    number; `unnecessary` and `deprecated` are LSP's tags. `fingerprint` is empty until `fingerprinted` filled it.
    """

    rule: str
    source: str
    span: Span
    severity: Severity
    category: Category
    message: str
    help: str = ""
    fixes: tuple[Fix, ...] = ()
    confidence: float = 1.0
    cwe: int | None = None
    related: tuple[Related, ...] = ()
    unnecessary: bool = False
    deprecated: bool = False
    fingerprint: str = ""


def fingerprint(rule: str, line_text: str, occurrence: int) -> str:
    """Return a finding's identity: 16 hexadecimal digits that survive the moving of its line and changes elsewhere.

    Of a line longer than any that people write, the beginning counts. `occurrence` counts, from 0, the findings of the same
    rule on lines of the same text in the same document.
    """
    recipe = f"postil/v1\0{rule}\0{''.join(line_text[:_LONGEST_LINE].split())}\0{occurrence}"
    return hashlib.sha256(recipe.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def fingerprinted(document: Document, findings: Iterable[Finding]) -> list[Finding]:
    """Return `findings` sorted by place and rule, each with its fingerprint."""
    counts: dict[tuple[str, str], int] = {}
    result = []
    for finding in sorted(findings, key=lambda one: (one.span, one.rule, one.message)):
        line = document.line_text(document.point(finding.span.start).line)
        key = (finding.rule, "".join(line.split()))
        occurrence = counts.get(key, 0)
        counts[key] = occurrence + 1
        result.append(replace(finding, fingerprint=fingerprint(finding.rule, line, occurrence)))
    return result
