"""Notebooks: their cells are documents of their own, in an order that ruff must know.

ruff checks a notebook as one program, so it is told of the whole notebook and pushes diagnostics for each cell. Each cell is
also an open document of the session, changed as any other.

Invariant: the order of cells here is the client's, through every change of structure; closing a notebook closes its cells.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from server.convert import document_key

if TYPE_CHECKING:
    from server import wire
    from server.pipeline import Pipeline
    from server.session import Session

MAX_CELLS = 2_000
_MARKUP = 1  # LSP's NotebookCellKind


@dataclass(slots=True)
class _Notebook:
    uri: str
    kind: str
    cells: list[wire.CellId] = field(default_factory=list)


class Notebooks:
    """The open notebooks."""

    def __init__(self, session: Session, pipeline: Pipeline) -> None:
        self._session = session
        self._pipeline = pipeline
        self._notebooks: dict[str, _Notebook] = {}
        self._cells: dict[str, str] = {}

    def is_cell(self, uri: str) -> bool:
        """Whether an open document is a notebook's cell."""
        return document_key(uri) in self._cells

    def cells(self, uri: str) -> list[str]:
        """Return the URIs of a notebook's cells, in order."""
        notebook = self._notebooks.get(document_key(uri))
        return [cell.document for cell in notebook.cells] if notebook is not None else []

    def open(self, params: wire.NotebookOpen) -> None:
        """Take notebookDocument/didOpen."""
        item = params.notebook_document
        notebook = _Notebook(item.uri, item.notebook_type, item.cells[:MAX_CELLS])
        self._notebooks[document_key(item.uri)] = notebook
        self._open_cells(notebook, params.cell_text_documents)
        self._tell_ruff(notebook)

    def change(self, params: wire.NotebookChange) -> None:
        """Take notebookDocument/didChange: structure first, then texts, as the specification orders them."""
        notebook = self._notebooks.get(document_key(params.notebook_document.uri))
        cells = params.change.cells
        if notebook is None or cells is None:
            return
        if cells.structure is not None:
            array = cells.structure.array
            notebook.cells[array.start : array.start + array.delete_count] = array.cells or []
            for closed in cells.structure.did_close or ():
                self._close_cell(closed.uri)
            self._open_cells(notebook, cells.structure.did_open or [])
        for text in cells.text_content or ():
            changed = self._session.change(text.document.uri, text.document.version, text.changes)
            if changed is not None:
                self._pipeline.change(changed)
        self._tell_ruff(notebook)

    def close(self, params: wire.NotebookClose) -> None:
        """Take notebookDocument/didClose: all its cells are closed with it."""
        notebook = self._notebooks.pop(document_key(params.notebook_document.uri), None)
        if notebook is None:
            return
        for cell in [*params.cell_text_documents]:
            self._close_cell(cell.uri)
        for uri in [one.document for one in notebook.cells]:
            self._close_cell(uri)
        self._pipeline.close_notebook(notebook.uri)

    def follow_all(self) -> None:
        """Tell ruff of all notebooks, once the settings are known or ruff is another one."""
        for notebook in self._notebooks.values():
            self._tell_ruff(notebook)

    def _open_cells(self, notebook: _Notebook, items: list[wire.DocumentItem]) -> None:
        for item in items:
            self._cells[document_key(item.uri)] = notebook.uri
            self._pipeline.open_if_ready(self._session.open(item), notebook=True)

    def _close_cell(self, uri: str) -> None:
        if self._cells.pop(document_key(uri), None) is not None and self._session.close(uri):
            self._pipeline.close(uri)

    def _tell_ruff(self, notebook: _Notebook) -> None:
        cells: list[Any] = []
        texts: list[Any] = []
        for cell in notebook.cells:
            document = self._session.document(cell.document)
            # To ruff all code is Python: a cell of shell commands would be one syntax error that hides all else.
            is_python = document is not None and document.language == "python"
            cells.append({"kind": cell.kind if is_python else _MARKUP, "document": cell.document})
            if is_python:
                texts.append(document)
        self._pipeline.notebook(notebook.uri, notebook.kind, cells, texts)
