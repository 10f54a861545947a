"""The launcher: an isolated interpreter, a module path without the user's entries, then the command line.

postil analyses hostile repositories, so nothing of the working directory or of `PYTHONPATH` may be importable by it. The
installed script already starts `python -I -m postil`; whoever starts this file otherwise is started again with `-I`.

Invariant: nothing but the standard library's frozen and built-in modules is imported before the path is clean.
"""

import os
import sys

# Variables through which an environment can run code in, or redirect, this process and its children.
_DROPPED_PREFIXES = ("PYTHON", "LD_", "DYLD_", "GIT_", "RUFF_", "JEDI_")
_DROPPED = ("VIRTUAL_ENV", "CONDA_PREFIX")


def _house() -> str:
    """Return the folder that holds `server/`, `analyzers/`, `providers/`: `postil/` in a wheel, the checkout in development."""
    here = os.path.dirname(os.path.abspath(__file__))
    return here if os.path.isdir(os.path.join(here, "server")) else os.path.dirname(here)


def _scrub_environment() -> None:
    for name in list(os.environ):
        if name in _DROPPED or name.startswith(_DROPPED_PREFIXES):
            del os.environ[name]
    # An empty or relative entry means the working directory: a repository with its own `git` or `uname`.
    entries = os.environ.get("PATH", "").split(os.pathsep)
    os.environ["PATH"] = os.pathsep.join(filter(os.path.isabs, entries)) or os.defpath


def main() -> int:
    """Run the command line and return its exit code."""
    if not sys.flags.isolated:
        os.execv(sys.executable, [sys.executable, "-I", os.path.abspath(__file__), *sys.argv[1:]])
    _scrub_environment()
    sys.path.insert(0, _house())
    import json

    if not os.path.realpath(json.__file__).startswith(os.path.realpath(sys.base_prefix) + os.sep):
        sys.stderr.write("postil: the standard library is shadowed by another folder; reinstall Python or postil\n")
        return 2
    from server.__main__ import main as command_line

    return command_line(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
