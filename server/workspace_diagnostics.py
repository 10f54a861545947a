"""workspace/diagnostic: all that is known of all files, held open and streamed as it changes.

Open documents are reported as their own pull reports them. Files that are not open are reported where the user's setting
`workspace-diagnostics` asks for it: by `postil check` in a process of its own, so that the terminal and the editor say the
same and the loop does nothing but read the result.

Invariant: an unfinished request costs nothing while nothing changes. Cancelling it ends what it started.
"""

from __future__ import annotations

import asyncio
import hashlib
import subprocess
import sys
from typing import TYPE_CHECKING

import msgspec

from analyzers.document import Document, Point
from analyzers.processes import kill_group, spawn
from analyzers.ranges import Range
from server.convert import document_key, path_from_uri, position_from_point, uri_from_path
from server.files import Unreadable, decoded, read_workspace_file
from server.wire import CodeDescription, Diagnostic
from server.workers import launcher

if TYPE_CHECKING:
    from server.app import App
    from server.session import Folder
    from server.wire import WorkspacePullParams

COALESCE = 0.1  # seconds between two partial results
CHECK_LIMIT = 600.0  # seconds for the check of one folder
CHECK_MEMORY = 4 * 1024**3  # bytes of address space
BATCH = 50  # files in one partial result
_SEVERITIES = {"error": 1, "warning": 2, "info": 3, "hint": 4}


class _Place(msgspec.Struct):
    line: int
    column: int


class _Reported(msgspec.Struct):
    """One element of `postil check --format json`, as far as it is needed."""

    rule: str
    source: str
    severity: str
    message: str
    path: str
    start: _Place
    end: _Place
    fingerprint: str = ""
    help: str = ""


class WorkspaceDiagnostics:
    """Answers to workspace/diagnostic."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def pull(self, params: WorkspacePullParams) -> dict[str, object]:
        """Answer one request: at the first news, or, with a token for partial results, not before it is cancelled."""
        await self._app.configured()
        known = {document_key(one.uri): one.value for one in params.previous_result_ids}
        uris = {document_key(one.uri): one.uri for one in params.previous_result_ids}
        at_rest: set[str] = set()  # the files that are not open and have findings
        token = params.partial_result_token
        for folder in list(self._app.session.folders):
            if folder.settings is None or folder.path is None or not folder.settings.settings.workspace_diagnostics:
                continue
            reports = await self._check(folder, known, at_rest, params.work_done_token)
            if reports and token is None:
                return {"items": reports}
            for start in range(0, len(reports), BATCH):
                self._progress(token, {"items": reports[start : start + BATCH]})
        while True:
            waiting = self._app.pipeline.next_settled()
            reports = [*self._open_documents(known, uris), *self._gone(known, uris, at_rest)]
            if reports and token is None:
                return {"items": reports}
            if reports:
                self._progress(token, {"items": reports})
                await asyncio.sleep(COALESCE)
            else:
                await asyncio.shield(waiting)  # others wait for it too

    def _progress(self, token: int | str | None, value: object) -> None:
        self._app.connection.notify("$/progress", {"token": token, "value": value})

    def _open_documents(self, known: dict[str, str], uris: dict[str, str]) -> list[object]:
        """Return reports of the open documents that differ from `known`, and note them there."""
        reports: list[object] = []
        for uri, version, result_id, raw in self._app.pipeline.settled_reports():
            if known.get(document_key(uri)) == result_id or (raw == b"[]" and document_key(uri) not in known):
                continue
            known[document_key(uri)] = result_id
            uris[document_key(uri)] = uri
            items = msgspec.Raw(raw)
            reports.append({"kind": "full", "uri": uri, "version": version, "resultId": result_id, "items": items})
        return reports

    def _gone(self, known: dict[str, str], uris: dict[str, str], at_rest: set[str]) -> list[object]:
        """Return empty reports of what the client knows findings of, and is neither open nor has any at rest."""
        gone = [one for one in uris if one not in at_rest and self._app.session.document(uris[one]) is None]
        for one in gone:
            known.pop(one, None)
        return [{"kind": "full", "uri": uris.pop(one), "version": None, "items": []} for one in gone]

    # -- files that are not open

    async def _check(
        self, folder: Folder, known: dict[str, str], at_rest: set[str], progress: int | str | None
    ) -> list[object]:
        """Return reports of the folder's files that are not open and differ from `known`."""
        if progress is not None:
            self._progress(progress, {"kind": "begin", "title": "postil: checking the workspace", "cancellable": True})
        try:
            found = await self._run_check(folder)
            if found is None:
                at_rest.update(known)  # nothing is known of them, so what the client shows stays
                return []
            return await asyncio.to_thread(self._reports, folder.path or "", found, known, at_rest)
        finally:
            if progress is not None:
                self._progress(progress, {"kind": "end"})

    async def _run_check(self, folder: Folder) -> list[_Reported] | None:
        command = [sys.executable, "-I", launcher(), "check", "--format", "json", "--quiet", "--exit-zero"]
        command += ["--trust"] if folder.trusted else []
        child = spawn([*command, "--", folder.path or "/"], memory=CHECK_MEMORY, stderr=subprocess.DEVNULL)
        try:
            output, _ = await asyncio.wait_for(asyncio.to_thread(child.communicate), CHECK_LIMIT)
            return msgspec.json.decode(output, type=list[_Reported])
        except (TimeoutError, msgspec.DecodeError):
            return None
        finally:
            kill_group(child)

    def _reports(self, root: str, found: list[_Reported], known: dict[str, str], at_rest: set[str]) -> list[object]:
        """Turn the terminal's findings into reports. Runs in a thread: it reads the files to count columns."""
        by_path: dict[str, list[_Reported]] = {}
        for one in found:
            by_path.setdefault(one.path, []).append(one)
        is_open = {path_from_uri(document.uri) for document in list(self._app.session.documents.values())}
        encoding = self._app.session.capabilities.encoding
        reports: list[object] = []
        for name, items in by_path.items():
            path = name if name.startswith("/") else f"{root.rstrip('/')}/{name}"
            if path in is_open:
                continue
            try:
                text = decoded(read_workspace_file(path, root)).text
            except Unreadable:
                continue
            document = Document(uri_from_path(path), 0, "", text)
            raw = msgspec.json.encode([_diagnostic(document, one, encoding) for one in items])
            result_id = hashlib.sha256(raw).hexdigest()[:32]
            at_rest.add(document_key(document.uri))
            if known.get(document_key(document.uri)) != result_id:
                known[document_key(document.uri)] = result_id
                reports.append(
                    {
                        "kind": "full",
                        "uri": document.uri,
                        "version": None,
                        "resultId": result_id,
                        "items": msgspec.Raw(raw),
                    }
                )
        return reports


def _diagnostic(document: Document, one: _Reported, encoding: str) -> Diagnostic:
    """Return a finding of the terminal, whose places count from 1 in code points."""
    start, end = (
        position_from_point(document.lines, document.clamp(Point(place.line - 1, place.column - 1)), encoding)
        for place in (one.start, one.end)
    )
    return Diagnostic(
        Range(start, end),
        one.message,
        _SEVERITIES.get(one.severity, 2),
        one.rule,
        CodeDescription(one.help) if one.help.startswith("https://") else None,
        one.source,
        data={"fingerprint": one.fingerprint} if one.fingerprint else None,
    )
