"""The command `postil check`: its options, its output, its exit code.

Exit codes: 0 when nothing was found at or above `--fail-on`, 1 when something was, 2 for a wrong command line, a mistake in
the user's own settings, or something that was named and could not be checked.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import stat
import sys
import tempfile
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

from analyzers.finding import Severity
from server.check_plan import Request, UsageError, load_plan
from server.files import Unreadable
from server.git import GitError, old_tree
from server.reports import FORMATS, as_github, as_json, as_markdown, as_sarif, as_text
from server.sarif import messages
from server.terminal import complain, is_terminal, progress, terminal_width, wants_colour

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from server.check_plan import Plan
    from server.reported import Report

FAIL_ON = ("error", "warning", "info", "hint", "never")
MAX_STDIN = 64 * 1024 * 1024  # bytes


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    result = argparse.ArgumentParser(
        prog="postil check",
        description="Review files: the same analyses as in the editor, with the same settings.",
        epilog="Exit codes: 0 nothing at or above --fail-on, 1 findings, 2 wrong command line or settings.",
    )
    add = result.add_argument
    add("paths", nargs="*", metavar="PATH", help="files and folders (default: the current folder); - for stdin")
    add("--since", metavar="REV", help="only what changed since this git revision; REV... means since HEAD left REV")
    add("--fix", action="store_true", help="apply the safe fixes, then report what is left")
    add("--unsafe-fixes", action="store_true", help="with --fix: also fixes that may change what the program does")
    add("--fail-on", choices=FAIL_ON, help="the least severity that makes the exit code 1 (default: error)")
    add("--select", action="append", default=[], metavar="RULES", help="only these rules: ids, ruff's codes, PREFIX*")
    add("--ignore", action="append", default=[], metavar="RULES", help="not these rules")
    add("--format", choices=FORMATS, default="text", help="how to report (default: text)")
    add("-o", "--output", metavar="FILE", help="write the report to this file")
    add("--stdin-filename", metavar="NAME", help="with -: the name, and so the language, of what is on stdin")
    add("--trust", action="store_true", help="trust this folder for this run: its own ruff configuration counts")
    add(
        "-j",
        "--jobs",
        type=int,
        default=0,
        metavar="N",
        help="processes for postil's own analyses (default: all cores)",
    )
    add("-q", "--quiet", action="store_true", help="findings only: no summary, no notes, no progress")
    add("--no-color", action="store_true", help="no colours (also: NO_COLOR in the environment)")
    return result


def run(argv: list[str]) -> int:
    """Run `postil check ARGV…` and return the exit code."""
    arguments = parser().parse_args(argv)
    try:
        request = _request(arguments)
        plan = load_plan(request, os.environ)
        report, printed = asyncio.run(_checked(plan, arguments))
    except (UsageError, GitError) as error:
        complain(str(error))
        return 2
    except FileNotFoundError as error:
        if error.filename is not None:
            raise
        complain(str(error))  # no ruff beside our Python
        return 2
    if printed is not None:
        sys.stdout.buffer.write(printed)
        _note(report, arguments)
    else:
        try:
            _emit(report, arguments)
        except OSError as error:
            if isinstance(error, BrokenPipeError):
                raise
            complain(f"{arguments.output}: {error.strerror}")
            return 2
    if report.failed:
        return 2
    return _exit_code(report, arguments.fail_on or plan.settings.fail_on)


def _request(arguments: argparse.Namespace) -> Request:
    paths = tuple(arguments.paths) or (".",)
    if arguments.unsafe_fixes and not arguments.fix:
        raise UsageError("--unsafe-fixes is for use with --fix")
    if arguments.jobs < 0:
        raise UsageError("--jobs is a number of processes")
    stdin = None
    if "-" in paths:
        if paths != ("-",):
            raise UsageError("- stands alone: stdin is one file")
        if not arguments.stdin_filename:
            raise UsageError("- needs --stdin-filename, which tells the language")
        if arguments.since:
            raise UsageError("--since compares files, not stdin")
        content = sys.stdin.buffer.read(MAX_STDIN + 1)
        if len(content) > MAX_STDIN:
            raise UsageError("stdin: too large")
        stdin = (arguments.stdin_filename, content)
    elif arguments.stdin_filename:
        raise UsageError("--stdin-filename is for use with -")
    return Request(
        paths=paths,
        since=arguments.since,
        select=_rules(arguments.select),
        ignore=_rules(arguments.ignore),
        jobs=arguments.jobs,
        trust=arguments.trust,
        stdin=stdin,
    )


def _rules(given: list[str]) -> tuple[str, ...]:
    return tuple(name.strip() for one in given for name in one.split(",") if name.strip())


async def _checked(plan: Plan, arguments: argparse.Namespace) -> tuple[Report, bytes | None]:
    """Return the report, after fixing if that was asked for; with the fixed text where it goes to stdout."""
    from server.check import check
    from server.fixing import fix_file, fix_text, fixable

    with ExitStack() as shown:

        def begin(total: int) -> Callable[[int], None]:
            return shown.enter_context(progress("checking", total, wanted=not arguments.quiet))

        report = await check(plan, begin)
    if not arguments.fix:
        return report, None
    unsafe = arguments.unsafe_fixes
    if plan.request.stdin is not None:
        from server.files import decoded

        name, content = plan.request.stdin
        text = decoded(content, python=name.endswith((".py", ".pyi", ".pyw")))
        fixed = await fix_text(plan, os.path.abspath(name), text.text, unsafe=unsafe)
        return report, text.encoded(fixed)
    before = fixable(report.findings, unsafe=unsafe)
    if not before:
        return report, None
    old = old_tree(plan.root, plan.request.since) if plan.request.since else None
    notes = []
    for path in before:
        try:
            await fix_file(plan, path, old, unsafe=unsafe)
        except Unreadable as error:
            notes.append(f"{path}: not fixed: {error.reason}")
    again = await check(plan)
    again.fixed = max(0, sum(before.values()) - sum(fixable(again.findings, unsafe=unsafe).values()))
    again.seconds += report.seconds
    again.notes += notes
    return again, None


def _emit(report: Report, arguments: argparse.Namespace) -> None:
    if arguments.format == "text":
        on_terminal = arguments.output is None and is_terminal(sys.stdout)
        text = as_text(
            report,
            colour=arguments.output is None and wants_colour(sys.stdout, os.environ, refused=arguments.no_color),
            excerpts=on_terminal,
            quiet=arguments.quiet,
            width=terminal_width() if on_terminal else 100,
        )
    else:
        from postil import __version__

        makers: Mapping[str, Callable[[], str]] = {
            "json": lambda: as_json(report),
            "sarif": lambda: as_sarif(report, __version__),
            "github": lambda: as_github(report),
            "markdown": lambda: as_markdown(report),
        }
        text = makers[arguments.format]()
        if arguments.format == "json":
            _note(report, arguments)
    if arguments.output is None:
        sys.stdout.write(text)
        sys.stdout.flush()
    else:
        _write_file(arguments.output, text.encode("utf-8", "backslashreplace"))


def _note(report: Report, arguments: argparse.Namespace) -> None:
    """Tell on stderr what the format itself has no place for."""
    if not arguments.quiet:
        for text in messages(report):
            complain(f"note: {text}")


def _write_file(path: str, content: bytes) -> None:
    """Write the report in one step; to what is no regular file (a pipe, a terminal) directly."""
    try:
        regular = stat.S_ISREG(os.stat(path).st_mode)
    except FileNotFoundError:
        regular = True
    if not regular:
        with open(path, "wb") as file:
            file.write(content)
        return
    real = os.path.realpath(path)
    handle, temporary = tempfile.mkstemp(prefix=".postil-", dir=os.path.dirname(real))
    try:
        with open(handle, "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), 0o666 & ~_umask())
        os.replace(temporary, real)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _exit_code(report: Report, fail_on: str) -> int:
    if fail_on == "never":
        return 0
    limit = Severity[fail_on.upper()]
    return int(any(one.finding.severity <= limit for one in report.findings))
