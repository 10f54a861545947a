"""Section G of the LSP check-list: registration, configuration, folders, files that change. Numbers as there."""

from __future__ import annotations

from typing import Any

import pytest

from tests.lsp import capabilities
from tests.lsp.fixtures import ReadyServer, StartServer
from tests.lsp.raw_client import RawClient, Refused, Silence

# What the static capabilities answer for, by the method of a dynamic registration.
STATIC = {
    "textDocument/hover": "hoverProvider",
    "textDocument/codeAction": "codeActionProvider",
    "textDocument/diagnostic": "diagnosticProvider",
    "textDocument/rename": "renameProvider",
    "workspace/executeCommand": "executeCommandProvider",
    "textDocument/didOpen": "textDocumentSync",
    "textDocument/didChange": "textDocumentSync",
    "notebookDocument/sync": "notebookDocumentSync",
}


def registrations(client: RawClient) -> list[Any]:
    """Return all registrations the server asked for."""
    return [
        one for request in client.requests("client/registerCapability") for one in request["params"]["registrations"]
    ]


def test_lsp_61_no_registration_without_the_flag(ready: ReadyServer) -> None:
    """A client without dynamic registration is not asked for one, and is asked for nothing else it did not announce."""
    for offered in (
        capabilities.nothing(),
        capabilities.static(capabilities.push()),
        {"workspace": None, "textDocument": 5},
    ):
        client = ready(offered)
        client.handlers.clear()  # each request of the server is an error now
        uri = client.open(client.uri("a.py"), "import os\n")
        client.diagnostics(uri, where=bool)
        client.holds_for(lambda one=client: not registrations(one), 0.7)  # type: ignore[misc]
        if offered == {}:
            assert not [one for one in client.received if "id" in one and "method" in one], (
                "asked without being announced"
            )
        client.check_clean()


def test_lsp_61_static_or_dynamic_never_both(ready: ReadyServer) -> None:
    """What is registered dynamically is not announced statically too, and no id or selector is registered twice."""
    client = ready(capabilities.dynamic(capabilities.push()))
    announced = next(one for one in client.received if one.get("id") == 1)["result"]["capabilities"]
    client.holds_for(lambda: True, 0.7)
    found = registrations(client)
    for one in found:
        assert not announced.get(STATIC.get(one["method"], "-")), f"{one['method']} is registered twice"
    identities = [one["id"] for one in found]
    assert len(set(identities)) == len(identities)
    uri = client.open(client.uri("a.py"), "import os\n")
    client.diagnostics(uri, where=bool)
    client.check_clean()


def test_lsp_61_refused_registrations(ready: ReadyServer) -> None:
    """A client that answers each registration with an error is served all the same, and sees no pop-up."""
    client = ready(capabilities.dynamic(capabilities.push()))

    def refuse(_: object) -> object:
        raise Refused(-32603, "no")

    client.handlers["client/registerCapability"] = refuse
    uri = client.open(client.uri("a.py"), "import os\n")
    client.diagnostics(uri, where=bool)
    client.check_clean()


def silent(_: object) -> object:
    """Do not answer."""
    raise Silence


def refusing(_: object) -> object:
    """Answer with an error."""
    raise Refused


@pytest.mark.parametrize(
    ("name", "handler"),
    [
        ("nulls", lambda params: [None] * len(params["items"])),
        ("null", lambda _: None),
        ("empty", lambda _: []),
        ("wrong type", lambda _: "text"),
        ("wrong items", lambda params: [[1, 2]] * len(params["items"])),
        (
            "wrong values",
            lambda params: [{"ruff": 5, "cyclomatic_limit": "many", "nonsense": {}}] * len(params["items"]),
        ),
        ("error", refusing),
        ("silence", silent),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_lsp_62_configuration_answers(start: StartServer, name: str, handler: Any) -> None:
    """Whatever comes for settings: defaults, at most one message, diagnostics in less than a few seconds."""
    client = start()
    client.handlers["workspace/configuration"] = handler
    client.initialize(capabilities.push())
    uri = client.open(client.uri("a.py"), "import os\n")
    found = client.diagnostics(uri, where=bool, timeout=7)
    assert found[0]["code"] == "F401"
    assert len(client.pop_ups()) <= 1, name
    assert client.is_running()


@pytest.mark.parametrize(
    "settings", [None, 5, "x", [], {}, {"postil": None}, {"postil": []}, {"postil": {"ruff": None}}], ids=str
)
def test_lsp_62_settings_of_any_shape(ready: ReadyServer, settings: Any) -> None:
    """DidChangeConfiguration with null and other shapes changes nothing and shows at most one message."""
    client = ready(capabilities.push(everything=False))
    uri = client.open(client.uri("a.py"), "import os\n")
    client.diagnostics(uri, where=bool)
    client.notify("workspace/didChangeConfiguration", {"settings": settings})
    client.notify("workspace/didChangeConfiguration", settings)
    client.notify("workspace/didChangeConfiguration")
    client.change(uri, 2, "import re\n")
    client.diagnostics(uri, where=lambda found: "`re`" in str(found))
    assert len(client.pop_ups()) <= 1


@pytest.mark.parametrize("options", [None, [], 5, "x", {"trusted": "yes"}, {"nonsense": {"deep": [1]}}], ids=str)
def test_lsp_62_initialization_options_of_any_shape(start: StartServer, options: Any) -> None:
    """InitializationOptions of any shape leave a working server."""
    client = start()
    client.initialize(capabilities.push(), initializationOptions=options)
    uri = client.open(client.uri("a.py"), "import os\n")
    client.diagnostics(uri, where=bool)
    assert len(client.pop_ups()) <= 1


def test_lsp_62_settings_are_used_and_reloaded(ready: ReadyServer) -> None:
    """A rule switched off in the workspace's file is off, at once when the file changes, and on again after."""
    client = ready(capabilities.push())
    uri = client.open(client.uri("a.py"), "import os\n")
    client.diagnostics(uri, where=bool)
    path = client.workspace / "pyproject.toml"
    path.write_text('[tool.postil]\nignore = ["F401"]\n')
    change = {"changes": [{"uri": path.as_uri(), "type": 1}]}
    client.notify("workspace/didChangeWatchedFiles", change)
    client.diagnostics(uri, where=lambda found: not found, timeout=5)
    path.unlink()
    client.notify("workspace/didChangeWatchedFiles", {"changes": [{"uri": path.as_uri(), "type": 3}]})
    client.diagnostics(uri, where=bool, timeout=5)
    client.check_clean()


@pytest.mark.parametrize(
    "folders", ["none", "null", "one", "two", "nested", "twice", "not a file", "missing", "rootPath", "wrong"], ids=str
)
def test_lsp_63_folders_at_the_start(start: StartServer, folders: str) -> None:
    """Whatever folders there are, documents inside and outside are analysed."""
    client = start()
    inner = client.workspace / "inner"
    inner.mkdir()
    one = {"uri": client.workspace.as_uri(), "name": "one"}
    more: dict[str, Any] = {
        "none": {"workspaceFolders": [], "rootUri": None},
        "null": {"workspaceFolders": None, "rootUri": None},
        "one": {"workspaceFolders": [one]},
        "two": {"workspaceFolders": [one, {"uri": client.folder.as_uri() + "/home", "name": "two"}]},
        "nested": {"workspaceFolders": [one, {"uri": inner.as_uri(), "name": "inner"}]},
        "twice": {"workspaceFolders": [one, one, one]},
        "not a file": {"workspaceFolders": [{"uri": "vscode-vfs://github/x", "name": "far"}]},
        "missing": {"workspaceFolders": [{"uri": "file:///no/such/folder", "name": "gone"}]},
        "rootPath": {"workspaceFolders": None, "rootUri": None, "rootPath": str(client.workspace)},
        "wrong": {"workspaceFolders": [5, {"name": "x"}, None], "rootUri": 7, "rootPath": []},
    }[folders]
    client.initialize(capabilities.push(), **more)
    for uri in (client.uri("a.py"), inner.as_uri() + "/b.py", "file:///elsewhere/c.py", "untitled:d"):
        client.open(uri, "import os\n")
        client.diagnostics(uri, where=bool)
    client.check_clean()


def test_lsp_63_folders_come_and_go(ready: ReadyServer) -> None:
    """Folders added, removed, removed twice, and removed while their documents are analysed."""
    client = ready(capabilities.push())
    inner = client.workspace / "inner"
    inner.mkdir()
    (inner / "pyproject.toml").write_text('[tool.postil]\nignore = ["F401"]\n')
    uri = client.open(inner.as_uri() + "/a.py", "import os\n")
    client.diagnostics(uri, where=bool)
    folder = {"uri": inner.as_uri(), "name": "inner"}

    def changed(added: list[Any], removed: list[Any]) -> None:
        event = {"event": {"added": added, "removed": removed}}
        client.notify("workspace/didChangeWorkspaceFolders", event)

    changed([folder], [])
    client.diagnostics(uri, where=lambda found: not found, timeout=5)
    changed([], [folder])
    changed([], [folder])
    client.diagnostics(uri, where=bool, timeout=5)
    for version in range(2, 40):
        client.change(uri, version, f"import m{version}\n" + "x = 1\n" * 500)
        changed([folder], []) if version % 2 else changed([], [folder])
    changed([], [{"uri": client.workspace.as_uri(), "name": "workspace"}, folder])
    client.change(uri, 100, "import last\n")
    client.diagnostics(uri, version=100, where=bool)
    for event in (
        None,
        {},
        {"event": None},
        {"event": {"added": None, "removed": 5}},
        {"event": {"added": [None, {}, {"uri": 5}]}},
    ):
        client.notify("workspace/didChangeWorkspaceFolders", event)
    client.echo()
    client.check_clean()


def test_lsp_64_storms_of_watched_files(ready: ReadyServer) -> None:
    """10,000 events about files, in large and in small messages, hold nobody up: echo within 300 ms."""
    client = ready(capabilities.push())
    uri = client.open(client.uri("a.py"), "import os\n")
    client.diagnostics(uri, where=bool)
    client.command("postil.test.echo")
    client.holds_for(lambda: True, 1.0)  # what the server puts off until it is idle is no part of this
    names = ["pyproject.toml", "a.py", "b/ruff.toml", "c.txt", "postil.toml"]
    events = [{"uri": client.uri(f"d{n}/{names[n % 5]}"), "type": 1 + n % 3} for n in range(10_000)]
    times = []
    client.notify("workspace/didChangeWatchedFiles", {"changes": events})
    times.append(client.echo())
    for at in range(0, 10_000, 10):
        client.notify("workspace/didChangeWatchedFiles", {"changes": events[at : at + 10]})
        if at % 1000 == 0:
            times.append(client.echo())
    times.append(client.echo())
    assert max(times) <= 0.3, times
    for params in (None, {}, {"changes": None}, {"changes": [None, 5, {}, {"uri": 5}, {"uri": "::", "type": "x"}]}):
        client.notify("workspace/didChangeWatchedFiles", params)
    client.change(uri, 2, "import re\n")
    client.diagnostics(uri, version=2, where=bool)
    client.check_clean()


def test_lsp_65_a_client_that_never_answers(start: StartServer) -> None:
    """No request of the server is answered: everything works, nobody waits, few requests are sent."""
    client = start()
    for method in list(client.handlers):
        client.handlers[method] = silent
    client.initialize(capabilities.dynamic(capabilities.push()))
    uri = client.open(client.uri("a.py"), "import os\n")
    client.diagnostics(uri, where=bool, timeout=7)
    waiting = [client.begin_command("postil.test.apply", {"changes": {}}) for _ in range(5)]
    client.echo()
    for identity in waiting:
        client.cancel(identity)
        assert client.answer(identity)["error"]["code"] == -32800
    client.command("postil.test.refresh", 100)
    client.echo()
    asked = [one for one in client.received if "id" in one and "method" in one]
    assert len(asked) < 20, [one["method"] for one in asked]
    assert client.shut_down() == 0


@pytest.mark.parametrize(
    "answer",
    [
        {"error": {"code": -32603, "message": "no"}},
        {"error": {"code": "x"}},
        {"error": None},
        {"error": 5},
        {"result": {"applied": 5}},
        {"result": [1]},
        {"result": None, "error": {"code": 1, "message": "both"}},
    ],
    ids=str,
)
def test_lsp_65_answers_of_any_shape(ready: ReadyServer, answer: Any) -> None:
    """A client's answer of any shape ends the request it answers; the command that asked is answered once."""
    client = ready(capabilities.push())
    client.handlers["workspace/applyEdit"] = silent
    identity = client.begin_command("postil.test.apply", {"changes": {}})
    asked = client.wait(lambda one: one.get("method") == "workspace/applyEdit")
    client.send({"jsonrpc": "2.0", "id": asked["id"], **answer})
    client.send({"jsonrpc": "2.0", "id": asked["id"], "result": None})
    client.answer(identity, timeout=3)
    client.echo()
    client.check_clean()


def test_lsp_65_one_message_a_cause(ready: ReadyServer) -> None:
    """The same mistake, made again and again, is shown to the user at most once."""
    client = ready(capabilities.push())
    uri = client.open(client.uri("a.py"), "import os\n")
    for version in range(2, 30):
        client.notify(
            "textDocument/didChange",
            {"textDocument": {"uri": uri, "version": version}, "contentChanges": [{"text": None}]},
        )
        client.notify("workspace/didChangeConfiguration", {"settings": {"postil": {"ruff": version}}})
    client.echo()
    client.holds_for(lambda: True, 0.5)
    texts = [one["params"]["message"] for one in client.pop_ups()]
    assert len(texts) == len(set(texts))
    assert len(texts) <= 2, texts
