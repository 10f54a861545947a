"""`postil doctor`: what works on this machine and in this folder, what does not, and what to do about it.

Every line is the outcome of something tried, not of a setting read: ruff is started, each grammar parses, a worker answers.

Invariant: nothing of the workspace is executed, and nothing is written but the state directory, which is made if missing.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import stat
import sys
import textwrap
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from server.terminal import GREEN, RED, YELLOW, painter, term_safe, terminal_width, wants_colour

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from server.settings import Loaded

SLOW_WORKER = 3.0  # seconds from the start of a worker to its first answer
WORKER_MEMORY = 2 * 1024**3  # bytes of address space
_MARGIN = " " * 18
_STYLES = {"ok": GREEN, "warn": YELLOW, "fail": RED}


@dataclass(frozen=True, slots=True)
class Check:
    """One line: `advice` is what to do, empty where there is nothing to do."""

    status: Literal["ok", "warn", "fail"]
    name: str
    message: str
    advice: str = ""


def run(argv: list[str]) -> int:
    """Run `postil doctor ARGV…` and return the exit code: 1 when something does not work."""
    parser = argparse.ArgumentParser(prog="postil doctor", description="What works here, and what does not.")
    parser.add_argument("path", nargs="?", default=".", help="the workspace (default: the current folder)")
    parser.add_argument("--json", action="store_true", help="as a JSON array")
    parser.add_argument("--no-color", action="store_true", help="no colours")
    arguments = parser.parse_args(argv)
    paint = painter(colour=wants_colour(sys.stdout, os.environ, refused=arguments.no_color))
    done: list[Check] = []
    for one in checks(os.path.realpath(arguments.path)):
        done.append(one)
        if not arguments.json:
            sys.stdout.write(_line(one, paint))
            sys.stdout.flush()
    if arguments.json:
        rows = [{"status": one.status, "name": one.name, "message": one.message, "advice": one.advice} for one in done]
        sys.stdout.write(json.dumps(rows, indent=1) + "\n")
    return int(any(one.status == "fail" for one in done))


def checks(workspace: str) -> Iterator[Check]:
    """Yield the outcome of every check, in a fixed order."""
    yield from _guarded("postil", _postil)
    yield from _guarded("isolation", _isolation)
    yield from _guarded("ruff", _ruff)
    yield from _guarded("grammars", _grammars)
    yield from _guarded("worker", _worker)
    yield from _guarded("git", lambda: _git(workspace))
    yield from _guarded("state", _state)
    yield from _guarded("settings", lambda: _settings(workspace))


def _guarded(name: str, check: Callable[[], Iterator[Check]]) -> Iterator[Check]:
    """Yield from `check`; a fault in it is a line too, and does not cost the lines after it."""
    try:
        yield from check()
    except Exception as error:  # noqa: BLE001 - the doctor must not fall ill
        yield Check(
            "fail", name, f"the check itself failed: {type(error).__name__}", "report this as a bug of postil's"
        )


def _postil() -> Iterator[Check]:
    from postil import __version__

    yield Check("ok", "postil", f"{__version__}, in {_house()}")
    yield Check(
        "ok", "python", f"{platform.python_version()} ({sys.executable}), {platform.system()} {platform.machine()}"
    )


def _house() -> str:
    return os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def _isolation() -> Iterator[Check]:
    if not sys.flags.isolated:
        yield Check(
            "fail",
            "isolation",
            "Python was started with the user's import path, so a repository could replace postil's modules",
            "start it by its own script `postil`, or as `python -I -m postil`",
        )
        return
    strange = [entry for entry in sys.path if not entry or os.path.realpath(entry) == os.path.realpath(os.getcwd())]
    if strange and os.path.realpath(os.getcwd()) != os.path.realpath(_house()):
        yield Check("fail", "isolation", "the working directory is on the import path", "reinstall postil")
        return
    yield Check("ok", "isolation", "no import path, environment variable or start-up file of the user's is in force")


def _ruff() -> Iterator[Check]:
    from importlib import metadata

    from analyzers.ruff_binary import ruff_binary
    from analyzers.ruff_check import version

    try:
        binary = ruff_binary()
    except FileNotFoundError as error:
        yield Check("fail", "ruff", str(error), "pip install --force-reinstall postil")
        return
    started = time.monotonic()
    try:
        found = asyncio.run(version())
    except Exception as error:  # noqa: BLE001 - whatever it is, ruff does not run
        yield Check(
            "fail", "ruff", f"{binary} does not run: {error}", "reinstall postil; is the folder mounted noexec?"
        )
        return
    took = (time.monotonic() - started) * 1000
    expected = metadata.version("ruff")
    if found != expected:
        yield Check("warn", "ruff", f"{binary} is {found}, its package says {expected}", "reinstall postil")
        return
    yield Check("ok", "ruff", f"{found}, {binary}, answers in {took:.0f} ms")


def _grammars() -> Iterator[Check]:
    from importlib import metadata

    from analyzers.languages import LANGUAGES
    from analyzers.static import StaticAnalysis

    analysis = StaticAnalysis()
    versions: list[str] = []
    for language in LANGUAGES:
        analysis.open(language.id, 0, language.id, "\n")
        reason = analysis.not_parsed(language.id)
        package = language.module.replace("_", "-")
        if reason is not None:
            yield Check("fail", "grammar", f"{language.title}: {reason}", f"pip install --force-reinstall {package}")
            continue
        try:
            versions.append(f"{language.title} {metadata.version(package)}")
        except metadata.PackageNotFoundError:
            versions.append(language.title)
    yield Check("ok", "grammars", f"{len(versions)} load: {', '.join(versions)}")


def _worker() -> Iterator[Check]:
    took = asyncio.run(_time_worker())
    advice = "the machine is busy, or its disk is slow: findings of postil's own come that much later after a start"
    status: Literal["ok", "warn"] = "ok" if took <= SLOW_WORKER else "warn"
    yield Check(status, "worker", f"starts and answers in {took * 1000:.0f} ms", "" if status == "ok" else advice)


async def _time_worker() -> float:
    from analyzers.finding import Finding
    from analyzers.options import Options
    from server.workers import Worker

    worker = Worker("analysis", memory=WORKER_MEMORY)
    started = time.monotonic()
    try:
        await worker.call("open", "doctor", 0, "python", "x = 1\n", timeout=30.0, result=None)
        await worker.call("analyse", "doctor", 0, Options(), timeout=30.0, result=list[Finding] | None)
    finally:
        worker.close()
    return time.monotonic() - started


def _git(workspace: str) -> Iterator[Check]:
    from server.git import GitError, git, git_binary

    try:
        binary = git_binary(workspace)
        found = git(workspace, "version").decode("utf-8", "replace").strip()
    except GitError as error:
        yield Check("warn", "git", str(error), "install git; without it `--since` does not work, all else does")
        return
    number = tuple(int(part) for part in found.split()[2].split(".")[:2] if part.isdigit())
    if number < (2, 35):
        yield Check(
            "warn", "git", f"{found} ({binary}) is too old for postil's safety switches", "install git 2.35 or later"
        )
        return
    yield Check("ok", "git", f"{found.removeprefix('git version ')}, {binary}")


def _state() -> Iterator[Check]:
    from server.trust import state_directory

    directory = state_directory()
    if directory is None:
        yield Check(
            "warn",
            "state",
            "there is no private directory to keep things in",
            "set HOME or XDG_STATE_HOME to a folder of your own; until then trust is forgotten",
        )
        return
    mode = stat.S_IMODE(os.stat(directory).st_mode)
    if mode & 0o077:
        yield Check("warn", "state", f"{directory} can be read by others ({mode:04o})", f"chmod 700 {directory}")
        return
    yield Check("ok", "state", f"{directory}, mode {mode:04o}")


def _settings(workspace: str) -> Iterator[Check]:
    from server.settings import load

    loaded = load(Path(workspace), environment=os.environ)
    for problem in loaded.problems:
        ours = problem.source in ("user file", "environment", "command line")
        status: Literal["warn", "fail"] = "fail" if ours and loaded.user_file_is_wrong else "warn"
        yield Check(status, "settings", str(problem), "mend the line; the other settings apply")
    if not loaded.problems:
        changed = sum(origin != "default" for origin in loaded.origins.values())
        yield Check("ok", "settings", f"{changed} differ from the defaults (`postil config show`)")
    yield _trust(workspace, loaded)
    yield _doubled(loaded)


def _trust(workspace: str, loaded: Loaded) -> Check:
    from analyzers.ruff_configuration import project_configuration
    from server.trust import verdict

    found = verdict(Path(workspace), loaded.settings, client=None)
    configuration = project_configuration(Path(workspace), Path(workspace, "x.py"))
    if found.trusted:
        used = f"its ruff configuration {configuration} decides" if configuration else "it has no ruff configuration"
        return Check("ok", "trust", f"{workspace} is trusted ({found.reason}): {used}")
    message = f"{workspace} is not trusted ({found.reason}): postil's own selection of rules is used"
    if configuration is None:
        return Check("ok", "trust", message)
    return Check(
        "warn", "trust", f"{message}, not {configuration}", f"`postil trust {workspace}` if you want its rules"
    )


def _doubled(loaded: Loaded) -> Check:
    if not loaded.settings.ruff.enabled:
        origin = loaded.origins.get("ruff.enabled", "settings")
        return Check(
            "ok", "other ruff", f"ours is off ({origin}), so findings of another ruff extension are not doubled"
        )
    return Check(
        "ok",
        "other ruff",
        "ours is on; if your editor also runs a ruff extension, each of its findings shows twice",
        "to switch ours off, set `ruff.enabled = false` under [tool.postil] or in your user file",
    )


def _line(one: Check, paint: Callable[[str, str], str]) -> str:
    text = f"{paint(_STYLES[one.status], f'{one.status:<4}')}  {one.name:<10}  {_wrapped(one.message, '')}\n"
    if one.advice:
        text += f"{_MARGIN}-> {_wrapped(one.advice, '   ')}\n"
    return text


def _wrapped(text: str, indent: str) -> str:
    """Return untrusted `text` for the third column, its later lines moved there and in by `indent`."""
    indent = _MARGIN + indent
    lines = textwrap.wrap(
        term_safe(text), max(terminal_width(), 60) - len(indent), break_long_words=False, break_on_hyphens=False
    )
    return f"\n{indent}".join(lines)
