"""Commands that misbehave on purpose, for the acceptance tests of the protocol.

Registered only where the environment variable POSTIL_TEST_COMMANDS is 1, so never in an editor.
Each takes the context of a command (`.connection`, `.session`, `.pipeline`: the running server) and its arguments.

Invariant: nothing here is imported by anything but the composition root, and only under that variable.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from pathlib import Path
from typing import Any


async def result(context: Any, arguments: list[Any]) -> Any:
    """Return something that JSON cannot say."""
    cycle: list[Any] = []
    cycle.append(cycle)
    return {"set": {1, 2}, "object": object(), "cycle": cycle, "nan": float("nan")}[arguments[0]]


async def raise_error(context: Any, arguments: list[Any]) -> Any:
    """Raise ValueError with the argument as its text."""
    raise ValueError(arguments[0])


async def leave(context: Any, arguments: list[Any]) -> Any:
    """Raise what would end a program."""
    if arguments[0] == "sys.exit":
        sys.exit(7)
    raise KeyboardInterrupt


async def write_to_stdout(context: Any, arguments: list[Any]) -> Any:
    """Write the argument to stdout in three ways: print, descriptor 1, a child that inherits descriptor 1."""
    print(arguments[0], flush=True)  # noqa: T201 - the point of it
    os.write(1, arguments[0].encode() + b"\n")
    os.waitpid(os.posix_spawn("/bin/echo", ["echo", arguments[0]], {}), 0)


async def sleep(context: Any, arguments: list[Any]) -> Any:
    """Sleep the given seconds, then create the file named by the second argument, if there is one."""
    await asyncio.sleep(arguments[0])
    if len(arguments) > 1:
        Path(arguments[1]).touch()
    return "slept"


async def busy(context: Any, arguments: list[Any]) -> Any:
    """Occupy a child process, at full speed, for the given seconds."""
    program = "import sys, time\nend = time.monotonic() + float(sys.argv[1])\nwhile time.monotonic() < end: pass"
    pid = os.posix_spawn(sys.executable, [sys.executable, "-I", "-c", program, str(arguments[0])], os.environ)
    descriptor = os.pidfd_open(pid)
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(descriptor, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, 9)
        os.waitpid(pid, 0)
    return "done"


async def apply(context: Any, arguments: list[Any]) -> Any:
    """Send one workspace/applyEdit with the given edit and return the client's answer."""
    return await context.connection.request("workspace/applyEdit", {"label": "test", "edit": arguments[0]})


async def progress(context: Any, arguments: list[Any]) -> Any:
    """Report the progress of three steps to the client; the argument is a token of the server's own."""
    token = arguments[0]
    try:
        await context.connection.request("window/workDoneProgress/create", {"token": token})
    except Exception as error:  # noqa: BLE001 - whatever a refusal is here
        return f"refused: {type(error).__name__}"
    values: list[dict[str, Any]] = [{"kind": "begin", "title": "steps"}]
    values += [{"kind": "report", "percentage": 30 * step} for step in (1, 2, 3)]
    for value in [*values, {"kind": "end"}]:
        context.connection.notify("$/progress", {"token": token, "value": value})
    return "done"


async def echo(context: Any, arguments: list[Any]) -> Any:
    """Return the argument."""
    return arguments[0] if arguments else None


async def refresh(context: Any, arguments: list[Any]) -> Any:
    """Ask N times for a refresh of the client's diagnostics."""
    for _ in range(arguments[0]):
        context.pipeline.ask_to_pull_again()


async def text(context: Any, arguments: list[Any]) -> Any:
    """Return what the server holds of a document, null where it is not open."""
    document = context.session.document(arguments[0])
    if document is None:
        return None
    return {"text": document.text, "version": document.version, "digest": document.digest}


COMMANDS = {
    "postil.test.result": result,
    "postil.test.raise": raise_error,
    "postil.test.exit": leave,
    "postil.test.print": write_to_stdout,
    "postil.test.sleep": sleep,
    "postil.test.busy": busy,
    "postil.test.apply": apply,
    "postil.test.progress": progress,
    "postil.test.echo": echo,
    "postil.test.refresh": refresh,
    "postil.test.text": text,
}
