"""ruff, kept running: each change goes in at once, diagnostics and fixes come out.

`ruff server` is asked by pull, one question at a time: when the author types faster than ruff answers, only the newest text
is asked about, where its pushed diagnostics would come for every change of a burst (measured: 200 changes cost 30 ms
against 1,475). And when it dies, the one text that it was asked about is known. The document touched last is asked about
first. What it says is decoded no deeper than a range, a code and a message, and goes to the editor in ruff's own words and
the client's own columns. The process itself is `analyzers/ruff_child.py`.

Invariant: a child that dies comes back, at most a second later. The text that killed it (by a signal of its own making, or by
hanging past its time limit) is not sent again; healthy documents keep their answers. A death by SIGKILL or SIGTERM comes
from outside and accuses no text, unless the same text was being looked at each time.
Invariant: an answer is handed on only for the text that it is about.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from analyzers.document import without_surrogates
from analyzers.ruff_child import RuffChild
from analyzers.ruff_wire import MESSAGE, PUSHED, REPORT, Message, RuffConfiguration, RuffDiagnostic, initialize_params

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from analyzers.document import Document
    from analyzers.ranges import TextChange

log = logging.getLogger("postil.ruff")

ANSWER_LIMIT = 10.0  # seconds until a question without an answer means that the child hangs
RESTART_DELAYS = (0.0, 0.1, 0.2, 0.5)  # seconds before each restart in a row; the last one repeats
CALM = 5.0  # seconds without a death after which the delays start again
OUTSIDE_SIGNALS = frozenset((signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP))
OUTSIDE_DEATHS = 3  # by a signal from outside, all with the same text asked about, before that text is suspected
MAX_QUARANTINED = 256  # digests that are remembered


class RuffError(Exception):
    """ruff refused a request, or died while it was running."""


class Listener(Protocol):
    """Who wants to know what ruff says."""

    def ruff_results(self, uri: str, document: Document, diagnostics: list[RuffDiagnostic]) -> None:
        """Take the diagnostics of `document`."""

    def ruff_quarantined(self, uri: str, document: Document) -> None:
        """Note that ruff is off for this text, which killed it."""


@dataclass(slots=True)
class _Open:
    """A document that the child knows."""

    document: Document
    language_id: str
    version: int = 1  # our own count: the client's versions may go back
    off: bool = False


@dataclass(slots=True)
class _Notebook:
    """A notebook that the child knows. Its diagnostics are pushed for each cell, with its version."""

    params: dict[str, Any]
    cells: dict[str, Document]  # those in Python, by URI
    version: int
    digest: str


@dataclass(slots=True)
class _Waiting:
    """A request that the child has not answered."""

    future: asyncio.Future[Any] | None
    timer: asyncio.TimerHandle


@dataclass(slots=True)
class _Record:
    """What is remembered about a text, or a notebook, that was looked at when the child died."""

    outside: int = 0
    quarantined: bool = False


class RuffServer:
    """One kept `ruff server`, for all documents of one configuration.

    Must be used from the main thread's event loop: on Linux a child's death signal follows the thread that started it.
    """

    def __init__(
        self,
        configuration: RuffConfiguration,
        encoding: str,
        roots: Sequence[str],
        listener: Listener,
    ) -> None:
        self._configuration = configuration
        self._encoding = encoding
        self.roots = tuple(roots)
        self._listener = listener
        self._loop = asyncio.get_running_loop()
        self._child: RuffChild | None = None
        self._open: dict[str, _Open] = {}
        self._waiting: dict[int, _Waiting] = {}
        self._records: dict[str, _Record] = {}
        self._notebooks: dict[str, _Notebook] = {}
        self._notebook_version = 0  # our own count, one for all
        self._unheard: dict[str, None] = {}  # notebooks sent, about which ruff has said nothing yet
        self._wanted: dict[str, None] = {}  # documents to ask about, the one touched last at the end
        self._asked: tuple[str, Document] | None = None
        self._question = 0  # the id of the question about `_asked`
        self._touched: Document | None = None  # the text sent last, accused where a death has no question to accuse
        self._hung = False
        self._last_id = 0
        self._deaths_in_a_row = 0
        self._last_death = 0.0
        self._restart: asyncio.TimerHandle | None = None
        self._closed = False
        self.deaths = 0
        self.problem = ""  # why ruff cannot run at all; empty when it can

    @property
    def pid(self) -> int | None:
        """The process id of the living child."""
        return self._child.pid if self._child is not None else None

    # -- documents

    def open(self, uri: str, language_id: str, document: Document) -> None:
        """Tell the child of a document, and ask about it."""
        entry = self._open[uri] = _Open(document, language_id)
        if self._is_quarantined(document):
            entry.off = True
            self._listener.ruff_quarantined(uri, document)
            return
        if self._child is None:
            self._ready()  # whoever starts it tells it of all that is open
            return
        self._did_open(uri, entry)
        self._ask(uri)

    def change(self, uri: str, document: Document, changes: Sequence[TextChange]) -> None:
        """Pass on `changes`, clamped already, that led to `document`, and ask about it."""
        entry = self._open.get(uri)
        if entry is None:
            return
        if self._child is None:
            entry.document = document
            self._ready()  # whoever starts it tells it of all that is open
            return
        child = self._child
        child.cork()
        self._change(uri, entry, document, changes)
        child.uncork()

    def _change(self, uri: str, entry: _Open, document: Document, changes: Sequence[TextChange]) -> None:
        entry.document = document
        entry.version += 1
        if entry.off:
            if self._is_quarantined(document):
                self._listener.ruff_quarantined(uri, document)
                return
            entry.off = False
            self._did_open(uri, entry)
        else:
            self._notify(
                "textDocument/didChange",
                {"textDocument": {"uri": uri, "version": entry.version}, "contentChanges": changes},
            )
            self._touched = document
        self._ask(uri)

    def close(self, uri: str) -> None:
        """Forget a document."""
        entry = self._open.pop(uri, None)
        self._wanted.pop(uri, None)
        if entry is not None and not entry.off and self._child is not None:
            self._notify("textDocument/didClose", {"textDocument": {"uri": uri}})

    def set_notebook(self, uri: str, kind: str, cells: list[dict[str, object]], documents: list[Document]) -> None:
        """Tell the child of a notebook as it is now; it pushes diagnostics for every cell. `documents`: those in Python.

        The whole notebook is sent each time: notebooks are small, and this cannot get out of step.
        """
        version = self._notebook_version = self._notebook_version + 1
        texts = [
            {"uri": one.uri, "languageId": "python", "version": one.version, "text": without_surrogates(one.text)}
            for one in documents
        ]
        notebook = {"uri": uri, "notebookType": kind, "version": version, "metadata": None, "cells": cells}
        params = {"notebookDocument": notebook, "cellTextDocuments": texts}
        digest = hashlib.sha256("".join(one.digest for one in documents).encode()).hexdigest()
        self.close_notebook(uri)
        self._notebooks[uri] = _Notebook(params, {one.uri: one for one in documents}, version, digest)
        if self._child is None:
            self._ready()
        else:
            self._open_notebook(uri)

    def close_notebook(self, uri: str) -> None:
        """Forget a notebook."""
        notebook = self._notebooks.pop(uri, None)
        self._unheard.pop(uri, None)
        if notebook is not None and self._child is not None:
            texts = notebook.params["cellTextDocuments"]
            closed = {"notebookDocument": {"uri": uri}, "cellTextDocuments": texts}
            self._notify("notebookDocument/didClose", closed)

    def _open_notebook(self, uri: str) -> None:
        notebook = self._notebooks[uri]
        record = self._records.get(notebook.digest)
        if record is not None and record.quarantined:
            for cell, document in notebook.cells.items():
                self._listener.ruff_quarantined(cell, document)
            return
        self._unheard.pop(uri, None)
        self._unheard[uri] = None  # the last one in is accused first
        self._notify("notebookDocument/didOpen", notebook.params)

    async def request(self, method: str, params: object) -> Any:
        """Ask the child anything else; returns plain JSON. Raises RuffError."""
        if not self._ready():
            raise RuffError(self.problem or "ruff is restarting")
        future: asyncio.Future[Any] = self._loop.create_future()
        self._request(method, params, future)
        return await future

    def shut_down(self) -> None:
        """End the child for good."""
        self._closed = True
        if self._restart is not None:
            self._restart.cancel()
        if self._child is not None:
            self._child.kill_and_wait()

    # -- asking

    def _ask(self, uri: str) -> None:
        """Ask about `uri` next, unless a question is under way."""
        self._wanted.pop(uri, None)
        self._wanted[uri] = None  # the last one in is the first one out
        if self._asked is None:
            self._ask_next()

    def _ask_next(self) -> None:
        while self._wanted and self._child is not None:
            uri, _ = self._wanted.popitem()
            entry = self._open.get(uri)
            if entry is not None and not entry.off:
                self._asked = (uri, entry.document)
                self._request("textDocument/diagnostic", {"textDocument": {"uri": uri}}, None)
                return

    def _answered(self, waiting: _Waiting, message: Message) -> None:
        if waiting.future is not None:
            if waiting.future.done():
                return
            if message.error:
                waiting.future.set_exception(RuffError("ruff refused the request"))
            else:
                waiting.future.set_result(msgspec.json.decode(message.result) if message.result else None)
        elif message.id == self._question and self._asked is not None:
            uri, document = self._asked
            self._asked = None
            entry = self._open.get(uri)
            if entry is not None and entry.document is document:
                self._ask_next()
                items = REPORT.decode(message.result).items if message.result else []
                self._listener.ruff_results(uri, document, items)
            elif entry is not None:
                self._ask(uri)
            else:
                self._ask_next()

    def _overdue(self, request_id: int) -> None:
        if request_id not in self._waiting or self._child is None:
            return
        log.warning("ruff did not answer within %.0f s and is restarted", ANSWER_LIMIT)
        self._hung = True
        self._child.kill()

    # -- the child's life

    def _ready(self) -> bool:
        """Start the child if it is not running and may be; return whether it runs."""
        if self._child is None and not self._closed and self._restart is None:
            self._start()
        return self._child is not None

    def _start(self) -> None:
        self._restart = None
        try:
            self._child = RuffChild(self._received, self._died)
        except OSError as error:
            problem = f"ruff cannot be started: {error.strerror or error}"
            if problem != self.problem:
                self.problem = problem
                log.error("%s", problem)  # noqa: TRY400 - no traceback wanted
            self._schedule_restart()
            return
        self.problem = ""
        self._request(
            "initialize", initialize_params(self._configuration, self._encoding, self.roots, os.getpid()), None
        )
        self._notify("initialized", {})
        for uri in list(self._notebooks):
            self._open_notebook(uri)
        for uri, entry in list(self._open.items()):
            entry.off = self._is_quarantined(entry.document)
            if entry.off:
                self._listener.ruff_quarantined(uri, entry.document)
            else:
                self._did_open(uri, entry)
                self._wanted.setdefault(uri)
        self._ask_next()

    def _died(self, child: RuffChild, code: int, left_unread: bool) -> None:  # noqa: FBT001 - a callback
        if self._child is not child:
            return
        self._child = None
        self.deaths += 1
        waiting, self._waiting = list(self._waiting.values()), {}
        for one in waiting:
            one.timer.cancel()
            if one.future is not None and not one.future.done():
                one.future.set_exception(RuffError("ruff died while it was asked"))
        if self._closed:
            return
        suspect = None
        if self._asked is not None:
            uri, text = self._asked
            self._asked = None
            self._wanted[uri] = None
            # What was not read is innocent: the question went to a child that was dying already.
            suspect = None if left_unread else text.digest
        elif self._deaths_in_a_row >= OUTSIDE_DEATHS and self._touched is not None:
            suspect = self._touched.digest
        if self._unheard and not self._hung:
            # It works on a notebook beside the text that it is asked about. Whoever is innocent is accused once at most, since
            # the culprit is alone then.
            suspect = self._notebooks[self._unheard.popitem()[0]].digest
            self._unheard.clear()
        log.warning("ruff died (exit status %d)%s", code, " while it was asked about a text" if suspect else "")
        if suspect is not None:
            record = self._record(suspect)
            if -code in OUTSIDE_SIGNALS and not self._hung:
                record.outside += 1
                record.quarantined = record.quarantined or record.outside >= OUTSIDE_DEATHS
            else:
                record.quarantined = True
        self._hung = False
        self._schedule_restart()

    def _schedule_restart(self) -> None:
        now = self._loop.time()
        self._deaths_in_a_row = 0 if now - self._last_death > CALM else self._deaths_in_a_row + 1
        self._last_death = now
        delay = RESTART_DELAYS[min(self._deaths_in_a_row, len(RESTART_DELAYS) - 1)]
        self._restart = self._loop.call_later(delay, self._start)

    def _record(self, digest: str) -> _Record:
        record = self._records.get(digest)
        if record is None:
            while len(self._records) >= MAX_QUARANTINED:
                del self._records[next(iter(self._records))]
            record = self._records[digest] = _Record()
        return record

    def _is_quarantined(self, document: Document) -> bool:
        if not self._records:  # hashing a text for nothing costs more than all the rest of a keystroke
            return False
        record = self._records.get(document.digest)
        return record is not None and record.quarantined

    # -- the wire

    def _did_open(self, uri: str, entry: _Open) -> None:
        text = without_surrogates(entry.document.text)
        item = {"uri": uri, "languageId": entry.language_id, "version": entry.version, "text": text}
        self._touched = entry.document
        self._notify("textDocument/didOpen", {"textDocument": item})

    def _notify(self, method: str, params: object) -> None:
        self._send({"jsonrpc": "2.0", "method": method, "params": params})

    def _request(
        self,
        method: str,
        params: object,
        future: asyncio.Future[Any] | None,
    ) -> None:
        self._last_id += 1
        if method == "textDocument/diagnostic":
            self._question = self._last_id
        timer = self._loop.call_later(ANSWER_LIMIT, self._overdue, self._last_id)
        self._waiting[self._last_id] = _Waiting(future, timer)
        self._send({"jsonrpc": "2.0", "id": self._last_id, "method": method, "params": params})

    def _send(self, message: Mapping[str, object]) -> None:
        if self._child is not None:
            self._child.send(message)

    def _received(self, body: bytes) -> None:
        message = MESSAGE.decode(body)
        if message.method is None:
            waiting = self._waiting.pop(message.id, None) if isinstance(message.id, int) else None
            if waiting is not None:
                waiting.timer.cancel()
                self._answered(waiting, message)
        elif message.id is not None:
            # ruff asks for nothing that we have not already told it; null is a valid answer to all of it.
            self._send({"jsonrpc": "2.0", "id": message.id, "result": None})
        elif message.method == "textDocument/publishDiagnostics":
            pushed = PUSHED.decode(message.params)
            for uri, notebook in self._notebooks.items():
                document = notebook.cells.get(pushed.uri)
                if document is not None and pushed.version == notebook.version:
                    self._unheard.pop(uri, None)
                    self._listener.ruff_results(pushed.uri, document, pushed.diagnostics)
                    return
