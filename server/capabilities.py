"""What the client says that it can do, and what the server says that it can: the two halves of `initialize`.

Ours is written by hand, because building it with pygls would mean importing lsprotocol before the client gets its answer. A
test compares it with what pygls builds from the registered features.

Invariant: everything is registered statically here or dynamically in `server/app.py`, nothing both ways. A client that can
pull diagnostics is told to pull, and is never pushed to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.commands import command_names

if TYPE_CHECKING:
    from collections.abc import Mapping

# The kinds of code actions, as `server/offers.py` has them; that module is not needed to start.
CODE_ACTION_KINDS = (
    "quickfix",
    "refactor.extract",
    "refactor.inline",
    "source.fixAll.postil",
    "source.organizeImports.postil",
)
_INCREMENTAL = 2


ENCODINGS = ("utf-8", "utf-16", "utf-32")


class Capabilities:
    """What the client says it can do, read once from `initialize`. Absent and malformed values mean that it cannot."""

    def __init__(self, raw: object) -> None:
        self._raw = raw
        diagnostics = "textDocument.publishDiagnostics."
        self.encoding = negotiated(self._at("general.positionEncodings"))
        self.refresh = self._at("workspace.diagnostics.refreshSupport") is True
        # Who pulls and cannot be asked to pull again never learns what changed without a key of its own: settings that were
        # saved, ruff's return. Neovim 0.11 moreover pulls for the buffer in front alone. Such clients get everything pushed.
        self.pull = isinstance(self._at("textDocument.diagnostic"), dict) and (
            self.refresh or not isinstance(self._at("textDocument.publishDiagnostics"), dict)
        )
        self.version_support = self._at(diagnostics + "versionSupport") is True
        self.related_information = self._either("relatedInformation")
        self.code_description = self._either("codeDescriptionSupport")
        self.data = self._either("dataSupport")
        self.tags = self._tags()
        self.hover_formats = self._list("textDocument.hover.contentFormat")
        self.code_action_literals = isinstance(self._at("textDocument.codeAction.codeActionLiteralSupport"), dict)
        self.code_action_data = self._at("textDocument.codeAction.dataSupport") is True
        self.code_action_resolve = frozenset(self._list("textDocument.codeAction.resolveSupport.properties"))
        self.code_action_disabled = self._at("textDocument.codeAction.disabledSupport") is True
        self.code_action_preferred = self._at("textDocument.codeAction.isPreferredSupport") is True
        self.prepare_rename = self._at("textDocument.rename.prepareSupport") is True
        self.apply_edit = self._at("workspace.applyEdit") is True
        self.document_changes = self._at("workspace.workspaceEdit.documentChanges") is True
        self.change_annotations = isinstance(self._at("workspace.workspaceEdit.changeAnnotationSupport"), dict)
        self.configuration = self._at("workspace.configuration") is True
        self.watch_registration = self._at("workspace.didChangeWatchedFiles.dynamicRegistration") is True
        self.configuration_registration = self._at("workspace.didChangeConfiguration.dynamicRegistration") is True
        self.work_done_progress = self._at("window.workDoneProgress") is True

    def _at(self, path: str) -> object:
        value = self._raw
        for name in path.split("."):
            if not isinstance(value, dict):
                return None
            value = value.get(name)
        return value

    def _list(self, path: str) -> list[str]:
        value = self._at(path)
        return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []

    def _either(self, name: str) -> bool:
        """Pull clients of 3.18 announce these beside the pull capability, older ones beside publishDiagnostics."""
        return any(
            self._at(f"textDocument.{feature}.{name}") is True for feature in ("publishDiagnostics", "diagnostic")
        )

    def _tags(self) -> frozenset[int]:
        for feature in ("publishDiagnostics", "diagnostic"):
            values = self._at(f"textDocument.{feature}.tagSupport.valueSet")
            if isinstance(values, list):
                return frozenset(one for one in values if isinstance(one, int))
        return frozenset()


def negotiated(offered: object) -> str:
    """Return the position encoding to use: the client's first choice that we support, UTF-16 where it says nothing."""
    if isinstance(offered, list):
        for encoding in offered:
            if encoding in ENCODINGS:
                return str(encoding)
    return "utf-16"


def server_capabilities(client: Capabilities, environment: Mapping[str, str]) -> dict[str, object]:
    """Return LSP's ServerCapabilities for this client."""
    capabilities: dict[str, object] = {
        "positionEncoding": client.encoding,
        "textDocumentSync": {"openClose": True, "change": _INCREMENTAL, "save": {"includeText": False}},
        # `notebook` may be left out, but clients made with lsprotocol cannot read that form.
        "notebookDocumentSync": {
            "notebookSelector": [{"notebook": "*", "cells": [{"language": "python"}]}],
            "save": False,
        },
        "hoverProvider": True,
        "executeCommandProvider": {"commands": command_names(environment)},
        "workspace": {"workspaceFolders": {"supported": True, "changeNotifications": True}},
    }
    if client.code_action_literals:
        capabilities["codeActionProvider"] = {"codeActionKinds": list(CODE_ACTION_KINDS), "resolveProvider": True}
    capabilities["renameProvider"] = {"prepareProvider": True} if client.prepare_rename else True
    if client.pull:
        capabilities["diagnosticProvider"] = {
            "identifier": "postil",
            "interFileDependencies": False,
            "workspaceDiagnostics": True,
        }
    return capabilities
