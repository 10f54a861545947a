"""pygls, hardened: the rare requests, structured by lsprotocol and registered as pygls features.

pygls' own transport, dispatcher and document store are not used: `server/rpc.py` and `server/session.py` do their work (the
measured reasons are in ARCHITECTURE.md). What is left is what pygls is good at: the types, the registration of features, the
converter, and building capabilities, which a test holds against the ones we answer by hand.

Imported after `initialize` was answered, on first need: it costs 0.3 s.

Invariant: nothing here writes to the client but through the connection, so every answer is counted there.
"""

from __future__ import annotations

from contextvars import ContextVar
from enum import Enum
from typing import TYPE_CHECKING, Any

from pygls.lsp.server import LanguageServer
from pygls.protocol import LanguageServerProtocol, default_converter

from postil import __version__
from server.jsonrpc import Code, RpcError

if TYPE_CHECKING:
    from analyzers.document import Document

MAX_INTEGER = 2**31 - 1  # LSP's uinteger; lsprotocol refuses more, and VS Code sends 9223372036854776000
_DEPTH = 64  # of nested params

# The document that a request is about, as it was when the request arrived.
snapshot: ContextVar[Document | None] = ContextVar("snapshot", default=None)


class PostilProtocol(LanguageServerProtocol):
    """pygls' protocol without a transport: params in, a plain JSON result out."""

    async def run(self, method: str, params: object, document: Document | None) -> Any:
        """Run the feature for `method`. Raises RpcError: InvalidParams, or what the feature raises."""
        message_type = self.get_message_type(method)
        feature = self.fm.features.get(method)
        if feature is None or message_type is None:
            raise RpcError(Code.METHOD_NOT_FOUND, "unknown method")
        message = {"jsonrpc": "2.0", "id": 0, "method": method, "params": clamped(params)}
        try:
            request = self._converter.structure(message, message_type)
        except Exception:  # noqa: BLE001 - cattrs raises whatever a hook raises
            raise RpcError(Code.INVALID_PARAMS, "invalid params") from None
        snapshot.set(document)
        result = await feature(request.params)
        response_type = self.get_result_type(method)
        if response_type is None:
            return result
        response = self._converter.unstructure(response_type(id=0, result=result))
        return response.get("result")

    def structured(self, value: object, kind: Any) -> Any:
        """Return plain JSON as a type of lsprotocol."""
        return self._converter.structure(value, kind)

    def plain(self, value: object, kind: Any = None) -> Any:
        """Return a value of lsprotocol as plain JSON."""
        return self._converter.unstructure(value, unstructure_as=kind)


def new_server() -> LanguageServer:
    """Return a pygls server without features and without a transport."""
    return LanguageServer("postil", __version__, protocol_cls=PostilProtocol, converter_factory=_strict_converter)


def _strict_converter() -> Any:
    """Return lsprotocol's converter, but 0.5 and true are no integers, and a number is no string."""
    converter: Any = default_converter()  # type: ignore[no-untyped-call]
    for kind in (int, str, bool):
        converter.register_structure_hook(kind, _exactly)
    return converter


def _exactly(value: object, kind: type) -> object:
    if issubclass(kind, Enum):  # an enumeration of integers or strings comes here too
        return kind(value)
    if type(value) is not kind:
        raise TypeError
    return value


def clamped(value: object, depth: int = 0) -> Any:
    """Return plain JSON with numbers over LSP's limit clamped. Raises RpcError where it is nested too deep."""
    if type(value) is int:
        return min(value, MAX_INTEGER)
    if isinstance(value, float) and value >= MAX_INTEGER:
        return MAX_INTEGER
    if depth > _DEPTH:
        raise RpcError(Code.INVALID_PARAMS, "invalid params")
    if isinstance(value, dict):
        return {name: clamped(one, depth + 1) for name, one in value.items()}
    if isinstance(value, list):
        return [clamped(one, depth + 1) for one in value]
    return value
