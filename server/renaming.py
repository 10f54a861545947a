"""Renames and refactorings: asked of jedi in its own process, given back as edits of exact texts.

What jedi answers names the digest of each text that its edits are for. Where the editor or the disk has another text by then,
the answer is stale and nothing is offered.

Invariant: jedi never runs in the server's process. What hangs there is killed at its deadline, and nothing else waits.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from analyzers.document import Document, Edit, Point, Span
from analyzers.refactoring import Place, Refactoring
from server.convert import path_from_uri, uri_from_path
from server.files import Unreadable, read_workspace_file
from server.offers import ActionRefused, StaleAction
from server.workers import WorkerError, WorkerTimeout

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzers.refactoring import FileEdits
    from server.app import App

T = TypeVar("T")

REFACTORING_LIMIT = 6.0  # seconds for one request, after which the process is killed
RENAME_LIMIT = 10.0  # seconds for a rename, which looks into the whole workspace
# Where documents without a path are said to lie; nothing is there.
_NOWHERE = "/untitled"


class RenamedFile(NamedTuple):
    """Edits of one file: its text as the edits are for it, and its version where it is open."""

    document: Document
    version: int | None
    edits: tuple[Edit, ...]


class Renaming:
    """The way to the names worker."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def prepare(self, document: Document, at: Point) -> tuple[Point, Point, str]:
        """Return the range and the text of the name at a place. Raises ActionRefused with the reason why there is none."""
        path, root = self._place(document)
        place = await self._ask(
            "prepare_rename",
            path,
            root,
            document.text,
            *at,
            self._open_texts(path),
            limit=REFACTORING_LIMIT,
            kind=Place,
        )
        if place.refused:
            raise ActionRefused(place.refused)
        return Point(place.line, place.column), Point(place.line, place.end_column), place.name

    async def rename(self, document: Document, at: Point, name: str) -> list[RenamedFile]:
        """Return the edits that give what is at a place a new name. Raises ActionRefused and StaleAction."""
        path, root = self._place(document)
        texts = self._open_texts(path)
        answer = await self._ask(
            "rename", path, root, document.text, *at, name, texts, limit=RENAME_LIMIT, kind=Refactoring
        )
        if answer.refused:
            raise ActionRefused(answer.refused)
        if answer.unsure_count:
            place, line, _ = answer.unsure[0]
            self._app.connection.notify(
                "window/showMessage",
                {
                    "type": 3,
                    "message": f"postil: {answer.unsure_count} more places hold this word and may mean the same; "
                    f"the first is {os.path.basename(place)}:{line + 1}. They are left as they are.",
                },
            )
        open_documents = self._open_documents()
        return [await self._renamed_file(one, open_documents, document, path) for one in answer.files]

    async def refactored(
        self, document: Document, refactoring: str, start: Point, end: Point, name: str
    ) -> Sequence[FileEdits]:
        """Return the edits of a refactoring: `extract_variable`, `extract_function` or `inline`. Raises ActionRefused."""
        path, root = self._place(document)
        arguments: tuple[object, ...] = tuple(start)
        if refactoring != "inline":
            arguments = (*start, *end, name)
        answer = await self._ask(
            refactoring, path, root, document.text, *arguments, limit=REFACTORING_LIMIT, kind=Refactoring
        )
        if answer.refused:
            raise ActionRefused(answer.refused)
        return answer.files

    async def _ask(self, method: str, *arguments: object, limit: float, kind: type[T]) -> T:
        try:
            return await self._app.names.call(method, *arguments, timeout=limit, result=kind, cancel_kills=True)
        except WorkerTimeout:
            raise ActionRefused("this takes too long in a text or workspace of this size") from None
        except WorkerError:
            raise ActionRefused("the analysis of names failed on this text") from None

    def _place(self, document: Document) -> tuple[str, str]:
        if document.language != "python":
            raise ActionRefused("only names in Python can be renamed")
        path = path_from_uri(document.uri)
        if path is None:
            return f"{_NOWHERE}/untitled.py", _NOWHERE
        folder = self._app.session.folder_of(document.uri)
        root = folder.path if folder is not None and folder.path is not None else os.path.dirname(path)
        return path, root

    def _open_documents(self) -> dict[str, Document]:
        documents = {}
        for document in self._app.session.documents.values():
            path = path_from_uri(document.uri)
            if path is not None and document.language == "python":
                documents[path] = document
        return documents

    def _open_texts(self, but: str) -> dict[str, str]:
        return {path: document.text for path, document in self._open_documents().items() if path != but}

    async def _renamed_file(
        self, file: FileEdits, open_documents: dict[str, Document], asked: Document, asked_path: str
    ) -> RenamedFile:
        document = open_documents.get(file.path)
        version = None
        if file.path == asked_path:
            document = self._app.session.document(asked.uri)
        if document is not None:
            version = document.version
        else:
            try:
                content = await asyncio.to_thread(read_workspace_file, file.path, None)
                document = Document(uri_from_path(file.path), 0, "python", content.decode("utf-8-sig"))
            except (Unreadable, UnicodeError):
                raise StaleAction from None
        if document.digest != file.digest:
            raise StaleAction
        edits = tuple(
            Edit(Span(document.offset(Point(one[0], one[1])), document.offset(Point(one[2], one[3]))), one[4])
            for one in file.edits
        )
        return RenamedFile(document, version, edits)
