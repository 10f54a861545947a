"""One call to a worker process, and how it can fail.

Invariant: a call is answered at most once; answers to who does not wait any more are dropped.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from server.worker_process import DONE

if TYPE_CHECKING:
    import asyncio

    from server.worker_pipes import Child

_SURROGATES = re.compile("[\ud800-\udfff]")


class WorkerError(Exception):
    """A call to a worker was not answered with a result. `is_fault`: this very call broke the child, or hung it.

    WorkerError
    ├── WorkerDied          the child broke, or was killed, while it worked on this call
    │   └── WorkerAway      the child could not be started, or was closed; no call is at fault
    ├── WorkerTimeout       the call's time was over; the child was killed
    ├── WorkerQuarantined   the same subject broke or hung a child before; nothing was sent
    └── WorkerFailed        the method raised; `args[0]` is the name of the exception's type
    """

    def __init__(self, *arguments: object, is_fault: bool = False) -> None:
        """Take what an Exception takes."""
        super().__init__(*arguments)
        self.is_fault = is_fault


class WorkerDied(WorkerError):
    """The child broke, or was killed, while it worked on this call."""


class WorkerAway(WorkerDied):
    """The child could not be started, or was closed; no call is at fault."""


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

    def __init__(
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


def encoded(number: int, method: str, arguments: tuple[object, ...]) -> bytes:
    """Return a message as it goes through the pipe: four bytes of length, then msgpack."""
    try:
        body = msgspec.msgpack.encode((number, method, arguments))
    except UnicodeEncodeError:
        # A lone surrogate is no text for msgpack. Its stand-in is as long, so that positions stay what they are.
        body = msgspec.msgpack.encode((number, method, _without_surrogates(arguments)))
    return len(body).to_bytes(4, "big") + body


def _without_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return _SURROGATES.sub("\ufffd", value)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*map(_without_surrogates, value))
    if isinstance(value, (list, tuple)):
        return type(value)(map(_without_surrogates, value))
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
    return value
