"""ruff for files at rest: one `ruff check` process for many files, and one per text that is not in a file as it is.

The kept server of `analyzers/ruff.py` is for a person who types; a terminal or a build has all files at once, and ruff is
fastest when it gets them in one go (it reads them in parallel). The findings are those of `ruff check` with the same
selection, rule by rule and line by line, `# noqa` and all: nothing is added or left out here.

ruff ends itself on some files (a chain of 8,000 minus signs overflows its stack). A batch that died is cut in two and each
half is run again, down to the one file, which is reported as not checked; all the others keep their findings.

Invariant: the binary is our own dependency's, by absolute path; its working directory is outside every workspace; no shell;
every run has a deadline; nothing is written, not even a cache.
Invariant: a configuration file is read only where the caller says that the project may decide.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec

from analyzers.document import Edit, Point, Span
from analyzers.finding import Finding, Fix
from analyzers.processes import kill_group, spawn
from analyzers.ruff_binary import ruff_binary
from analyzers.ruff_rules import (
    DEFAULT_IGNORE,
    DEFAULT_PER_FILE_IGNORES,
    DEFAULT_SELECT,
    SYNTAX_ERROR,
    category_of,
    cwe_of,
    is_unnecessary,
    severity_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from analyzers.document import Document

MAX_ARGUMENTS = 512 * 1024  # bytes of file names for one process; Linux allows 2 MiB with the environment
RUN_LIMIT = 60.0  # seconds for one process
SMALL_RUN_LIMIT = 10.0  # seconds for one process with few files
FEW_FILES = 16
_CONFIGURATION_ERROR = 2  # ruff's exit code


class Place(msgspec.Struct):
    """Where something is, as ruff counts: line and column from 1, columns in code points, a BOM not counted."""

    row: int
    column: int


class RuffEdit(msgspec.Struct):
    """One replacement."""

    content: str
    location: Place
    end_location: Place


class RuffFix(msgspec.Struct):
    """What `--fix` would do. `applicability` is `safe`, `unsafe` or `display`."""

    applicability: str
    edits: list[RuffEdit]
    message: str | None = None


class RuffFinding(msgspec.Struct):
    """One element of `--output-format json`."""

    filename: str
    location: Place
    end_location: Place
    message: str
    code: str | None = None
    name: str | None = None
    url: str | None = None
    fix: RuffFix | None = None
    cell: int | None = None


_OUTPUT = msgspec.json.Decoder(list[RuffFinding])


@dataclass(frozen=True, slots=True)
class RuffOptions:
    """What ruff is asked.

    `project`: the files of the project decide, and the rest changes what they say (an empty `select` leaves them theirs);
    otherwise this is all there is. No `target-version`: without one ruff takes the newest syntax for granted and still
    reports names that older Pythons look up too early.
    """

    select: tuple[str, ...] = DEFAULT_SELECT
    extend_select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = DEFAULT_IGNORE
    per_file_ignores: tuple[tuple[str, str], ...] = DEFAULT_PER_FILE_IGNORES
    project: bool = False

    def arguments(self) -> list[str]:
        """Return the options for the command line."""
        result = ["--force-exclude"] if self.project else ["--isolated"]
        for option, codes in (
            ("--select", self.select),
            ("--extend-select", self.extend_select),
            ("--ignore", self.ignore),
        ):
            if codes:
                result.append(f"{option}={','.join(codes)}")
        return [*result, *(f"--per-file-ignores={pattern}:{rule}" for pattern, rule in self.per_file_ignores)]


@dataclass(slots=True)
class RuffResult:
    """What came of a run: findings by file as it was named, and what could not be checked, with the reason."""

    findings: dict[str, list[RuffFinding]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


class RuffRefused(Exception):
    """ruff does not accept the options or the configuration; the message is its own first line."""


class RuffDied(Exception):
    """ruff ended by itself, was killed, or did not end in time."""


async def check_files(files: Sequence[str], options: RuffOptions, *, limit: float = 600.0) -> RuffResult:
    """Return what ruff finds in `files`, which are absolute paths of regular files.

    `limit`: seconds for all of it, after which the files not checked yet are reported as failed. Raises RuffRefused, and
    FileNotFoundError where there is no ruff.
    """
    result = RuffResult()
    deadline = time.monotonic() + limit
    plain: list[str] = []
    for file in files:
        # JSON cannot say a name that is not Unicode. Run alone, an answer is about that file whatever it calls it.
        if not _is_unicode(file):
            await _check([file], options, deadline, result)
        else:
            plain.append(file)
    for batch in batches(plain):
        await _check(batch, options, deadline, result)
    return result


async def check_text(
    name: str, content: bytes, options: RuffOptions, *, limit: float = SMALL_RUN_LIMIT
) -> list[RuffFinding]:
    """Return what ruff finds in `content` (UTF-8) as if it were the file `name`, an absolute path.

    Raises RuffRefused, RuffDied, and FileNotFoundError where there is no ruff.
    """
    command = [*_command(options), "--output-format=json", "--stdin-filename", _name_for_stdin(name), "-"]
    return _OUTPUT.decode(await _run(command, content, limit))


async def fixed_text(
    name: str, content: bytes, options: RuffOptions, *, unsafe: bool = False, limit: float = SMALL_RUN_LIMIT
) -> bytes:
    """Return `content` (UTF-8) with ruff's safe fixes applied, and its unsafe ones too if `unsafe`.

    ruff itself puts the fixes together: it knows which of them must not be applied in one pass (two imports that are the
    whole body of an `if`). Raises as `check_text`.
    """
    unsafety = "--unsafe-fixes" if unsafe else "--no-unsafe-fixes"
    command = [*_command(options), "--fix-only", unsafety, "--stdin-filename", _name_for_stdin(name), "-"]
    return await _run(command, content, limit)


async def version() -> str:
    """Return the version that the binary says it is. Raises RuffRefused, RuffDied, OSError."""
    output = await _run([ruff_binary(), "--version"], b"", SMALL_RUN_LIMIT)
    return output.decode("utf-8", "replace").strip().removeprefix("ruff ")


def findings_of(document: Document, diagnostics: Iterable[RuffFinding]) -> list[Finding]:
    """Return ruff's diagnostics about `document` as findings, without fingerprints."""
    return [_finding(document, one) for one in diagnostics if one.cell is None]


def batches(files: Sequence[str], size: int = MAX_ARGUMENTS) -> list[list[str]]:
    """Cut `files` into lists whose names fit on one command line."""
    result: list[list[str]] = []
    used = size
    for file in files:
        length = len(os.fsencode(file)) + 9  # its terminator and its pointer
        if used + length > size:
            result.append([])
            used = 0
        result[-1].append(file)
        used += length
    return result


def _finding(document: Document, one: RuffFinding) -> Finding:
    code = one.code if one.code not in (None, "invalid-syntax") else SYNTAX_ERROR
    span = _span(document, one.location, one.end_location)
    fixes: tuple[Fix, ...] = ()
    if one.fix is not None and one.fix.applicability in ("safe", "unsafe"):
        edits = sorted(Edit(_span(document, edit.location, edit.end_location), edit.content) for edit in one.fix.edits)
        if all(before.span.end <= after.span.start for before, after in pairwise(edits)):
            fixes = (Fix(one.fix.message or f"Fix {code}", tuple(edits), one.fix.applicability == "safe"),)
    return Finding(
        rule=code,
        source="ruff",
        span=span,
        severity=severity_of(code),
        category=category_of(code),
        message=one.message,
        help=one.url or "",
        fixes=fixes,
        cwe=cwe_of(code),
        unnecessary=is_unnecessary(code),
    )


def _span(document: Document, start: Place, end: Place) -> Span:
    first = document.offset(Point(start.row - 1, start.column - 1))
    return Span(first, max(first, document.offset(Point(end.row - 1, end.column - 1))))


async def _check(files: list[str], options: RuffOptions, deadline: float, result: RuffResult) -> None:
    """Check `files`, cutting the batch in two where ruff dies."""
    left = deadline - time.monotonic()
    if left <= 0:
        result.failed.update(dict.fromkeys(files, "time was over before ruff came to it"))
        return
    limit = min(left, RUN_LIMIT if len(files) > FEW_FILES else SMALL_RUN_LIMIT)
    command = [*_command(options), "--output-format=json", "--", *files]
    try:
        output = await _run(command, b"", limit)
        found = _OUTPUT.decode(output)
    except (RuffDied, msgspec.DecodeError) as error:
        if len(files) == 1:
            result.failed[files[0]] = str(error) if isinstance(error, RuffDied) else "ruff's answer was not JSON"
            return
        middle = len(files) // 2
        await _check(files[:middle], options, deadline, result)
        await _check(files[middle:], options, deadline, result)
        return
    for one in found:
        result.findings.setdefault(files[0] if len(files) == 1 else one.filename, []).append(one)


def _command(options: RuffOptions) -> list[str]:
    return [ruff_binary(), "check", "--no-cache", "--quiet", *options.arguments()]


async def _run(command: list[str], content: bytes, limit: float) -> bytes:
    """Run `command` and return its output. Raises RuffRefused and RuffDied."""
    child = spawn(command)
    try:
        # The thread only waits: it was the main thread that started the child.
        output, complaint = await asyncio.to_thread(child.communicate, content, limit)
    except subprocess.TimeoutExpired:
        message = f"ruff did not end within {limit:.0f} s"
        raise RuffDied(message) from None
    finally:
        if child.returncode is None:
            kill_group(child)
            child.wait()
            for pipe in (child.stdin, child.stdout, child.stderr):
                if pipe is not None:
                    pipe.close()
    if child.returncode == _CONFIGURATION_ERROR:
        raise RuffRefused(_first_line(complaint))
    if child.returncode not in (0, 1):
        message = f"ruff died on it (exit status {child.returncode})"
        raise RuffDied(message)
    return output


def _first_line(complaint: bytes) -> str:
    lines = [line.strip() for line in complaint.decode("utf-8", "replace").splitlines() if line.strip()]
    causes = [line.removeprefix("Cause:").strip() for line in lines if line.startswith("Cause:")]
    return (causes or lines or ["no reason given"])[0].removeprefix("error:").strip()


def _is_unicode(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _name_for_stdin(name: str) -> str:
    """Return `name` as ruff takes it for text on stdin: it refuses what is not Unicode there."""
    return name.encode("utf-8", "replace").decode()
