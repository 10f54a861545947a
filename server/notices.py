"""Mistakes in settings files, shown on their lines; and one message for those that are in no file of the workspace.

Invariant: a settings file that is open is published by the pipeline like any document, with its mistakes among its findings;
one that is not open is published here, to clients that are pushed to. Never both.
"""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

import msgspec

from analyzers.finding import Severity, fingerprinted
from server.convert import document_key, path_from_uri, range_from_span, uri_from_path
from server.files import Unreadable, decoded, read_workspace_file
from server.wire import Diagnostic, Publish

if TYPE_CHECKING:
    from collections.abc import Iterable

    from analyzers.document import Document
    from analyzers.finding import Finding
    from server.app import App
    from server.settings_files import Problem


log = logging.getLogger("postil.notices")


class Notices:
    """What is wrong with the settings, by file."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._problems: dict[str, list[Problem]] = {}
        self._published: set[str] = set()

    def update(self, problems: Iterable[Problem]) -> None:
        """Take all problems there are now, and show what differs."""
        grouped: dict[str, list[Problem]] = {}
        elsewhere: list[Problem] = []
        for problem in problems:
            if problem.path is not None and problem.source == "workspace file":
                here = grouped.setdefault(os.path.abspath(problem.path), [])
                if problem not in here:
                    here.append(problem)
            elif problem.source == "editor" and problem.rule == "settings-unknown":
                # Editors send options of their own along; that is not a person's mistake.
                log.warning("the editor sent a setting that postil does not have")
            elif problem.severity <= Severity.WARNING and problem not in elsewhere:  # each folder's reading finds it
                elsewhere.append(problem)
        changed = {path for path in {*grouped, *self._problems} if grouped.get(path) != self._problems.get(path)}
        self._problems = grouped
        for path in changed:
            document = self._app.session.document(uri_from_path(path))
            if document is not None:
                self._app.pipeline.open_if_ready(document, notebook=False)
            else:
                self.publish_closed(path)
        if elsewhere:
            more = f" (and {len(elsewhere) - 1} more: run `postil config show`)" if len(elsewhere) > 1 else ""
            self._app.show_once("settings", 2, f"postil: {elsewhere[0]}{more}")

    def findings(self, document: Document) -> list[Finding]:
        """Return the mistakes in a document that is a settings file."""
        if not self._problems:
            return []
        path = path_from_uri(document.uri)
        problems = self._problems.get(os.path.abspath(path), []) if path is not None else []
        return fingerprinted(document, [one.finding(document) for one in problems])

    def publish_closed(self, path: str) -> None:
        """Publish the mistakes of a settings file that is not open, to a client that is pushed to."""
        if self._app.session.capabilities.pull:
            return
        uri = uri_from_path(path)
        diagnostics = self._diagnostics(path, uri)
        if diagnostics or document_key(uri) in self._published:
            (self._published.add if diagnostics else self._published.discard)(document_key(uri))
            raw = msgspec.Raw(msgspec.json.encode(diagnostics))
            self._app.connection.notify("textDocument/publishDiagnostics", Publish(uri, raw))

    def _diagnostics(self, path: str, uri: str) -> list[Diagnostic]:
        from analyzers.document import Document

        if path not in self._problems:
            return []
        try:
            text = decoded(read_workspace_file(path, None)).text
        except Unreadable:
            text = ""  # unreadable: the problem says so, and is shown at the start of the file
        document = Document(uri, 0, "", text)
        encoding = self._app.session.capabilities.encoding
        return [
            Diagnostic(
                range_from_span(document, one.span, encoding),
                one.message,
                int(one.severity),
                one.rule,
                None,
                one.source,
            )
            for one in self.findings(document)
        ]
