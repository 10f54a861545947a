"""A plain pygls server, as one writes it in ten minutes: what the check-list's last column was measured on.

It is here so that the tests can be seen to fail: `POSTIL_SERVE="python tests/lsp/stock_server.py" python -m tests.lsp.conformance`.

Invariant: nothing of postil is imported but its test commands' table.
"""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from lsprotocol import types
from pygls.lsp.server import LanguageServer

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from server.test_commands import COMMANDS

server = LanguageServer("stock", "1")


class _Session:
    def document(self, uri: str) -> Any:
        document = server.workspace.text_documents.get(uri)
        return document and SimpleNamespace(text=document.source, version=document.version, digest="")


def _register(name: str) -> None:
    context = SimpleNamespace(connection=None, session=_Session())

    async def run(*arguments: Any) -> Any:
        return await COMMANDS[name](context, list(arguments))

    server.command(name)(run)


for one in COMMANDS:
    _register(one)


def _publish(uri: str) -> None:
    document = server.workspace.get_text_document(uri)
    found = [
        types.Diagnostic(
            types.Range(types.Position(number, 0), types.Position(number, len(line))), f"`{line[7:].strip()}`"
        )
        for number, line in enumerate(document.lines)
        if line.startswith("import ")
    ]
    server.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri, found, document.version))


@server.feature(types.TEXT_DOCUMENT_DID_OPEN)
def _opened(params: types.DidOpenTextDocumentParams) -> None:
    _publish(params.text_document.uri)


@server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
def _changed(params: types.DidChangeTextDocumentParams) -> None:
    _publish(params.text_document.uri)


@server.feature(types.TEXT_DOCUMENT_HOVER)
def _hover(params: types.HoverParams) -> types.Hover | None:
    return None


if __name__ == "__main__":
    server.start_io()
