"""What /proc says about processes: who lives, who descends from whom, memory, processor time.

Invariant: a process is known by its id and its start time, because ids are given anew; a zombie counts as dead.
"""

from __future__ import annotations

import contextlib
import os
import signal
from dataclasses import dataclass
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Process:
    """One process, by id and start time (clock ticks since boot)."""

    pid: int
    started: int

    @classmethod
    def of(cls, pid: int) -> Process:
        """Return the process that has this id now; started is -1 where there is none."""
        fields = _stat(pid)
        return cls(pid, int(fields[19]) if fields else -1)

    def is_alive(self) -> bool:
        """Whether it runs, sleeps or is stopped."""
        fields = _stat(self.pid)
        return bool(fields) and int(fields[19]) == self.started and fields[0] not in ("Z", "X")

    def memory(self) -> int:
        """Return the resident memory in bytes; 0 when it is gone."""
        try:
            return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * _PAGE
        except (OSError, IndexError):
            return 0

    def processor_time(self) -> float:
        """Return the processor time it has used so far, in seconds; 0 when it is gone."""
        fields = _stat(self.pid)
        return (int(fields[11]) + int(fields[12])) / _TICKS if fields else 0.0

    def command(self) -> str:
        """Return the command line."""
        try:
            return Path(f"/proc/{self.pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            return ""

    def signal(self, number: int) -> None:
        """Send a signal, if it is still this process."""
        if self.is_alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL."""
        self.signal(signal.SIGKILL)


def descendants(pid: int) -> list[Process]:
    """Return the living descendants of `pid`, parents before their children."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit() and (fields := _stat(int(name))):
            children.setdefault(int(fields[1]), []).append(int(name))
    found: list[Process] = []
    open_ends = list(children.get(pid, ()))
    while open_ends:
        one = open_ends.pop(0)
        process = Process.of(one)
        if process.is_alive():
            found.append(process)
        open_ends += children.get(one, ())
    return found


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat behind the name, the state being the first; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return []
