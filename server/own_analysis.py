"""postil's own analyses, asked of a worker process that keeps the documents and their trees.

Invariant: a text is asked about once at a time, and then the newest one. A text that killed or hung the process is not sent
for analysis again; the note on the document says so. Where the process was ended by somebody else, or could not be started,
the text is asked about again in a while.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from analyzers.finding import Finding
from server.ledger import OwnFinding
from server.quarantine import Quarantine
from server.workers import WorkerAway, WorkerDied, WorkerError, WorkerTimeout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from analyzers.document import Document
    from server.ledger import Tracked
    from server.session import Change
    from server.workers import Worker

log = logging.getLogger("postil.own")

ANALYSIS_LIMIT = 5.0  # seconds for one run, before the process is killed
PAUSE = 1.0  # seconds until a text is asked about again whose analysis was lost by no fault of its own
OFF = "postil's own analysis crashed or hung on this text, and is off until it changes"


class OwnAnalysis:
    """The way to the analysis process. `tracked` lists the open documents; `answered` is told of each new result."""

    def __init__(
        self, worker: Worker, tracked: Callable[[], Iterable[Tracked]], answered: Callable[[Tracked], None]
    ) -> None:
        self._worker = worker
        self._tracked = tracked
        self._answered = answered
        self._quarantine = Quarantine()
        self._tasks: set[asyncio.Task[None]] = set()
        worker.on_restart = self._tell_all

    def open(self, tracked: Tracked) -> None:
        """Tell the process of a document's whole text."""
        document = tracked.document
        tracked.unsent_flat = []
        self._worker.tell("open", tracked.uri, document.version, document.language, document.text)

    def close(self, tracked: Tracked) -> None:
        """Let the process forget a document, and ask no more about it."""
        tracked.own_active = False
        self._worker.tell("close", tracked.uri)

    def restart(self) -> None:
        """Start the process anew, and forget which texts killed it."""
        self._quarantine = Quarantine()
        self._worker.kill()

    def shut_down(self) -> None:
        """End the process."""
        self._worker.close()

    def ask(self, tracked: Tracked) -> None:
        """Ask about the newest text, unless the process is being asked already."""
        if not tracked.own_active or tracked.own_running or tracked.own_seen is tracked.document:
            return
        if self._is_quarantined(tracked.document):
            tracked.own, tracked.own_seen, tracked.own_off = [], tracked.document, OFF
            self._answered(tracked)
            return
        self._tell_changes(tracked)
        tracked.own_running = True
        task = asyncio.get_running_loop().create_task(self._run(tracked))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _tell_changes(self, tracked: Tracked) -> None:
        changes, tracked.unsent_flat = tracked.unsent_flat, []
        if changes is None or (
            changes and not self._worker.tell("change", tracked.uri, tracked.document.version, changes)
        ):
            self.open(tracked)

    async def _run(self, tracked: Tracked) -> None:
        document = tracked.document
        try:
            findings = await self._findings(tracked)
        finally:
            tracked.own_running = False
        if document is not tracked.document:
            self.ask(tracked)
            return
        if findings is None and not self._is_quarantined(document):
            asyncio.get_running_loop().call_later(PAUSE, self._ask_again, tracked, document)
        elif findings is None:
            tracked.own_off = OFF
        tracked.own = [
            OwnFinding(one, document.point(one.span.start), document.point(one.span.end)) for one in findings or ()
        ]
        tracked.own_seen = document
        self._answered(tracked)

    def _ask_again(self, tracked: Tracked, document: Document) -> None:
        if tracked.document is document:
            tracked.own_seen = None
            self.ask(tracked)

    def _is_quarantined(self, document: Document) -> bool:
        # Hashing a text for nothing costs more than all the rest of a keystroke.
        return len(self._quarantine) > 0 and document.digest in self._quarantine

    async def _findings(self, tracked: Tracked) -> list[Finding] | None:
        """Return what the process finds in the newest text, none where the analysis fails; None where the process is lost."""
        document = tracked.document
        arguments = (tracked.uri, document.version, tracked.plan.options)
        for _ in range(2):
            try:
                found = await self._worker.call(
                    "analyse", *arguments, timeout=ANALYSIS_LIMIT, result=list[Finding] | None
                )
            except WorkerAway:
                return None
            except (WorkerDied, WorkerTimeout) as error:
                log.warning("own analysis failed: %s", type(error).__name__)
                if error.is_fault:
                    self._quarantine.blame(document.digest)
                else:
                    self._quarantine.killed_from_outside(document.digest)
                return None
            except WorkerError as error:
                log.warning("own analysis failed: %s", type(error).__name__)
                return []
            if found is not None:
                return list(found)
            if document is not tracked.document or not tracked.own_active:
                return []  # another text is asked about next, or nobody wants to know
            self.open(tracked)  # the process has another version: tell it the text and ask once more
        return []

    def _tell_all(self) -> None:
        for tracked in self._tracked():
            if tracked.own_active:
                self.open(tracked)


def flat(change: Change) -> tuple[int, int, int, int, str]:
    """Return a change as the process takes it."""
    return (change.start.line, change.start.column, change.end.line, change.end.column, change.text)
