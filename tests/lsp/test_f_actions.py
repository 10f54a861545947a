"""Section F of the LSP check-list: code actions, edits, hover. Numbers as there."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.lsp import capabilities
from tests.lsp.fixtures import ReadyServer, needs
from tests.lsp.ranges import applied, edits_of
from tests.lsp.raw_client import RawClient

TEXT = "import os\nimport sys\n\n\ndef f(a):\n    return a == None\n"
COMPLEX = (
    "def g(a):\n"
    + "".join(f"    if a > {n} and a < {n + 100}:\n        a += {n}\n" for n in range(40))
    + "    return a\n"
)


def whole(text: str) -> Any:
    """Return the range of a whole text."""
    return {"start": {"line": 0, "character": 0}, "end": {"line": text.count("\n"), "character": 0}}


def announced(client: RawClient) -> Any:
    """Return what the server announced."""
    return next(one for one in client.received if one.get("id") == 1)["result"]["capabilities"]


def opened(client: RawClient, text: str = TEXT, name: str = "a.py") -> tuple[str, list[Any]]:
    """Open a document and return its URI and its diagnostics, once all that is to be found is found."""
    uri = client.open(client.uri(name), text)
    return uri, settled(client, uri, text)


def settled(client: RawClient, uri: str, text: str) -> list[Any]:
    """Pull until postil's own findings are there too: a pull may be answered before, with a request to pull again."""
    found: list[Any] = []

    def complete() -> bool:
        found[:] = client.pull(uri)["items"]
        return "def g" not in text or any(one["code"] == "cognitive-complexity" for one in found)

    client.wait_until(complete, what="postil's own findings")
    return found


def actions(client: RawClient, uri: str, found: list[Any], *, text: str = TEXT, **context: Any) -> list[Any]:
    """Ask for the code actions of a whole document."""
    where = found[0]["range"] if len(found) == 1 else whole(text)
    params = {"textDocument": {"uri": uri}, "range": where, "context": {"diagnostics": found, **context}}
    return list(client.result("textDocument/codeAction", params) or [])


def of_kind(offered: list[Any], kind: str) -> list[Any]:
    """Return the actions of a kind and of those below it."""
    return [one for one in offered if one.get("kind") == kind or str(one.get("kind")).startswith(kind + ".")]


def test_lsp_56_only(ready: ReadyServer) -> None:
    """`only` filters by kind and by what is below a kind; a kind nobody makes gives nothing."""
    client = ready(capabilities.pull())
    needs(announced(client), "codeActionProvider")
    uri, found = opened(client)
    for kind in ("quickfix", "source", "source.fixAll", "source.fixAll.postil", "source.organizeImports", "refactor"):
        for one in actions(client, uri, found, only=[kind]):
            assert one["kind"] == kind or one["kind"].startswith(kind + "."), (kind, one)
    assert actions(client, uri, found, only=["quickfix"])
    assert actions(client, uri, found, only=["source.fixAll"])
    assert actions(client, uri, found, only=["no.such.kind"]) == []
    assert actions(client, uri, found, only=["sourcery"]) == []
    kinds = {one["kind"] for one in actions(client, uri, found, only=["quickfix", "source"])}
    assert "quickfix" in kinds
    assert any(kind.startswith("source") for kind in kinds)


def test_lsp_56_trigger_kind(ready: ReadyServer) -> None:
    """Asked because the cursor moved (2), only fixes of what is there come; asked by the user (1), all of them."""
    client = ready(capabilities.pull())
    needs(announced(client), "codeActionProvider")
    uri, found = opened(client)
    invoked = actions(client, uri, found[:1], triggerKind=1)
    automatic = actions(client, uri, found[:1], triggerKind=2)
    assert automatic
    assert not of_kind(automatic, "source")
    assert {one["title"] for one in automatic} <= {one["title"] for one in invoked}
    params = {"textDocument": {"uri": uri}, "range": whole(TEXT), "context": {"diagnostics": [], "triggerKind": 99}}
    answer = client.request("textDocument/codeAction", params)
    assert "result" in answer or answer["error"]["code"] == -32602


def test_lsp_56_only_announced_properties_are_left_to_resolve(ready: ReadyServer) -> None:
    """With resolve support the edit comes later and nothing else changes; without it the edit is there at once."""
    lazy = ready(capabilities.pull())
    needs(announced(lazy), "codeActionProvider.resolveProvider")
    uri, found = opened(lazy)
    offered = of_kind(actions(lazy, uri, found[:1]), "quickfix")
    assert offered
    for one in offered:
        resolved = lazy.result("codeAction/resolve", one)
        assert resolved["edit"]
        changed = {key for key in {*one, *resolved} if one.get(key) != resolved.get(key)}
        assert changed <= {"edit"}, changed
    offers = capabilities.pull()
    del offers["textDocument"]["codeAction"]["resolveSupport"]
    eager = ready(offers)
    uri, found = opened(eager)
    offered = of_kind(actions(eager, uri, found[:1]), "quickfix")
    assert offered
    assert all("edit" in one for one in offered)


def test_lsp_56_no_literals_without_support(ready: ReadyServer) -> None:
    """A client without literal support gets commands or nothing, never an action it cannot read."""
    offers = capabilities.pull()
    offers["textDocument"]["codeAction"] = {}
    client = ready(offers)
    uri, found = opened(client)
    for one in actions(client, uri, found):
        assert isinstance(one.get("command"), str), one
        assert "edit" not in one


@pytest.mark.parametrize("supported", [True, False])
def test_lsp_56_disabled(ready: ReadyServer, supported: bool) -> None:
    """A reason for not being possible only where the client can show one, and no such action where it cannot."""
    offers = capabilities.pull()
    offers["textDocument"]["codeAction"]["disabledSupport"] = supported
    client = ready(offers)
    needs(announced(client), "codeActionProvider")
    uri, found = opened(client)
    for one in actions(client, uri, found, triggerKind=1):
        if supported and "disabled" in one:
            assert one["disabled"]["reason"]
            assert "edit" not in one
        if not supported:
            assert "disabled" not in one


def test_lsp_56_is_preferred_only_if_supported(ready: ReadyServer) -> None:
    """IsPreferred marks at most one action a finding, and only for a client that knows it."""
    offers = capabilities.pull()
    client = ready(offers)
    needs(announced(client), "codeActionProvider")
    uri, found = opened(client)
    assert sum(one.get("isPreferred", False) for one in actions(client, uri, found[:1])) <= 1
    offers["textDocument"]["codeAction"]["isPreferredSupport"] = False
    other = ready(offers)
    uri, found = opened(other)
    assert all("isPreferred" not in one for one in actions(other, uri, found))


@pytest.mark.parametrize("how", ["edited", "closed", "opened anew"])
def test_lsp_56_stale_actions(ready: ReadyServer, how: str) -> None:
    """An action resolved after its text changed is answered -32801, never with an edit for another text."""
    client = ready(capabilities.pull())
    needs(announced(client), "codeActionProvider.resolveProvider")
    uri, found = opened(client)
    offered = of_kind(actions(client, uri, found[:1]), "quickfix")
    if how == "edited":
        client.change(uri, 2, "# moved\n" + TEXT)
    else:
        client.close(uri)
        if how == "opened anew":
            client.open(uri, "# moved\n" + TEXT)
    for one in offered:
        assert client.error("codeAction/resolve", one)["code"] == -32801
    client.check_clean()


@pytest.mark.parametrize(
    "data",
    [
        None, 5, "text", [], {}, {"action": "fix"}, {"jsonrpc": "2.0"},
        {"action": "fix", "uri": "file:///x", "version": 1, "digest": "0", "subject": "0"},
        {"action": "no such", "uri": "file:///x", "version": 1, "digest": "0", "subject": "0"},
    ],
    ids=str,
)  # fmt: skip
def test_lsp_56_resolve_of_what_was_never_offered(ready: ReadyServer, data: Any) -> None:
    """Data the server never made is answered with an error or an action without an edit."""
    client = ready(capabilities.pull())
    opened(client)
    answer = client.request("codeAction/resolve", {"title": "x", "data": data})
    assert "error" in answer or not answer["result"].get("edit")
    assert answer.get("error", {}).get("code") in (None, -32602, -32801, -32803)
    client.check_clean()


def test_lsp_57_document_changes_with_versions(ready: ReadyServer) -> None:
    """Versioned documentChanges where supported, plain changes where not; the same text comes out of both."""
    texts = []
    for supported in (True, False):
        offers = capabilities.pull()
        offers["workspace"]["workspaceEdit"] = {"documentChanges": supported}
        client = ready(offers)
        needs(announced(client), "codeActionProvider.resolveProvider")
        uri, found = opened(client)
        client.change(uri, 7, TEXT + "x = 1\n")
        found = client.pull(uri)["items"]
        (fix_all, *_) = actions(client, uri, found, only=["source.fixAll"])
        edit = client.result("codeAction/resolve", fix_all)["edit"]
        if supported:
            assert "changes" not in edit
            assert [one["textDocument"] for one in edit["documentChanges"]] == [{"uri": uri, "version": 7}]
        else:
            assert "documentChanges" not in edit
            assert list(edit["changes"]) == [uri]
        edits = edits_of(edit, uri)
        texts.append(applied(TEXT + "x = 1\n", edits))
        assert applied(TEXT + "x = 1\n", edits[::-1]) == texts[-1]
    assert texts[0] == texts[1]
    assert "import" not in texts[0]


def test_lsp_57_every_offered_edit_applies(ready: ReadyServer) -> None:
    """Each action of a text with many findings resolves to edits that do not overlap and change something."""
    client = ready(capabilities.pull())
    needs(announced(client), "codeActionProvider.resolveProvider")
    text = TEXT + COMPLEX
    uri, found = opened(client, text)
    seen = 0
    for one in found:
        for action in actions(client, uri, [one], text=text):
            answer = client.request("codeAction/resolve", action)
            if "error" in answer:
                assert answer["error"]["code"] in (-32801, -32803), answer
                continue
            edits = edits_of(answer["result"]["edit"], uri)
            # Whether a source action has something to do is found out when it is asked for.
            assert applied(text, edits) != text or action["kind"].startswith("source."), action["title"]
            seen += 1
    assert seen > 5
    client.check_clean()


def test_lsp_57_suppressing_works_and_settles(ready: ReadyServer) -> None:
    """The line suppression of each finding, applied, makes that finding go."""
    client = ready(capabilities.pull())
    needs(announced(client), "codeActionProvider.resolveProvider")
    text = TEXT + COMPLEX
    uri, found = opened(client, text)
    version = 1
    sources = set()
    for one in found:
        offered = [action for action in actions(client, uri, [one], text=text) if "line" in action["title"].lower()]
        assert offered, (one, "no action to suppress it on its line")
        edit = client.result("codeAction/resolve", offered[0])["edit"]
        version += 1
        client.change(uri, version, applied(text, edits_of(edit, uri)))
        missing = len(found) - 1

        def settled_without(one: Any = one, missing: int = missing) -> bool:
            left = client.pull(uri)["items"]
            return len(left) == missing and (one["code"], one["message"]) not in [
                (other["code"], other["message"]) for other in left
            ]

        client.wait_until(settled_without, timeout=5, what=f"{one['code']} to be suppressed, and nothing else")
        version += 1
        client.change(uri, version, text)
        again = settled(client, uri, text)
        assert [other["data"]["fingerprint"] for other in again] == [other["data"]["fingerprint"] for other in found]
        sources.add(one["source"])
    assert len(sources) == 2, sources


@pytest.mark.parametrize("supported", [True, False])
def test_lsp_58_annotations_and_operations_only_if_announced(ready: ReadyServer, supported: bool) -> None:
    """No annotation, snippet or file operation for a client that announced none; confirmation needs an annotation."""
    offers = capabilities.pull()
    offers["workspace"]["workspaceEdit"] = {"documentChanges": True}
    if supported:
        offers["workspace"]["workspaceEdit"] |= {"changeAnnotationSupport": {}, "resourceOperations": []}
    client = ready(offers)
    needs(announced(client), "codeActionProvider.resolveProvider")
    uri, found = opened(client)
    for one in actions(client, uri, found, triggerKind=1):
        answer = client.request("codeAction/resolve", one)
        edit = answer.get("result", {}).get("edit", {})
        said = json.dumps(edit)
        assert '"snippet"' not in said
        assert '"kind"' not in said
        if not supported:
            assert '"annotationId"' not in said
            assert '"changeAnnotations"' not in said
        for change in edit.get("documentChanges", []):
            for text_edit in change["edits"]:
                if "annotationId" in text_edit:
                    assert text_edit["annotationId"] in edit["changeAnnotations"]
        for annotation in edit.get("changeAnnotations", {}).values():
            assert annotation["label"]
    client.check_clean()


def test_lsp_59_a_refused_edit_is_not_tried_again(ready: ReadyServer) -> None:
    """`applied: false` is taken as an answer: one request, the command's result says so."""
    client = ready(capabilities.push())
    client.handlers["workspace/applyEdit"] = lambda _: {"applied": False, "failureReason": "the user said no"}
    uri = client.open(client.uri("a.py"), TEXT)
    edit = {"changes": {uri: [{"range": whole(TEXT), "newText": ""}]}}
    assert client.command("postil.test.apply", edit)["result"]["applied"] is False
    client.echo()
    assert len(client.requests("workspace/applyEdit")) == 1
    assert client.server_text(uri) == TEXT
    client.check_clean()


def test_lsp_59_commands_have_the_prefix_and_refuse_others(ready: ReadyServer) -> None:
    """Commands are announced with their names; an unknown one is refused, wrong arguments too."""
    client = ready(capabilities.push())
    commands = needs(announced(client), "executeCommandProvider.commands")
    assert all(name.startswith("postil.") for name in commands)
    assert len(set(commands)) == len(commands)
    assert client.command("postil.no.such")["error"]["code"] in (-32601, -32602)
    assert client.command("os.system", "true")["error"]["code"] in (-32601, -32602)
    for name in commands:
        if ".test." in name:
            continue
        for arguments in ([], [None], [{"uri": 5}], ["file:///nowhere/at/all.py"], [[[]]]):
            answer = client.command(name, *arguments)
            assert "result" in answer or answer["error"]["code"] in (-32602, -32803, -32801), (name, arguments, answer)
    client.echo()
    assert client.is_running()


@pytest.mark.parametrize(
    ("formats", "kind"),
    [
        (["markdown", "plaintext"], "markdown"),
        (["plaintext", "markdown"], None),
        (["plaintext"], "plaintext"),
        (None, None),
        ([], None),
    ],
    ids=str,
)
def test_lsp_60_hover_formats(ready: ReadyServer, formats: Any, kind: str | None) -> None:
    """Markup only in a format of contentFormat; plain text where nothing is said."""
    offers = capabilities.pull()
    if formats is None:
        del offers["textDocument"]["hover"]
    else:
        offers["textDocument"]["hover"]["contentFormat"] = formats
    client = ready(offers)
    needs(announced(client), "hoverProvider")
    uri, found = opened(client)
    one = next(item for item in found if item["code"] == "F401")
    hover = client.result("textDocument/hover", {"textDocument": {"uri": uri}, "position": one["range"]["start"]})
    assert hover, "no hover on a finding"
    contents = hover["contents"]
    value = contents if isinstance(contents, str) else contents["value"]
    assert "F401" in value
    if isinstance(contents, dict):
        assert contents["kind"] in (formats or ["plaintext"])
    if kind:
        assert contents["kind"] == kind
    if kind != "markdown" and (not formats or formats[0] == "plaintext"):
        assert "```" not in value
        assert "](" not in value
    client.check_clean()


def test_lsp_60_hover_elsewhere_is_null(ready: ReadyServer) -> None:
    """Where there is no finding there is no hover, also past the end of the text."""
    client = ready(capabilities.pull())
    needs(announced(client), "hoverProvider")
    uri, _ = opened(client)
    for line, character in ((2, 0), (4, 5), (1000, 0), (2**31 - 1, 2**31 - 1)):
        params = {"textDocument": {"uri": uri}, "position": {"line": line, "character": character}}
        assert client.result("textDocument/hover", params) is None
    params = {"textDocument": {"uri": "file:///never/opened.py"}, "position": {"line": 0, "character": 0}}
    assert client.result("textDocument/hover", params) is None


def test_lsp_57_rename(ready: ReadyServer) -> None:
    """PrepareRename names the range, rename changes each use, and a name that is none is refused with a reason."""
    client = ready(capabilities.pull())
    needs(announced(client), "renameProvider")
    text = "def f(first):\n    second = first\n    return second + first\n"
    uri, _ = opened(client, text)
    here = {"textDocument": {"uri": uri}, "position": {"line": 1, "character": 15}}
    prepared = client.result("textDocument/prepareRename", here, timeout=20)
    assert prepared, "a parameter can be renamed"
    edit = client.result("textDocument/rename", {**here, "newName": "renamed"}, timeout=20)
    assert applied(text, edits_of(edit, uri)) == text.replace("first", "renamed")
    for name in ("not a name", "1st", "", "class", "a\nb"):
        error = client.error("textDocument/rename", {**here, "newName": name}, timeout=20)
        assert error["code"] in (-32602, -32803), (name, error)
    nowhere = {"textDocument": {"uri": uri}, "position": {"line": 3, "character": 0}}
    answer = client.request("textDocument/prepareRename", nowhere, timeout=20)
    assert answer.get("result") is None
    client.check_clean()
