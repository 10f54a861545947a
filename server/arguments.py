"""The arguments of `postil serve`, read by hand: an argument parser takes longer to import than the server to start.

Editors add arguments of their own (`--stdio`, `--clientProcessId=…`), so unknown ones are named on stderr and ignored.
"""

from __future__ import annotations

import sys
from typing import NamedTuple

USAGE = """\
usage: postil serve [--stdio] [--record FILE] [--log-level LEVEL] [--clientProcessId=PID]

Run the language server on stdin and stdout. Editors start this; there is nothing to type.

  --stdio              the only transport, and the default
  --record FILE        write the session to FILE (mode 0600), to be played by `postil replay FILE`; it holds your code
  --log-level LEVEL    error, warning (default), info or debug; the log goes to stderr and never holds code
"""

_LEVELS = {"error": 40, "warning": 30, "info": 20, "debug": 10}  # the numbers of the logging module, not imported yet
_REFUSED = ("--pipe", "--socket", "--tcp", "--ws", "--port")


class ServeArguments(NamedTuple):
    """What `postil serve` was told."""

    record: str | None = None
    log_level: int = _LEVELS["warning"]
    client_process: int | None = None


def serve_arguments(arguments: list[str]) -> ServeArguments | int:
    """Return what `arguments` say, or the exit code where there is nothing to serve."""
    values: dict[str, str] = {}
    rest = list(arguments)
    while rest:
        name, equals, value = rest.pop(0).partition("=")
        if name in ("-h", "--help"):
            sys.stdout.write(USAGE)
            return 0
        if name in _REFUSED:
            sys.stderr.write(f"postil: {name} is not offered; the server speaks on stdin and stdout only\n")
            return 2
        if name in ("--record", "--log-level", "--clientProcessId"):
            if not equals:
                if not rest:
                    sys.stderr.write(f"postil: {name} needs a value\n")
                    return 2
                value = rest.pop(0)
            values[name] = value
        elif name != "--stdio":
            sys.stderr.write(f"postil: ignoring the unknown argument {name!a}\n")
    level = values.get("--log-level", "warning")
    if level not in _LEVELS:
        sys.stderr.write(f"postil: --log-level must be one of {', '.join(_LEVELS)}\n")
        return 2
    process = values.get("--clientProcessId", "")
    return ServeArguments(values.get("--record"), _LEVELS[level], int(process) if process.isdecimal() else None)
