"""The hot messages of LSP, as msgspec structs: what is decoded on each keystroke and encoded with each publication.

Everything rare goes through lsprotocol (`server/lsp.py`). Field names are LSP's own, so a struct can be read beside the
specification.

Invariant: a position outside what lsprotocol allows is clamped or refused here: negative is refused (InvalidParams), anything
larger is clamped against the text later. VS Code sends 9223372036854776000 for "end of line".
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from analyzers.ranges import Count, Range, TextChange

Version = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)]  # LSP's integer


class DocumentId(msgspec.Struct):
    """Which document."""

    uri: str


class VersionedId(msgspec.Struct):
    """Which document, in which version; null where the client has none."""

    uri: str
    version: Version | None = None


class DocumentItem(msgspec.Struct, rename="camel"):
    """A document as the client opens it."""

    uri: str
    language_id: str
    version: Version
    text: str


class DidOpen(msgspec.Struct, rename="camel"):
    """Params of textDocument/didOpen."""

    text_document: DocumentItem


class DidChange(msgspec.Struct, rename="camel"):
    """Params of textDocument/didChange."""

    text_document: VersionedId
    content_changes: list[TextChange]


class DidClose(msgspec.Struct, rename="camel"):
    """Params of textDocument/didClose and didSave."""

    text_document: DocumentId


class PullParams(msgspec.Struct, rename="camel"):
    """Params of textDocument/diagnostic."""

    text_document: DocumentId
    previous_result_id: str | None = None


class PreviousResult(msgspec.Struct):
    """What the client knows of a document."""

    uri: str
    value: str


class WorkspacePullParams(msgspec.Struct, rename="camel"):
    """Params of workspace/diagnostic."""

    previous_result_ids: list[PreviousResult]
    partial_result_token: int | str | None = None
    work_done_token: int | str | None = None


class ExecuteCommandParams(msgspec.Struct):
    """Params of workspace/executeCommand."""

    command: str
    arguments: list[Any] | None = None


class CodeDescription(msgspec.Struct):
    """Where a rule is explained."""

    href: str


class Location(msgspec.Struct):
    """A range in a document."""

    uri: str
    range: Range


class RelatedInformation(msgspec.Struct):
    """Another place that explains a diagnostic."""

    location: Location
    message: str


class Diagnostic(msgspec.Struct, rename="camel", omit_defaults=True):
    """A diagnostic as it is published."""

    range: Range
    message: str
    severity: int | None = None
    code: str | int | None = None
    code_description: CodeDescription | None = None
    source: str | None = None
    tags: list[int] | None = None
    related_information: list[RelatedInformation] | None = None
    data: dict[str, str] | None = None


class Publish(msgspec.Struct, omit_defaults=True):
    """Params of textDocument/publishDiagnostics; the diagnostics are encoded already."""

    uri: str
    diagnostics: msgspec.Raw
    version: Version | None = None


class CellId(msgspec.Struct, rename="camel"):
    """A notebook cell: 1 is markup, 2 is code."""

    kind: int
    document: str


class Notebook(msgspec.Struct, rename="camel"):
    """A notebook as the client opens it."""

    uri: str
    notebook_type: str
    version: Version
    cells: list[CellId]


class NotebookOpen(msgspec.Struct, rename="camel"):
    """Params of notebookDocument/didOpen."""

    notebook_document: Notebook
    cell_text_documents: list[DocumentItem]


class CellArrayChange(msgspec.Struct, rename="camel"):
    """Cells removed from, and put into, a notebook's list."""

    start: Count
    delete_count: Count
    cells: list[CellId] | None = None


class CellStructure(msgspec.Struct, rename="camel"):
    """A change of the list of cells."""

    array: CellArrayChange
    did_open: list[DocumentItem] | None = None
    did_close: list[DocumentId] | None = None


class CellText(msgspec.Struct):
    """Changes of one cell's text."""

    document: VersionedId
    changes: list[TextChange]


class CellChanges(msgspec.Struct, rename="camel"):
    """What changed about the cells."""

    structure: CellStructure | None = None
    text_content: list[CellText] | None = None


class NotebookChangeEvent(msgspec.Struct):
    """What changed about a notebook; its metadata is not looked at."""

    cells: CellChanges | None = None


class NotebookChange(msgspec.Struct, rename="camel"):
    """Params of notebookDocument/didChange."""

    notebook_document: VersionedId
    change: NotebookChangeEvent


class NotebookClose(msgspec.Struct, rename="camel"):
    """Params of notebookDocument/didClose."""

    notebook_document: DocumentId
    cell_text_documents: list[DocumentId]


class _OnlyDocument(msgspec.Struct, rename="camel"):
    text_document: DocumentId


def uri_of(params: bytes) -> str | None:
    """Return the document of params that are otherwise not what they should be, or None."""
    try:
        return msgspec.json.decode(params, type=_OnlyDocument).text_document.uri
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
