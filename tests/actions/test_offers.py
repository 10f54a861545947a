"""What is offered when, and what is refused: kinds, triggers, clients, stale and forged actions (LSP 56 to 59, THREATS 23)."""

from __future__ import annotations

import asyncio
import logging
import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from analyzers.document import Document, Edit, Point, Span
from analyzers.finding import Fix, Severity
from server import actions
from server.actions import PRODUCERS, Request, Shown, StaleAction, UnknownAction, offered, resolved
from server.offers import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.offers import Context, Offer

URI = "file:///project/sample.py"
TEXT = "value = compute(1)\nother = value\nprint(other)\n"


class Session:
    """A `State` without any child: ruff is not there, jedi answers what it is told to."""

    encoding = "utf-16"

    def __init__(self, text: str = TEXT, shown: tuple[Shown, ...] = ()) -> None:
        self.open: Document | None = Document(URI, 3, "python", text)
        self.findings = shown

    def document(self, uri: str) -> Document | None:
        return self.open if uri == URI else None

    def shown(self, uri: str) -> tuple[Shown, ...]:
        return self.findings if uri == URI else ()

    async def ruff_request(self, uri: str, method: str, params: object) -> object:
        del uri, method, params
        return {"title": "", "kind": "", "edit": {"documentChanges": []}}

    async def ruff_fixed(self, document: Document, rule: str, *, unsafe: bool) -> str:
        del rule, unsafe
        return document.text.replace("other", "another")

    async def refactored(self, document: Document, refactoring: str, start: Point, end: Point, name: str) -> list[Any]:
        del document, refactoring, start, end, name
        return []


def finding(
    name: str, start: tuple[int, int], end: tuple[int, int], *, safe: bool = True, rule: str = "a-rule"
) -> Shown:
    fix = Fix("Mend", (Edit(Span(0, 5), "mended"),), safe)
    return Shown(name, "postil", rule, "a message", Point(*start), Point(*end), Severity.WARNING, (fix,))


FINDINGS = (finding("one", (0, 0), (0, 5)), finding("two", (1, 8), (1, 13), safe=False))
HERE = Request(URI, Point(0, 2), Point(0, 2))


def producers(found: list[actions.Action]) -> list[object]:
    return [one.data["action"] for one in found]


async def test_only_findings_at_the_place_are_mended() -> None:
    found = await offered(Session(shown=FINDINGS), HERE)
    assert {one.fingerprints for one in found if one.data["action"] == "fix"} == {("one",)}


@pytest.mark.parametrize("at", [Point(0, 0), Point(0, 5)])
async def test_touching_a_finding_is_enough(at: Point) -> None:
    found = await offered(Session(shown=FINDINGS), replace(HERE, start=at, end=at))
    assert "fix" in producers(found)


async def test_findings_that_the_client_names_count_although_the_cursor_is_elsewhere() -> None:
    end_of_line = Point(1, 0)
    found = await offered(
        Session(shown=FINDINGS),
        replace(HERE, start=end_of_line, end=end_of_line, fingerprints=frozenset(["two", "gone"])),
    )
    assert {one.fingerprints for one in found if one.data["action"] == "fix"} == {("two",)}


@pytest.mark.parametrize(
    ("only", "kinds"),
    [
        ((), set(KINDS) - {"refactor.extract"}),
        (("",), set(KINDS) - {"refactor.extract"}),
        (("quickfix",), {"quickfix"}),
        (("source",), {"source.fixAll.postil", "source.organizeImports.postil"}),
        (("source.fixAll",), {"source.fixAll.postil"}),
        (("source.fixAll.postil",), {"source.fixAll.postil"}),
        (("source.fixAll.postil.more",), set()),
        (("source.fixAll.ruff",), set()),
        (("source.fix",), set()),
        (("refactor",), {"refactor.inline"}),
        (("refactor.rewrite",), set()),
        (("notebook",), set()),
        (("quickfix", "source.organizeImports"), {"quickfix", "source.organizeImports.postil"}),
    ],
)
async def test_lsp_56_only_names_kinds_by_their_beginning(only: tuple[str, ...], kinds: set[str]) -> None:
    found = await offered(Session(shown=FINDINGS), replace(HERE, only=only))
    assert {one.kind for one in found} == kinds


async def test_lsp_56_moving_the_cursor_brings_only_what_is_about_findings() -> None:
    selected = replace(HERE, start=Point(0, 8), end=Point(0, 18), fingerprints=frozenset(["one"]), automatic=True)
    assert set(producers(await offered(Session(shown=FINDINGS), selected))) == {"fix", "suppressLine"}
    assert "extractVariable" in producers(await offered(Session(shown=FINDINGS), replace(selected, automatic=False)))
    # On saving, editors ask by kind and call it automatic.
    on_save = replace(selected, only=("source.fixAll",))
    assert producers(await offered(Session(shown=FINDINGS), on_save)) == ["fixAll"]


async def test_lsp_56_a_disabled_offer_goes_only_to_who_can_show_it() -> None:
    error = Shown("e", "ruff", "syntax-error", "Expected", Point(0, 0), Point(0, 5), Severity.ERROR)
    state = Session(shown=(error,))
    assert not [one for one in await offered(state, HERE) if one.disabled]
    disabled = [one for one in await offered(state, replace(HERE, shows_disabled=True)) if one.disabled]
    assert disabled
    assert all(one.disabled.strip() and one.edit is None for one in disabled)
    assert not [one for one in await offered(state, replace(HERE, shows_disabled=True, automatic=True)) if one.disabled]


async def test_offers_carry_no_edit_for_a_client_that_resolves() -> None:
    assert all(one.edit is None for one in await offered(Session(shown=FINDINGS), HERE))


async def test_offers_carry_their_edit_for_a_client_that_does_not_resolve() -> None:
    found = await offered(Session(shown=FINDINGS), replace(HERE, resolves=False))
    assert {"fix", "fixAll"} <= set(producers(found))
    assert "inline" not in producers(found), "jedi had nothing to change, so there is nothing to offer"
    for one in found:
        assert one.edit is not None
        assert one.edit.changes[URI][0] == 3


async def test_lsp_56_an_action_for_an_older_version_is_stale() -> None:
    state = Session(shown=FINDINGS)
    assert state.open
    found = await offered(state, HERE)
    state.open = state.open.with_text(TEXT + "\n", 4)
    for one in found:
        with pytest.raises(StaleAction):
            await resolved(state, one.data)


async def test_lsp_56_an_action_for_another_text_of_the_same_version_is_stale() -> None:
    # Closed and opened again: the numbers start over.
    state = Session(shown=FINDINGS)
    found = await offered(state, HERE)
    state.open = Document(URI, 3, "python", "entirely = 'different'\n")
    for one in found:
        with pytest.raises(StaleAction):
            await resolved(state, one.data)
    state.open = None
    with pytest.raises(StaleAction):
        await resolved(state, found[0].data)


async def test_lsp_57_an_edit_names_its_version() -> None:
    state = Session(shown=FINDINGS)
    action = next(one for one in await offered(state, HERE) if one.data["action"] == "fix")
    edit = await resolved(state, action.data)
    assert dict(edit.changes) == {URI: (3, (Edit(Span(0, 5), "mended"),))}


async def test_lsp_58_nothing_that_saving_runs_asks_for_confirmation() -> None:
    state = Session(shown=FINDINGS)
    for action in await offered(state, replace(HERE, only=("source",))):
        assert not (await resolved(state, action.data)).confirmation


@pytest.mark.parametrize(
    "data",
    [
        None,
        7,
        "fix",
        [],
        {},
        {"action": "fix"},
        {"action": "nothing", "uri": URI, "version": 3, "digest": "", "subject": ""},
        {"action": "fix", "uri": URI, "version": "3", "digest": "", "subject": ""},
        {"action": "fix", "uri": URI, "version": 3, "digest": "", "subject": "", "path": "/etc/passwd"},
        {"action": ["fix"], "uri": URI, "version": 3, "digest": "", "subject": ""},
    ],
)
async def test_data_that_we_never_sent_is_refused(data: object) -> None:
    with pytest.raises(UnknownAction):
        await resolved(Session(shown=FINDINGS), data)


@pytest.mark.parametrize(
    "subject", ["", "one", "one 7", "one x", "nobody 0", "0 0 0", "a b c d", "9 9 9 9 9", "ruff", "ruff safe", "\0"]
)
@pytest.mark.parametrize("producer", PRODUCERS, ids=lambda one: one.name)
async def test_a_forged_subject_breaks_nothing(producer: actions.Producer, subject: str) -> None:
    state = Session(shown=FINDINGS)
    assert state.open
    data = {"action": producer.name, "uri": URI, "version": 3, "digest": state.open.digest[:16], "subject": subject}
    try:
        edit = await resolved(state, data)
    except (StaleAction, UnknownAction, actions.ActionRefused):
        return
    assert set(edit.changes) == {URI}


async def test_a_document_that_is_not_open_has_no_actions() -> None:
    assert await offered(Session(shown=FINDINGS), replace(HERE, uri="file:///elsewhere.py")) == []


async def test_one_failing_producer_costs_its_own_offers(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(context: Context) -> Iterator[Offer]:
        raise KeyError(context.document.text)

    before = producers(await offered(Session(shown=FINDINGS), HERE))
    table = tuple(one._replace(offer=broken) if one.name == "fix" else one for one in PRODUCERS)
    monkeypatch.setattr(actions, "PRODUCERS", table)
    with caplog.at_level(logging.DEBUG):
        after = producers(await offered(Session(shown=FINDINGS), HERE))
    assert after == [one for one in before if one != "fix"]
    [record] = caplog.records
    assert "KeyError" in record.getMessage()
    assert "compute" not in caplog.text, "no code in logs"


def test_each_producer_has_a_name_and_an_announced_kind() -> None:
    assert len({one.name for one in PRODUCERS}) == len(PRODUCERS)
    assert {one.kind for one in PRODUCERS} == set(KINDS)


async def test_threat_23_a_models_fix_is_never_preferred_nor_run_on_save() -> None:
    proposed = tuple(replace(one, source="review") for one in (FINDINGS[0], replace(FINDINGS[0], fingerprint="b")))
    state = Session(shown=proposed)
    found = await offered(state, HERE)
    assert "fixAllOfKind" not in producers(found)
    assert not any(one.preferred for one in found)
    action = next(one for one in found if one.data["action"] == "fix")
    assert (await resolved(state, action.data)).confirmation
    [everything] = await offered(state, replace(HERE, only=("source.fixAll",)))
    assert (await resolved(state, everything.data)).is_empty


async def test_a_client_that_does_not_resolve_does_not_wait_for_what_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    class Hanging(Session):
        async def ruff_request(self, uri: str, method: str, params: object) -> object:
            await asyncio.Event().wait()
            return await super().ruff_request(uri, method, params)

    monkeypatch.setattr(actions, "IMPATIENCE", 0.05)
    found = producers(await offered(Hanging(shown=FINDINGS), replace(HERE, resolves=False)))
    assert "fix" in found
    assert "fixAll" not in found


@pytest.mark.parametrize(
    "uri", ["vscode-notebook-cell:/a/b.ipynb#W0", "file:///a/b.ipynb#W0", "vscode-notebook-cell:Untitled-1#x"]
)
async def test_nothing_in_bulk_for_a_cell_of_a_notebook(uri: str) -> None:
    # An import that one cell does not use may be used by the next.
    class Notebook(Session):
        def document(self, uri: str) -> Document | None:
            return self.open if self.open and uri == self.open.uri else None

        def shown(self, uri: str) -> tuple[Shown, ...]:
            del uri
            return self.findings

    state = Notebook(shown=(FINDINGS[0], replace(FINDINGS[0], fingerprint="b")))
    state.open = Document(uri, 3, "python", TEXT)
    found = producers(await offered(state, replace(HERE, uri=uri)))
    assert "fix" in found
    for name in ("fixAll", "fixAllOfKind", "organizeImports"):
        assert name not in found
        data = {"action": name, "uri": uri, "version": 3, "digest": state.open.digest[:16], "subject": "ruff safe F401"}
        with pytest.raises(actions.ActionRefused):
            await resolved(state, data)


async def test_threat_23_the_text_is_the_authors_or_the_authors_with_exactly_the_fix() -> None:
    chance = random.Random(23)
    state = Session(shown=FINDINGS)
    offers: list[tuple[str, actions.Action]] = []
    applied = stale = 0
    for _ in range(10_000):
        assert state.open
        text, version = state.open.text, state.open.version
        step = chance.random()
        if step < 0.3:
            found = await offered(state, replace(HERE, only=("quickfix",)))
            offers.append((text, next(one for one in found if one.data["action"] == "fix")))
        elif step < 0.5:
            at = chance.randrange(len(text) + 1)
            state.open = state.open.with_text(text[:at] + chance.choice("ab\n") + text[at:], version + 1)
        elif step < 0.6:  # closed and opened again, perhaps with another text
            state.open = Document(URI, 3, "python", chance.choice([TEXT, TEXT + "#", text]))
        elif offers:
            before, action = offers.pop(chance.randrange(len(offers)))
            try:
                [(uri, (of_version, edits))] = (await resolved(state, action.data)).changes.items()
            except StaleAction:
                stale += 1
                continue
            assert (uri, of_version, before) == (URI, version, text)
            state.open = state.open.edited(edits, version + 1)
            assert state.open.text == "mended" + text[5:]
            applied += 1
    assert applied > 100
    assert stale > 100
