"""Settings, children and requests that change at the wrong moment: what is shown afterwards is right all the same."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.lsp import capabilities
from tests.lsp.test_children import POISON, ruff_children

if TYPE_CHECKING:
    from tests.lsp.fixtures import ReadyServer, StartServer
    from tests.lsp.raw_client import RawClient

UNUSED = "import os\n"


def codes(found: list[Any]) -> list[str]:
    return [one["code"] for one in found]


def open_notebook(client: RawClient, *cells: tuple[str, str]) -> list[str]:
    """Open a notebook of cells (language, text), and return their URIs."""
    uris = [f"vscode-notebook-cell:{client.workspace}/n.ipynb#{number}" for number in range(len(cells))]
    client.notify(
        "notebookDocument/didOpen",
        {
            "notebookDocument": {
                "uri": client.uri("n.ipynb"),
                "version": 1,
                "notebookType": "jupyter-notebook",
                "cells": [{"kind": 2, "document": uri} for uri in uris],
            },
            "cellTextDocuments": [
                {"uri": uri, "languageId": language, "version": 1, "text": text}
                for uri, (language, text) in zip(uris, cells, strict=True)
            ],
        },
    )
    return uris


def test_a_change_of_nothing_is_answered(ready: ReadyServer) -> None:
    client = ready(capabilities.pull(everything=False))
    uri = client.open(client.uri("a.py"), UNUSED)
    assert codes(client.pull(uri)["items"]) == ["F401"]
    client.notify("textDocument/didChange", {"textDocument": {"uri": uri, "version": 2}, "contentChanges": []})
    assert codes(client.pull(uri, timeout=5)["items"]) == ["F401"]


def test_what_ruff_finds_late_is_asked_for_again(ready: ReadyServer) -> None:
    """A pull is answered without a ruff that is stopped; when it goes on, the client is asked to pull again."""
    client = ready(capabilities.pull())
    uri = client.open(client.uri("a.py"), "x = 1\n")
    assert client.pull(uri)["items"] == []
    (ruff,) = ruff_children(client)
    ruff.signal(signal.SIGSTOP)
    threads = Path(f"/proc/{ruff.pid}/task")
    client.wait_until(
        lambda: all(") T " in (one / "stat").read_text() for one in threads.iterdir()),
        what="all threads of ruff to stop",
    )
    client.change(uri, 2, UNUSED)
    assert client.pull(uri, timeout=8)["items"] == []
    begun = len(client.received)
    ruff.signal(signal.SIGCONT)
    client.wait(lambda one: one.get("method") == "workspace/diagnostic/refresh", since=begun, timeout=5)
    assert codes(client.pull(uri)["items"]) == ["F401"]


def test_cancelling_one_workspace_pull_leaves_the_others(ready: ReadyServer) -> None:
    client = ready(capabilities.pull())
    assert client.pull(client.open(client.uri("quiet.py"), "x = 1\n"))["items"] == []
    first, second = (
        client.begin("workspace/diagnostic", {"previousResultIds": [], "partialResultToken": token}) for token in "ab"
    )
    client.echo()
    client.cancel(first)
    assert client.answer(first)["error"]["code"] == -32800
    client.open(client.uri("a.py"), UNUSED)
    client.wait(lambda one: one.get("method") == "$/progress" and one["params"]["token"] == "b")
    assert client.answer_count(second) == 0


def test_a_closed_document_leaves_the_workspaces_diagnostics(ready: ReadyServer) -> None:
    client = ready(capabilities.pull())
    client.begin("workspace/diagnostic", {"previousResultIds": [], "partialResultToken": "t"})
    uri = client.open(client.uri("a.py"), UNUSED)

    def reported(found: list[str]) -> None:
        def matches(one: Any) -> bool:
            items = one["params"]["value"]["items"] if one.get("method") == "$/progress" else []
            return any(item["uri"] == uri and codes(item["items"]) == found for item in items)

        client.wait(matches)

    reported(["F401"])
    client.close(uri)
    reported([])


def test_settings_that_come_while_files_are_read(start: StartServer) -> None:
    """The client's settings count whenever they come: after 0.3 s the server reads without them, and then again."""
    for delay in (0.1, 0.35, 0.45, 0.6):
        client = start()
        wait = threading.Event()

        def answer(_: Any, wait: threading.Event = wait, delay: float = delay) -> Any:
            wait.wait(delay)
            return [{"ignore": ["F401"]}]

        client.handlers["workspace/configuration"] = answer
        client.initialize(capabilities.push())
        uri = client.open(client.uri("a.py"), "import os\nundefined\n")
        client.diagnostics(uri, where=lambda found: codes(found) == ["F821"])


def test_the_users_settings_hold_outside_the_workspace(ready: ReadyServer) -> None:
    client = ready(capabilities.push(), initializationOptions={"ignore": ["F401"]})
    uri = client.open((client.folder / "elsewhere.py").as_uri(), "import os\nundefined\n")
    assert codes(client.diagnostics(uri, where=bool)) == ["F821"]


def test_a_trusted_folder_that_is_added_later(start: StartServer) -> None:
    """Its own ruff configuration counts, as that of the first folder does."""
    client = start()
    other = client.folder / "other"
    other.mkdir()
    for folder, rule in ((client.workspace, "F401"), (other, "E711")):
        (folder / "ruff.toml").write_text(f'lint.select = ["{rule}"]\n')
    client.initialize(capabilities.push(), initializationOptions={"trusted": True})
    text = "import os\nx = 1\ny = x == None\n"
    uri = client.open(client.uri("a.py"), text)
    client.diagnostics(uri, where=lambda found: codes(found) == ["F401"])
    added = {"added": [{"uri": other.as_uri(), "name": "other"}], "removed": []}
    client.notify("workspace/didChangeWorkspaceFolders", {"event": added})
    second = client.open((other / "b.py").as_uri(), text)
    client.diagnostics(second, where=lambda found: codes(found) == ["E711"])


def test_a_notebook_with_a_cell_of_another_language(ready: ReadyServer) -> None:
    client = ready(capabilities.push())
    python, shell = open_notebook(client, ("python", UNUSED), ("shellscript", "ls -l | (grep x)\n"))
    assert codes(client.diagnostics(python, where=bool)) == ["F401"]
    assert not client.published.get(shell, {"diagnostics": []})["diagnostics"]


def test_a_notebook_after_settings_changed_and_after_a_restart(ready: ReadyServer) -> None:
    client = ready(capabilities.push())
    (cell,) = open_notebook(client, ("python", "import os\nundefined\n"))
    client.diagnostics(cell, where=lambda found: codes(found) == ["F401", "F821"])
    client.handlers["workspace/configuration"] = lambda _: [{"ruff": {"ignore": ["F401"]}}]
    client.notify("workspace/didChangeConfiguration", {"settings": None})
    client.diagnostics(cell, where=lambda found: codes(found) == ["F821"])
    client.command("postil.restart")
    client.handlers["workspace/configuration"] = lambda _: [{}]
    client.notify("workspace/didChangeConfiguration", {"settings": None})
    client.diagnostics(cell, where=lambda found: codes(found) == ["F401", "F821"])


def test_a_notebook_that_kills_ruff(ready: ReadyServer) -> None:
    """It is off, with a note; the documents beside it keep their answers."""
    client = ready(capabilities.push())
    uri = client.open(client.uri("a.py"), UNUSED)
    client.diagnostics(uri, where=lambda found: codes(found) == ["F401"])
    good, _bad = cells = open_notebook(client, ("python", UNUSED), ("python", POISON))
    for cell in cells:
        client.diagnostics(cell, where=lambda found: "analysis-off" in codes(found))
    client.change(uri, 2, UNUSED + "undefined\n")
    client.diagnostics(uri, version=2, where=lambda found: codes(found) == ["F401", "F821"])
    assert len(ruff_children(client)) == 1
    change = {"textContent": [{"document": {"uri": cells[1], "version": 2}, "changes": [{"text": "x = 1\n"}]}]}
    notebook = {"uri": client.uri("n.ipynb"), "version": 2}
    client.notify("notebookDocument/didChange", {"notebookDocument": notebook, "change": {"cells": change}})
    client.diagnostics(good, where=lambda found: codes(found) == ["F401"])


def test_a_uri_that_is_no_text_harms_no_other_document(ready: ReadyServer) -> None:
    client = ready(capabilities.push())
    client.open("file:///tmp/\ud800x.py", UNUSED)
    uri = client.open(client.uri("a.py"), UNUSED)
    assert codes(client.diagnostics(uri, where=bool)) == ["F401"]
