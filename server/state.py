"""What code actions and hovers may ask of the running server (`server.offers.State`)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyzers.finding import Category, Severity
from analyzers.ruff import RuffError
from analyzers.ruff_check import RuffDied, RuffOptions, RuffRefused, fixed_text
from server.convert import path_from_uri, point_from_position
from server.offers import Shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzers.document import Document, Point
    from server.app import App
    from server.ledger import Shown as Published
    from server.offers import FileEdits


class AppState:
    """The view that actions and hovers have of an `App`."""

    def __init__(self, app: App) -> None:
        self._app = app

    @property
    def encoding(self) -> str:
        """The position encoding negotiated with the client."""
        return self._app.session.capabilities.encoding

    def document(self, uri: str) -> Document | None:
        """Return the open document, in its current version."""
        return self._app.session.document(uri)

    def shown(self, uri: str) -> Sequence[Shown]:
        """Return the findings of the current version."""
        document = self.document(uri)
        return [self._view(document, one) for one in self._app.pipeline.shown(uri)] if document is not None else []

    async def ruff_request(self, uri: str, method: str, params: object) -> object:
        """Ask the ruff child that knows `uri`. Raises RuffError."""
        child = self._app.pipeline.ruff_for(uri)
        if child is None:
            raise RuffError("ruff does not follow this document")
        return await child.request(method, params)

    async def ruff_fixed(self, document: Document, rule: str, *, unsafe: bool) -> str:
        """Return the text after ruff fixed all of one rule in it. Raises RuffError."""
        configuration = self._app.pipeline.configuration_of(document.uri)
        if configuration is None:
            raise RuffError("ruff does not follow this document")
        path = path_from_uri(document.uri) or "untitled.py"
        options = RuffOptions(select=(rule,), ignore=(), per_file_ignores=(), project=configuration.project)
        try:
            fixed = await fixed_text(path, document.text.encode("utf-8"), options, unsafe=unsafe)
        except (RuffDied, RuffRefused, UnicodeError, OSError) as error:
            raise RuffError(type(error).__name__) from error
        return fixed.decode("utf-8")

    async def refactored(
        self, document: Document, refactoring: str, start: Point, end: Point, name: str
    ) -> Sequence[FileEdits]:
        """Ask the names worker for a refactoring. Raises ActionRefused."""
        return await self._app.renaming.refactored(document, refactoring, start, end, name)

    def _view(self, document: Document, one: Published) -> Shown:
        diagnostic = one.diagnostic
        encoding = self.encoding
        return Shown(
            fingerprint=one.fingerprint,
            source=diagnostic.source or "",
            rule=str(diagnostic.code or ""),
            message=diagnostic.message,
            start=point_from_position(document.lines, diagnostic.range.start, encoding),
            end=point_from_position(document.lines, diagnostic.range.end, encoding),
            severity=Severity(diagnostic.severity or Severity.WARNING),
            fixes=one.finding.fixes if one.finding is not None else (),
            ruff=one.ruff.data if one.ruff is not None else None,
            url=(one.ruff.code_description or {}).get("href", "") if one.ruff is not None else "",
            is_note=one.finding is not None and one.finding.category is Category.CONFIGURATION,
        )
