"""Worker processes: CPU-bound work that may hang or die without the server noticing more than a lost answer.

A `Worker` is one child process (`server/worker_process.py` is its inside) and the line of calls that wait for it. Calls
and messages reach the child in the order in which they were made, and are answered in that order, so the first call of the
line is the one that the child is working on, and the one to blame when it dies or does not answer.

**Deadlines.** `timeout` is the time that a call may be the first of the line. When it is over, the child is killed: the late
call raises `WorkerTimeout`.
**Deaths.** The end of the child's output is its death. The call that was being answered raises `WorkerDied` if the child
broke by itself. If it was killed from outside (somebody's SIGKILL or SIGTERM), that call is sent once more. The other calls
of the line are not at fault: they are sent again to the next child, without their callers noticing, after `on_restart` has
sent the state that the child had. A new child is started when a call waits; the first one at once, then with a pause that
grows to one second while children die without having answered anything.
**Subjects.** A caller may name what a message is about (`subject`, say the digest of a text). A subject that broke or hung
the child is remembered, and calls about it raise `WorkerQuarantined` without disturbing anybody. Killing from outside does
not count, until it has hit the same subject three times.
**Cancelling** the task that waits in `call` only forgets the answer; with `cancel_kills` it also ends the child, once the
call is the one being worked on.

Invariant: nothing here blocks the event loop, no thread is used, and every line, table and buffer has a limit.
Invariant: neither what is sent nor what the child prints is logged, except the child's stderr at debug level.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar, overload

import msgspec

from analyzers.processes import is_stopped, spawn
from server.quarantine import Quarantine
from server.worker_calls import (
    Call,
    WorkerAway,
    WorkerDied,
    WorkerError,
    WorkerFailed,
    WorkerQuarantined,
    WorkerTimeout,
    encoded,
)
from server.worker_pipes import Child
from server.worker_process import READY

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["Worker", "WorkerAway", "WorkerDied", "WorkerError", "WorkerFailed", "WorkerQuarantined", "WorkerTimeout"]

T = TypeVar("T")

_log = logging.getLogger("postil.workers")

MAX_UNSENT = 64 * 1024 * 1024  # bytes that wait because the child does not read; more means it never will
MAX_WAITING = 10_000  # calls and messages with a subject
START_LIMIT = 20.0  # seconds from the start of a process to its first sign of life
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0  # seconds before a restart
_START_ATTEMPTS = 3  # children that die before they are ready, until the calls that wait for one fail
_RETRIES = 1  # how often a call is sent again whose child was killed from outside
_MESSAGE_LIMIT = 10.0  # seconds for a message with a subject
# Why the server ended a child. The other reasons are things that the child did while it worked on the first call.
DID_NOT_READ, LATE, CANCELLED, UNWANTED = "did not read", "was late", "its call was cancelled", "was not wanted"
_FOR_ANOTHER_CALL = frozenset({LATE, CANCELLED, UNWANTED})  # what they were about has left the line already
_OUTSIDE_SIGNALS = frozenset({-signal.SIGKILL, -signal.SIGTERM, -signal.SIGINT, -signal.SIGHUP})


class Worker:
    """One child process that answers one call after the other, started at the first call and again when it died.

    `memory` limits the child's address space, in bytes. `directory` is its working directory, outside every workspace.
    `on_restart` is called whenever a child has started, the first one too, before anything else is sent to it: it tells
    the child the whole state as it is now. For this reason `tell` does nothing while no child runs.
    Belongs to one event loop, in the main thread.
    """

    def __init__(
        self,
        role: str,
        *,
        memory: int,
        directory: str = "/",
        on_restart: Callable[[], object] | None = None,
        command: Sequence[str] | None = None,
    ) -> None:
        """Remember how to start the child. `command` stands in for postil's own launcher in tests."""
        self.role = role
        self.on_restart: Callable[[], object] = on_restart or _nothing
        self.deaths = 0  # children that ended without being closed
        self._command = [
            *(command or (sys.executable, "-I", "-X", "utf8", launcher(), "worker", role)),
            str(os.getpid()),
            str(memory),
        ]
        self._directory = directory
        self._decoders: dict[Any, msgspec.msgpack.Decoder[Any]] = {}
        self._child: Child | None = None
        self._line: deque[Call] = deque()
        self._number = 0
        self._timer: asyncio.TimerHandle | None = None
        self._starting: asyncio.Task[None] | None = None
        self._burial: asyncio.Task[None] | None = None
        self._failed_starts = 0
        self._pause = 0.0
        self._quarantine = Quarantine()
        self._closed = False

    @property
    def pid(self) -> int | None:
        """The child's process id, or None while none runs."""
        return None if self._child is None else self._child.process.pid

    @property
    def is_working(self) -> bool:
        """Whether a child runs and has a call to answer."""
        return self._child is not None and self._child.is_ready and bool(self._line)

    def is_quarantined(self, subject: str) -> bool:
        """Return whether `subject` broke or hung a child."""
        return subject in self._quarantine

    def start(self) -> None:
        """Start the child before it is needed. Does nothing when it runs, or is being started."""
        if self._child is None and self._starting is None and self._burial is None and not self._closed:
            self._starting = asyncio.get_running_loop().create_task(self._start())

    @overload
    async def call(
        self,
        method: str,
        *arguments: object,
        timeout: float,
        result: type[T],
        subject: str = "",
        cancel_kills: bool = False,
    ) -> T: ...
    @overload
    async def call(
        self,
        method: str,
        *arguments: object,
        timeout: float,
        result: object,
        subject: str = "",
        cancel_kills: bool = False,
    ) -> Any: ...
    async def call(
        self,
        method: str,
        *arguments: object,
        timeout: float,
        result: Any,
        subject: str = "",
        cancel_kills: bool = False,
    ) -> Any:
        """Return what `method` returns, decoded as `result` (a type, or a union of types).

        `timeout`: seconds that the child may work on it. Raises WorkerError.
        """
        if self._closed:
            message = f"the {self.role} worker is closed"
            raise WorkerAway(message)
        if subject and subject in self._quarantine:
            raise WorkerQuarantined(self.role)
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        call = self._numbered(method, arguments, timeout, subject, future, result)
        call.cancel_kills = cancel_kills
        if self._child is None:
            self.start()
        else:
            self._deliver(call)
        try:
            return await future
        finally:
            if future.cancelled():
                self._advance()

    def tell(self, method: str, *arguments: object, subject: str = "") -> bool:
        """Send a message that wants no answer, in order with the calls; return whether it was sent.

        It is not sent while no child runs (`on_restart` will send the state), nor when its `subject` is quarantined: the
        child then knows nothing of that document until it is opened anew with another text. With a subject, the message
        has a deadline and is blamed like a call.
        """
        if self._child is None or not self._child.is_connected or (subject and subject in self._quarantine):
            return False
        if subject:
            self._deliver(self._numbered(method, arguments, _MESSAGE_LIMIT, subject, None, None))
        else:
            self._write(encoded(0, method, arguments))
        return True

    def kill(self) -> None:
        """End the child, whatever it does. All calls that wait raise WorkerAway; the next one starts another child."""
        self._fail_all("was killed")
        if self._child is not None:
            self._end_child(self._child, UNWANTED)

    def close(self) -> None:
        """End the child for good. All calls that wait, and all later ones, raise WorkerAway."""
        self._closed = True
        self._fail_all("is closed")
        for task in (self._starting, self._burial):
            if task is not None:
                task.cancel()
        child, self._child = self._child, None
        if child is not None:
            child.end()
            with suppress(Exception):
                child.process.wait(timeout=1.0)  # it was sent SIGKILL: this is a matter of milliseconds

    # Sending

    def _numbered(
        self,
        method: str,
        arguments: tuple[object, ...],
        timeout: float,
        subject: str,
        future: asyncio.Future[Any] | None,
        result: Any,
    ) -> Call:
        if len(self._line) >= MAX_WAITING:
            message = f"too many calls wait for the {self.role} worker"
            raise WorkerAway(message)
        self._number += 1
        decoder = self._decoders.get(result)
        if decoder is None:
            decoder = msgspec.msgpack.Decoder(result)
            self._decoders[result] = decoder
        frame = encoded(self._number, method, arguments)
        call = Call(self._number, frame, timeout, subject, future, decoder)
        self._line.append(call)
        return call

    def _deliver(self, call: Call) -> None:
        child = self._child
        if child is not None and child.is_connected:
            call.child = child
            self._write(call.frame)
            if self._timer is None:
                self._watch_first()

    def _write(self, frame: bytes) -> None:
        child = self._child
        if child is None or child.input is None:
            return
        if child.first_load is not None and child.input.get_write_buffer_size() > MAX_UNSENT + child.first_load:
            self._end_child(child, DID_NOT_READ)
            return
        child.input.write(frame)

    # Starting

    async def _start(self) -> None:
        child = None
        try:
            if self._pause:
                await asyncio.sleep(self._pause)
            child = Child(
                spawn(self._command, directory=self._directory, limits_itself=True),
                received=self._received,
                at_end=self._died,
                flooded=lambda child: self._end_child(child, "wrote too much"),
            )
            await child.connect()
        except asyncio.CancelledError:
            if child is not None:
                child.end()
            raise
        except Exception as error:  # noqa: BLE001 - whoever waits must hear of it, whatever it is
            _log.error("the %s worker could not be started: %s", self.role, error)
            if child is not None:
                child.end()
            self._pause = _LONGEST_PAUSE
            self._fail_all("could not be started")
            return
        finally:
            self._starting = None
        self._child = child
        waiting, self._line = self._line, deque()
        try:
            self.on_restart()
        except Exception:  # noqa: BLE001 - the owner's fault; the calls are answered without that state
            _log.exception("the state could not be sent to the %s worker", self.role)
        self._line.extend(waiting)
        for call in waiting:
            self._deliver(call)
        if child.input is not None:
            child.first_load = child.input.get_write_buffer_size()
        self._watch_first()
        if child.ended:  # it died before it was looked at
            self._died(child)

    def _ready(self, child: Child) -> None:
        child.is_ready = True
        self._failed_starts = 0
        self._watch_first()

    # Receiving

    def _received(self, child: Child, body: bytes) -> None:
        try:
            number, status, raw = _ENVELOPE.decode(body)
        except msgspec.DecodeError:
            self._end_child(child, "wrote nonsense")
            return
        if status == READY and number == 0:
            self._ready(child)
            return
        if child is not self._child:
            return
        if not self._line or self._line[0].number != number or self._line[0].child is not child:
            self._end_child(child, "answered out of turn")
            return
        child.answered = True
        call = self._line.popleft()
        error = call.answer(status, raw)
        if error and call.future is None:
            _log.warning("the %s worker failed at a message: %s", self.role, error)
        self._watch_first()

    def _advance(self) -> None:
        """Look at the line again after a call in it was given up."""
        # What was never sent need not be.
        self._line = deque(call for call in self._line if call.child is not None or not call.is_given_up)
        self._watch_first()

    # Deadlines

    def _watch_first(self) -> None:
        """Set the clock for the first call of the line, or for the child's first sign of life."""
        child = self._child
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if child is None:
            return
        loop = asyncio.get_running_loop()
        if not child.is_ready:
            self._timer = loop.call_at(child.started + START_LIMIT, self._end_child, child, "did not start")
            return
        if not self._line:
            return
        first = self._line[0]
        if first.is_given_up and first.cancel_kills:
            self._end_child(child, CANCELLED)
            return
        if first.deadline is None:
            first.deadline = loop.time() + first.timeout
        self._timer = loop.call_at(first.deadline, self._late)

    def _late(self) -> None:
        self._timer = None
        child = self._child
        if child is None or not self._line:
            return
        first = self._line.popleft()
        is_fault = not is_stopped(child.process.pid)  # else somebody holds the child, and the call is not to blame
        if is_fault:
            self._quarantine.blame(first.subject)
        message = f"the {self.role} worker did not answer in {first.timeout:g} s"
        first.spoil(WorkerTimeout(message, is_fault=is_fault))
        self._end_child(child, LATE)

    # Deaths

    def _end_child(self, child: Child, reason: str) -> None:
        child.reason = child.reason or reason
        child.end()
        self._died(child)

    def _died(self, child: Child) -> None:
        """Bury `child`; called at the end of its output, or after it was killed."""
        if child is not self._child:
            return
        self._child = None
        self.deaths += 1
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        child.end()
        # Nothing is started or sent until it is known what happened: `start` looks at this.
        self._burial = asyncio.get_running_loop().create_task(self._bury(child))

    async def _bury(self, child: Child) -> None:
        status = await child.wait()
        self._burial = None
        now = asyncio.get_running_loop().time()
        from_outside = not child.reason and status in _OUTSIDE_SIGNALS
        _log.warning(
            "the %s worker ended after %.1f s: %s; it had written %d bytes to stderr",
            self.role,
            now - child.started,
            child.reason or ("killed from outside" if from_outside else f"exit status {status}"),
            child.stderr_size,
        )
        # A child that was of use is followed by the next one at once: what broke it is not sent again.
        self._pause = 0.0 if child.answered else min(_LONGEST_PAUSE, max(_SHORTEST_PAUSE, self._pause * 2))
        if child.is_ready:
            self._settle(child, from_outside=from_outside)
        else:
            self._failed_starts += 1
            if self._failed_starts >= _START_ATTEMPTS:
                self._failed_starts = 0
                self._pause = _LONGEST_PAUSE
                self._fail_all("cannot be started")
        # The state is sent anew by `on_restart`, and nobody waits for what was given up.
        self._line = deque(call for call in self._line if call.future is not None and not call.is_given_up)
        for call in self._line:
            call.child = None
            call.deadline = None
        if self._line:
            self.start()

    def _settle(self, child: Child, *, from_outside: bool) -> None:
        """Decide about the call that the dead child was working on."""
        if not self._line or self._line[0].child is not child or child.reason in _FOR_ANOTHER_CALL:
            return
        first = self._line[0]
        is_fault = not from_outside and child.reason != DID_NOT_READ
        if not is_fault:
            if from_outside:
                self._quarantine.killed_from_outside(first.subject)
            first.attempts += 1
            if first.attempts <= _RETRIES and first.subject not in self._quarantine:
                return
        else:
            self._quarantine.blame(first.subject)
        self._line.popleft()
        first.spoil(WorkerDied(f"the {self.role} worker died", is_fault=is_fault))

    def _fail_all(self, what: str) -> None:
        line, self._line = self._line, deque()
        for call in line:
            call.spoil(WorkerAway(f"the {self.role} worker {what}"))


def launcher() -> str:
    """Return the path of the file that starts postil, in a wheel or in a checkout."""
    house = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    in_a_wheel = os.path.join(house, "__main__.py")
    return in_a_wheel if os.path.isfile(in_a_wheel) else os.path.join(house, "postil", "__main__.py")


def _nothing() -> None:
    pass


_ENVELOPE: msgspec.msgpack.Decoder[tuple[int, int, msgspec.Raw]] = msgspec.msgpack.Decoder(tuple[int, int, msgspec.Raw])
