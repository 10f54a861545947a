"""Hovers: the findings under the pointer, explained; nothing anywhere else; nothing of the analysed code rendered."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analyzers.document import Document, Edit, Point, Span
from analyzers.finding import Fix, Severity
from analyzers.ranges import Position, Range
from analyzers.ruff_wire import RuffData, RuffEdit
from analyzers.rule_docs import RuleDocs, RuleHelp
from server.hover import HoverText, hover
from server.offers import Shown
from tests.actions.test_offers import URI, Session
from tests.hover.test_markdown import HARMLESS, HOSTILE, tokens

TEXT = "import os\nvalue = compute(1)\n"
NOQA = RuffEdit(Range(Position(0, 9), Position(1, 0)), "  # noqa: F401\n")
REMOVAL = RuffEdit(Range(Position(0, 0), Position(1, 0)), "")
UNUSED = Shown(
    "one",
    "ruff",
    "F401",
    "`os` imported but unused\n\nhelp: Remove unused import: `os`",
    Point(0, 7),
    Point(0, 9),
    Severity.WARNING,
    ruff=RuffData("F401", "Remove unused import: `os`", [REMOVAL], NOQA, is_preferred=True),
)
HARD = Shown(
    "two",
    "postil",
    "cognitive-complexity",
    "f is hard to follow: 31 (limit 25)",
    Point(0, 0),
    Point(1, 5),
    Severity.INFO,
)


async def shown(at: Point, *findings: Shown, markdown: bool = True, language: str = "python") -> HoverText | None:
    state = Session(TEXT, findings)
    state.open = Document(URI, 1, language, TEXT)
    return await hover(state, RuleDocs(), URI, at, markdown=markdown)


@pytest.mark.parametrize("at", [Point(0, 7), Point(0, 8), Point(0, 9)])
async def test_a_finding_is_explained(at: Point) -> None:
    found = await shown(at, UNUSED)
    assert found
    assert (found.start, found.end) == (UNUSED.start, UNUSED.end)
    assert found.text.startswith("`os` imported but unused\n\n`ruff F401`: unused import\n\n")
    for part in (
        "Checks for unused imports.",
        "**Why**: Unused imports add",
        "**Example**\n```python\nimport numpy",
        "**Better**\n```python\ndef area",
        "**Fix**: Remove unused import: `os`",
        "**Silence**: `# noqa: F401`",
        "[About this rule](https://docs.astral.sh/ruff/rules/unused-import)",
    ):
        assert part in found.text
    assert "help:" not in found.text
    assert "unsafe:" not in found.text
    assert "Fix safety" not in found.text


@pytest.mark.parametrize("at", [Point(0, 6), Point(0, 0), Point(1, 3), Point(99, 0)])
async def test_elsewhere_there_is_nothing(at: Point) -> None:
    assert await shown(at, UNUSED) is None


async def test_an_unsafe_fix_says_so() -> None:
    assert UNUSED.ruff
    data = RuffData("F401", "Remove", [REMOVAL], NOQA, is_preferred=False)
    found = await shown(UNUSED.start, replace(UNUSED, ruff=data))
    assert found
    assert "**Fix**: Remove (unsafe: it may change what the program does)" in found.text
    assert "**Fix safety**: Fixes to remove unused imports are safe, except in" in found.text


async def test_without_a_fix_none_is_promised() -> None:
    found = await shown(Point(0, 3), HARD)
    assert found
    assert "**Fix**" not in found.text
    assert "**How to fix**" in found.text


@pytest.mark.parametrize(
    ("language", "comment"),
    [
        ("python", "# postil: ignore[cognitive-complexity] reason"),
        ("javascript", "// postil: ignore[cognitive-complexity] reason"),
        ("html", "<!-- postil: ignore[cognitive-complexity] reason -->"),
        ("json", ""),
    ],
)
async def test_how_to_silence_is_told_in_the_languages_comment(language: str, comment: str) -> None:
    found = await shown(Point(0, 3), HARD, language=language)
    assert found
    assert (f"**Silence**: `{comment}`" in found.text) if comment else ("Silence" not in found.text)


async def test_a_rule_with_a_name_is_silenced_by_name() -> None:
    found = await shown(UNUSED.start, replace(UNUSED, rule="unused-import"))
    assert found
    assert "**Silence**: `# ruff: ignore[unused-import]`" in found.text


async def test_several_findings_are_short_the_worst_first() -> None:
    error = Shown("e", "ruff", "syntax-error", "Expected an expression", Point(0, 7), Point(0, 7), Severity.ERROR)
    found = await shown(Point(0, 7), HARD, UNUSED, error)
    assert found
    parts = found.text.split("\n\n---\n\n")
    assert [part.split()[0] for part in parts] == ["Expected", "`os`", "f"]
    assert "**Example**" not in found.text
    assert len(found.text.splitlines()) < 40
    assert (found.start, found.end) == (error.start, error.end)


async def test_of_many_findings_the_number_is_told() -> None:
    many = [replace(UNUSED, fingerprint=str(number)) for number in range(8)]
    found = await shown(UNUSED.start, *many)
    assert found
    assert found.text.endswith("and 3 more here")


async def test_lsp_60_plain_text_for_a_client_without_markdown() -> None:
    found = await shown(UNUSED.start, UNUSED, markdown=False)
    assert found
    assert not found.markdown
    assert found.text.startswith("`os` imported but unused\n\nruff F401: unused import\n")
    for markup in ("**Why", "```", "](", "---"):
        assert markup not in found.text
    assert "https://docs.astral.sh/ruff/rules/unused-import" in found.text


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
async def test_threat_17_a_hostile_message_or_fix_renders_nothing(text: str) -> None:
    fix = Fix(text, (Edit(Span(0, 1), ""),), safe=True)
    hostile = Shown("h", "postil", "no-such-rule", text, Point(0, 0), Point(0, 3), Severity.WARNING, (fix,), url=text)
    one = await shown(Point(0, 1), hostile)
    two = await shown(Point(0, 1), hostile, replace(hostile, fingerprint="h2"))
    assert one
    assert two
    assert {token.type for token in tokens(one.text)} <= HARMLESS | {"strong_open", "strong_close"}
    assert {token.type for token in tokens(two.text)} <= HARMLESS | {"hr"}


async def test_a_rule_nobody_explains_still_has_its_message() -> None:
    found = await shown(
        Point(0, 0), Shown("x", "postil", "new-rule", "a message", Point(0, 0), Point(0, 1), Severity.HINT)
    )
    assert found
    assert found.text.startswith("a message\n\n`postil new-rule`")


async def test_a_text_that_changed_while_ruff_was_asked_has_no_hover() -> None:
    state = Session(TEXT, (UNUSED,))

    class Slow(RuleDocs):
        async def fetch(self, code: str) -> RuleHelp | None:
            assert state.open
            state.open = state.open.with_text("#" + TEXT, 9)
            return await super().fetch(code)

    assert await hover(state, Slow(), URI, UNUSED.start, markdown=True) is None
    state.open = None
    assert await hover(state, RuleDocs(), URI, UNUSED.start, markdown=True) is None
