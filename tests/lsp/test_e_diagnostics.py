"""Section E of the LSP check-list: what is shown is true of the text it is shown on. Numbers as there."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest

from tests.lsp import capabilities
from tests.lsp.fixtures import ReadyServer, StartServer, needs
from tests.lsp.processes import Process
from tests.lsp.ranges import check_all_ranges, units
from tests.lsp.raw_client import RawClient, Silence

UNUSED_AND_UNDEFINED = "import os\nimport sys\n\n\ndef f(a):\n    return b\n"


def announced(client: RawClient) -> Any:
    """Return what the server announced."""
    return next(one for one in client.received if one.get("id") == 1)["result"]["capabilities"]


def test_lsp_50_versions_of_pushed_diagnostics(ready: ReadyServer) -> None:
    """While somebody types, what is published names a version, never goes back, and is true of that version's text."""
    client = ready(capabilities.push())
    uri = client.open(client.uri("a.py"), "import m1\n")
    last = 120
    for version in range(2, last + 1):
        end = len(f"import m{version - 1}")
        here = {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": end}}
        client.change(uri, version, {"range": here, "text": f"import m{version}"})
        if version % 10 == 0:
            client.echo()
    found = client.diagnostics(uri, version=last, where=bool)
    assert "`m120`" in found[0]["message"]
    seen = [one["params"] for one in client.notifications("textDocument/publishDiagnostics")]
    versions = [params["version"] for params in seen]
    assert versions == sorted(versions)
    for params in seen:
        for one in params["diagnostics"]:
            assert f"`m{params['version']}`" in one["message"], params
    client.check_clean()


def test_lsp_50_nothing_is_published_twice(ready: ReadyServer) -> None:
    """The same diagnostics on a text whose marks were not touched are not sent again."""
    client = ready(capabilities.push())
    uri = client.open(client.uri("a.py"), "import os\n\n\nx = 1\n")
    client.diagnostics(uri, where=bool)
    for version in range(2, 22):
        end = {"line": 3, "character": 5}
        client.change(uri, version, {"range": {"start": end, "end": end}, "text": "1"})
    client.echo()
    client.close(uri)
    client.diagnostics(uri, where=lambda found: not found)
    seen = [one["params"]["diagnostics"] for one in client.notifications("textDocument/publishDiagnostics")]
    assert len(seen) <= 3, "typing in another line sent the same diagnostics again and again"


def test_lsp_50_cleared_with_an_empty_list(ready: ReadyServer) -> None:
    """When the last finding is mended an empty list is sent."""
    client = ready(capabilities.push())
    uri = client.open(client.uri("a.py"), "import os\n")
    client.diagnostics(uri, where=bool)
    client.change(uri, 2, "x = 1\n")
    client.diagnostics(uri, where=lambda found: not found, timeout=3)


def test_lsp_50_no_push_to_clients_that_pull(ready: ReadyServer) -> None:
    """A client with the pull capability is never pushed to, and gets the same findings."""
    client = ready(capabilities.pull())
    uri = client.open(client.uri("a.py"), UNUSED_AND_UNDEFINED)
    pulled = client.pull(uri)["items"]
    assert pulled
    client.change(uri, 2, "x = 1\n")
    client.close(uri)
    client.echo()
    assert not client.notifications("textDocument/publishDiagnostics")
    assert announced(client)["diagnosticProvider"]
    other = ready(capabilities.push())
    assert "diagnosticProvider" not in announced(other)
    other.open(other.uri("a.py"), UNUSED_AND_UNDEFINED)
    pushed = other.diagnostics(other.uri("a.py"), where=lambda found: len(found) == len(pulled))
    assert [one["message"] for one in pushed] == [one["message"] for one in pulled]


def test_lsp_50_push_to_clients_that_cannot_be_asked_to_pull_again(ready: ReadyServer) -> None:
    """They would not learn what changes without an edit; Neovim 0.11 pulls for one of its open files only."""
    offered = capabilities.pull()
    del offered["workspace"]["diagnostics"]
    client = ready(offered)
    assert "diagnosticProvider" not in announced(client)
    uris = [client.open(client.uri(f"{name}.py"), UNUSED_AND_UNDEFINED) for name in "ab"]
    for uri in uris:
        client.diagnostics(uri, where=bool)


def test_a_syntax_error_of_ruffs_is_an_error_with_the_terminals_id(ready: ReadyServer) -> None:
    """One name and one severity in the editor, in `postil check` and in settings."""
    client = ready(capabilities.push())
    uri = client.open(client.uri("a.py"), "def f(:\n    pass\n")
    for one in client.diagnostics(uri, where=bool):
        assert (one["source"], one["code"], one["severity"]) == ("ruff", "syntax-error", 1)


def test_lsp_51_result_ids(ready: ReadyServer) -> None:
    """Over random edits: `unchanged` only for the id that was given to equal findings; the same findings, the same id."""
    client = ready(capabilities.pull())
    chance = random.Random(51)
    lines = ["import os\n", "import sys\n", "x = 1\n", "def f(a):\n    return b\n", "# note\n"]
    uri = client.open(client.uri("a.py"), "import os\n")
    given: dict[str, Any] = {}
    version = 1
    for _ in range(60):
        if chance.random() < 0.8:
            version += 1
            client.change(uri, version, "".join(chance.choices(lines, k=chance.randrange(4))))
        previous = chance.choice([None, "nonsense", *given])
        report = client.pull(uri, previous)
        if report["kind"] == "unchanged":
            assert report["resultId"] == previous
            fresh = client.pull(uri)
            assert fresh["kind"] == "full"
            assert fresh["items"] == given[previous]
        else:
            if "resultId" in report:
                assert given.setdefault(report["resultId"], report["items"]) == report["items"]
            assert previous is None or given.get(previous) != report["items"], "unchanged was to be said"
    client.check_clean()


def test_lsp_51_pull_of_what_is_not_open(ready: ReadyServer) -> None:
    """A pull of an unknown document is answered with nothing, or for a file with what the file holds."""
    client = ready(capabilities.pull())
    for uri in ("file:///nowhere/at/all.py", "untitled:never", "", "::::", client.workspace.as_uri()):
        report = client.request("textDocument/diagnostic", {"textDocument": {"uri": uri}})
        assert "error" in report or report["result"]["items"] == []
    client.check_clean()


def test_lsp_52_workspace_diagnostic_is_held_open(ready: ReadyServer) -> None:
    """Held open while nothing changes, at less than 1 % of a processor; cancelled at once; then asked for anew."""
    client = ready(capabilities.pull())
    needs(announced(client), "diagnosticProvider.workspaceDiagnostics")
    uri = client.open(client.uri("a.py"), "import os\n")
    first = client.begin("workspace/diagnostic", {"previousResultIds": []})
    ids: list[Any] = []
    if _answered_soon(client, first):
        items = client.answer(first)["result"]["items"]
        ids = [{"uri": one["uri"], "value": one["resultId"]} for one in items if "resultId" in one]
        mine = [one for one in items if one["uri"] == uri]
        assert len(mine) <= 1
    else:
        client.cancel(first)
        client.answer(first, timeout=1)
        client.fail("the first workspace pull, with a document that has findings, was not answered")
    held = client.begin("workspace/diagnostic", {"previousResultIds": ids})
    client.echo()
    # Imports that were put off until the server is idle are no part of a busy loop.
    client.holds_for(lambda: client.answer_count(held) == 0, 1.5, what="held open")
    process = Process.of(client.pid)
    before = process.processor_time()
    client.holds_for(lambda: client.answer_count(held) == 0, 2.0, what="held open")
    assert process.processor_time() - before <= 0.03, "a busy loop while held open"
    client.cancel(held)
    assert client.answer(held, timeout=1)["error"]["code"] in (-32800, -32802)
    client.check_clean()


def _answered_soon(client: RawClient, identity: object) -> bool:
    try:
        client.answer(identity, timeout=5)
    except AssertionError:
        return False
    return True


def test_lsp_52_workspace_diagnostic_reports_changes(ready: ReadyServer) -> None:
    """While held open, a change of the findings of a document is reported."""
    client = ready(capabilities.pull())
    needs(announced(client), "diagnosticProvider.workspaceDiagnostics")
    uri = client.open(client.uri("a.py"), "x = 1\n")
    client.pull(uri)
    identity = client.begin("workspace/diagnostic", {"previousResultIds": [], "partialResultToken": "p"})
    client.change(uri, 2, "import os\n")

    def reported() -> bool:
        values = [one["params"]["value"] for one in client.notifications("$/progress") if one["params"]["token"] == "p"]
        values += [one["result"] for one in client.answers.get(("int", identity), []) if "result" in one]
        reports = [item for value in values for item in value["items"] if item["uri"] == uri]
        return any(item.get("version") == 2 and item.get("items") for item in reports)

    client.wait_until(reported, timeout=5, what="the findings of version 2")
    client.cancel(identity)
    client.answer(identity, timeout=1)


def test_lsp_53_refresh_at_most_once_a_second(ready: ReadyServer) -> None:
    """A hundred triggers within a second lead to one request, and one more after a second."""
    client = ready(capabilities.pull())
    client.echo()
    client.holds_for(lambda: True, 1.2)  # what start-up asks for is past
    before = len(client.requests("workspace/diagnostic/refresh"))
    for _ in range(10):
        client.command("postil.test.refresh", 10)
    client.wait_until(lambda: len(client.requests("workspace/diagnostic/refresh")) > before, what="a refresh")
    client.holds_for(
        lambda: len(client.requests("workspace/diagnostic/refresh")) <= before + 2, 1.5, what="two at most"
    )


def test_lsp_53_no_refresh_where_it_is_not_supported(ready: ReadyServer) -> None:
    """Without refreshSupport nothing is asked."""
    for offered in (capabilities.pull(everything=False), capabilities.nothing()):
        client = ready(offered)
        client.command("postil.test.refresh", 5)
        client.holds_for(lambda one=client: not one.requests("workspace/diagnostic/refresh"), 0.3)  # type: ignore[misc]
        client.check_clean()


def test_lsp_53_refresh_that_is_never_answered(ready: ReadyServer) -> None:
    """A client that does not answer a refresh is not asked again and again, and is served on."""
    client = ready(capabilities.pull())

    def silent(_: object) -> object:
        raise Silence

    client.handlers["workspace/diagnostic/refresh"] = silent
    client.command("postil.test.refresh", 50)
    uri = client.open(client.uri("a.py"), "import os\n")
    assert client.pull(uri)["items"]
    client.check_clean()


PARTS = {
    "tagSupport": "tags",
    "codeDescriptionSupport": "codeDescription",
    "relatedInformation": "relatedInformation",
    "dataSupport": "data",
}


@pytest.mark.parametrize("pulls", [False, True], ids=["push", "pull"])
@pytest.mark.parametrize("missing", [*PARTS, "all", "none"])
def test_lsp_54_parts_only_if_announced(ready: ReadyServer, missing: str, pulls: bool) -> None:
    """Tags, descriptions, related places and data are there only for a client that announced each."""
    offered = capabilities.pull() if pulls else capabilities.push()
    for section in ("publishDiagnostics", "diagnostic"):
        for part in PARTS:
            if missing in (part, "all"):
                offered["textDocument"].get(section, {}).pop(part, None)
    client = ready(offered)
    uri = client.open(client.uri("a.py"), UNUSED_AND_UNDEFINED)
    found = client.pull(uri)["items"] if pulls else client.diagnostics(uri, where=lambda all_: len(all_) >= 3)
    unused = next(one for one in found if one["code"] == "F401")
    for part, member in PARTS.items():
        wanted = missing not in (part, "all")
        if not wanted:
            assert all(member not in one for one in found), found
        elif member != "relatedInformation":
            assert member in unused, found
    assert isinstance(unused["message"], str)
    if "data" in unused:
        assert set(unused["data"]) == {"fingerprint"}
    client.check_clean()


def test_lsp_54_tags_outside_the_value_set(ready: ReadyServer) -> None:
    """A tag that the client does not know is not sent."""
    offered = capabilities.push()
    offered["textDocument"]["publishDiagnostics"]["tagSupport"] = {"valueSet": [2]}
    client = ready(offered)
    uri = client.open(client.uri("a.py"), "import os\n")
    assert "tags" not in client.diagnostics(uri, where=bool)[0]


def test_lsp_54_data_comes_back(ready: ReadyServer) -> None:
    """Diagnostics sent back with a code action request, as they were or without data, name the same fixes."""
    client = ready(capabilities.pull())
    needs(announced(client), "codeActionProvider")
    uri = client.open(client.uri("a.py"), "import os\n")
    (one, *_) = client.pull(uri)["items"]
    bare = {key: value for key, value in one.items() if key != "data"}
    titles = []
    for sent in (one, bare):
        params = {"textDocument": {"uri": uri}, "range": one["range"], "context": {"diagnostics": [sent]}}
        actions = client.result("textDocument/codeAction", params)
        titles.append([action["title"] for action in actions])
        assert any(action.get("kind") == "quickfix" for action in actions)
    assert titles[0] == titles[1]


ODD = ["\x0b", "\x0c", "\x85", "\u2028", "é", "日", "\U0001f600", "\u200d", "e\u0301", "\ufeff"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
def test_lsp_55_ranges_lie_in_the_document(start: StartServer, encoding: str) -> None:
    """Every range in every output lies in the text it is about, in the negotiated encoding."""
    client = start()
    offered = capabilities.pull()
    offered["general"]["positionEncodings"] = [encoding]
    client.initialize(offered)
    chance = random.Random(55)
    uri = client.uri("a.py")
    checked = 0
    for number in range(25):
        odd = "".join(chance.choices(ODD, k=3))
        end = chance.choice(["\n", "\r\n", "\r"])
        pieces = [
            f"import os  # {odd}",
            f"s = '{odd}'; import sys, json",
            f"def f(a{number}):",
            f"    return '{odd}' + undefined",
            f"x = '{odd}' == None; y = f'{odd}'",
            "if x == (1:" + odd,
            "",
        ]
        text = end.join(chance.choices(pieces, k=7))
        client.open(uri, text, version=number)
        items = client.pull(uri)["items"]
        checked += check_all_ranges(text, items, encoding)
        for item in items[:2]:
            position = item["range"]["start"]
            hover = client.request("textDocument/hover", {"textDocument": {"uri": uri}, "position": position})
            checked += check_all_ranges(text, hover.get("result"), encoding)
            params = {"textDocument": {"uri": uri}, "range": item["range"], "context": {"diagnostics": [item]}}
            answer = client.request("textDocument/codeAction", params)
            for action in list(answer.get("result") or [])[:4]:
                resolved = client.request("codeAction/resolve", action).get("result") or {}
                checked += check_all_ranges(text, resolved.get("edit"), encoding)
    assert checked > 100, "nothing was checked"
    client.check_clean()


def test_lsp_55_columns_behind_an_emoji(start: StartServer) -> None:
    """The same finding behind the same characters has each encoding's own columns."""
    line = "s = '\U0001f600é日'; import os"
    expected = line.index("os")
    for encoding in ("utf-8", "utf-16", "utf-32"):
        client = start()
        offered = capabilities.pull()
        offered["general"]["positionEncodings"] = [encoding]
        client.initialize(offered)
        uri = client.open(client.uri("a.py"), line + "\n")
        items = [one for one in client.pull(uri)["items"] if one["code"] == "F401"]
        assert items[0]["range"]["start"]["character"] == units(line[:expected], encoding)
        client.close(uri)


def test_lsp_50_findings_are_sorted_and_unique(ready: ReadyServer) -> None:
    """One defect is one diagnostic; they come in the order of the text."""
    client = ready(capabilities.pull())
    uri = client.open(client.uri("a.py"), UNUSED_AND_UNDEFINED * 5)
    items = client.pull(uri)["items"]
    places = [(one["range"]["start"]["line"], one["range"]["start"]["character"]) for one in items]
    assert places == sorted(places)
    seen = [(place, one["code"], one["message"]) for place, one in zip(places, items, strict=True)]
    assert len(set(seen)) == len(seen)
    prints = [one["data"]["fingerprint"] for one in items]
    assert len(set(prints)) == len(prints), "two findings, one fingerprint"
    assert all(one["severity"] in (1, 2, 3, 4) for one in items)
    assert all(one["source"] for one in items)


def test_lsp_50_identity_survives_moves(ready: ReadyServer) -> None:
    """A finding keeps its fingerprint while lines come and go above it."""
    client = ready(capabilities.pull())
    uri = client.open(client.uri("a.py"), UNUSED_AND_UNDEFINED)
    before = [one["data"]["fingerprint"] for one in client.pull(uri)["items"]]
    for version, blank in zip(itertools.count(2), ("# one\n", "# one\n# two\n", ""), strict=False):
        client.change(uri, version, blank + UNUSED_AND_UNDEFINED)
        assert [one["data"]["fingerprint"] for one in client.pull(uri)["items"]] == before


COMPLEX = (
    "def g(a):\n"
    + "".join(f"    if a > {n} and a < {n + 100}:\n        a += {n}\n" for n in range(40))
    + "    return a\n"
)


@pytest.mark.parametrize("supported", [True, False])
def test_lsp_53_a_pull_answered_early_is_asked_for_again(ready: ReadyServer, supported: bool) -> None:
    """Ruff's findings do not wait for postil's own: those come by a refresh, or at once where no refresh can be asked for."""
    offered = capabilities.pull()
    offered["workspace"]["diagnostics"] = {"refreshSupport": supported}
    if not supported:
        del offered["textDocument"]["publishDiagnostics"]  # with it, such a client is pushed to
    client = ready(offered)
    uri = client.open(client.uri("a.py"), "import os\n" + COMPLEX)

    def is_complete(items: list[Any]) -> bool:
        return {"F401", "cognitive-complexity"} <= {one["code"] for one in items}

    complete = is_complete(client.pull(uri)["items"])
    assert complete or supported, "the rest of the findings would never be shown"
    if not complete:
        client.wait_until(lambda: bool(client.requests("workspace/diagnostic/refresh")), timeout=5, what="a refresh")
        assert is_complete(client.pull(uri)["items"])
