"""The command line: the table of commands, and what happens to whatever they raise.

Each command is imported when it is called, so that `--version` and `--help` cost nothing, and one command's fault does not
break another.

Invariant: a person never sees a traceback: a wrong command line or setting is one line and exit code 2, Ctrl-C is 130, a
reader that went away (`| head`) is no error, and a bug of ours is one line with the place of it.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable


class Command(NamedTuple):
    """One command: what it does in a line, and where it is."""

    summary: str
    module: str
    function: str


COMMANDS = {
    "serve": Command("the language server, on stdin and stdout (editors start it)", "server.app", "serve"),
    "check": Command("review files without an editor", "server.check_command", "run"),
    "config": Command(
        "show the settings and where each comes from; their schema; a starter file", "server.config_command", "run"
    ),
    "trust": Command("say that a folder's own tool configuration may be used", "server.config_command", "run_trust"),
    "doctor": Command("what works here, what does not, and what to do about it", "server.doctor", "run"),
    "replay": Command("replay a recorded editor session", "server.replay", "replay_command"),
}

_INTERRUPTED = 130


def main(argv: list[str]) -> int:
    """Run `postil ARGV…` and return the exit code."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    name, rest = (argv[0], argv[1:]) if argv else ("--help", [])
    try:
        return _run(name, rest)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:
        # The reader has seen enough. What is left in the buffers must not raise again when Python ends.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.close(nowhere)
        return 0
    except SystemExit as leaving:  # argparse
        return leaving.code if isinstance(leaving.code, int) else 2 if leaving.code else 0
    except Exception as error:
        if os.environ.get("POSTIL_DEBUG"):
            raise
        from server.terminal import complain

        complain(f"internal error: {type(error).__name__} {_place(error)}; POSTIL_DEBUG=1 shows all of it")
        return 2


def _run(name: str, rest: list[str]) -> int:
    if name in ("-h", "--help", "help"):
        sys.stdout.write(usage())
        return 0
    if name in ("-V", "--version", "version"):
        from postil import __version__

        sys.stdout.write(f"postil {__version__}\n")
        return 0
    command = COMMANDS.get(name)
    if command is None:
        return _unknown(name)
    import importlib

    function: Callable[[list[str]], int] = getattr(importlib.import_module(command.module), command.function)
    return function(rest)


def usage() -> str:
    """Return the help of the whole program."""
    width = max(map(len, COMMANDS))
    lines = [
        "postil reviews code in the editor, while it is written, and here in the terminal.",
        "",
        "usage: postil COMMAND [OPTION…]",
        "",
        *(f"  {name:<{width}}  {command.summary}" for name, command in COMMANDS.items()),
        "",
        "  postil COMMAND --help   the options of a command",
        "  postil --version        the version",
        "",
        "Start with:  postil check .",
        "",
    ]
    return "\n".join(lines)


def _unknown(name: str) -> int:
    from difflib import get_close_matches

    from server.terminal import complain

    if os.path.exists(name):
        complain(f"no command {name!r}; did you mean `postil check {name}`?")
    else:
        close = get_close_matches(name, COMMANDS, n=1)
        hint = f"did you mean `postil {close[0]}`?" if close else "`postil --help` lists the commands"
        complain(f"no command {name!r}; {hint}")
    return 2


def _place(error: BaseException) -> str:
    """Return where in postil an exception comes from; never its text, which may hold code."""
    trace = error.__traceback__
    place = ""
    while trace is not None:
        code = trace.tb_frame.f_code
        folder, name = os.path.split(code.co_filename)
        place = f"in {os.path.basename(folder)}/{name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place
