"""The first phase of `postil serve`: arguments, the two streams, and `initialize`, with as few imports as can be.

A client shows nothing until `initialize` is answered. The answer needs a JSON decoder and no event loop, so it is given by
plain blocking reads, in a sixth of the time that importing everything takes; what the client sends next waits in the pipe.

Invariant: nothing here imports asyncio, logging, dataclasses, pydantic, pygls or lsprotocol (a test looks).
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from postil import __version__
from server.arguments import serve_arguments
from server.capabilities import Capabilities, server_capabilities
from server.jsonrpc import Code, RpcError, State
from server.rpc import Connection

if TYPE_CHECKING:
    from collections.abc import Mapping

_CHUNK = 1 << 16  # bytes


class Greeted(NamedTuple):
    """A conversation whose `initialize` is answered."""

    connection: Connection
    capabilities: Capabilities
    params: dict[str, Any]


def serve(arguments: list[str]) -> int:
    """Run `postil serve ARGUMENTS...`; returns only where the arguments are refused."""
    options = serve_arguments(arguments)
    if isinstance(options, int):
        return options
    os.umask(0o077)
    environment = dict(os.environ)
    streams = take_standard_streams()
    connection = Connection(lambda data: _write(streams[1], data), os._exit)
    if options.record:
        from server.trace import Recorder

        connection.trace = Recorder(os.path.abspath(options.record))
    os.chdir("/")
    greeted = _greet(connection, streams[0], environment)

    import asyncio
    import logging

    from server.app import serve_client

    logging.basicConfig(stream=sys.stderr, level=options.log_level, format="postil %(levelname)s %(name)s: %(message)s")
    # pygls logs whole messages at INFO, and they hold code and keys.
    logging.getLogger("pygls").setLevel(logging.ERROR)
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    if options.client_process is not None:
        greeted.params.setdefault("processId", options.client_process)
    asyncio.run(serve_client(greeted, streams, environment))
    return 1


def take_standard_streams() -> tuple[int, int]:
    """Return private descriptors of stdin and stdout; afterwards 0 is empty and 1 is stderr.

    A `print` in a library, or a child that inherits descriptor 1, then writes to stderr and not into the stream.
    """
    incoming, outgoing = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return incoming, outgoing


def _greet(connection: Connection, incoming: int, environment: Mapping[str, str]) -> Greeted:
    """Read until `initialize` is answered. Ends the process where the client leaves before."""
    greeted: list[Greeted] = []

    def initialize(params: Any) -> dict[str, object]:
        if not isinstance(params, dict) or not isinstance(params.get("capabilities", {}), dict):
            raise RpcError(Code.INVALID_PARAMS, "invalid params")
        capabilities = Capabilities(params.get("capabilities"))
        greeted.append(Greeted(connection, capabilities, params))
        connection.state = State.RUNNING
        return {
            "capabilities": server_capabilities(capabilities, environment),
            "serverInfo": {"name": "postil", "version": __version__},
        }

    connection.on("initialize", None, initialize)
    while not greeted:
        data = os.read(incoming, _CHUNK)
        if data:
            connection.feed(data)
        else:
            connection.end_of_stream()
    return greeted[0]


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    try:
        while view:
            view = view[os.write(descriptor, view) :]
    except BrokenPipeError:
        os._exit(1)
