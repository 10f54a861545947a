"""Client capabilities for the tests, from nothing at all to everything, as plain JSON.

Invariant: each function returns a fresh object, so a test may change it.
"""

from __future__ import annotations

from typing import Any

Json = Any

SYMBOL_TAGS = [1, 2]


def nothing() -> Json:
    """Return the capabilities of a client that announces none."""
    return {}


def push(*, everything: bool = True) -> Json:
    """Return those of a client that takes pushed diagnostics, with all their parts or with none."""
    capabilities = _everything() if everything else _bare()
    del capabilities["textDocument"]["diagnostic"]
    return capabilities


def pull(*, everything: bool = True) -> Json:
    """Return those of a client that asks for diagnostics; without `everything` it takes no pushed ones."""
    capabilities = _everything() if everything else _bare()
    if not everything:
        del capabilities["textDocument"]["publishDiagnostics"]
    capabilities["textDocument"].setdefault(
        "diagnostic", {"dynamicRegistration": False, "relatedDocumentSupport": False}
    )
    return capabilities


def static(capabilities: Json) -> Json:
    """Return `capabilities` with each dynamicRegistration off."""
    if isinstance(capabilities, dict):
        return {key: False if key == "dynamicRegistration" else static(value) for key, value in capabilities.items()}
    return capabilities


def dynamic(capabilities: Json) -> Json:
    """Return `capabilities` with each dynamicRegistration on."""
    if isinstance(capabilities, dict):
        return {key: True if key == "dynamicRegistration" else dynamic(value) for key, value in capabilities.items()}
    return capabilities


def _bare() -> Json:
    return {"workspace": {}, "window": {}, "general": {}, "textDocument": {"publishDiagnostics": {}, "diagnostic": {}}}


def _everything() -> Json:
    parts = {
        "relatedInformation": True,
        "tagSupport": {"valueSet": [1, 2]},
        "codeDescriptionSupport": True,
        "dataSupport": True,
    }
    return {
        "general": {
            "positionEncodings": ["utf-16"],
            "staleRequestSupport": {"cancel": True, "retryOnContentModified": []},
            "markdown": {"parser": "marked", "version": "1.1.0"},
        },
        "window": {"workDoneProgress": True, "showMessage": {}, "showDocument": {"support": True}},
        "workspace": {
            "applyEdit": True,
            "configuration": True,
            "workspaceFolders": True,
            "didChangeConfiguration": {"dynamicRegistration": False},
            "didChangeWatchedFiles": {"dynamicRegistration": False, "relativePatternSupport": True},
            "executeCommand": {"dynamicRegistration": False},
            "diagnostics": {"refreshSupport": True},
            "codeLens": {"refreshSupport": True},
            "workspaceEdit": {
                "documentChanges": True,
                "resourceOperations": ["create", "rename", "delete"],
                "failureHandling": "transactional",
                "normalizesLineEndings": False,
                "changeAnnotationSupport": {"groupsOnLabel": True},
            },
        },
        "notebookDocument": {"synchronization": {"dynamicRegistration": False, "executionSummarySupport": True}},
        "textDocument": {
            "synchronization": {
                "dynamicRegistration": False,
                "didSave": True,
                "willSave": True,
                "willSaveWaitUntil": True,
            },
            "publishDiagnostics": {"versionSupport": True, **parts},
            "diagnostic": {"dynamicRegistration": False, "relatedDocumentSupport": True, **parts},
            "hover": {"dynamicRegistration": False, "contentFormat": ["markdown", "plaintext"]},
            "rename": {"dynamicRegistration": False, "prepareSupport": True, "honorsChangeAnnotations": True},
            "codeAction": {
                "dynamicRegistration": False,
                "isPreferredSupport": True,
                "disabledSupport": True,
                "dataSupport": True,
                "honorsChangeAnnotations": True,
                "resolveSupport": {"properties": ["edit"]},
                "codeActionLiteralSupport": {
                    "codeActionKind": {
                        "valueSet": [
                            "",
                            "quickfix",
                            "refactor",
                            "refactor.extract",
                            "refactor.inline",
                            "refactor.rewrite",
                            "source",
                            "source.fixAll",
                            "source.organizeImports",
                        ]
                    }
                },
            },
        },
    }
