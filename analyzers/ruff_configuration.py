"""What ruff is configured by: the project's own file where that may decide, else postil's quiet selection.

Invariant: a project's file counts only if it and every file of its `extend` chain is a regular file of at most 1 MB inside
the project. `extend` otherwise reads any file of the machine, and a FIFO there hangs ruff for good (both measured).
"""

from __future__ import annotations

import os
import re
import stat
import tomllib
from pathlib import Path
from typing import Final

import msgspec

from analyzers.ruff_rules import DEFAULT_IGNORE, DEFAULT_PER_FILE_IGNORES, DEFAULT_SELECT
from analyzers.ruff_wire import RuffConfiguration

FILE_NAMES: Final = (".ruff.toml", "ruff.toml", "pyproject.toml")
_MAX_BYTES: Final = 1_000_000
_MAX_CHAIN: Final = 10
# tomllib's time and memory are quadratic in the parts of a dotted key (measured: 100,000 parts end the process).
_LONG_KEY: Final = re.compile(r"(?:[\w\"'-]{1,100}[ \t]*\.[ \t]*){32}")


def own_configuration(
    select: tuple[str, ...] = (), extend_select: tuple[str, ...] = (), ignore: tuple[str, ...] = ()
) -> RuffConfiguration:
    """Return the configuration for code whose project says nothing, or may not: `select` replaces postil's selection."""
    per_file: dict[str, list[str]] = {}
    for pattern, rule in DEFAULT_PER_FILE_IGNORES:
        per_file.setdefault(pattern, []).append(rule)
    lint: dict[str, object] = {
        "select": list(select or DEFAULT_SELECT),
        "extend-select": list(extend_select),
        "ignore": [*DEFAULT_IGNORE, *ignore] if not select else list(ignore),
        "per-file-ignores": per_file,
    }
    # No target version: without one, ruff takes the newest syntax for granted.
    return _configuration({"lint": lint}, project=False)


def from_project(extend_select: tuple[str, ...] = (), ignore: tuple[str, ...] = ()) -> RuffConfiguration:
    """Return the configuration for code whose project's own files decide."""
    lint = {name: list(rules) for name, rules in (("extend-select", extend_select), ("ignore", ignore)) if rules}
    return _configuration({"lint": lint} if lint else {}, project=True)


def project_configuration(root: Path, file: Path) -> Path | None:
    """Return the ruff configuration nearest to `file` inside `root` that may be believed, or None.

    Both paths are absolute. The first file found on the way up decides, as in ruff itself: if that one may not be believed,
    none is.
    """
    root = Path(os.path.realpath(root))
    folder = Path(os.path.realpath(file.parent))
    while folder == root or root in folder.parents:
        for name in FILE_NAMES:
            candidate = folder / name
            table = _ruff_table(candidate)
            if table is not None:
                return candidate if _chain_is_inside(root, candidate, table) else None
        if folder == root:
            return None
        folder = folder.parent
    return None


def _configuration(inline: dict[str, object], *, project: bool) -> RuffConfiguration:
    return RuffConfiguration(project, msgspec.json.encode(inline, order="deterministic").decode())


def _ruff_table(path: Path) -> dict[str, object] | None:
    """Return ruff's table of a file; None where there is none. A file that is there but cannot be read has an odd one."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    unreadable: dict[str, object] = {"extend": "\0"}
    if not stat.S_ISREG(status.st_mode) or status.st_size > _MAX_BYTES:
        return unreadable if path.name != "pyproject.toml" else None
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as stream:
            text = stream.read(_MAX_BYTES + 1).decode()
        if _LONG_KEY.search(text):
            return unreadable
        data = tomllib.loads(text)
    except (OSError, ValueError, RecursionError):
        return unreadable if path.name != "pyproject.toml" else None
    if path.name != "pyproject.toml":
        return data
    tool = data.get("tool")
    ruff = tool.get("ruff") if isinstance(tool, dict) else None
    return ruff if isinstance(ruff, dict) else None


def _chain_is_inside(root: Path, path: Path, table: dict[str, object]) -> bool:
    for _ in range(_MAX_CHAIN):
        real = Path(os.path.realpath(path))
        if root not in real.parents:
            return False
        extend = table.get("extend")
        if extend is None:
            return True
        # ruff expands `~` and variables here, so a name that holds either may lead anywhere.
        if not isinstance(extend, str) or "\0" in extend or "$" in extend or extend.startswith("~"):
            return False
        path = real.parent / extend
        following = _ruff_table(path)
        if following is None:
            return False
        table = following
    return False
