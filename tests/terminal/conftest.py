"""A `postil` to call as a person would, in a folder of its own, with a home of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ROOT = Path(__file__).resolve().parent.parent.parent


class Ended(NamedTuple):
    """How a call of postil ended."""

    code: int
    out: bytes
    err: bytes

    @property
    def text(self) -> str:
        return self.out.decode()

    @property
    def complaints(self) -> str:
        return self.err.decode()


class Postil:
    """Calls postil's launcher in `folder`."""

    def __init__(self, folder: Path, home: Path) -> None:
        self.folder = folder
        self.home = home

    def environment(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
        return kept | {"HOME": str(self.home), "LC_ALL": "C.UTF-8"} | dict(extra or {})

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-I", str(ROOT / "postil"), *arguments]

    def __call__(
        self, *arguments: str, stdin: bytes = b"", cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> Ended:
        ended = subprocess.run(
            self.command(*arguments),
            cwd=cwd or self.folder,
            env=self.environment(env),
            input=stdin,
            capture_output=True,
            timeout=110,
            check=False,
        )
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    def write(self, name: str, text: str | bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path


@pytest.fixture
def postil(tmp_path: Path) -> Postil:
    folder, home = tmp_path / "project", tmp_path / "home"
    folder.mkdir()
    home.mkdir()
    return Postil(folder, home)


@pytest.fixture
def git(postil: Postil) -> Callable[..., str]:
    """A function that runs git in the project, which is a fresh repository."""

    def run(*arguments: str, cwd: Path | None = None) -> str:
        identity = ["-c", "user.name=t", "-c", "user.email=t@example.invalid", "-c", "init.defaultBranch=main"]
        ended = subprocess.run(
            ["git", *identity, *arguments],
            cwd=cwd or postil.folder,
            env=postil.environment({"GIT_CONFIG_NOSYSTEM": "1"}),
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout.strip()

    run("init", "-q")
    return run
