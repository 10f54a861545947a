"""What the server knows of the editor: its capabilities, its open documents, its folders with their settings and trust.

This is the only mutable state besides the ledger of what was last published (`server/pipeline.py`).

Invariant: documents change only here, at once and in the order of the messages; whoever works on one holds an immutable
`Document`. A document's text comes from the client alone, whatever the scheme of its URI.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from analyzers.document import Document, Point, line_length, without_surrogates
from analyzers.languages import by_id
from analyzers.ranges import Range, TextChange
from server.convert import document_key, path_from_uri, point_from_position, position_from_point

if TYPE_CHECKING:
    from collections.abc import Sequence

    from server.capabilities import Capabilities
    from server.settings import Loaded
    from server.wire import DocumentItem

log = logging.getLogger("postil.session")


@dataclass(slots=True)
class Folder:
    """A workspace folder, with the settings that hold in it. `path` is None for a folder that is not on this machine."""

    uri: str
    path: str | None
    settings: Loaded | None = None
    trusted: bool = False


class Change(NamedTuple):
    """One change as it was applied: where, in code points of the text before it, and what came there."""

    start: Point
    end: Point
    text: str


class Changed(NamedTuple):
    """The outcome of a didChange. `changes` is None where the whole text was replaced on the way."""

    document: Document
    changes: tuple[Change, ...] | None
    wire: tuple[TextChange, ...]  # the same, clamped, in the client's columns


@dataclass(slots=True)
class Session:
    """The editor's side of the world."""

    capabilities: Capabilities
    folders: list[Folder] = field(default_factory=list)
    documents: dict[str, Document] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    unfiled: Folder | None = None  # whose settings hold for documents in no folder
    initialization_options: Any = None
    client_settings: Any = None

    def document(self, uri: str) -> Document | None:
        """Return the open document of any spelling of `uri`."""
        return self.documents.get(document_key(uri))

    def open(self, item: DocumentItem) -> Document:
        """Take a document that the client opened; a second didOpen replaces the first."""
        key = document_key(item.uri)
        language = by_id(item.language_id)
        document = Document(item.uri, item.version, language.id if language else item.language_id, item.text)
        self.documents[key] = document
        self.broken.discard(key)
        return document

    def change(self, uri: str, version: int | None, changes: Sequence[TextChange]) -> Changed | None:
        """Apply the changes of one didChange, in order. None: the document is not open, or waits for its full text."""
        key = document_key(uri)
        document = self.documents.get(key)
        if document is None:
            log.info("didChange for a document that is not open")
            return None
        if key in self.broken:
            if not any(change.range is None for change in changes):
                return None
            self.broken.discard(key)
        if version is None:
            version = document.version + 1
        elif version <= document.version:
            # The client's order is what counts; its number is taken over, so that the two agree again.
            log.warning("a document's version went from %d to %d", document.version, version)
        encoding = self.capabilities.encoding
        applied: list[Change] | None = []
        wire: list[TextChange] = []
        for change in changes:
            if change.range is None:
                document = document.with_text(change.text, version)
                applied = None
                wire = [TextChange(without_surrogates(change.text))]
                continue
            lines = document.lines
            if (column := _plain_columns(lines, change)) is not None:
                line, first, last = column
                old = lines[line]
                if applied is not None:
                    applied.append(Change(Point(line, first), Point(line, last), change.text))
                wire.append(change)
                document = document.with_line(line, old[:first] + change.text + old[last:], version)
                continue
            start = point_from_position(lines, change.range.start, encoding)
            end = point_from_position(lines, change.range.end, encoding)
            if end < start:
                start, end = end, start
            if applied is not None:
                applied.append(Change(start, end, change.text))
            clamped = Range(position_from_point(lines, start, encoding), position_from_point(lines, end, encoding))
            wire.append(TextChange(without_surrogates(change.text), clamped))
            document = document.replaced(start, end, change.text, version)
        if not changes:
            document = document.replaced(Point(0, 0), Point(0, 0), "", version)
        self.documents[key] = document
        return Changed(document, None if applied is None else tuple(applied), tuple(wire))

    def close(self, uri: str) -> bool:
        """Forget a document; False where it was not open."""
        key = document_key(uri)
        self.broken.discard(key)
        return self.documents.pop(key, None) is not None

    def mark_broken(self, uri: str) -> None:
        """Note that changes of a document were lost: it is not analysed until the client sends its full text."""
        key = document_key(uri)
        if key in self.documents:
            self.broken.add(key)

    def folder_of(self, uri: str) -> Folder | None:
        """Return the innermost folder that holds `uri`; the only folder for texts without a path, such as `untitled:`."""
        path = path_from_uri(uri)
        if path is None:
            cell_path = path_from_uri("file:" + uri.partition(":")[2].partition("#")[0])
            path = cell_path if uri.startswith("vscode-notebook-cell:") else None
        if path is None:
            return self.folders[0] if self.folders else None
        best: Folder | None = None
        for folder in self.folders:
            if (
                folder.path is not None
                and (path == folder.path or path.startswith(folder.path.rstrip(os.sep) + os.sep))
                and (best is None or len(folder.path) > len(best.path or ""))
            ):
                best = folder
        return best

    def add_folder(self, uri: str) -> Folder:
        """Add a workspace folder, once."""
        for folder in self.folders:
            if document_key(folder.uri) == document_key(uri):
                return folder
        path = path_from_uri(uri)
        folder = Folder(uri, os.path.normpath(path) if path is not None else None)
        self.folders.append(folder)
        return folder

    def remove_folder(self, uri: str) -> None:
        """Remove a workspace folder; unknown ones are ignored."""
        self.folders = [one for one in self.folders if document_key(one.uri) != document_key(uri)]


def _plain_columns(lines: Sequence[str], change: TextChange) -> tuple[int, int, int] | None:
    """Return line, first and last column of a change that needs no conversion, or None: inside one line, all of it ASCII."""
    if change.range is None:
        return None
    start, end = change.range.start, change.range.end
    line = start.line
    if line != end.line or line >= len(lines) or not start.character <= end.character:
        return None
    old, text = lines[line], change.text
    # One before the end is before the line break, unless that has two characters.
    if end.character >= len(old) - 1 and end.character > line_length(old):
        return None
    if not old.isascii() or not text.isascii() or "\n" in text or "\r" in text:
        return None
    # With all of a line gone, its "\n" would meet the "\r" that ends the line before, and the two are one line break.
    if not text and not start.character and old[end.character :] == "\n" and line and lines[line - 1].endswith("\r"):
        return None
    return line, start.character, end.character
