"""Section D of the LSP check-list: the server's text is the editor's text. Numbers as there.

Volume comes from tests/documents/; here is one readable case for each promise, seen through the protocol.
"""

from __future__ import annotations

import os
from typing import Any

import pytest

from tests.lsp import capabilities
from tests.lsp.fixtures import ReadyServer, needs
from tests.lsp.raw_client import RawClient

SEPARATORS = ["\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"]


def at(line: int, character: int, end_line: int | None = None, end: int | None = None) -> Any:
    """Return a range; an empty one where no end is given."""
    start = {"line": line, "character": character}
    return {
        "start": start,
        "end": start if end is None else {"line": line if end_line is None else end_line, "character": end},
    }


def insert(line: int, character: int, text: str) -> Any:
    """Return a content change that inserts `text`."""
    return {"range": at(line, character), "text": text}


@pytest.mark.parametrize("separator", SEPARATORS, ids=[f"U+{ord(one):04X}" for one in SEPARATORS])
def test_lsp_37_only_three_line_ends(client: RawClient, separator: str) -> None:
    """Other separators stand inside lines: an edit behind one lands where the editor made it."""
    uri = client.open(client.uri("a.txt"), f"ab{separator}cd\nef{separator}\ngh", language="plaintext")
    client.change(uri, 2, insert(0, 4, "X"), insert(1, 3, "Y"), insert(2, 1, "Z"))
    assert client.server_text(uri) == f"ab{separator}cXd\nef{separator}Y\ngZh"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
def test_lsp_37_the_three_line_ends(client: RawClient, end: str) -> None:
    """Each of the three ends a line, and lines may be mixed."""
    uri = client.open(client.uri("a.txt"), f"a{end}b\nc\r\nd\re", language="plaintext")
    for line in range(5):
        client.change(uri, line + 2, insert(line, 1, str(line)))
    assert client.server_text(uri) == f"a0{end}b1\nc2\r\nd3\re4"


def test_lsp_38_positions_are_clamped(client: RawClient) -> None:
    """Past the line's end is before its break; past the last line is the end; the last line may have no break."""
    uri = client.open(client.uri("a.txt"), "ab\r\ncd\nabc", language="plaintext")
    client.change(uri, 2, insert(0, 3, "1"))
    client.change(uri, 3, insert(1, 2**31 - 1, "2"))
    client.change(uri, 4, insert(2, 99, "X"))
    client.change(uri, 5, insert(10**6, 0, "end"))
    client.change(uri, 6, insert(0, 9223372036854776000, "3"))
    client.change(uri, 7, {"range": at(1, 1, 2**31 - 1, 2**31 - 1), "text": "!"})
    assert client.server_text(uri) == "ab13\r\nc!"


def test_lsp_38_numbers_beyond_any_width(client: RawClient) -> None:
    """VS Code sends 9223372036854776000, written as a number of any form; a range backwards is put right."""
    uri = client.open(client.uri("a.txt"), "abc\ndef\n", language="plaintext")
    for version, number in enumerate(("9223372036854776000", "18446744073709551615", "1e3", "9" * 40), 2):
        place = f'{{"line":0,"character":{number}}}'
        change = f'{{"range":{{"start":{place},"end":{place}}},"text":"{version}"}}'
        document = f'{{"uri":"{uri}","version":{version}}}'
        params = f'{{"textDocument":{document},"contentChanges":[{change}]}}'
        client.send_body(f'{{"jsonrpc":"2.0","method":"textDocument/didChange","params":{params}}}'.encode())
    client.change(uri, 9, {"range": at(1, 2, 1, 1), "text": "_"})
    assert client.server_text(uri) == "abc2345\nd_f\n"
    client.check_clean()


ENCODINGS: list[tuple[Any, str, Any]] = [
    (["utf-8"], "utf-8", lambda text: len(text.encode("utf-8"))),
    (["utf-16"], "utf-16", lambda text: len(text.encode("utf-16-le")) // 2),
    (["utf-32"], "utf-32", len),
]


@pytest.mark.parametrize(("offered", "chosen", "units"), ENCODINGS, ids=["utf-8", "utf-16", "utf-32"])
def test_lsp_39_encodings(ready: ReadyServer, offered: Any, chosen: str, units: Any) -> None:
    """Edits behind emoji, ZWJ sequences and combining marks are right in each encoding."""
    client = ready({"general": {"positionEncodings": offered}})
    announced = next(one for one in client.received if one.get("id") == 1)["result"]["capabilities"]
    assert announced.get("positionEncoding", "utf-16") == chosen
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
    text = f"é{family}e\u0301\U0001f600ß|日本|\n"
    uri = client.open(client.uri("a.txt"), text, language="plaintext")
    for version, mark in enumerate(("|", "日", "ß", "\u0301", "\U0001f600"), 2):
        before = text[: text.index(mark)]
        client.change(uri, version, insert(0, units(before), "*"))
        text = before + "*" + text[len(before) :]
    assert client.server_text(uri) == text


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (["utf-32", "utf-8"], "utf-32"),
        (["utf-7", "utf-8", "utf-16"], "utf-8"),
        (["ebcdic"], "utf-16"),
        ([], "utf-16"),
        (None, "utf-16"),
        ("utf-8", "utf-16"),
        ([7, None, "utf-32"], "utf-32"),
    ],
    ids=str,
)
def test_lsp_39_the_clients_first_choice(start: Any, offered: Any, chosen: str) -> None:
    """The client's first choice that is known; utf-16 where it names none."""
    client = start()
    result = client.initialize({"general": {"positionEncodings": offered}})
    assert result["capabilities"].get("positionEncoding", "utf-16") == chosen
    client.check_clean()


def test_lsp_39_inside_a_surrogate_pair(client: RawClient) -> None:
    """A position between the halves of a character means its start."""
    uri = client.open(client.uri("a.txt"), "a\U0001f600b\U0001f600c", language="plaintext")
    client.change(uri, 2, insert(0, 2, "X"))
    assert client.server_text(uri) == "aX\U0001f600b\U0001f600c"
    client.change(uri, 3, {"range": at(0, 3, 0, 6), "text": ""})
    assert client.server_text(uri) == "aX\U0001f600c"


def test_lsp_39_lone_surrogates(client: RawClient) -> None:
    """Half a character, as JavaScript may send it, is text like any other and is one unit long."""
    uri = client.open(client.uri("a.txt"), "a\ud83db\n", language="plaintext")
    client.change(uri, 2, insert(0, 2, "\udc00x"))
    assert client.server_text(uri).encode("utf-16-le", "surrogatepass") == "a\ud83d\udc00xb\n".encode(
        "utf-16-le", "surrogatepass"
    )
    client.change(uri, 3, "plain\n")
    assert client.server_text(uri) == "plain\n"
    client.check_clean()


def test_lsp_40_changes_in_order(client: RawClient) -> None:
    """Each change of a notification is made on the result of the one before, ranges and full texts mixed."""
    uri = client.open(client.uri("a.txt"), "one\n", language="plaintext")
    client.change(uri, 2, insert(0, 3, " two"), insert(0, 7, " three"), {"range": at(0, 0, 0, 3), "text": "1"})
    assert client.server_text(uri) == "1 two three\n"
    client.change(
        uri, 3, insert(0, 0, "lost"), "fresh\ntext\n", insert(1, 4, "!"), {"range": at(0, 5, 1, 0), "text": " "}
    )
    assert client.held(uri) == client.held(uri) | {"text": "fresh text!\n", "version": 3}
    client.change(uri, 4)
    assert client.held(uri)["version"] == 4
    assert client.server_text(uri) == "fresh text!\n"


def test_lsp_40_deprecated_range_length_is_ignored(client: RawClient) -> None:
    """RangeLength is deprecated and often wrong; the range counts."""
    uri = client.open(client.uri("a.txt"), "hello\n", language="plaintext")
    client.change(uri, 2, {"range": at(0, 1, 0, 3), "rangeLength": 77, "text": "_"})
    assert client.server_text(uri) == "h_lo\n"


@pytest.mark.parametrize(
    "bad",
    [
        {"range": {"start": {"line": "x", "character": 0}, "end": {"line": 0, "character": 0}}, "text": "b"},
        {"range": at(-1, 0), "text": "b"},
        {"range": at(0, -1), "text": "b"},
        {"range": at(0, 0)},
        {"text": 7},
        {"range": at(0, 0), "text": None},
        "not an object",
        None,
    ],
    ids=str,
)
def test_lsp_41_a_bad_batch_is_not_half_applied(ready: ReadyServer, bad: Any) -> None:
    """Of a good and a bad change neither is made; a full change puts the document right again."""
    client = ready(capabilities.push())
    uri = client.open(client.uri("a.py"), "import os\n")
    client.diagnostics(uri, version=1, where=bool)
    client.notify(
        "textDocument/didChange",
        {"textDocument": {"uri": uri, "version": 2}, "contentChanges": [insert(0, 0, "half"), bad]},
    )
    held = client.held(uri)
    assert held is None or held["text"] == "import os\n", held
    # A later small edit is an edit of a text the server does not have: what it then reports must not be trusted or sent.
    client.change(uri, 3, insert(0, 0, "import sys\n"))
    client.change(uri, 4, "import re\n")
    found = client.diagnostics(uri, version=4, where=bool)
    assert client.server_text(uri) == "import re\n"
    assert "re" in found[0]["message"]
    assert len(client.pop_ups()) <= 1, "asking for the full text is one message at most"
    versions = [one["params"].get("version") for one in client.notifications("textDocument/publishDiagnostics")]
    assert 3 not in versions, "diagnostics on a text that was not the editor's"


@pytest.mark.parametrize(("first", "second"), [(10, 3), (3, 3)], ids=["back", "same"])
def test_lsp_42_versions_that_do_not_increase(ready: ReadyServer, first: int, second: int) -> None:
    """It is noticed: a log line, no pop-up; the next full text puts everything right."""
    client = ready(capabilities.push())
    uri = client.open(client.uri("a.py"), "x = 1\n")
    client.change(uri, first, "import os\n")
    client.diagnostics(uri, version=first, where=bool)
    logged = len(client.stderr()) + len(client.notifications("window/logMessage"))
    client.change(uri, second, "import re\n")
    client.echo()
    client.wait_until(
        lambda: len(client.stderr()) + len(client.notifications("window/logMessage")) > logged,
        timeout=2,
        what="a log line",
    )
    client.change(uri, 20, "import sys\n")
    found = client.diagnostics(uri, version=20, where=bool)
    assert "sys" in found[0]["message"]
    assert client.held(uri)["version"] == 20
    client.check_clean()


def test_lsp_43_change_before_open(client: RawClient) -> None:
    """A change of an unknown document is ignored, without a pop-up."""
    uri = client.uri("never.txt")
    client.change(uri, 2, insert(0, 0, "x"))
    client.change(uri, 3, "full")
    assert client.server_text(uri) is None
    client.check_clean()


def test_lsp_44_double_open_and_unknown_close(client: RawClient) -> None:
    """A second open replaces; closing what is not open does nothing."""
    uri = client.uri("a.txt")
    client.close(uri)
    client.open(uri, "first\n", version=7, language="plaintext")
    client.open(uri, "second\n", version=1, language="plaintext")
    client.change(uri, 2, insert(0, 6, "!"))
    assert client.held(uri)["text"] == "second!\n"
    assert client.held(uri)["version"] == 2
    client.close(uri)
    client.close(uri)
    assert client.server_text(uri) is None
    client.check_clean()


@pytest.mark.parametrize("scheme", ["untitled:", "git:", "http://localhost", "vscode-remote://x", "file"])
def test_lsp_45_closed_documents_are_not_read(ready: ReadyServer, scheme: str) -> None:
    """Whatever its path says, a document of another scheme is never read from the disk; an open one never at all."""
    client = ready(capabilities.pull())
    path = client.workspace / "secret.py"
    path.write_text("import os  # on disk\n")
    uri = path.as_uri() if scheme == "file" else scheme + str(path)
    if scheme == "file":
        client.open(uri, "import re  # in the editor\n")
        said = str(client.pull(uri))
        assert "`re`" in said
        assert "`os`" not in said
    else:
        assert client.server_text(uri) is None
        report = client.request("textDocument/diagnostic", {"textDocument": {"uri": uri}})
        assert "`os`" not in str(report)
        position = {"textDocument": {"uri": uri}, "position": {"line": 0, "character": 8}}
        assert client.request("textDocument/hover", position).get("result") is None
    client.check_clean()


def test_lsp_45_other_schemes_when_open(ready: ReadyServer) -> None:
    """An untitled document is analysed like a file; a document of any scheme is kept as the client sends it."""
    client = ready(capabilities.push())
    for uri in ("untitled:Untitled-1", "untitled:über%20x"):
        client.open(uri, "import os\n")
        assert client.diagnostics(uri, where=bool)
        assert client.server_text(uri) == "import os\n"
    for uri in ("git:/x/a.py?HEAD", "vscode-vfs://github/a/b.py", "no scheme", "file://far-host/share/a.py", ""):
        client.open(uri, "import os\n")
        client.change(uri, 2, insert(0, 0, "# "))
        assert client.server_text(uri) == "# import os\n"
        client.close(uri)
    client.check_clean()


def test_lsp_45_a_fifo_hangs_nobody(ready: ReadyServer) -> None:
    """A FIFO in the workspace, asked about or opened, holds nothing up."""
    client = ready(capabilities.pull())
    os.mkfifo(client.workspace / "pipe.py")
    os.mkfifo(client.workspace / "pyproject.toml")
    uri = client.uri("pipe.py")
    position = {"textDocument": {"uri": uri}, "position": {"line": 0, "character": 0}}
    client.request("textDocument/hover", position, timeout=3)
    client.request("textDocument/diagnostic", {"textDocument": {"uri": uri}}, timeout=3)
    whole = client.begin("workspace/diagnostic", {"previousResultIds": []})
    client.open(uri, "import os\n")
    assert client.echo() < 0.3
    assert client.pull(uri, timeout=5)["items"]
    client.notify("workspace/didChangeWatchedFiles", {"changes": [{"uri": client.uri("pyproject.toml"), "type": 2}]})
    assert client.echo() < 0.3
    client.cancel(whole)
    client.answer(whole)
    client.check_clean()


@pytest.mark.parametrize(
    ("opened", "changed"),
    [
        ("file:///project/a%20b.py", "file:///project/a b.py"),
        ("file:///c%3A/project/a.py", "file:///C:/project/a.py"),
        ("file:///C:/project/a.py", "file:///c:/project/a.py"),
        ("file:///project/%C3%A9.py", "file:///project/%c3%a9.py"),
        ("file:///project/é.py", "file:///project/%C3%A9.py"),
        ("file:///project/a%2Bb.py", "file:///project/a+b.py"),
    ],
)
def test_lsp_46_spellings_of_one_uri(ready: ReadyServer, opened: str, changed: str) -> None:
    """Another spelling of a file's URI is the same document; what is published bears the spelling it was opened with."""
    client = ready(capabilities.push())
    client.open(opened, "x = 1\n")
    client.change(changed, 2, insert(0, 0, "import os\n"))
    client.diagnostics(opened, version=2, where=bool)
    assert client.published.keys() <= {opened}
    client.close(changed)
    client.diagnostics(opened, where=lambda found: not found)


def test_lsp_46_opaque_schemes_are_left_alone(client: RawClient) -> None:
    """URIs of other schemes are compared as they are."""
    client.open("untitled:a%20b", "one", language="plaintext")
    client.open("untitled:a b", "two", language="plaintext")
    assert client.server_text("untitled:a%20b") == "one"
    assert client.server_text("untitled:a b") == "two"


def test_lsp_47_language_change_and_close(ready: ReadyServer) -> None:
    """Close clears what was pushed; open with another language analyses anew; nothing is published after a close."""
    client = ready(capabilities.push())
    uri = client.open(client.uri("a"), "import os\n", language="python")
    client.diagnostics(uri, where=bool)
    client.close(uri)
    client.diagnostics(uri, where=lambda found: not found, timeout=2)
    client.open(uri, "import os\n", language="plaintext", version=1)
    client.echo()
    client.holds_for(lambda: not client.published[uri]["diagnostics"], 0.4, what="no Python finding in plain text")
    client.close(uri)
    for version in range(2, 30):  # closed in the middle of the work
        client.open(uri, f"import m{version}\n" + "x = 1\n" * 3000, language="python", version=version)
        client.close(uri)
    client.echo()
    client.holds_for(lambda: not client.published[uri]["diagnostics"], 0.6, what="nothing published after the close")
    client.check_clean()


def test_lsp_48_will_save_wait_until_is_not_registered(start: Any) -> None:
    """Postil edits nothing on save."""
    client = start()
    announced = client.initialize(capabilities.dynamic(capabilities.push()))["capabilities"]
    sync = announced["textDocumentSync"]
    assert sync["openClose"] is True
    assert sync["change"] == 2
    assert not sync.get("willSaveWaitUntil")
    client.echo()
    registered = [
        one["method"]
        for request in client.requests("client/registerCapability")
        for one in request["params"]["registrations"]
    ]
    assert "textDocument/willSaveWaitUntil" not in registered
    uri = client.open(client.uri("a.txt"), "text\n", language="plaintext")
    client.notify("textDocument/willSave", {"textDocument": {"uri": uri}, "reason": 1})
    client.notify("textDocument/didSave", {"textDocument": {"uri": uri}})
    client.echo()
    client.check_clean()


def cell(uri: str, text: str, version: int = 1) -> Any:
    """Return a code cell's document."""
    return {"uri": uri, "languageId": "python", "version": version, "text": text}


def test_lsp_49_notebook_cells(ready: ReadyServer) -> None:
    """Cells are documents: opened, edited, moved, inserted and removed with their notebook, each with its own ranges."""
    client = ready(capabilities.push())
    announced = next(one for one in client.received if one.get("id") == 1)["result"]["capabilities"]
    needs(announced, "notebookDocumentSync")
    notebook = {"uri": client.uri("n.ipynb"), "version": 1}
    uris = [f"vscode-notebook-cell:{client.workspace}/n.ipynb#{number}" for number in range(4)]
    client.notify(
        "notebookDocument/didOpen",
        {
            "notebookDocument": {
                **notebook,
                "notebookType": "jupyter-notebook",
                "cells": [{"kind": 2, "document": uris[0]}, {"kind": 2, "document": uris[1]}],
            },
            "cellTextDocuments": [cell(uris[0], "x = 1\n"), cell(uris[1], "def f(:\n")],
        },
    )
    (found, *_) = client.diagnostics(uris[1], where=bool)
    assert found["range"]["start"]["line"] == 0
    change = {
        "notebookDocument": notebook | {"version": 2},
        "change": {
            "cells": {
                "structure": {  # insert one between, move nothing
                    "array": {"start": 1, "deleteCount": 0, "cells": [{"kind": 2, "document": uris[2]}]},
                    "didOpen": [cell(uris[2], "y = (\n")],
                },
            }
        },
    }
    client.notify("notebookDocument/didChange", change)
    client.diagnostics(uris[2], where=bool)
    change = {
        "notebookDocument": notebook | {"version": 3},
        "change": {
            "cells": {
                "structure": {"array": {"start": 1, "deleteCount": 1}, "didClose": [{"uri": uris[2]}]},
                "textContent": [
                    {"document": {"uri": uris[1], "version": 2}, "changes": [insert(0, 6, "a")]},
                    {
                        "document": {"uri": uris[1], "version": 3},
                        "changes": [{"range": at(0, 7, 0, 8), "text": "): pass"}],
                    },
                ],
            }
        },
    }
    client.notify("notebookDocument/didChange", change)
    assert client.server_text(uris[2]) is None
    assert client.server_text(uris[1]) == "def f(a): pass\n"[:7] + "): pass\n"
    client.diagnostics(uris[1], where=lambda found: not found)
    client.notify(
        "notebookDocument/didClose",
        {"notebookDocument": {"uri": notebook["uri"]}, "cellTextDocuments": [{"uri": uris[0]}, {"uri": uris[1]}]},
    )
    for uri in uris[:2]:
        assert client.server_text(uri) is None
        assert not client.published.get(uri, {"diagnostics": []})["diagnostics"]
    client.check_clean()


def test_lsp_49_broken_notebook_changes(ready: ReadyServer) -> None:
    """Changes of unknown notebooks or cells, and shapes that cannot be, are ignored without a pop-up."""
    client = ready(capabilities.push())
    for params in (
        {},
        {"notebookDocument": {"uri": "file:///n.ipynb", "version": 2}, "change": {"cells": {"textContent": [{}]}}},
        {
            "notebookDocument": {"uri": "file:///n.ipynb", "version": 2},
            "change": {"cells": {"structure": {"array": {}}}},
        },
        {
            "notebookDocument": {"uri": "file:///n.ipynb", "version": 2},
            "change": {"cells": {"structure": {"array": {"start": 7, "deleteCount": 10**9}}}},
        },
    ):
        client.notify("notebookDocument/didChange", params)
        client.notify("notebookDocument/didOpen", params)
        client.notify("notebookDocument/didClose", params)
    client.echo()
    client.check_clean()
