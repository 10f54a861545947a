"""A real `ruff server` and a `State` on top of it, for tests of code actions.

The client is a plain blocking one: a test asks, ruff answers. What it shares with the product is the shape of ruff's data,
and nothing of the kept child.
"""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any, Self

import msgspec

from analyzers.document import Document, Edit, Point, Span
from analyzers.finding import Severity
from analyzers.ruff_binary import ruff_binary
from analyzers.ruff_check import RuffOptions, fixed_text
from analyzers.ruff_wire import RuffDiagnostic
from server.convert import path_from_uri, point_from_position
from server.offers import Shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from server.offers import FileEdits, WorkspaceEdit

URI = "file:///project/sample.py"


class RealRuff:
    """One `ruff server` that knows `select` and nothing else."""

    def __init__(self, encoding: str = "utf-16", select: Sequence[str] = ("ALL",), *, preview: bool = False) -> None:
        self.encoding = encoding
        self._last_id = 0
        self._child = subprocess.Popen([ruff_binary(), "server"], stdin=-1, stdout=-1, stderr=-3, cwd="/")
        lint = {"select": list(select), "ignore": ["D203", "D213", "CPY001", "INP001"], "preview": preview}
        settings = {"configurationPreference": "editorOnly", "configuration": {"lint": lint}}
        capabilities = {
            "general": {"positionEncodings": [encoding]},
            "textDocument": {"diagnostic": {}, "codeAction": {"resolveSupport": {"properties": ["edit"]}}},
            "workspace": {"workspaceEdit": {"documentChanges": True}},
        }
        params = {"processId": None, "rootUri": None, "capabilities": capabilities}
        self.request("initialize", {**params, "initializationOptions": {"settings": settings}})
        self._send({"method": "initialized", "params": {}})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._child.kill()
        self._child.communicate()

    def request(self, method: str, params: object) -> Any:
        """Return the result; an error fails the test."""
        self._last_id += 1
        self._send({"id": self._last_id, "method": method, "params": params})
        while True:
            message = self._receive()
            if "method" in message and "id" in message:
                self._send({"id": message["id"], "result": None})
            elif message.get("id") == self._last_id:
                assert "error" not in message, message
                return message["result"]

    def diagnostics(self, document: Document) -> list[RuffDiagnostic]:
        """Return what ruff says of the text, which it then knows under the document's URI until `forget`."""
        item = {"uri": document.uri, "languageId": "python", "version": document.version, "text": document.text}
        self._send({"method": "textDocument/didOpen", "params": {"textDocument": item}})
        report = self.request("textDocument/diagnostic", {"textDocument": {"uri": document.uri}})
        return msgspec.convert(report["items"], list[RuffDiagnostic])

    def forget(self, document: Document) -> None:
        """Close the document."""
        self._send({"method": "textDocument/didClose", "params": {"textDocument": {"uri": document.uri}}})

    def _send(self, message: dict[str, object]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self._child.stdin
        self._child.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self._child.stdin.flush()

    def _receive(self) -> dict[str, Any]:
        assert self._child.stdout
        length = 0
        while header := self._child.stdout.readline().strip():
            name, _, value = header.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        message: dict[str, Any] = json.loads(self._child.stdout.read(length))
        return message


class RealState:
    """One open document, with ruff's findings and some of our own."""

    def __init__(self, ruff: RealRuff, text: str, *, language: str = "python", own: Iterable[Shown] = ()) -> None:
        self.ruff = ruff
        self.encoding = ruff.encoding
        self.own = tuple(own)
        self.open: Document | None = Document(URI, 1, language, text)
        self.findings = self._look(self.open)

    def document(self, uri: str) -> Document | None:
        return self.open if uri == URI else None

    def shown(self, uri: str) -> Sequence[Shown]:
        return self.findings if uri == URI else ()

    def change(self, text: str) -> None:
        """The author typed something."""
        assert self.open
        self.open = self.open.with_text(text, self.open.version + 1)
        self.findings = self._look(self.open)

    async def ruff_request(self, uri: str, method: str, params: object) -> object:
        assert uri == URI
        assert self.open
        self.ruff.diagnostics(self.open)
        answer: object = self.ruff.request(method, params)
        self.ruff.forget(self.open)
        return answer

    async def ruff_fixed(self, document: Document, rule: str, *, unsafe: bool) -> str:
        path = path_from_uri(document.uri)
        assert path
        options = RuffOptions(select=(rule,), ignore=(), per_file_ignores=())
        return (await fixed_text(path, document.text.encode(), options, unsafe=unsafe)).decode()

    async def refactored(
        self, document: Document, refactoring: str, start: Point, end: Point, name: str
    ) -> Sequence[FileEdits]:
        raise NotImplementedError

    def _look(self, document: Document) -> tuple[Shown, ...]:
        if document.language != "python":
            return self.own
        diagnostics = self.ruff.diagnostics(document)
        self.ruff.forget(document)
        return (*(shown(document, index, one, self.encoding) for index, one in enumerate(diagnostics)), *self.own)


def shown(document: Document, index: int, one: RuffDiagnostic, encoding: str) -> Shown:
    """Return one of ruff's diagnostics as the pipeline would show it."""
    return Shown(
        fingerprint=f"{index:016x}",
        source="ruff",
        rule="syntax-error" if one.code in (None, "invalid-syntax") else str(one.code),
        message=one.message,
        start=point_from_position(document.lines, one.range.start, encoding),
        end=point_from_position(document.lines, one.range.end, encoding),
        severity=Severity(one.severity),
        ruff=one.data,
        url=(one.code_description or {}).get("href", ""),
    )


def applied(document: Document, edit: WorkspaceEdit) -> str:
    """Return the text after an editor applied `edit`, whose edits must be sorted and disjoint, for this version."""
    assert list(edit.changes) in ([document.uri], [])
    if not edit.changes:
        return document.text
    version, edits = edit.changes[document.uri]
    assert version == document.version
    assert list(edits) == sorted(edits)
    for one in edits:
        for offset in one.span:
            assert document.offset(document.point(offset)) == offset, "an edit where LSP has no position"
    return document.edited(edits, version + 1).text


def whole(document: Document) -> tuple[Point, Point]:
    """Return the range of the whole text."""
    return Point(0, 0), document.point(len(document))


def replaced(document: Document, old: str, new: str) -> Edit:
    """Return the edit that replaces the only `old`."""
    assert document.text.count(old) == 1
    at = document.text.index(old)
    return Edit(Span(at, at + len(old)), new)
