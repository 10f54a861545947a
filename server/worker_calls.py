"""One call to a worker process, and how it can fail.

Invariant: a call is answered at most once; answers to who does not wait any more are dropped.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from server.worker_process import DONE

if TYPE_CHECKING:
    import asyncio

    from server.worker_pipes import Child


class WorkerError(Exception):
    """A call to a worker was not answered with a result.

    WorkerError
    ├── WorkerDied          the child broke on this call, could not be started, or was closed
    ├── WorkerTimeout       the call's time was over; the child was killed
    ├── WorkerQuarantined   the same subject broke or hung a child before; nothing was sent
    └── WorkerFailed        the method raised; `args[0]` is the name of the exception's type
    """


class WorkerDied(WorkerError):
    """The child broke on this call, could not be started, or was closed."""


class WorkerTimeout(WorkerError):
    """The call's time was over, and the child was killed."""


class WorkerQuarantined(WorkerError):
    """The call's subject broke or hung a child before."""


class WorkerFailed(WorkerError):
    """The method raised; `args[0]` is the name of the exception's type."""


class Call:
    """One message that is answered, and who waits for the answer (nobody, for a message with a subject)."""

    __slots__ = (
        "attempts",
        "cancel_kills",
        "child",
        "deadline",
        "decoder",
        "frame",
        "future",
        "number",
        "subject",
        "timeout",
    )

    def __init__(  # noqa: PLR0913, PLR0917 - a record
        self,
        number: int,
        frame: bytes,
        timeout: float,
        subject: str,
        future: asyncio.Future[Any] | None,
        decoder: msgspec.msgpack.Decoder[Any],
    ) -> None:
        """Make a call that was not sent yet. `timeout` in seconds; no `future`: nobody waits for the answer."""
        self.number = number
        self.frame = frame
        self.timeout = timeout
        self.subject = subject
        self.future = future
        self.decoder = decoder
        self.child: Child | None = None  # the child that it was sent to
        self.deadline: float | None = None
        self.attempts = 0
        self.cancel_kills = False

    @property
    def is_given_up(self) -> bool:
        """Whether somebody waited for the answer, and does not any more."""
        return self.future is not None and self.future.done()

    def spoil(self, error: WorkerError) -> None:
        """Answer with an error, if somebody still waits."""
        if self.future is not None and not self.future.done():
            self.future.set_exception(error)

    def answer(self, status: int, raw: msgspec.Raw) -> str:
        """Hand the answer over; return the name of the error's type if it is one, else nothing."""
        error = ""
        try:
            if status != DONE:
                error = msgspec.msgpack.decode(raw, type=str)
            elif self.future is not None and not self.future.done():
                self.future.set_result(self.decoder.decode(raw))
        except (msgspec.DecodeError, RecursionError) as unreadable:
            error = type(unreadable).__name__
        if error:
            self.spoil(WorkerFailed(error))
        return error
