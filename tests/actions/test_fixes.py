"""Fixes, from what a real ruff says to the text after the editor applied the edit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from analyzers.document import Edit, Point, Span
from analyzers.finding import Fix, Severity
from server.actions import Action, ActionRefused, Request, Shown, StaleAction, offered, resolved
from tests.actions.real_ruff import URI, RealRuff, RealState, applied, whole


async def actions(state: RealState, **request: object) -> list[Action]:
    """Return what is offered for the whole text, asked for by the user."""
    assert state.open
    asked = replace(Request(URI, *whole(state.open)), **request)  # type: ignore[arg-type]
    return await offered(state, asked)


def called(found: list[Action], title: str) -> Action:
    """Return the one action of that title."""
    matching = [one for one in found if one.title == title]
    assert len(matching) == 1, [one.title for one in found]
    return matching[0]


async def check_fix(ruff: RealRuff, before: str, title: str, after: str) -> Action:
    """Choose `title` in `before`, and expect `after`."""
    state = RealState(ruff, before)
    assert state.open
    action = called(await actions(state), title)
    assert applied(state.open, await resolved(state, action.data)) == after
    return action


async def test_a_safe_fix_is_preferred(ruff: RealRuff) -> None:
    action = await check_fix(
        ruff, "import os\nimport sys\n\nsys.exit()\n", "Remove unused import: `os` [F401]", "import sys\n\nsys.exit()\n"
    )
    assert action.preferred
    assert action.kind == "quickfix"


async def test_an_unsafe_fix_says_so_and_is_not_preferred(ruff: RealRuff) -> None:
    title = "Replace with `cond is None` [E711] (unsafe)"
    action = await check_fix(ruff, 'x = "é😀"; y = x == None\n', title, 'x = "é😀"; y = x is None\n')
    assert not action.preferred


async def test_an_edit_is_no_larger_than_the_change(ruff: RealRuff) -> None:
    state = RealState(ruff, "def f(x):\n    return x == None\n")
    action = called(await actions(state), "Replace with `cond is None` [E711] (unsafe)")
    edit = await resolved(state, action.data)
    assert edit.changes == {URI: (1, (Edit(Span(23, 25), "is"),))}


async def test_findings_that_share_a_fix_share_an_offer(ruff: RealRuff) -> None:
    state = RealState(ruff, "import json, abc\n")
    action = called(await actions(state), "Remove unused import [F401]")
    assert len(action.fingerprints) == 2


async def test_safe_fixes_come_first(ruff: RealRuff) -> None:
    state = RealState(ruff, "import os\ny = input()\nx = y == None\n")
    titles = [one.title for one in await actions(state) if one.data["action"] == "fix"]
    assert titles == sorted(titles, key=lambda title: title.endswith("(unsafe)"))
    assert any(title.endswith("(unsafe)") for title in titles)
    assert not titles[0].endswith("(unsafe)")


async def test_all_of_a_kind_together_leave_a_body(ruff: RealRuff) -> None:
    # Each import may go alone; ruff knows that both may not.
    before = "try:\n    import abc\n    import bz2\nfinally:\n    print()\n\nimport cmd\n"
    state = RealState(ruff, before)
    assert state.open
    action = called(await actions(state), "Fix all 3 F401 in this file")
    edit = await resolved(state, action.data)
    assert applied(state.open, edit) == "try:\n    pass\nfinally:\n    print()\n\n"
    assert not edit.confirmation
    assert not action.preferred


async def test_a_bulk_of_unsafe_fixes_asks_first(ruff: RealRuff) -> None:
    state = RealState(ruff, "a = b = 1\nprint(a == None)\nprint(b == None)\n")
    assert state.open
    edit = await resolved(state, called(await actions(state), "Fix all 2 E711 in this file (unsafe)").data)
    assert applied(state.open, edit) == "a = b = 1\nprint(a is None)\nprint(b is None)\n"
    assert edit.confirmation


async def test_fixes_that_ruff_does_not_apply_in_bulk_are_refused(ruff: RealRuff) -> None:
    state = RealState(ruff, "# import os\nx = 1\n# import sys\n")
    action = called(await actions(state), "Fix all 2 ERA001 in this file (unsafe)")
    with pytest.raises(ActionRefused, match="one at a time"):
        await resolved(state, action.data)


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\r"])
async def test_fix_all_applies_what_is_safe(ruff: RealRuff, line_break: str) -> None:
    before = "import os\nimport sys\n\n\ndef f(x) -> int:\n    sys.exit(x)\n    return len(list(x)) + (x == None)\n"
    state = RealState(ruff, before.replace("\n", line_break))
    assert state.open
    action = called(await actions(state), "Fix all safe problems")
    assert action.kind == "source.fixAll.postil"
    edit = await resolved(state, action.data)
    after = applied(state.open, edit)
    assert after == before.replace("import os\n", "").replace("\n", line_break)
    assert not edit.confirmation, "editors run it on each save"
    state.change(after)
    again = await actions(state, only=("source.fixAll",))
    assert (await resolved(state, again[0].data)).is_empty


async def test_imports_are_put_in_order(ruff: RealRuff) -> None:
    state = RealState(ruff, 'import sys\nimport os\n\nprint(os, sys, "😀")\n')
    assert state.open
    [action] = await actions(state, only=("source.organizeImports",))
    assert action.kind == "source.organizeImports.postil"
    edit = await resolved(state, action.data)
    assert applied(state.open, edit) == 'import os\nimport sys\n\nprint(os, sys, "😀")\n'


async def test_fix_all_takes_our_own_fixes_where_ruff_leaves_room(ruff: RealRuff) -> None:
    state = RealState(ruff, "import os\nfoo = 1\n", own=[own_finding("a", 16, "2"), own_finding("b", 0, "z")])
    assert state.open
    [action] = await actions(state, only=("source.fixAll",))
    assert applied(state.open, await resolved(state, action.data)) == "foo = 2\n"


async def test_our_own_fix_is_offered_in_any_language(ruff: RealRuff) -> None:
    state = RealState(ruff, "local x = 1\n", language="lua", own=[own_finding("a", 6, "y"), own_finding("b", 10, "2")])
    assert state.open
    found = await actions(state)
    assert applied(state.open, await resolved(state, called(found, "Rewrite [own-a]").data)) == "local y = 1\n"
    edit = await resolved(state, called(found, "Fix all safe problems").data)
    assert applied(state.open, edit) == "local y = 2\n"
    assert not [one for one in found if one.kind == "source.organizeImports.postil"]


async def test_a_fix_of_a_finding_that_is_gone_is_stale(ruff: RealRuff) -> None:
    state = RealState(ruff, "import os\n")
    action = called(await actions(state), "Remove unused import: `os` [F401]")
    state.findings = ()
    with pytest.raises(StaleAction):
        await resolved(state, action.data)


async def test_ruff_answering_about_a_text_that_changed_is_stale(ruff: RealRuff) -> None:
    state = RealState(ruff, "import os\n")
    [action] = await actions(state, only=("source.fixAll",))
    ask = state.ruff_request

    async def typed_meanwhile(uri: str, method: str, params: object) -> object:
        answer = await ask(uri, method, params)
        state.change("import os  # used below\n")
        return answer

    state.ruff_request = typed_meanwhile  # type: ignore[method-assign]
    with pytest.raises(StaleAction):
        await resolved(state, action.data)


def own_finding(name: str, at: int, text: str) -> Shown:
    """Return a finding of ours at one character, with a safe fix."""
    fix = Fix("Rewrite", (Edit(Span(at, at + 1), text),), safe=True)
    return Shown(
        f"own{name}", "postil", f"own-{name}", "a message", Point(0, at), Point(0, at + 1), Severity.WARNING, (fix,)
    )
