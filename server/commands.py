"""The commands of `workspace/executeCommand`.

Each is a coroutine function of the running server and the arguments (plain JSON, not to be trusted). A command names a
finding or a document by its identity, never a file to write or a program to run.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import msgspec

from server.jsonrpc import Code, RpcError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from server.app import App


async def fix_all(app: App, arguments: list[Any]) -> Any:
    """Apply all safe fixes of an open document; its URI is the one argument."""
    return await _apply_source_action(app, arguments, "source.fixAll.postil", "Fix all safe problems")


async def organize_imports(app: App, arguments: list[Any]) -> Any:
    """Sort the imports of an open document; its URI is the one argument."""
    return await _apply_source_action(app, arguments, "source.organizeImports.postil", "Organize imports")


async def restart(app: App, arguments: list[Any]) -> Any:
    """Start ruff and the worker processes anew."""
    del arguments
    app.pipeline.restart_children()
    app.notebooks.follow_all()
    app.names.kill()


COMMANDS: Mapping[str, Callable[[App, list[Any]], Coroutine[Any, Any, Any]]] = {
    "postil.fixAll": fix_all,
    "postil.organizeImports": organize_imports,
    "postil.restart": restart,
}


def command_names(environment: Mapping[str, str]) -> list[str]:
    """Return the names of all commands; the tests' own are among them where the environment asks for them."""
    return sorted(commands(environment))


def commands(environment: Mapping[str, str]) -> Mapping[str, Callable[[App, list[Any]], Coroutine[Any, Any, Any]]]:
    """Return all commands by name."""
    if environment.get("POSTIL_TEST_COMMANDS") != "1":
        return COMMANDS
    from server.test_commands import COMMANDS as TEST_COMMANDS

    return {**COMMANDS, **TEST_COMMANDS}


async def run_command(app: App, name: str, arguments: object, environment: Mapping[str, str]) -> Any:
    """Run a command and return its result as JSON text.

    Raises RpcError (InvalidParams) for an unknown one or wrong arguments, and TypeError, ValueError or RecursionError for a
    result that JSON cannot say: a set is no array here and NaN no null, as the encoder of all other messages would have it.
    """
    command = commands(environment).get(name)
    if command is None or not isinstance(arguments, list):
        raise RpcError(Code.INVALID_PARAMS, "unknown command")
    return msgspec.Raw(json.dumps(await command(app, arguments), allow_nan=False).encode())


async def _apply_source_action(app: App, arguments: list[Any], kind: str, label: str) -> Any:
    uri = arguments[0] if len(arguments) == 1 else None
    document = app.session.document(uri) if isinstance(uri, str) else None
    if document is None:
        raise RpcError(Code.INVALID_PARAMS, "the argument must be the URI of an open document")
    if not app.session.capabilities.apply_edit:
        raise RpcError(Code.REQUEST_FAILED, "the client cannot apply edits")
    features = await app.features()
    edit = await features.source_edit(document, kind)
    if edit is None:
        return False
    answer = await app.connection.request("workspace/applyEdit", {"label": label, "edit": edit}, 600.0)
    return bool(isinstance(answer, dict) and answer.get("applied") is True)
