"""What the tests of settings share: a workspace that is loaded from texts, and snippets with their problems drawn below.

Invariant: no test reads the settings of whoever runs it.
"""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING, Any

import pytest

from server.settings import load

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from server.settings import Loaded

_MARK = re.compile(r"^\s*#\s*(\^+) ([a-z-]+)\s*$")


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty home folder, which is everybody's here."""
    folder = tmp_path_factory.mktemp("home")
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(folder))
    return folder


@pytest.fixture
def load_files(tmp_path: Path, home: Path) -> Callable[..., Loaded]:
    """Return a function that writes a workspace's files (by keyword or dict, dedented) and the user's, and loads them."""

    def run(files: dict[str, str | bytes] | None = None, *, user: str | None = None, **sources: Any) -> Loaded:
        root = tmp_path / "workspace"
        root.mkdir(exist_ok=True)
        for name, text in (files or {}).items():
            content = text if isinstance(text, bytes) else textwrap.dedent(text).encode()
            (root / name).write_bytes(content)
        user_file = home / "config.toml"
        if user is not None:
            user_file.write_text(textwrap.dedent(user), encoding="utf-8")
        sources.setdefault("environment", {})
        return load(root, user_file=user_file, **sources)

    return run


@pytest.fixture
def check(load_files: Callable[..., Loaded]) -> Callable[[str, str], Loaded]:
    """Return a function that loads one annotated file: `#   ^^^ settings-value` draws a problem of the line above."""

    def run(name: str, text: str) -> Loaded:
        kept: list[str] = []
        wanted: list[tuple[int, int, int, str]] = []
        for line in textwrap.dedent(text).splitlines():
            if found := _MARK.match(line):
                wanted.append((len(kept) - 1, found.start(1), found.end(1), found[2]))
            else:
                kept.append(line)
        loaded = load_files({name: "\n".join(kept) + "\n"})
        got = [(one.line, one.column, one.end_column, one.rule) for one in loaded.problems]
        assert got == wanted, [str(one) for one in loaded.problems]
        return loaded

    return run
