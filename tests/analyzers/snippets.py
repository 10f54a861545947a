"""Annotated source: a test of findings is the code it is about, with `^^^` under what is found.

    check('''
    def outer(a):
    #   ^^^^^ info[cognitive-complexity]: `outer` is hard to follow: ...
        ...
    ''')

A line with carets is no part of the text: it says what is found on the line above it. A comment mark may stand before the
carets, so that an editor still colours the code. The message may be cut with `...`. What is not annotated must not be found.
"""

from __future__ import annotations

import re
from textwrap import dedent
from typing import NamedTuple

from analyzers.document import Document, Edit
from analyzers.finding import Finding
from analyzers.options import Options
from analyzers.static import analyse

_ANNOTATION = re.compile(
    r"^(?P<before>[\s#/*<!-]*)(?P<carets>\^+) (?P<severity>\w+)\[(?P<rule>[\w*-]+)\](?:: (?P<message>.*?))?\s*$"
)


class Expected(NamedTuple):
    """One annotation, or one finding in the same terms. Lines and columns are from 0."""

    line: int
    column: int
    end: int
    severity: str
    rule: str
    message: str


def parsed(source: str) -> tuple[str, list[Expected]]:
    """Return the text of an annotated source, and what its annotations say."""
    lines: list[str] = []
    expected: list[Expected] = []
    for line in dedent(source).removeprefix("\n").splitlines(keepends=True):
        match = _ANNOTATION.match(line)
        if match is None:
            lines.append(line)
            continue
        column, end = match.span("carets")
        assert lines, "an annotation belongs below the line it is about"
        expected.append(
            Expected(len(lines) - 1, column, end, match["severity"], match["rule"], match["message"] or "...")
        )
    return "".join(lines), sorted(expected)


def described(document: Document, findings: list[Finding]) -> list[Expected]:
    """Return findings as annotations would put them; what goes on beyond the line is cut."""
    result = []
    for one in findings:
        start, end = document.point(one.span.start), document.point(one.span.end)
        last = end.column if end.line == start.line else len(document.line_text(start.line))
        result.append(
            Expected(
                start.line, start.column, max(last, start.column + 1), one.severity.name.lower(), one.rule, one.message
            )
        )
    return sorted(result)


def check(
    source: str, *, language: str = "python", options: Options | None = None, findings: list[Finding] | None = None
) -> None:
    """Check that what is found in `source` is what its annotations say. `findings` are those of another analyzer than ours."""
    text, expected = parsed(source)
    document = Document("test:///snippet", 1, language, text)
    found = described(document, analyse(document, options or Options()) if findings is None else findings)
    matched = [
        wanted if one[:5] == wanted[:5] and _says(one.message, wanted.message) else one
        for one, wanted in zip(found, expected, strict=False)
    ] + found[len(expected) :]
    assert annotated(text, matched) == annotated(text, expected)


def check_fix(before: str, after: str, *, language: str = "python", options: Options | None = None) -> None:
    """Check that the first fix of each finding in `before`, all applied, gives `after`."""
    document = Document("test:///snippet", 1, language, parsed(before)[0])
    edits: set[Edit] = set()
    for one in analyse(document, options or Options()):
        edits |= set(one.fixes[0].edits) if one.fixes else set()
    assert document.edited(edits, 2).text == parsed(after)[0]


def annotated(text: str, annotations: list[Expected]) -> str:
    """Return `text` with annotations written below its lines."""
    below: dict[int, list[str]] = {}
    for one in annotations:
        carets = " " * one.column + "^" * (one.end - one.column)
        below.setdefault(one.line, []).append(f"{carets} {one.severity}[{one.rule}]: {one.message}\n")
    lines = text.splitlines(keepends=True) or [""]
    return "".join(line + "".join(below.get(number, ())) for number, line in enumerate(lines))


def _says(message: str, wanted: str) -> bool:
    if wanted.endswith("..."):
        return message.startswith(wanted.removesuffix("..."))
    return message == wanted
