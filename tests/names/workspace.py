"""A workspace made of texts, for tests of names.

`|` marks the cursor, `[[` and `]]` a selection. Files are given by name; the first one is the one being edited.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyzers.document import Document
from analyzers.names import Names
from analyzers.text_changes import applied

if TYPE_CHECKING:
    from pathlib import Path

    from analyzers.refactoring import Place, Refactoring


class Workspace:
    """Files on the disk, and a cursor in one of them."""

    def __init__(self, root: Path, files: dict[str, str], **limits: float) -> None:
        self.root = root
        self.names = Names(**limits)
        self.texts: dict[str, str] = {}
        self.cursor: tuple[int, int] = (0, 0)
        self.selection = (0, 0, 0, 0)
        self.current = ""
        for name, marked in files.items():
            text = marked
            if "|" in text:
                self.current = name
                at = text.index("|")
                text = text.replace("|", "", 1)
                self.cursor = Document("", 0, "", text).point(at)
            if "[[" in text:
                self.current = name
                start, end = text.index("[["), text.index("]]") - 2
                text = text.replace("[[", "", 1).replace("]]", "", 1)
                document = Document("", 0, "", text)
                self.selection = (*document.point(start), *document.point(end))
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
            self.texts[name] = text

    @property
    def path(self) -> str:
        return str(self.root / self.current)

    def _place(self) -> tuple[str, str, str]:
        return self.path, str(self.root), self.texts[self.current]

    def prepare(self) -> Place:
        return self.names.prepare_rename(*self._place(), *self.cursor, {})

    def rename(self, new: str, opened: dict[str, str] | None = None) -> Refactoring:
        texts = {str(self.root / name): text for name, text in (opened or {}).items()}
        return self.names.rename(*self._place(), *self.cursor, new, texts)

    def extract_variable(self, name: str) -> Refactoring:
        return self.names.extract_variable(*self._place(), *self.selection, name)

    def extract_function(self, name: str) -> Refactoring:
        return self.names.extract_function(*self._place(), *self.selection, name)

    def inline(self) -> Refactoring:
        return self.names.inline(*self._place(), *self.cursor)

    def after(self, result: Refactoring, opened: dict[str, str] | None = None) -> dict[str, str]:
        """Return the texts of the files that `result` changes, as they would be."""
        assert not result.refused, result.refused
        changed = {}
        for file in result.files:
            name = str(file.path).removeprefix(f"{self.root}/")
            text = {**self.texts, **(opened or {})}[name]
            assert file.digest == Document("", 0, "", text).digest
            changed[name] = applied(text, file.edits)
        return changed
