"""A second lock on a process that reads hostile code: it may not start a program, open a connection or write a file.

jedi reads code without running it, when it is given nothing that makes it run code (`analyzers/names.py`). Should a way be
found all the same, it ends here: an audit hook of the interpreter refuses the operation before it happens. This is a belt
to the braces and no sandbox; code that already runs natively does not ask.

Invariant: there is no way back. Once a process is confined it stays so, and that is why only workers are.
"""

from __future__ import annotations

import os
import sys
import sysconfig

_FORBIDDEN = (
    "ctypes.dlopen",
    "os.exec",
    "os.fork",
    "os.forkpty",
    "os.posix_spawn",
    "os.remove",
    "os.rename",
    "os.rmdir",
    "os.spawn",
    "os.startfile",
    "os.system",
    "os.truncate",
    "pty.spawn",
    "shutil.",
    "socket.",
    "subprocess.Popen",
    "webbrowser.",
)
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC


class Forbidden(Exception):
    """The process tried what it may not. The message names the kind of operation and nothing else."""


def confine_interpreter() -> None:
    """Refuse, from now on and for good, everything that reading code does not need."""
    trusted = tuple(
        os.path.realpath(folder) + os.sep
        for folder in {
            sys.base_prefix,
            sysconfig.get_path("stdlib"),
            sysconfig.get_path("platstdlib"),
            sysconfig.get_path("purelib"),
            sysconfig.get_path("platlib"),
            os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
        }
    )

    def refuse(event: str, arguments: tuple[object, ...]) -> None:
        if event == "open":
            flags = arguments[2]
            if isinstance(flags, int) and flags & _WRITING:
                raise Forbidden(event)
        elif event == "exec":
            # Code made by the standard library from strings (named tuples, dataclasses) has no file.
            name = getattr(arguments[0], "co_filename", "")
            if os.path.isabs(name) and not os.path.realpath(name).startswith(trusted):
                raise Forbidden(event)
        elif event == "import":
            name = arguments[1]  # the file of an extension module; None for all others
            if isinstance(name, str) and not os.path.realpath(name).startswith(trusted):
                raise Forbidden(event)
        elif event.startswith(_FORBIDDEN):
            raise Forbidden(event)

    sys.addaudithook(refuse)
