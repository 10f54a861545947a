"""Damaged requests, notifications and frames for the fuzz tests, from seeds.

Invariant: the same seed makes the same mutants. A mutated request keeps its id, its `jsonrpc` and a method that exists, so
that it must be answered, once; what is damaged is everything below `params`.
"""

from __future__ import annotations

import copy
import random
from typing import Any

Json = Any


def requests(uri: str) -> list[tuple[str, Json]]:
    """Return well-formed requests for each method a server may have, about the document `uri`."""
    document = {"textDocument": {"uri": uri}}
    place = {**document, "position": {"line": 1, "character": 2}}
    span = {"start": {"line": 0, "character": 0}, "end": {"line": 1, "character": 3}}
    diagnostic = {
        "range": span,
        "message": "m",
        "severity": 1,
        "code": "F401",
        "source": "ruff",
        "data": {"fingerprint": "0" * 16},
    }
    context = {"diagnostics": [diagnostic], "only": ["quickfix"], "triggerKind": 1}
    return [
        ("textDocument/hover", place),
        ("textDocument/codeAction", {**document, "range": span, "context": context}),
        ("codeAction/resolve", {"title": "t", "kind": "quickfix", "data": {"action": "fix", "uri": uri, "version": 1}}),
        ("textDocument/diagnostic", {**document, "identifier": "postil", "previousResultId": "x"}),
        ("textDocument/rename", {**place, "newName": "n"}),
        ("textDocument/prepareRename", place),
        ("workspace/executeCommand", {"command": "postil.test.echo", "arguments": [{"a": 1}]}),
        ("workspace/executeCommand", {"command": "postil.fixAll", "arguments": [uri]}),
        ("textDocument/definition", place),
        ("initialize", {"processId": None, "rootUri": None, "capabilities": {}}),
    ]


def notifications(uri: str) -> list[tuple[str, Json]]:
    """Return well-formed notifications about the document `uri`."""
    span = {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 1}}
    document = {"uri": uri, "version": 2}
    notebook, cell = uri + ".ipynb", uri + ".ipynb#1"
    cells = {
        "structure": {"array": {"start": 0, "deleteCount": 0, "cells": [{"kind": 2, "document": uri + "#2"}]}},
        "textContent": [{"document": {"uri": cell, "version": 2}, "changes": [{"range": span, "text": "x"}]}],
    }
    return [
        (
            "textDocument/didOpen",
            {"textDocument": {"uri": uri, "languageId": "python", "version": 1, "text": "import os\n"}},
        ),
        ("textDocument/didChange", {"textDocument": document, "contentChanges": [{"range": span, "text": "y"}]}),
        ("textDocument/didSave", {"textDocument": {"uri": uri}, "text": "x"}),
        ("textDocument/didClose", {"textDocument": {"uri": uri}}),
        ("workspace/didChangeConfiguration", {"settings": {"postil": {"ruff": {"enabled": True}}}}),
        ("workspace/didChangeWatchedFiles", {"changes": [{"uri": uri, "type": 2}]}),
        ("workspace/didChangeWorkspaceFolders", {"event": {"added": [{"uri": uri, "name": "n"}], "removed": []}}),
        (
            "notebookDocument/didOpen",
            {
                "notebookDocument": {
                    "uri": notebook,
                    "notebookType": "j",
                    "version": 1,
                    "cells": [{"kind": 2, "document": cell}],
                },
                "cellTextDocuments": [{"uri": cell, "languageId": "python", "version": 1, "text": "x"}],
            },
        ),
        (
            "notebookDocument/didChange",
            {"notebookDocument": {"uri": notebook, "version": 2}, "change": {"cells": cells}},
        ),
        ("notebookDocument/didClose", {"notebookDocument": {"uri": notebook}, "cellTextDocuments": [{"uri": cell}]}),
        ("$/cancelRequest", {"id": 5}),
        ("$/setTrace", {"value": "verbose"}),
        ("$/progress", {"token": "t", "value": {"kind": "begin"}}),
        ("window/workDoneProgress/cancel", {"token": "t"}),
        ("initialized", {}),
    ]


def damaged(chance: random.Random, params: Json) -> Json:
    """Return a copy of `params` with one to three parts damaged."""
    result = copy.deepcopy(params)
    for _ in range(chance.randrange(1, 4)):
        result = _damage(chance, result)
    return result


def _values(chance: random.Random) -> Json:
    return chance.choice(
        [
            None, True, False, 0, -1, 1, 0.5, -0.0, 1e300, 2**31 - 1, 2**31, 2**53, 2**64, -(2**70), 10**40,
            "", "x", "\x00", "\ud800", "\u2028", "a" * 5000, "file:///etc/passwd", "untitled:x", "file://h/%zz%00",
            [], [[]], [None], {}, {"": {}}, {"jsonrpc": "2.0", "id": 1, "method": "shutdown"},
            {"jsonrpc": "2.0", "result": None, "id": 3}, [{"jsonrpc": "2.0", "method": "exit"}],
            {"line": 1}, {"line": -1, "character": -1}, {"line": "0", "character": None},
            {"line": 10**12, "character": 10**12}, {"uri": None}, {"uri": ["x"]},
            {"start": {"line": 5, "character": 5}, "end": {"line": 0, "character": 0}},
        ]
    )  # fmt: skip


def _damage(chance: random.Random, value: Json) -> Json:
    """Return `value` with one place below it, or itself, replaced, removed, added or doubled."""
    if isinstance(value, dict) and value and chance.random() < 0.85:
        key = chance.choice(sorted(value))
        how = chance.random()
        if how < 0.12:
            del value[key]
        elif how < 0.2:
            value[chance.choice(["jsonrpc", "id", "method", "x" * 300, "", key.upper()])] = _values(chance)
        else:
            value[key] = _damage(chance, value[key])
        return value
    if isinstance(value, list) and value and chance.random() < 0.85:
        at = chance.randrange(len(value))
        if chance.random() < 0.2:
            value.append(_values(chance))
        else:
            value[at] = _damage(chance, value[at])
        return value
    return _values(chance)


def frame_mutant(chance: random.Random, content: bytes) -> bytes:
    """Return bytes that look like a frame for `content` and are damaged somewhere, header or body."""
    header = b"Content-Length: %d\r\n\r\n" % len(content)
    how = chance.randrange(10)
    if how == 0:
        return chance.randbytes(chance.randrange(1, 200))
    if how == 1:
        return header[: chance.randrange(len(header))]
    if how == 2:
        return b"Content-Length: %d\r\n\r\n" % (len(content) + chance.choice([-1, 1, -5, 7, 1000])) + content
    if how == 3:
        return header + content[: chance.randrange(len(content))]
    if how == 4:
        return header.replace(b":", chance.choice([b"", b"::", b" ", b"\x00", b"="])) + content
    if how == 5:
        return header.replace(b"\r\n", chance.choice([b"\n", b"\r", b"\r\r\n", b"", b"\n\r"])) + content
    if how == 6:
        length = chance.choice([b"1e3", b"0", b"00000", b"+5", b"\xd9\xa3", b"5 5", b"99999999999", b"4294967295"])
        return b"Content-Length: %b\r\n\r\n" % length + content
    if how == 7:
        extra = chance.choice([b"X: " + b"y" * 9000, b"Content-Type: text/plain; charset=latin-1", b": ", b"Host"])
        return extra + b"\r\n" + header + content
    mutant = bytearray(content)
    for _ in range(chance.randrange(1, 6)):
        at = chance.randrange(len(mutant))
        mutant[at : at + chance.randrange(3)] = chance.randbytes(chance.randrange(3))
        mutant = mutant or bytearray(b"x")
    return b"Content-Length: %d\r\n\r\n" % len(mutant) + bytes(mutant)
