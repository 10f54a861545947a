"""A worker process with a role made for tests: it echoes, dies, hangs and floods when asked.

Started as `python -I fake_worker.py PARENT MEMORY`, in place of postil's own launcher.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from analyzers.document import Edit, Span
from analyzers.finding import Category, Finding, Fix, Related, Severity
from server.worker_process import Role, run_role


class Fake:
    """Keeps texts by name, and does what tests ask for."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.analysed = 0
        if "--dies-at-start" in sys.argv:
            os._exit(7)

    def echo(self, value: Any) -> Any:
        return value

    def open(self, name: str, text: str) -> None:
        if text == "segfault":
            self.segfault()
        self.texts[name] = text

    def text(self, name: str) -> str | None:
        return self.texts.get(name)

    def analyse(self, name: str, seconds: float) -> str | None:
        self.analysed += 1
        time.sleep(seconds)
        return self.texts.get(name)

    def count(self) -> int:
        return self.analysed

    def findings(self) -> list[Finding]:
        return [finding()]

    def segfault(self) -> None:
        ctypes.string_at(0)

    def abort(self) -> None:
        os.abort()

    def leave(self, status: int) -> None:
        os._exit(status)

    def hang(self, seconds: float) -> str:
        time.sleep(seconds)
        return "awake"

    def spin(self) -> None:
        while True:
            pass

    def fill_memory(self) -> int:
        return len(b"x" * (4 << 30))

    def fail(self, secret: str) -> None:
        raise LookupError(secret)

    def overflow(self) -> None:
        self.overflow()

    def unwritable(self) -> object:
        return object()

    def say(self, size: int) -> str:
        print("x" * size)
        os.write(1, b"y" * size)
        os.write(2, b"z" * size)
        return "said"

    def ask(self) -> str:
        return sys.stdin.read()

    def nonsense(self) -> None:
        os.write(4, b"\0\0\0\4aaaa")

    def half_an_answer(self) -> None:
        os.write(4, b"\0\0\1\0half")
        os._exit(0)

    def swell(self) -> None:
        os.write(4, b"\xff\xff\xff\xff")
        time.sleep(60)

    def child(self) -> int:
        """Start a grandchild that would outlive everybody."""
        pid = os.fork()
        if pid == 0:
            signal.pause()
        return pid

    def about(self) -> dict[str, Any]:
        return {
            "cwd": str(Path.cwd()),
            "environment": dict(os.environ),
            "group": os.getpgid(0),
            "session": os.getsid(0),
            "pid": os.getpid(),
            "files": sorted(int(name) for name in os.listdir("/proc/self/fd")) if sys.platform == "linux" else [],
            "asyncio": "asyncio" in sys.modules,
        }


def finding() -> Finding:
    """A finding with something in each field."""
    return Finding(
        rule="cognitive-complexity",
        source="postil",
        span=Span(1, 5),
        severity=Severity.WARNING,
        category=Category.SMELL,
        message="nested 🙂",
        fixes=(Fix("mend", (Edit(Span(1, 2), "x"), Edit(Span(3, 4), "")), safe=True),),
        confidence=0.5,
        cwe=89,
        related=(Related(Span(0, 1), "here"),),
        fingerprint="0123456789abcdef",
    )


def role() -> Role:
    anything = tuple[Any]
    return Role(
        make=Fake,
        methods={
            "echo": anything,
            "open": tuple[str, str],
            "text": tuple[str],
            "analyse": tuple[str, float],
            "hang": tuple[float],
            "leave": tuple[int],
            "fail": tuple[str],
            "say": tuple[int],
            **dict.fromkeys(
                (
                    "abort",
                    "about",
                    "ask",
                    "child",
                    "count",
                    "fill_memory",
                    "findings",
                    "half_an_answer",
                    "nonsense",
                    "overflow",
                    "segfault",
                    "spin",
                    "swell",
                    "unwritable",
                ),
                tuple[()],
            ),
        },
        superseded="analyse",
    )


if __name__ == "__main__":
    sys.exit(run_role(role, parent=int(sys.argv[-2]), memory=int(sys.argv[-1])))
