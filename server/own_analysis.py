"""postil's own analyses, asked of a worker process that keeps the documents and their trees.

Invariant: a text is asked about once at a time, and then the newest one. A text that killed or hung the process is not sent
for analysis again; the note on the document says so.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from analyzers.finding import Finding
from server.ledger import OwnFinding
from server.workers import WorkerDied, WorkerError, WorkerTimeout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from server.ledger import Tracked
    from server.session import Change
    from server.workers import Worker

log = logging.getLogger("postil.own")

ANALYSIS_LIMIT = 5.0  # seconds for one run, before the process is killed
MAX_QUARANTINED = 256  # texts that are remembered for killing the process
OFF = "postil's own analysis crashed or hung on this text, and is off until it changes"


class OwnAnalysis:
    """The way to the analysis process. `tracked` lists the open documents; `answered` is told of each new result."""

    def __init__(
        self, worker: Worker, tracked: Callable[[], Iterable[Tracked]], answered: Callable[[Tracked], None]
    ) -> None:
        self._worker = worker
        self._tracked = tracked
        self._answered = answered
        self._quarantined: dict[str, None] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        worker.on_restart = self._tell_all

    def open(self, tracked: Tracked) -> None:
        """Tell the process of a document's whole text."""
        document = tracked.document
        tracked.unsent_flat = []
        self._worker.tell("open", tracked.uri, document.version, document.language, document.text)

    def close(self, tracked: Tracked) -> None:
        """Let the process forget a document."""
        self._worker.tell("close", tracked.uri)

    def restart(self) -> None:
        """Start the process anew, and forget which texts killed it."""
        self._quarantined.clear()
        self._worker.kill()

    def shut_down(self) -> None:
        """End the process."""
        self._worker.close()

    def ask(self, tracked: Tracked) -> None:
        """Ask about the newest text, unless the process is being asked already."""
        if not tracked.own_active or tracked.own_running or tracked.own_seen is tracked.document:
            return
        if self._quarantined and tracked.document.digest in self._quarantined:
            tracked.own, tracked.own_seen, tracked.own_off = [], tracked.document, OFF
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
        if self._quarantined and document.digest in self._quarantined:
            tracked.own_off = OFF
        tracked.own = [
            OwnFinding(one, document.point(one.span.start), document.point(one.span.end)) for one in findings
        ]
        tracked.own_seen = document
        self._answered(tracked)

    async def _findings(self, tracked: Tracked) -> list[Finding]:
        """Return what the process finds in the newest text; none where it fails."""
        document = tracked.document
        arguments = (tracked.uri, document.version, tracked.plan.options)
        for _ in range(2):
            try:
                found = await self._worker.call(
                    "analyse", *arguments, timeout=ANALYSIS_LIMIT, result=list[Finding] | None
                )
            except (WorkerDied, WorkerTimeout) as error:
                log.warning("own analysis failed: %s", type(error).__name__)
                while len(self._quarantined) >= MAX_QUARANTINED:
                    del self._quarantined[next(iter(self._quarantined))]
                self._quarantined[document.digest] = None
                return []
            except WorkerError as error:
                log.warning("own analysis failed: %s", type(error).__name__)
                return []
            if found is not None:
                return list(found)
            if document is not tracked.document:
                return []
            self.open(tracked)  # the process has another version: tell it the text and ask once more
        return []

    def _tell_all(self) -> None:
        for tracked in self._tracked():
            if tracked.own_active:
                self.open(tracked)


def flat(change: Change) -> tuple[int, int, int, int, str]:
    """Return a change as the process takes it."""
    return (change.start.line, change.start.column, change.end.line, change.end.column, change.text)
