"""From a changed text to what the editor shows: analyse, merge, publish if it differs.

Two analysers look at each text, each in a process of its own: ruff's kept server, and postil's own analyses. Both get each
change at once; both are asked about one text at a time and always about the newest. ruff's answer is what the author waits
for, so it is shown as soon as it is there, with what postil itself found in the text before as far as the edits since left
it alone; postil's own answer follows and is shown if it differs.

Invariant: what is shown was found in the text that it is shown on. A result about another version is dropped. A finding of
the version before is kept, moved with its text, only while no edit has touched it.
Invariant: one publisher. A document is pushed to or pulled from, never both; a push goes out only if something differs, or
if an edit touched a range that the editor shows, since editors drop or distort a mark when its text is edited.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from typing import TYPE_CHECKING

import msgspec

from analyzers import limits
from analyzers.document import without_surrogates
from analyzers.languages import by_id
from analyzers.ruff import RuffServer
from server.convert import document_key
from server.jsonrpc import Code, RpcError, describe
from server.ledger import Tracked, follow
from server.merging import ANALYSED_SCHEMES, Merging
from server.own_analysis import OwnAnalysis, flat
from server.wire import Publish

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from analyzers.document import Document
    from analyzers.finding import Finding
    from analyzers.ruff_wire import RuffConfiguration, RuffDiagnostic
    from server.ledger import Plan, Shown
    from server.rpc import Connection
    from server.session import Change, Changed, Session
    from server.workers import Worker

log = logging.getLogger("postil.pipeline")

GRACE = 0.02  # seconds that the first pull waits for postil's own findings once ruff has answered
PULL_LIMIT = 10.0  # seconds until a pull is given back unanswered, to be asked again
REFRESH_INTERVAL = 1.0  # seconds between two requests to pull again
RUFF_HEAD_START = 0.1  # seconds that postil's own analysis waits for ruff's answer
RUFF_PATIENCE = 1.0  # seconds without an answer of ruff (it restarts) after which own findings are shown alone
BRACKETS_TYPED = 50  # opening brackets added before the nesting is measured again


class Pipeline:
    """The analyses of all open documents, and the one publisher."""

    def __init__(
        self,
        session: Session,
        connection: Connection,
        worker: Worker,
        plan: Callable[[Document], Plan],
        is_ready: Callable[[], bool],
        notices: Callable[[Document], list[Finding]],
    ) -> None:
        self._session = session
        self._connection = connection
        self._plan = plan
        self.is_ready = is_ready
        self._merging = Merging(session.capabilities, notices)
        self._tracked: dict[str, Tracked] = {}
        self._children: dict[RuffConfiguration, RuffServer] = {}
        self._changed: dict[str, None] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._refresh_timer: asyncio.TimerHandle | None = None
        self._last_refresh = -REFRESH_INTERVAL
        self._loop = asyncio.get_running_loop()
        self._next_settled: asyncio.Future[None] = self._loop.create_future()
        self._own = OwnAnalysis(worker, self._tracked.values, self._own_answered)

    # -- what the session says

    def open(self, document: Document, *, notebook: bool = False) -> None:
        """Start to follow a document; replaces what was known of it."""
        key = document_key(document.uri)
        self._changed.pop(key, None)  # its whole text is sent
        old = self._tracked.get(key)
        if old is not None:
            self._let_go(old)
        tracked = Tracked(document.uri, document, self._plan(document), notebook=notebook)
        if old is not None:
            tracked.published, tracked.published_ranges = old.published, old.published_ranges
            tracked.touched = True
            tracked.waiting = old.waiting
        self._tracked[key] = tracked
        # A URI with half a surrogate pair cannot be told to any child.
        is_sayable = without_surrogates(document.uri) == document.uri
        if document.uri.startswith(ANALYSED_SCHEMES) and tracked.plan.enabled and is_sayable:
            self._start(tracked)
        self._settle(tracked)

    def change(self, changed: Changed) -> None:
        """Follow a change of a document."""
        document, changes, wire = changed
        tracked = self._tracked.get(document_key(document.uri))
        if tracked is None:
            return
        previous, tracked.document = tracked.document, document
        tracked.grace_over = False
        follow(tracked, previous, changes)
        tracked.unsent += wire
        if changes is None:
            tracked.unsent_flat = None
        elif tracked.unsent_flat is not None:
            tracked.unsent_flat += map(flat, changes)
        self._changed[document_key(tracked.uri)] = None
        self._check_limits(tracked, previous, changes)

    def send_changes(self) -> None:
        """Pass on what has changed with the messages of one read: a burst of changes is one message to each analyser."""
        if not self._changed:
            return
        changed, self._changed = self._changed, {}
        for key in changed:
            tracked = self._tracked.get(key)
            if tracked is not None:
                self._send_change(tracked)

    def _send_change(self, tracked: Tracked) -> None:
        document = tracked.document
        wire, tracked.unsent = tracked.unsent, []
        if tracked.ruff is not None:
            tracked.ruff.change(tracked.uri, document, wire)
        if tracked.ruff is None or tracked.ruff.problem:
            self._own.ask(tracked)
        else:
            # The author waits for ruff's answer, and two analysers at once would share the processor with it: postil's own
            # analysis begins when that answer is there, or ruff is late.
            self._loop.call_later(RUFF_HEAD_START, self._own_turn, tracked, document)
        self._settle(tracked)

    def _own_turn(self, tracked: Tracked, document: Document) -> None:
        if tracked.document is document and self._tracked.get(document_key(tracked.uri)) is tracked:
            self._own.ask(tracked)

    def close(self, uri: str) -> None:
        """Stop to follow a document, and take its diagnostics from the editor."""
        tracked = self._tracked.pop(document_key(uri), None)
        if tracked is None:
            return
        self._let_go(tracked)
        if not self._next_settled.done():
            self._next_settled.set_result(None)
        for future in tracked.waiting:
            if not future.done():
                future.set_result(None)
        if not self._session.capabilities.pull and tracked.published != b"[]":
            self._connection.notify("textDocument/publishDiagnostics", Publish(tracked.uri, msgspec.Raw(b"[]")))

    def reconfigure(self) -> None:
        """Decide anew how each document is analysed, after settings, trust or folders have changed."""
        if any(one.project and child.roots != self._roots(one) for one, child in self._children.items()):
            self.project_files_changed()
        for tracked in list(self._tracked.values()):
            if self._plan(tracked.document) != tracked.plan:
                self.open(tracked.document, notebook=tracked.notebook)
        wanted = {tracked.plan.ruff for tracked in self._tracked.values()}
        for configuration in [one for one in self._children if one not in wanted]:
            self._children.pop(configuration).shut_down()
        self._refresh_soon()

    def project_files_changed(self) -> None:
        """Start ruff's children anew that read the project's own configuration."""
        for configuration, child in list(self._children.items()):
            if configuration.project:
                child.shut_down()
                del self._children[configuration]
        for tracked in list(self._tracked.values()):
            if tracked.plan.ruff is not None and tracked.plan.ruff.project:
                self.open(tracked.document, notebook=tracked.notebook)

    def open_if_ready(self, document: Document, *, notebook: bool) -> None:
        """Start to follow a document once the settings are known; the composition root opens what came before."""
        if self.is_ready():
            self.open(document, notebook=notebook)

    def notebook(self, uri: str, kind: str, cells: list[dict[str, object]], documents: list[Document]) -> None:
        """Tell ruff of a notebook as it is now. `documents`: its cells in Python."""
        if not self.is_ready():
            return
        plan = self._plan(documents[0]) if documents else None
        wanted = self._child(plan.ruff) if plan is not None and plan.ruff is not None else None
        reasons = [limits.no_ruff(document, plan.largest) for document in documents] if plan is not None else []
        reason = next(filter(None, reasons), None)
        if reason is not None:
            wanted = None
            for document in documents:
                self._without_ruff(document.uri, document, reason)
        for child in self._children.values():
            if child is not wanted:
                child.close_notebook(uri)
        if wanted is not None:
            wanted.set_notebook(uri, kind, cells, documents)

    def close_notebook(self, uri: str) -> None:
        """Tell ruff that a notebook is closed."""
        for child in self._children.values():
            child.close_notebook(uri)

    def restart_children(self) -> None:
        """Start ruff and the analysis process anew, and forget which texts killed them."""
        for child in self._children.values():
            child.shut_down()
        self._children.clear()
        self._own.restart()
        for tracked in list(self._tracked.values()):
            self.open(tracked.document, notebook=tracked.notebook)
        self._refresh_soon()

    def shut_down(self) -> None:
        """End all children."""
        for child in self._children.values():
            child.shut_down()
        self._own.shut_down()

    # -- what others ask

    def shown(self, uri: str) -> list[Shown]:
        """Return what the editor shows, or will in a moment, of the current text."""
        tracked = self._tracked.get(document_key(uri))
        if tracked is None:
            return []
        if tracked.shown_for is not tracked.document:
            self._merging.render(tracked)
        return tracked.shown

    def ruff_for(self, uri: str) -> RuffServer | None:
        """Return the ruff that follows a document."""
        tracked = self._tracked.get(document_key(uri))
        return tracked.ruff if tracked is not None else None

    def configuration_of(self, uri: str) -> RuffConfiguration | None:
        """Return how ruff is configured for a document, or None where it is off."""
        tracked = self._tracked.get(document_key(uri))
        return tracked.plan.ruff if tracked is not None else None

    async def pulled(self, uri: str, previous: str | None) -> dict[str, object]:
        """Answer textDocument/diagnostic: for the text as it is when all is known about it.

        Raises RpcError (ServerCancelled, ask again) when that takes longer than PULL_LIMIT.
        """
        key = document_key(uri)
        tracked = self._tracked.get(key)
        if tracked is None or key in self._session.broken:
            return {"kind": "full", "items": []}
        deadline = self._loop.time() + PULL_LIMIT
        while tracked is not None and not self._is_settled(tracked):
            future = self._loop.create_future()
            tracked.waiting.append(future)
            timer = self._loop.call_at(deadline, _expire, future)
            try:
                await future
            finally:
                timer.cancel()
                if future in tracked.waiting:
                    tracked.waiting.remove(future)
            if self._loop.time() >= deadline:
                raise RpcError(Code.SERVER_CANCELLED, "still analysing", {"retriggerRequest": True})
            tracked = self._tracked.get(key)
        if tracked is None:
            return {"kind": "full", "items": []}
        raw = self._merging.render(tracked)
        self._note_published(tracked, raw)
        result_id = _result_id(raw)
        if result_id == previous:
            return {"kind": "unchanged", "resultId": result_id}
        return {"kind": "full", "resultId": result_id, "items": msgspec.Raw(raw)}

    def next_settled(self) -> asyncio.Future[None]:
        """Return a future that is done when all is known of some document's text, or one is closed, next time."""
        if self._next_settled.done():
            self._next_settled = self._loop.create_future()
        return self._next_settled

    def settled_reports(self) -> list[tuple[str, int, str, bytes]]:
        """Return URI, version, result id and JSON diagnostics of each document of whose text all is known."""
        reports = []
        for tracked in self._tracked.values():
            if self._is_settled(tracked):
                raw = self._merging.render(tracked)
                reports.append((tracked.uri, tracked.document.version, _result_id(raw), raw))
        return reports

    def ask_to_pull_again(self) -> None:
        """Ask the client to pull all diagnostics again; at most once a second, and only where it can."""
        self._refresh_soon()

    # -- ruff's side

    def ruff_results(self, uri: str, document: Document, diagnostics: list[RuffDiagnostic]) -> None:
        """Take ruff's diagnostics (`analyzers.ruff.Listener`)."""
        tracked = self._tracked.get(document_key(uri))
        if tracked is None or tracked.ruff is None or document is not tracked.document:
            return
        tracked.ruff_items = diagnostics
        tracked.ruff_seen = tracked.document
        tracked.ruff_off = ""
        if not self._session.capabilities.refresh:
            pass  # who cannot be asked to pull again gets all at once
        elif tracked.own_seen is not None:
            # What postil found before is still shown where no edit touched it; if its answer differs, the client is asked
            # to pull again.
            tracked.grace_over = True
        elif tracked.own_active and tracked.waiting:
            tracked.grace = self._loop.call_later(GRACE, self._grace_ended, tracked, tracked.document)
        self._settle(tracked)
        # Let the answer reach the editor before another process wants the processor.
        self._loop.call_soon(self._own_turn, tracked, tracked.document)

    def ruff_quarantined(self, uri: str, document: Document) -> None:
        """Note that ruff is off for this text (`analyzers.ruff.Listener`)."""
        self._without_ruff(uri, document, "ruff crashed or hung on this text, and is off until it changes")

    def _without_ruff(self, uri: str, document: Document, reason: str) -> None:
        tracked = self._tracked.get(document_key(uri))
        if tracked is None or document is not tracked.document:
            return
        tracked.ruff_items = []
        tracked.ruff_seen = document
        tracked.ruff_off = reason
        self._settle(tracked)

    # -- inside

    def _start(self, tracked: Tracked) -> None:
        document = tracked.document
        language = by_id(document.language)
        if document.language == "python" and tracked.plan.ruff is not None:
            tracked.ruff_off = limits.no_ruff(document, tracked.plan.largest) or ""
            if not tracked.ruff_off:
                tracked.ruff = self._child(tracked.plan.ruff)
                if not tracked.notebook:
                    tracked.ruff.open(tracked.uri, "python", document)
        if language is not None:
            tracked.own_off = limits.no_parse(document, tracked.plan.largest) or ""
            if not tracked.own_off:
                tracked.own_active = True
                self._own.open(tracked)
        self._own.ask(tracked)

    def _let_go(self, tracked: Tracked) -> None:
        if tracked.ruff is not None and not tracked.notebook:
            tracked.ruff.close(tracked.uri)
        if tracked.own_active:
            self._own.close(tracked)
        if tracked.grace is not None:
            tracked.grace.cancel()

    def _child(self, configuration: RuffConfiguration) -> RuffServer:
        child = self._children.get(configuration)
        if child is None:
            encoding = self._session.capabilities.encoding
            child = RuffServer(configuration, encoding, self._roots(configuration), self)
            self._children[configuration] = child
        return child

    def _roots(self, configuration: RuffConfiguration) -> tuple[str, ...]:
        """Return the folders that a child is told of. One that follows projects' files reads those of all its folders."""
        return tuple(
            folder.uri
            for folder in self._session.folders
            if folder.path is not None and (folder.trusted or not configuration.project)
        )

    def _check_limits(self, tracked: Tracked, previous: Document, changes: Sequence[Change] | None) -> None:
        """Start the analyses anew where a change took the text over a limit, or back under one."""
        if changes is None:
            suspicious = True
        else:
            typed = "".join(change.text for change in changes)
            tracked.typed_brackets += sum(map(typed.count, "([{"))
            suspicious = len(typed) > limits.MAX_LINE_LENGTH // 10 or tracked.typed_brackets > BRACKETS_TYPED
        limited = bool(tracked.own_off or (tracked.ruff_off and tracked.ruff is None))
        if not (suspicious or limited or abs(len(previous.lines) - len(tracked.document.lines)) > 1_000):
            return
        tracked.typed_brackets = 0
        language = by_id(tracked.document.language)
        own_off = (limits.no_parse(tracked.document, tracked.plan.largest) or "") if language is not None else ""
        no_ruff = ""
        if tracked.document.language == "python" and tracked.plan.ruff is not None:
            no_ruff = limits.no_ruff(tracked.document, tracked.plan.largest) or ""
        if own_off != tracked.own_off or bool(no_ruff) != (tracked.ruff is None and bool(tracked.ruff_off)):
            self.open(tracked.document, notebook=tracked.notebook)

    def _own_answered(self, tracked: Tracked) -> None:
        if self._tracked.get(document_key(tracked.uri)) is not tracked:
            return
        if not self._ruff_settled(tracked):
            # While ruff hangs or is away for long, postil's own findings are shown without it.
            self._loop.call_later(RUFF_PATIENCE, self._patience_ended, tracked, tracked.document)
        self._settle(tracked)

    def _ruff_settled(self, tracked: Tracked) -> bool:
        return (
            tracked.ruff is None
            or tracked.ruff_seen is tracked.document
            or tracked.without_ruff is tracked.document
            or bool(tracked.ruff.problem)
        )

    def _is_settled(self, tracked: Tracked) -> bool:
        if not self._ruff_settled(tracked):
            return False
        return (
            not tracked.own_active
            or tracked.own_seen is tracked.document
            or (tracked.grace_over and tracked.ruff is not None)
        )

    def _patience_ended(self, tracked: Tracked, document: Document) -> None:
        if tracked.document is document and not self._ruff_settled(tracked):
            tracked.without_ruff = document
            self._settle(tracked)

    def _grace_ended(self, tracked: Tracked, document: Document) -> None:
        if tracked.document is document:
            tracked.grace_over = True
            self._settle(tracked)

    def _settle(self, tracked: Tracked) -> None:
        """Show what is known, if enough of it is."""
        if self._tracked.get(document_key(tracked.uri)) is not tracked:
            return
        if document_key(tracked.uri) in self._session.broken:
            return
        if self._session.capabilities.pull:
            if not self._is_settled(tracked):
                return
            if tracked.settled is tracked.document and self._merging.render(tracked) != tracked.published:
                self._refresh_soon()  # whoever pulled has been answered already
            tracked.settled = tracked.document
            if not self._next_settled.done():
                self._next_settled.set_result(None)
            if tracked.waiting:
                waiting, tracked.waiting = tracked.waiting, []
                for future in waiting:
                    if not future.done():
                        future.set_result(None)
        elif self._ruff_settled(tracked):
            self._publish(tracked)

    def _publish(self, tracked: Tracked) -> None:
        raw = self._merging.render(tracked)
        if raw == tracked.published and not (tracked.touched and raw != b"[]"):
            return
        self._note_published(tracked, raw)
        version = tracked.document.version if self._session.capabilities.version_support else None
        self._connection.notify("textDocument/publishDiagnostics", Publish(tracked.uri, msgspec.Raw(raw), version))

    def _note_published(self, tracked: Tracked, raw: bytes) -> None:
        tracked.published = raw
        tracked.touched = False
        tracked.published_ranges = tuple(
            (one.diagnostic.range.start.line, one.diagnostic.range.end.line) for one in tracked.shown
        )

    def _refresh_soon(self) -> None:
        if (
            not (self._session.capabilities.pull and self._session.capabilities.refresh)
            or self._refresh_timer is not None
        ):
            return
        delay = max(0.0, self._last_refresh + REFRESH_INTERVAL - self._loop.time())
        self._refresh_timer = self._loop.call_later(delay, self._refresh)

    def _refresh(self) -> None:
        self._refresh_timer = None
        self._last_refresh = self._loop.time()
        task = self._loop.create_task(self._send_refresh())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _send_refresh(self) -> None:
        try:
            await self._connection.request("workspace/diagnostic/refresh", None)
        except RpcError as error:
            log.info("the client refused to refresh: %s", describe(error))


def _result_id(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()[:32]


def _expire(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
