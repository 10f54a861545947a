"""What the server tells a client that it can do, as plain JSON: the answer to `initialize`.

Written by hand, because building it with pygls would mean importing lsprotocol before the client gets its answer. A test
compares it with what pygls builds from the registered features.

Invariant: everything is registered statically here or dynamically in `server/app.py`, nothing both ways. A client that can
pull diagnostics is told to pull, and is never pushed to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from server.commands import command_names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from server.session import Capabilities

# The kinds of code actions, as `server/offers.py` has them; that module is not needed to start.
CODE_ACTION_KINDS = ("quickfix", "refactor.extract", "refactor.inline", "source.fixAll.postil", "source.organizeImports.postil")
_INCREMENTAL = 2


def server_capabilities(client: Capabilities, environment: Mapping[str, str]) -> dict[str, object]:
    """Return LSP's ServerCapabilities for this client."""
    capabilities: dict[str, object] = {
        "positionEncoding": client.encoding,
        "textDocumentSync": {"openClose": True, "change": _INCREMENTAL, "save": {"includeText": False}},
        "notebookDocumentSync": {"notebookSelector": [{"cells": [{"language": "python"}]}], "save": False},
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
