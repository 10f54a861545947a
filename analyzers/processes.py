"""How postil starts and ends a child process.

A child reads code that somebody else wrote, so it gets as little as it needs: an environment made from a short list of
names, a working directory outside every workspace, a session of its own (so that one kill ends it with all it started),
a limit on its memory, and on Linux a signal when the server dies.

Invariant: no shell, no program looked up in PATH (the caller gives an absolute path), no descriptor inherited besides the
three pipes.
Invariant: on Linux a child's death signal follows the *thread* that started it, so children are started from the main
thread and from nowhere else; `spawn` refuses other threads.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

# A list of what is let through and not of what is held back: nobody knows all the variables that make programs run code.
_KEPT_VARIABLES = frozenset(
    {"HOME", "LANG", "LANGUAGE", "LOGNAME", "TEMP", "TMP", "TMPDIR", "TZ", "USER", "XDG_CACHE_HOME", "XDG_STATE_HOME"}
)
_PR_SET_PDEATHSIG = 1
_PIPE_SIZE = 1024 * 1024  # bytes; Linux gives 64 kB, which is many wake-ups for one large file


def child_environment(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a child: the names in a fixed list, and the locale's."""
    source = os.environ if environment is None else environment
    return {name: value for name, value in source.items() if name in _KEPT_VARIABLES or name.startswith("LC_")}


def spawn(
    command: Sequence[str],
    *,
    directory: str = "/",
    memory: int | None = None,
    limits_itself: bool = False,
    stderr: int = subprocess.PIPE,
) -> subprocess.Popen[bytes]:
    """Start `command` with three pipes, in a session of its own, and return it.

    `command[0]` is an absolute path. `stderr` may be `subprocess.DEVNULL` where nobody reads it. `memory` limits the
    address space, in bytes. `limits_itself`: the program calls `confine_this_process` first thing, so nothing has to run
    between fork and exec, and Python can use the cheaper vfork.
    Raises OSError when the program cannot be started, RuntimeError outside the main thread, ValueError for a path that is
    not absolute.
    """
    if threading.current_thread() is not threading.main_thread():
        message = "a child process is started from the main thread: its death signal follows the thread"
        raise RuntimeError(message)
    if not os.path.isabs(command[0]):
        message = "a child process is named by its absolute path"
        raise ValueError(message)
    child = subprocess.Popen(  # noqa: S603 - an absolute path, no shell
        list(command),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        bufsize=0,
        cwd=directory,
        env=child_environment(),
        start_new_session=True,
        preexec_fn=None if limits_itself else _before_exec(memory),  # noqa: PLW1509 - prepared before the fork
    )
    _widen(child)
    return child


def confine_this_process(*, parent: int, memory: int | None) -> None:
    """Tie this process to `parent` (a process id) and limit it; called by a child of postil's own, first thing.

    Ends the process at once when the parent is dead already.
    """
    os.umask(0o077)
    _before_exec(memory)()
    if os.getppid() != parent:
        os._exit(0)  # the parent died before the death signal was asked for
    if sys.platform == "linux":
        # When memory runs out, the kernel should take the worker, not the editor.
        with suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as score:
            score.write("500")
    else:
        threading.Thread(target=_watch_parent, args=(parent,), daemon=True).start()


def kill_group(child: subprocess.Popen[bytes]) -> None:
    """End `child` and everything it started, at once. Does nothing when it was waited for already."""
    if child.returncode is None:
        # The group's number is the child's, because the child leads its session; it cannot be reused before the wait.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(child.pid, signal.SIGKILL)


def is_stopped(pid: int) -> bool:
    """Return whether somebody has stopped the process (SIGSTOP, a debugger); False where that cannot be told."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as status:
            return status.read().rpartition(b")")[2].split()[0] in (b"T", b"t")
    except (OSError, IndexError):
        return False


def _before_exec(memory: int | None) -> Callable[[], None]:
    """Return what a child does before it becomes another program. Everything is looked up now: after a fork nothing may be."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl if sys.platform == "linux" else None
    limits: list[tuple[int, int]] = []
    set_limit = None
    if sys.platform != "win32":
        import resource

        set_limit = resource.setrlimit
        limits.append((resource.RLIMIT_CORE, 0))
        if memory is not None:
            limits.append((resource.RLIMIT_AS, memory))

    def prepare() -> None:
        if prctl is not None:
            prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if set_limit is not None:
            for kind, value in limits:
                with suppress(ValueError, OSError):  # the limit is lower already
                    set_limit(kind, (value, value))

    return prepare


def _widen(child: subprocess.Popen[bytes]) -> None:
    if sys.platform == "linux":
        import fcntl

        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                with suppress(OSError):  # the user's share of pipe memory is used up
                    fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_SIZE)


def _watch_parent(parent: int) -> None:
    """Where no death signal exists: end this process within a second of its parent."""
    never = threading.Event()
    while not never.wait(1.0):
        if os.getppid() != parent:
            os._exit(0)
