"""A session as three editors hold it: pytest-lsp's client with the capabilities of Neovim, VS Code and Emacs.

What an author does: open, see diagnostics, hover on one, list code actions, resolve and apply one, fix all, suppress, rename.
Protocol faults are for the raw client of this folder; this one repairs some of them.
"""

from __future__ import annotations

import asyncio
import os
import weakref
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_lsp
from lsprotocol import types
from pytest_lsp import ClientServerConfig, LanguageClient, client_capabilities

from tests.lsp.ranges import applied, units
from tests.lsp.raw_client import server_command

# pytest-lsp reads the fixture's annotations at run time, so nothing here is imported for types alone.

TEXT = (
    "import os\nimport sys\n\n\ndef double(first):\n    if first == None:\n        return 0\n    return first + first\n"
)
LIMIT = 15.0  # seconds
# Which editors the server asked to pull, by its answer to `initialize`.
told_to_pull: weakref.WeakKeyDictionary[LanguageClient, bool] = weakref.WeakKeyDictionary()


@pytest_lsp.fixture(
    params=["neovim", "visual_studio_code", "emacs"],
    config=ClientServerConfig(server_command=server_command(), server_env={**os.environ, "POSTIL_TEST_COMMANDS": "1"}),
)
async def editor(lsp_client: LanguageClient, request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[None]:
    """An editor with a workspace of one folder."""
    # The editors that these capabilities are from answer registrations; pytest-lsp's client does not.
    lsp_client.feature(types.CLIENT_REGISTER_CAPABILITY)(lambda _params: None)
    folder = types.WorkspaceFolder(tmp_path.as_uri(), "workspace")
    parameters = types.InitializeParams(
        capabilities=client_capabilities(request.param), workspace_folders=[folder], root_uri=tmp_path.as_uri()
    )
    result = await lsp_client.initialize_session(parameters)
    told_to_pull[lsp_client] = result.capabilities.diagnostic_provider is not None
    yield
    await lsp_client.shutdown_session()


class Opened:
    """One document in the editor: its text, its version, what is shown."""

    def __init__(self, editor: LanguageClient, uri: str, text: str) -> None:
        """Open it."""
        self.editor, self.uri, self.text, self.version = editor, uri, text, 1
        self.document = types.TextDocumentIdentifier(uri)
        item = types.TextDocumentItem(uri, "python", 1, text)
        editor.text_document_did_open(types.DidOpenTextDocumentParams(item))

    async def shown(self, condition: Callable[[list[types.Diagnostic]], bool]) -> list[types.Diagnostic]:
        """Wait for diagnostics that satisfy `condition`, by push or by pull as the editor does it."""
        deadline = asyncio.get_running_loop().time() + LIMIT
        pulls = told_to_pull[self.editor]
        while True:
            if pulls:
                report = await self.editor.text_document_diagnostic_async(types.DocumentDiagnosticParams(self.document))
                assert isinstance(report, types.RelatedFullDocumentDiagnosticReport)
                found = list(report.items)
            else:
                found = list(self.editor.diagnostics.get(self.uri, []))
            if condition(found):
                return found
            left = deadline - asyncio.get_running_loop().time()
            assert left > 0, f"shown: {[one.message for one in found]}"
            if not pulls:
                await asyncio.wait_for(
                    self.editor.wait_for_notification(types.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS), timeout=left
                )

    async def actions(self, found: list[types.Diagnostic], only: list[str] | None = None) -> list[types.CodeAction]:
        """Ask for code actions at the first of `found`."""
        context = types.CodeActionContext(
            diagnostics=found, only=[types.CodeActionKind(kind) for kind in only] if only else None
        )
        offered = await self.editor.text_document_code_action_async(
            types.CodeActionParams(self.document, found[0].range, context)
        )
        return [one for one in offered or [] if isinstance(one, types.CodeAction)]

    async def apply(self, action: types.CodeAction) -> None:
        """Resolve an action where it needs it, and apply its edit as the editor would."""
        if action.edit is None:
            action = await self.editor.code_action_resolve_async(action)
        assert action.edit is not None
        self.take(action.edit)

    def take(self, edit: types.WorkspaceEdit) -> None:
        """Apply a workspace edit to this document and tell the server."""
        edits: list[Any] = list((edit.changes or {}).get(self.uri, []))
        for change in edit.document_changes or []:
            assert isinstance(change, types.TextDocumentEdit)
            assert change.text_document.uri == self.uri
            assert change.text_document.version == self.version
            edits += change.edits
        plain = [{"range": _plain(one.range), "newText": one.new_text} for one in edits]
        self.text = applied(self.text, plain)
        self.version += 1
        identifier = types.VersionedTextDocumentIdentifier(version=self.version, uri=self.uri)
        self.editor.text_document_did_change(
            types.DidChangeTextDocumentParams(identifier, [types.TextDocumentContentChangeWholeDocument(self.text)])
        )


def _plain(range_: types.Range) -> dict[str, dict[str, int]]:
    return {
        "start": {"line": range_.start.line, "character": range_.start.character},
        "end": {"line": range_.end.line, "character": range_.end.character},
    }


def codes(found: list[types.Diagnostic]) -> set[str]:
    """Return the rules shown."""
    return {str(one.code) for one in found}


@pytest.mark.asyncio
async def test_an_authors_session(editor: LanguageClient, tmp_path: Path) -> None:
    """Open, hover, fix one, suppress one, fix all, rename, close."""
    opened = Opened(editor, (tmp_path / "sample.py").as_uri(), TEXT)
    found = await opened.shown(lambda all_: sum(one.code == "F401" for one in all_) == 2)
    first = next(one for one in found if one.code == "F401")
    assert first.range.start.line == 0
    assert "os" in first.message

    hover = await editor.text_document_hover_async(types.HoverParams(opened.document, first.range.start))
    assert hover is not None
    assert isinstance(hover.contents, types.MarkupContent)
    assert "F401" in hover.contents.value

    offered = await opened.actions([first])
    fixes = [one for one in offered if one.kind == types.CodeActionKind.QuickFix and one.is_preferred]
    assert fixes, [one.title for one in offered]
    await opened.apply(fixes[0])
    assert opened.text.startswith("import sys\n")
    found = await opened.shown(lambda all_: sum(one.code == "F401" for one in all_) == 1)

    second = next(one for one in found if one.code == "F401")
    suppress = [one for one in await opened.actions([second]) if "line" in one.title.lower()]
    assert suppress, "nothing to suppress the finding on its line"
    await opened.apply(suppress[0])
    assert "noqa" in opened.text.splitlines()[0]
    await opened.shown(lambda all_: "F401" not in codes(all_))

    opened.version += 1
    opened.text = TEXT
    identifier = types.VersionedTextDocumentIdentifier(version=opened.version, uri=opened.uri)
    whole = types.TextDocumentContentChangeWholeDocument(TEXT)
    editor.text_document_did_change(types.DidChangeTextDocumentParams(identifier, [whole]))
    found = await opened.shown(lambda all_: sum(one.code == "F401" for one in all_) == 2)
    fix_all = await opened.actions(found, ["source.fixAll"])
    assert len(fix_all) == 1
    await opened.apply(fix_all[0])
    assert "import" not in opened.text
    await opened.shown(lambda all_: "F401" not in codes(all_))

    line = opened.text.splitlines().index("def double(first):")
    here = types.Position(line, 12)
    edit = await asyncio.wait_for(
        editor.text_document_rename_async(
            types.RenameParams(text_document=opened.document, position=here, new_name="number")
        ),
        LIMIT,
    )
    assert edit is not None
    before = opened.text
    opened.take(edit)
    assert opened.text == before.replace("first", "number")

    editor.text_document_did_close(types.DidCloseTextDocumentParams(opened.document))
    assert not editor.messages, [one.message for one in editor.messages]


@pytest.mark.asyncio
async def test_typing_in_the_middle_of_a_word(editor: LanguageClient, tmp_path: Path) -> None:
    """Small edits with positions behind an emoji; what is shown follows the text."""
    line = "s = '\U0001f600'; import o"
    opened = Opened(editor, (tmp_path / "typing.py").as_uri(), line + "\n")
    await opened.shown(lambda all_: any("`o`" in one.message for one in all_))
    column = units(line, encoding_of(editor))
    for letter in "s":
        opened.version += 1
        here = types.Position(0, column)
        identifier = types.VersionedTextDocumentIdentifier(version=opened.version, uri=opened.uri)
        change = types.TextDocumentContentChangePartial(types.Range(here, here), letter)
        editor.text_document_did_change(types.DidChangeTextDocumentParams(identifier, [change]))
    found = await opened.shown(lambda all_: any("`os`" in one.message for one in all_))
    start = next(one for one in found if one.code == "F401").range.start
    assert (start.line, start.character) == (0, column - 1)


def encoding_of(editor: LanguageClient) -> str:
    """Return the encoding of the session's columns: the editor's first choice."""
    general = editor.capabilities.general
    offered = list((general and general.position_encodings) or ["utf-16"])
    return str(getattr(offered[0], "value", offered[0]))
