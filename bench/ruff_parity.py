#!/usr/bin/env python3
"""Compare `postil check` with `ruff check`: the same selection, rule by rule and line by line.

    python bench/ruff_parity.py FOLDER...

Each FOLDER is checked by `postil check --format json` and by our own ruff binary with postil's selection, each with its own
idea of which files belong to the folder. Prints a line per folder, the differences if there are any, and exits with 1 then.
`# noqa` counts on both sides. Findings of postil's own are counted and left out of the comparison.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from analyzers.ruff_binary import ruff_binary  # noqa: E402
from analyzers.ruff_check import RuffOptions  # noqa: E402
from analyzers.ruff_rules import SYNTAX_ERROR  # noqa: E402

Row = tuple[str, str, int, int, int, int, str]


def by_ruff(folder: str) -> list[Row]:
    """Return what `ruff check` finds in `folder` with postil's selection."""
    command = [ruff_binary(), "check", "--no-cache", *RuffOptions().arguments(), "--output-format=json", "."]
    output = subprocess.run(command, cwd=folder, capture_output=True, check=False).stdout
    return sorted(
        (
            os.path.relpath(one["filename"], os.path.realpath(folder)),
            SYNTAX_ERROR if one["code"] in (None, "invalid-syntax") else one["code"],
            one["location"]["row"],
            one["location"]["column"],
            one["end_location"]["row"],
            one["end_location"]["column"],
            one["message"],
        )
        for one in json.loads(output)
        if one["cell"] is None
    )


def by_postil(folder: str) -> tuple[list[Row], int]:
    """Return ruff's part of what `postil check` finds in `folder`, and the number of postil's own findings."""
    command = [sys.executable, "-I", str(ROOT / "postil"), "check", "--format=json", "--fail-on=never", "--quiet", "."]
    output = subprocess.run(command, cwd=folder, capture_output=True, check=True).stdout
    found = json.loads(output)
    rows = sorted(
        (
            one["path"],
            one["rule"],
            one["start"]["line"],
            one["start"]["column"],
            one["end"]["line"],
            one["end"]["column"],
            one["message"],
        )
        for one in found
        if one["source"] == "ruff"
    )
    return rows, len(found) - len(rows)


def differences(folder: str) -> tuple[int, int, list[str]]:
    """Return how many findings ruff has, how many of its own postil has, and what differs."""
    expected = by_ruff(folder)
    got, own = by_postil(folder)
    missing = [f"- {row}" for row in expected if row not in got]
    extra = [f"+ {row}" for row in got if row not in expected]
    return len(expected), own, missing + extra


def main(folders: list[str]) -> int:
    """Compare each of `folders`, and return the exit code."""
    different = 0
    for folder in folders:
        expected, own, differing = differences(folder)
        print(f"{folder}: {expected} by ruff, {own} of postil's own, {len(differing)} differ")
        for line in differing:
            print("  " + line)
        different += len(differing)
    return int(different > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ["."]))
