"""The inside of a worker: a process that does one role's CPU-bound work, one message after the other.

The other end is `server/workers.py`. A message is four bytes of length and then msgpack: `(number, method, arguments)` in,
`(number, status, result)` out, in the order of the messages. A message without a number is not answered.

An `analyse` that came to nothing is not begun: when a later message about the same document is waiting already, the answer
is None. So a flood of changes costs one analysis, and the newest text wins.

Invariant: only the methods that the role lists can be called, with arguments of the types that it lists.
Invariant: what leaves on an error is the name of the exception's type, never its text: that may hold code.
Invariant: nothing but answers is written to the pipe; a stray `print` goes to stderr.
Invariant: this module imports neither asyncio nor anything else that its role does not need: it is on the way to the first
diagnostics.
"""

from __future__ import annotations

import gc
import os
import select
import sys
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from analyzers.processes import confine_this_process

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

READY, DONE, FAILED = 0, 1, 2  # the statuses of an answer
OUT_OF_MEMORY = 3  # exit code
_READ_SIZE = 1024 * 1024  # bytes


@dataclass(frozen=True, slots=True)
class Role:
    """What one kind of worker can do.

    `make` imports what the role needs and returns the object whose methods are called. `methods`: the arguments' types, as
    a tuple type. `superseded`: the method that a later message with the same first argument makes pointless. `nice`: how
    far the process stands back for others.
    """

    make: Callable[[], object]
    methods: Mapping[str, Any]
    superseded: str = ""
    nice: int = 0


def _analysis() -> Role:
    from analyzers.options import Options
    from analyzers.static import StaticAnalysis

    return Role(
        make=StaticAnalysis,
        methods={
            "open": tuple[str, int, str, str],
            "change": tuple[str, int, list[tuple[int, int, int, int, str]]],
            "close": tuple[str],
            "analyse": tuple[str, int, Options],
        },
        superseded="analyse",
        nice=5,  # the editor, the server and ruff are what the author waits for
    )


def _names() -> Role:
    from analyzers.names import METHODS, confined_names

    # Asked for by hand and rarely: it stands back for what follows the typing.
    return Role(make=confined_names, methods=METHODS, nice=10)


ROLES: Mapping[str, Callable[[], Role]] = {"analysis": _analysis, "names": _names}


def work(arguments: list[str]) -> int:
    """Run `worker ROLE PARENT MEMORY` and return the exit code. PARENT is a process id, MEMORY in bytes (0: no limit)."""
    if len(arguments) != 3 or arguments[0] not in ROLES:
        sys.stderr.write("postil: `worker` is for postil's own use\n")
        return 2
    return run_role(ROLES[arguments[0]], parent=int(arguments[1]), memory=int(arguments[2]))


def run_role(role: Callable[[], Role], *, parent: int, memory: int) -> int:
    """Answer messages until the pipe ends, and return the exit code."""
    confine_this_process(parent=parent, memory=memory or None)
    source, sink = _take_pipes()
    chosen = role()
    if chosen.nice:
        os.nice(chosen.nice)
    target = chosen.make()
    gc.collect()
    gc.freeze()  # what is here now stays: no collection has to look at it again
    gc.set_threshold(20_000, 20, 20)
    try:
        return _Answering(chosen, target, source, sink).run()
    except BrokenPipeError:
        return 0
    except MemoryError:
        # Half of some structure may be missing now. A fresh process is the only sure repair.
        os._exit(OUT_OF_MEMORY)


def _take_pipes() -> tuple[int, int]:
    """Move the two pipes out of the reach of `print` and `input`, and return their descriptors."""
    source, sink = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return source, sink


class _Answering:
    """The loop of one worker: what has come in, and what is done next."""

    def __init__(self, role: Role, target: object, source: int, sink: int) -> None:
        self._role = role
        self._target = target
        self._source = source
        self._sink = sink
        self._encoder = msgspec.msgpack.Encoder()
        self._envelope: msgspec.msgpack.Decoder[tuple[int, str, msgspec.Raw]] = msgspec.msgpack.Decoder(
            tuple[int, str, msgspec.Raw]
        )
        self._decoders = {name: msgspec.msgpack.Decoder(kind) for name, kind in role.methods.items()}
        self._waiting: deque[tuple[int, str, tuple[Any, ...] | None]] = deque()
        self._buffer = bytearray()
        self._poll = select.poll()
        self._poll.register(source, select.POLLIN)

    def run(self) -> int:
        self._send(0, READY, None)
        while True:
            while not self._waiting:
                if not self._receive():
                    return 0
            # Whatever has arrived meanwhile is looked at before work begins: it may make the work pointless.
            while self._poll.poll(0):
                if not self._receive():
                    return 0
            self._answer(*self._waiting.popleft())

    def _receive(self) -> bool:
        """Take in what the pipe holds, waiting for it; False at its end."""
        data = os.read(self._source, _READ_SIZE)
        buffer = self._buffer
        buffer += data
        at = 0
        while len(buffer) - at >= 4:
            length = int.from_bytes(buffer[at : at + 4], "big")
            if len(buffer) - at - 4 < length:
                break
            self._waiting.append(self._message(bytes(buffer[at + 4 : at + 4 + length])))
            at += 4 + length
        del buffer[:at]
        return bool(data)

    def _message(self, body: bytes) -> tuple[int, str, tuple[Any, ...] | None]:
        number, method, raw = self._envelope.decode(body)
        decoder = self._decoders.get(method)
        try:
            return number, method, None if decoder is None else decoder.decode(raw)
        except msgspec.ValidationError:
            return number, method, None

    def _answer(self, number: int, method: str, arguments: tuple[Any, ...] | None) -> None:
        if arguments is None:
            self._failed(number, "BadMessage")
            return
        if method == self._role.superseded and self._is_superseded(arguments[0]):
            self._send(number, DONE, None)
            return
        try:
            result = getattr(self._target, method)(*arguments)
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - a fault of one call is that call's answer
            self._failed(number, type(error).__name__)
            return
        if number:
            try:
                self._send(number, DONE, result)
            except (TypeError, ValueError, RecursionError) as error:  # the result cannot be written
                self._failed(number, type(error).__name__)

    def _is_superseded(self, subject: object) -> bool:
        return any(later is not None and later[:1] == (subject,) for _, _, later in self._waiting)

    def _failed(self, number: int, name: str) -> None:
        if number:
            self._send(number, FAILED, name)
        else:
            sys.stderr.write(f"a message failed: {name}\n")

    def _send(self, number: int, status: int, result: object) -> None:
        body = self._encoder.encode((number, status, result))
        data = memoryview(len(body).to_bytes(4, "big") + body)
        while data:
            data = data[os.write(self._sink, data) :]
