"""Renames and refactorings: asked of jedi in its own process, given back as edits of exact document versions.

Invariant: jedi never runs in the server's process. What hangs there is killed at its deadline, and nothing else waits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzers.document import Document, Point
    from server.app import App
    from server.offers import FileEdits


class Renaming:
    """The way to the names worker."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def prepare(self, document: Document, at: Point) -> tuple[Point, Point, str] | None:
        """Return the range and text of the name at a place, or None where nothing can be renamed."""
        return None

    async def rename(self, document: Document, at: Point, name: str) -> dict[str, tuple[int | None, list[Any]]]:
        """Return the edits, by URI, that give what is at a place a new name. Raises ActionRefused and StaleAction."""
        return {}

    async def refactored(
        self, document: Document, refactoring: str, start: Point, end: Point, name: str
    ) -> Sequence[FileEdits]:
        """Return the edits of a refactoring. Raises ActionRefused."""
        return []
