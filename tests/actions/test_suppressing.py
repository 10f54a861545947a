"""Suppressions: the comment lands where it works, in the form of the language, and loses nothing that was there."""

from __future__ import annotations

import pytest

from analyzers.document import Document, Point, Span
from analyzers.finding import Category, Finding, Severity
from analyzers.suppressions import kept
from server.actions import Action, ActionRefused, Request, Shown, offered, resolved
from tests.actions.real_ruff import URI, RealRuff, RealState, applied, whole


async def actions(state: RealState, name: str) -> list[Action]:
    """Return what one producer offers for the whole text, disabled offers included."""
    assert state.open
    found = await offered(state, Request(URI, *whole(state.open), shows_disabled=True))
    return [one for one in found if one.data["action"] == name]


async def check_suppressed(ruff: RealRuff, name: str, rule: str, before: str, after: str) -> None:
    """Suppress `rule`, expect `after`, and ask ruff whether it is silent."""
    state = RealState(ruff, before)
    assert state.open
    [action] = [one for one in await actions(state, name) if f" {rule} " in one.title]
    assert action.kind == "quickfix"
    assert not action.preferred
    assert applied(state.open, await resolved(state, action.data)) == after
    state.change(after)
    assert rule not in [one.rule for one in state.findings]


@pytest.mark.parametrize(
    ("rule", "before", "after"),
    [
        ("F401", "import os\n", "import os  # noqa: F401\n"),
        ("F401", "import os", "import os  # noqa: F401"),
        ("F401", "import os\r\nx = 1\r\n", "import os  # noqa: F401\r\nx = 1\r\n"),
        ("F401", "import os\rx = 1\r", "import os  # noqa: F401\rx = 1\r"),
        ("F401", "import os  # why\n", "import os  # why  # noqa: F401\n"),
        ("F401", "import os  # noqa: E501\n", "import os  # noqa: E501, F401\n"),
        ("F401", "import os  # noqa: E501 a long story\n", "import os  # noqa: E501, F401 a long story\n"),
        ("F401", "import os  # noqa:E501  # type: ignore\n", "import os  # noqa: E501, F401  # type: ignore\n"),
        ("F401", "import os  # type: ignore # noqa: E501\n", "import os  # type: ignore  # noqa: E501, F401\n"),
        ("W291", "x = '''\n😀  \nb\n'''\n", "x = '''\n😀  \nb\n'''  # noqa: W291\n"),
        ("E711", "x = 1 + \\\n  (y == None)\n", "x = 1 + \\\n  (y == None)  # noqa: E711\n"),
        ("E711", "y = 1\nx = f'''\n{y == None}\n'''\n", "y = 1\nx = f'''\n{y == None}\n'''  # noqa: E711\n"),
    ],
)
async def test_ruff_is_silenced_on_a_line(ruff: RealRuff, rule: str, before: str, after: str) -> None:
    await check_suppressed(ruff, "suppressLine", rule, before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("import os\n", "# ruff: noqa: F401\nimport os\n"),
        ("import os", "# ruff: noqa: F401\nimport os"),
        ("\ufeffimport os\n", "\ufeff# ruff: noqa: F401\nimport os\n"),
        (
            "#!/usr/bin/python\n# coding: utf-8\nimport os\n",
            "#!/usr/bin/python\n# coding: utf-8\n# ruff: noqa: F401\nimport os\n",
        ),
        ("#!/usr/bin/python\r\nimport os\r\n", "#!/usr/bin/python\r\n# ruff: noqa: F401\r\nimport os\r\n"),
        ('"""Docs."""\nimport os\n', '# ruff: noqa: F401\n"""Docs."""\nimport os\n'),
        ("# ruff: noqa: E501\nimport os\n", "# ruff: noqa: E501, F401\nimport os\n"),
        ("# A note.\n# ruff: noqa: E501 why\nimport os\n", "# A note.\n# ruff: noqa: E501, F401 why\nimport os\n"),
        ('"""\n# ruff: noqa: E501\n"""\nimport os\n', '# ruff: noqa: F401\n"""\n# ruff: noqa: E501\n"""\nimport os\n'),
    ],
)
async def test_ruff_is_silenced_in_a_file(ruff: RealRuff, before: str, after: str) -> None:
    await check_suppressed(ruff, "suppressFile", "F401", before, after)


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("suppressLine", "import os\n", "import os  # ruff: ignore[unused-import]\n"),
        (
            "suppressLine",
            "import os  # ruff: ignore[blanket-type-ignore] why\n",
            "import os  # ruff: ignore[blanket-type-ignore, unused-import] why\n",
        ),
        ("suppressFile", "import os\n", "# ruff: file-ignore[unused-import]\nimport os\n"),
        (
            "suppressFile",
            "# ruff: file-ignore[line-too-long]\nimport os\n",
            "# ruff: file-ignore[line-too-long, unused-import]\nimport os\n",
        ),
    ],
)
async def test_rules_with_names_are_silenced_by_name(name: str, before: str, after: str) -> None:
    with RealRuff(preview=True, select=["F"]) as preview:
        await check_suppressed(preview, name, "unused-import", before, after)


async def test_what_no_comment_silences_is_disabled_with_a_reason(ruff: RealRuff) -> None:
    state = RealState(ruff, "def f(:\n")
    for name in ("suppressLine", "suppressFile"):
        found = await actions(state, name)
        assert found
        for one in found:
            assert one.disabled or "syntax-error" not in one.title
            if one.disabled:
                with pytest.raises(ActionRefused):
                    await resolved(state, one.data)


async def test_a_comment_about_comments_is_not_offered(ruff: RealRuff) -> None:
    state = RealState(ruff, "x = 1  # noqa: F401\n")
    [action] = [one for one in await actions(state, "suppressLine") if "RUF100" in one.title]
    assert "in spite of them" in action.disabled


async def test_two_findings_of_a_rule_on_a_line_are_one_offer(ruff: RealRuff) -> None:
    state = RealState(ruff, "import json, abc\n")
    [action] = [one for one in await actions(state, "suppressLine") if "F401" in one.title]
    assert len(action.fingerprints) == 2


@pytest.mark.parametrize(
    ("language", "before", "after"),
    [
        ("python", "def f():", "def f():  # postil: ignore[a-rule]"),
        ("javascript", "function f() {", "function f() {  // postil: ignore[a-rule]"),
        ("typescript", "f(); // postil: ignore[b-rule] why", "f(); // postil: ignore[b-rule, a-rule] why"),
        ("html", "<p>", "<p>  <!-- postil: ignore[a-rule] -->"),
        ("css", "a { b: c }", "a { b: c }  /* postil: ignore[a-rule] */"),
        ("sql", "select 1", "select 1  -- postil: ignore[a-rule]"),
        ("lua", "x = 1", "x = 1  -- postil: ignore[a-rule]"),
        ("yaml", "a: b", "a: b  # postil: ignore[a-rule]"),
        ("shellscript", "x=1", "x=1  # postil: ignore[a-rule]"),
        ("rust", "fn f() {}", "fn f() {}  // postil: ignore[a-rule]"),
        ("toml", "a = 1 # é😀", "a = 1 # é😀  # postil: ignore[a-rule]"),
        ("jsonc", "{", "{  // postil: ignore[a-rule]"),
    ],
)
async def test_ours_are_silenced_as_the_language_writes_comments(
    ruff: RealRuff, language: str, before: str, after: str
) -> None:
    text, expected = f"{before}\nrest\n", f"{after}\nrest\n"
    state = RealState(ruff, text, language=language, own=[own_finding()])
    assert state.open
    [action] = [one for one in await actions(state, "suppressLine") if "a-rule" in one.title]
    assert applied(state.open, await resolved(state, action.data)) == expected
    finding = Finding("a-rule", "postil", Span(0, 1), Severity.WARNING, Category.SMELL, "a message")
    assert kept(Document(URI, 1, language, text), [finding]) == [finding]
    assert kept(Document(URI, 2, language, expected), [finding]) == []


@pytest.mark.parametrize(("language", "text"), [("json", "{}\n"), ("klingon", "x\n"), ("python", "x = 1 + \\\n  2\n")])
async def test_where_no_comment_can_stand_ours_are_disabled(ruff: RealRuff, language: str, text: str) -> None:
    state = RealState(ruff, text, language=language, own=[own_finding()])
    [action] = [one for one in await actions(state, "suppressLine") if "a-rule" in one.title]
    assert action.disabled
    with pytest.raises(ActionRefused):
        await resolved(state, action.data)


async def test_a_note_about_the_analysis_is_no_finding(ruff: RealRuff) -> None:
    note = Shown("n", "postil", "analysis-off", "off", Point(0, 0), Point(0, 1), Severity.INFO, is_note=True)
    state = RealState(ruff, "x = 1\n", language="lua", own=[note])
    assert await actions(state, "suppressLine") == []


def own_finding() -> Shown:
    return Shown("own", "postil", "a-rule", "a message", Point(0, 0), Point(0, 1), Severity.WARNING)
