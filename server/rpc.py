"""One JSON-RPC 2.0 conversation, as LSP 3.17 ("Base Protocol") wants it, over any pair of byte streams.

A message goes: bytes -> JSON (else -32700) -> an object with `jsonrpc` "2.0" (else -32600) -> a usable id -> the state of the
life cycle -> no second use of a running id -> a known method (else -32601) -> typed params (else -32602) -> the handler
-> exactly one answer -> its table entry gone.

Until somebody calls `start`, whatever follows `initialize` waits: the client gets that answer before the modules are
imported that all else needs. For the same reason asyncio and logging, 60 ms together, are imported where they are used.

Handlers are called at once and in order. What a plain one returns is the answer; an asynchronous one returns a coroutine,
which runs as a task that can be cancelled, so whatever it looks up before that is the state at the message's arrival.
Nothing here knows pygls or lsprotocol: they take 0.3 s to import.

Invariant: every request with a valid id gets exactly one answer, whatever its handler does, `SystemExit` included.
Invariant: an answer holds no text of an exception, no path and no code. Details go to the log: type and place, no message.
Invariant: every table is bounded. Requests of our own end with an answer, an error or their time limit.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec

from analyzers.framing import FrameReader, FramingError, frame
from server.jsonrpc import (
    ENVELOPE,
    MALFORMED,
    PLAIN,
    Code,
    Envelope,
    Route,
    RpcError,
    State,
    describe,
    encode,
    id_of,
    text_of,
)

if TYPE_CHECKING:
    import asyncio
    import logging
    from collections.abc import Callable, Coroutine

MAX_IN_FLIGHT = 4096  # requests of the client that are not answered yet
MAX_OUTGOING = 1024  # requests of ours that are not answered yet
REQUEST_TIMEOUT = 30.0  # seconds; an applyEdit may wait for a person, who is given longer where that is so


class Connection:
    """Our side of one conversation.

    `write` takes framed bytes. `exit` is called once, with the exit code, when the conversation is over. `trace`, where
    given, sees every message body: `trace("in" | "out", body)`.
    """

    def __init__(self, write: Callable[[bytes], None], exit_: Callable[[int], None]) -> None:
        self._write = write
        self._exit = exit_
        self._held: list[bytes] | None = []
        self._reader = FrameReader()
        self._decoders: dict[str, msgspec.json.Decoder[Any]] = {}
        self._in_flight: dict[tuple[type, int | str], asyncio.Task[None]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._outgoing: dict[int, tuple[asyncio.Future[Any], asyncio.TimerHandle]] = {}
        self._last_id = 0
        self._closed = False
        self.state = State.UNINITIALIZED
        self.routes: dict[str, Route] = {}
        self.fallback: Callable[[str], Route | None] = lambda _method: None
        self.trace: Callable[[str, bytes], None] | None = None
        self.on_fed: Callable[[], None] = lambda: None  # called when the messages of one read are handled
        self.on_bad_notification: Callable[[str, bytes], None] = lambda _method, _params: None

    # -- registration

    def on(self, method: str, params: Any, handler: Callable[[Any], Any]) -> None:
        """Handle `method` by a plain function; its params are decoded as `params` (a msgspec type, or None for any JSON)."""
        self.routes[method] = Route(params, handler, is_async=False)

    def on_async(self, method: str, params: Any, handler: Callable[[Any], Coroutine[Any, Any, Any]]) -> None:
        """Handle `method` by a function that returns a coroutine, which runs as a task of its own."""
        self.routes[method] = Route(params, handler, is_async=True)

    # -- what comes in

    def feed(self, data: bytes) -> None:
        """Take the next bytes of the client's stream."""
        if self._closed:
            return
        try:
            bodies = self._reader.feed(data)
        except FramingError as error:
            _log().error("the client's stream cannot be followed: %s", error)
            self.close(1)
            return
        for body in bodies:
            if self._held is not None and self.state is not State.UNINITIALIZED:
                self._held.append(body)
                continue
            if self.trace is not None:
                self.trace("in", body)
            self._message(body)
        self.on_fed()

    def start(self, write: Callable[[bytes], None], exit_: Callable[[int], None]) -> None:
        """Take over from the first phase: write and end in another way, and handle what has waited, inside an event loop."""
        self._write, self._exit = write, exit_
        held, self._held = self._held or [], None
        for body in held:
            if self.trace is not None:
                self.trace("in", body)
            self._message(body)
        self.on_fed()

    def end_of_stream(self) -> None:
        """Note that the client has closed its side: the server ends, with 0 only after `shutdown`."""
        self.close(0 if self.state is State.SHUT_DOWN else 1)

    def close(self, code: int) -> None:
        """End the conversation."""
        if not self._closed:
            self._closed = True
            self._exit(code)

    @property
    def outgoing(self) -> int:
        """How many of our requests wait for an answer."""
        return len(self._outgoing)

    def _message(self, body: bytes) -> None:
        try:
            plain = PLAIN.decode(body)
        except MALFORMED:
            self._odd_message(body)
            return
        if plain.id is not None:
            self._request(plain.id, plain.method, plain.params)
        elif b'"id"' in body and ENVELOPE.decode(body).id:
            self._answer_error(None, Code.INVALID_REQUEST, "a request's id must be an integer or a string")
        else:
            self._notification(plain.method, plain.params)

    def _odd_message(self, body: bytes) -> None:
        """Handle what is no plain request or notification: a response, or something to be refused."""
        try:
            message = _envelope(body)
        except TypeError:
            self._answer_error(None, Code.INVALID_REQUEST, "not a JSON-RPC 2.0 message object")
            return
        except MALFORMED:
            self._answer_error(None, Code.PARSE_ERROR, "malformed JSON")
            return
        request_id = id_of(message.id) if message.id else None
        method = text_of(message.method) if message.method else None
        if text_of(message.jsonrpc) != "2.0" or (message.method and method is None):
            self._answer_error(request_id, Code.INVALID_REQUEST, "not a JSON-RPC 2.0 message")
        elif method is None:
            self._response(request_id, message)
        elif not message.id:
            self._notification(method, message.params)
        elif request_id is None:
            self._answer_error(None, Code.INVALID_REQUEST, "a request's id must be an integer or a string")
        else:
            self._request(request_id, method, message.params)

    def _request(self, request_id: int | str, method: str, raw: msgspec.Raw) -> None:
        key = (type(request_id), request_id)
        route = self.routes.get(method) or self.fallback(method)
        problem = None
        if key in self._in_flight:
            problem = Code.INVALID_REQUEST, "a request with this id is still running"
        elif self.state is State.UNINITIALIZED and method != "initialize":
            problem = Code.NOT_INITIALIZED, "the server is not initialized"
        elif self.state is State.SHUT_DOWN:
            problem = Code.INVALID_REQUEST, "the server is shut down"
        elif self.state is State.RUNNING and method == "initialize":
            problem = Code.INVALID_REQUEST, "the server is initialized already"
        elif route is None:
            problem = Code.METHOD_NOT_FOUND, "unknown method"
        elif len(self._in_flight) >= MAX_IN_FLIGHT:
            problem = Code.REQUEST_FAILED, "too many requests are running"
        if problem is not None or route is None:
            self._answer_error(request_id, *(problem or (Code.METHOD_NOT_FOUND, "unknown method")))
            return
        try:
            params = self._params(method, route, raw)
        except MALFORMED:
            self._answer_error(request_id, Code.INVALID_PARAMS, "invalid params")
            return
        try:
            result = route.handler(params)
        except RpcError as error:
            self._answer_error(request_id, error.code, error.message, error.data)
        except BaseException as error:  # noqa: BLE001 - a handler must not end the server, whatever it raises
            self._answer_internal(request_id, error)
        else:
            if route.is_async:
                task = self._in_flight[key] = _loop().create_task(self._run(request_id, result))
                task.add_done_callback(lambda task: self._never_begun(request_id, task, result))
            else:
                self._answer(request_id, result)

    async def _run(self, request_id: int | str, work: Coroutine[Any, Any, Any]) -> None:
        from asyncio import CancelledError

        try:
            result = await work
        except CancelledError:
            self._answer_error(request_id, Code.REQUEST_CANCELLED, "cancelled")
        except RpcError as error:
            self._answer_error(request_id, error.code, error.message, error.data)
        except BaseException as error:  # noqa: BLE001 - SystemExit in a task would end the event loop
            self._answer_internal(request_id, error)
        else:
            self._answer(request_id, result)
        finally:
            self._in_flight.pop((type(request_id), request_id), None)

    def _never_begun(self, request_id: int | str, task: asyncio.Task[None], work: Coroutine[Any, Any, Any]) -> None:
        """Answer for a task that was cancelled before its first step: nothing of it ran, not even its `except`."""
        key = (type(request_id), request_id)
        if self._in_flight.get(key) is task:
            del self._in_flight[key]
            work.close()
            self._answer_error(request_id, Code.REQUEST_CANCELLED, "cancelled")

    def _notification(self, method: str, raw: msgspec.Raw) -> None:
        if method == "exit":
            self.close(0 if self.state is State.SHUT_DOWN else 1)
            return
        if self.state is not State.RUNNING:
            return
        if method == "$/cancelRequest":
            self._cancel(raw)
            return
        route = self.routes.get(method) or self.fallback(method)
        if route is None:
            return
        try:
            params = self._params(method, route, raw)
            if route.is_async:
                task = _loop().create_task(self._guarded(method, route.handler(params)))
                self._tasks.add(task)  # the loop itself holds tasks weakly
                task.add_done_callback(self._tasks.discard)
            else:
                route.handler(params)
        except MALFORMED as error:
            _log().warning("%s ignored: %s", method, describe(error))
            self.on_bad_notification(method, bytes(raw))
        except BaseException as error:  # noqa: BLE001 - as for requests
            _log().error("%s failed: %s", method, describe(error))

    async def _guarded(self, method: str, work: Coroutine[Any, Any, Any]) -> None:
        from asyncio import CancelledError

        try:
            await work
        except CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - as for requests
            _log().error("%s failed: %s", method, describe(error))

    def _params(self, method: str, route: Route, raw: msgspec.Raw) -> Any:
        """Decode params. Raises one of MALFORMED."""
        data = bytes(raw) or b"null"
        kind = Any if route.params is None else route.params
        decoder = self._decoders.get(method)
        if decoder is None:
            decoder = self._decoders[method] = msgspec.json.Decoder(kind)
        try:
            return decoder.decode(data)
        except (msgspec.DecodeError, UnicodeError):
            # What msgspec refuses and the standard library does not: a lone surrogate, which is legal in JSON and in the text
            # of an editor, and stays one code unit in ours; and a whole number that JavaScript writes with an exponent, such as
            # Number.MAX_VALUE for "the end".
            return msgspec.convert(json.loads(data, parse_float=_number), kind)

    def _cancel(self, raw: msgspec.Raw) -> None:
        try:
            request_id = id_of(msgspec.json.decode(bytes(raw), type=dict[str, msgspec.Raw])["id"])
        except (*MALFORMED, KeyError):
            return
        task = self._in_flight.get((type(request_id), request_id)) if request_id is not None else None
        if task is not None:
            task.cancel()

    def _response(self, response_id: int | str | None, message: Envelope) -> None:
        if not message.result and not message.error:
            self._answer_error(response_id, Code.INVALID_REQUEST, "neither a request nor a response")
            return
        entry = self._outgoing.pop(response_id, None) if isinstance(response_id, int) else None
        if entry is None:
            _log().warning("an answer to a request that is not waiting")
            return
        future, timer = entry
        timer.cancel()
        if future.done():
            return
        try:
            if message.error:
                error = json.loads(bytes(message.error))
                code = error.get("code") if isinstance(error, dict) else None
                future.set_exception(
                    RpcError(code if isinstance(code, int) else Code.REQUEST_FAILED, "the client refused")
                )
            else:
                future.set_result(json.loads(bytes(message.result)))
        except (ValueError, RecursionError):
            future.set_exception(RpcError(Code.REQUEST_FAILED, "the client's answer cannot be read"))

    # -- what goes out

    def notify(self, method: str, params: object) -> None:
        """Send a notification; `params` is anything msgspec can encode."""
        self._send({"jsonrpc": "2.0", "method": method, "params": params})

    async def request(self, method: str, params: object, timeout: float = REQUEST_TIMEOUT) -> Any:
        """Send a request and return the plain JSON value of its answer.

        Raises RpcError for an error answer, and with REQUEST_FAILED when no answer came within `timeout` seconds.
        """
        if len(self._outgoing) >= MAX_OUTGOING:
            raise RpcError(Code.REQUEST_FAILED, "the client leaves too many requests unanswered")
        loop = _loop()
        self._last_id += 1
        request_id = self._last_id
        future: asyncio.Future[Any] = loop.create_future()
        timer = loop.call_later(timeout, self._timed_out, request_id)
        self._outgoing[request_id] = (future, timer)
        try:
            self._send({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params})
            return await future
        finally:
            timer.cancel()
            self._outgoing.pop(request_id, None)

    def cancel_all(self) -> None:
        """Cancel every running request; each is answered as cancelled."""
        for task in list(self._in_flight.values()):
            task.cancel()

    def _timed_out(self, request_id: int) -> None:
        entry = self._outgoing.pop(request_id, None)
        if entry is not None and not entry[0].done():
            entry[0].set_exception(RpcError(Code.REQUEST_FAILED, "the client did not answer in time"))

    def _answer(self, request_id: int | str, result: object) -> None:
        try:
            body = encode({"jsonrpc": "2.0", "id": request_id, "result": result})
        except BaseException as error:  # noqa: BLE001 - an endless repr, a cycle, a type without JSON form
            self._answer_internal(request_id, error)
        else:
            self._write_body(body)

    def _answer_internal(self, request_id: int | str, error: BaseException) -> None:
        _log().error("request failed: %s", describe(error))
        self._answer_error(request_id, Code.INTERNAL_ERROR, "internal error")

    def _answer_error(self, request_id: int | str | None, code: int, message: str, data: object = None) -> None:
        error: dict[str, object] = {"code": int(code), "message": message}
        if data is not None:
            error["data"] = data
        self._send({"jsonrpc": "2.0", "id": request_id, "error": error})

    def _send(self, message: object) -> None:
        self._write_body(encode(message))

    def _write_body(self, body: bytes) -> None:
        if self._closed:
            return
        if self.trace is not None:
            self.trace("out", body)
        self._write(frame(body))


def _envelope(body: bytes) -> Envelope:
    """Return the members of a message. Raises TypeError for JSON that is no object, one of MALFORMED for what is not JSON.

    A lone surrogate is legal in JSON and in the text of an editor; msgspec refuses it, the standard library does not.
    """
    try:
        return ENVELOPE.decode(body)
    except (msgspec.DecodeError, UnicodeError):
        value = json.loads(body)
    if not isinstance(value, dict):
        raise TypeError
    members = {name: value[name] for name in Envelope.__struct_fields__ if name in value}
    return Envelope(**{name: msgspec.Raw(json.dumps(member).encode("ascii")) for name, member in members.items()})


def _number(text: str) -> int | float:
    value = float(text)
    return int(value) if value.is_integer() else value


def _loop() -> asyncio.AbstractEventLoop:
    from asyncio import get_running_loop

    return get_running_loop()


def _log() -> logging.Logger:
    from logging import getLogger

    return getLogger("postil.rpc")
