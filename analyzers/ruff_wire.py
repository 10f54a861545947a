"""What `ruff server` is told and what it says, as data.

Its answers are decoded no deeper than a range, a code and a message; the rest is for code actions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from analyzers.ranges import Range

if TYPE_CHECKING:
    from collections.abc import Sequence


class RuffData(msgspec.Struct):
    """What ruff attaches to a diagnostic for its code actions. Ranges are in the negotiated encoding."""

    code: str | None = None
    title: str = ""
    edits: list[RuffEdit] = []
    noqa_edit: RuffEdit | None = None
    is_preferred: bool | None = None  # true: a safe fix; false: an unsafe one; null: none


class RuffEdit(msgspec.Struct, rename="camel"):
    """One replacement."""

    range: Range
    new_text: str


class RuffDiagnostic(msgspec.Struct, rename="camel"):
    """One diagnostic, in ruff's words."""

    range: Range
    message: str
    severity: int = 2
    code: str | int | None = None
    code_description: dict[str, str] | None = None
    source: str | None = None
    tags: list[int] | None = None
    data: RuffData | None = None


class Report(msgspec.Struct):
    """An answer to textDocument/diagnostic."""

    items: list[RuffDiagnostic] = []


class Pushed(msgspec.Struct):
    """Params of textDocument/publishDiagnostics."""

    uri: str
    diagnostics: list[RuffDiagnostic]
    version: int | None = None


class Message(msgspec.Struct):
    """Any message of the child's."""

    id: int | str | None = None
    method: str | None = None
    params: msgspec.Raw = msgspec.Raw()
    result: msgspec.Raw = msgspec.Raw()
    error: msgspec.Raw = msgspec.Raw()


MESSAGE = msgspec.json.Decoder(Message)
REPORT = msgspec.json.Decoder(Report)
PUSHED = msgspec.json.Decoder(Pushed)


@dataclass(frozen=True, slots=True)
class RuffConfiguration:
    """What one child is told. Documents with equal configurations share a child.

    `project`: the files of the project decide (a trusted workspace only); otherwise `inline` is all there is. Values are JSON.
    """

    project: bool
    inline: str  # JSON text of ruff's inline configuration, so that the value is hashable

    def initialization_options(self) -> dict[str, object]:
        """Return the `initializationOptions` of `ruff server`."""
        settings: dict[str, object] = {
            "configurationPreference": "filesystemFirst" if self.project else "editorOnly",
            "configuration": msgspec.json.decode(self.inline),
            "showSyntaxErrors": True,
        }
        return {"settings": settings, "globalSettings": settings}


def initialize_params(
    configuration: RuffConfiguration, encoding: str, roots: Sequence[str], process_id: int
) -> dict[str, object]:
    """Return the params of `initialize`. `roots`: the URIs of the workspace folders."""
    return {
        "processId": process_id,
        "rootUri": roots[0] if roots else None,
        "workspaceFolders": [{"uri": root, "name": root.rpartition("/")[2]} for root in roots] or None,
        "capabilities": {
            "general": {"positionEncodings": [encoding]},
            "textDocument": {
                "diagnostic": {"relatedDocumentSupport": False},
                "publishDiagnostics": {
                    "dataSupport": True,
                    "codeDescriptionSupport": True,
                    "tagSupport": {"valueSet": [1, 2]},
                },
                "codeAction": {
                    "codeActionLiteralSupport": {"codeActionKind": {"valueSet": ["quickfix", "source"]}},
                    "dataSupport": True,
                    "resolveSupport": {"properties": ["edit"]},
                },
            },
            "workspace": {"workspaceEdit": {"documentChanges": True}},
        },
        "initializationOptions": configuration.initialization_options(),
    }
