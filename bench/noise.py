#!/usr/bin/env python3
"""Findings per thousand lines on well-kept code: what `docs/noise.md` reports.

    python bench/noise.py FOLDER

FOLDER holds one sub-folder per package, with its Python files as they are in the package's wheel:

    pip download --no-deps --dest wheels attrs click django fastapi flask httpx jinja2 requests rich
    for one in wheels/*.whl; do unzip -q "$one" '*.py' -d "FOLDER/$(basename "$one" | cut -d- -f1)"; done

A line counts if it is neither blank nor a comment. Default settings, nothing trusted, suppression comments honoured.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def lines_of_code(folder: Path) -> int:
    """Return the number of lines of `folder`'s Python files that are neither blank nor comments."""
    return sum(
        1
        for path in folder.rglob("*.py")
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines()
        if line.strip() and not line.strip().startswith("#")
    )


def main(folder: Path) -> int:
    """Print the table for the packages in `folder`."""
    command = [sys.executable, "-I", str(ROOT / "postil"), "check", "--format=json", "--fail-on=never", "."]
    found = json.loads(subprocess.run(command, cwd=folder, capture_output=True, check=True).stdout)
    packages = sorted(one for one in folder.iterdir() if one.is_dir())
    counts = Counter((one["path"].partition("/")[0], one["source"]) for one in found)
    print(f"{'package':<12} {'lines':>8} {'ruff':>6} {'per k':>6} {'own':>6} {'per k':>6}")
    total = 0
    for package in packages:
        lines = lines_of_code(package)
        total += lines
        row(package.name, lines, counts[package.name, "ruff"], counts[package.name, "postil"])
    sums = Counter(one["source"] for one in found)
    row("all", total, sums["ruff"], sums["postil"])
    print()
    for (rule, severity), count in Counter((one["rule"], one["severity"]) for one in found).most_common():
        print(f"{count:5} {rule} ({severity})")
    return 0


def row(name: str, lines: int, ruff: int, own: int) -> None:
    """Print one line of the table."""
    print(f"{name:<12} {lines:>8,} {ruff:>6} {1000 * ruff / lines:>6.2f} {own:>6} {1000 * own / lines:>6.2f}")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
