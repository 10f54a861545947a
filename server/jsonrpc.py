"""The values of JSON-RPC 2.0 as LSP uses it: codes, errors, envelopes, and JSON text.

Invariant: JSON that is sent is valid; what has no JSON form is an error of ours and not a message.
"""

from __future__ import annotations

import json
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable


class Code(IntEnum):
    """Error codes of JSON-RPC 2.0 and LSP 3.17."""

    PARSE_ERROR = -32700
    INVALID_REQUEST = -32600
    METHOD_NOT_FOUND = -32601
    INVALID_PARAMS = -32602
    INTERNAL_ERROR = -32603
    NOT_INITIALIZED = -32002
    REQUEST_FAILED = -32803
    SERVER_CANCELLED = -32802
    CONTENT_MODIFIED = -32801
    REQUEST_CANCELLED = -32800


class RpcError(Exception):
    """An error answer, sent or received. `message` is ours and may be shown; `data` is JSON."""

    def __init__(self, code: int, message: str, data: object = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data


class State(IntEnum):
    """Where a conversation stands."""

    UNINITIALIZED = 0
    RUNNING = 1
    SHUT_DOWN = 2


class Route(NamedTuple):
    """How a method is handled: the type of its params (None: plain JSON values), and the function."""

    params: Any
    handler: Callable[[Any], Any]
    is_async: bool


class Envelope(msgspec.Struct):
    """Any message, with nothing about its members' types taken for granted."""

    jsonrpc: msgspec.Raw = msgspec.Raw()
    id: msgspec.Raw = msgspec.Raw()
    method: msgspec.Raw = msgspec.Raw()
    params: msgspec.Raw = msgspec.Raw()
    result: msgspec.Raw = msgspec.Raw()
    error: msgspec.Raw = msgspec.Raw()


class Plain(msgspec.Struct):
    """A request or notification as nearly all are: every member of the type that it should have."""

    jsonrpc: Literal["2.0"]
    method: str
    params: msgspec.Raw = msgspec.Raw()
    id: int | str | None = None


PLAIN = msgspec.json.Decoder(Plain)
ENVELOPE = msgspec.json.Decoder(Envelope)
MALFORMED = (msgspec.DecodeError, UnicodeError, RecursionError, ValueError)


def encode(message: object) -> bytes:
    """Return `message` as JSON text. Raises TypeError, ValueError or RecursionError where it has no JSON form."""
    try:
        return msgspec.json.encode(message, enc_hook=_refuse)
    except UnicodeEncodeError:  # a lone surrogate: \ud800 is what JSON has for it
        return json.dumps(msgspec.to_builtins(message), ensure_ascii=True, allow_nan=False).encode("ascii")


def describe(error: BaseException) -> str:
    """Return an exception as type and place, without its message, which may hold text of the user's."""
    import traceback

    frames = traceback.extract_tb(error.__traceback__)
    places = " < ".join(f"{one.name}:{one.lineno}" for one in reversed(frames[-4:]))
    return f"{type(error).__name__} at {places or 'no frame'}"


def _refuse(value: object) -> object:
    message = f"no JSON form for {type(value).__name__}"
    raise TypeError(message)


def id_of(raw: msgspec.Raw) -> int | str | None:
    """Return a message's id, or None where it is neither an integer nor a string."""
    try:
        value = json.loads(bytes(raw))
    except (ValueError, RecursionError):
        return None
    return value if type(value) in (int, str) else None


def text_of(raw: msgspec.Raw) -> str | None:
    """Return a member that should be a string, or None."""
    try:
        value = json.loads(bytes(raw))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, str) else None
