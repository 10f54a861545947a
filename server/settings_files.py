"""The files that settings come from: which ones there are, how they are read, and what is wrong with them.

A workspace's files are somebody else's: a `pyproject.toml` may be a pipe, a device, a link to a key, or a gigabyte. One
function opens them all.

Invariant: reading never blocks, never follows a link out of the workspace, and reads at most `MAX_BYTES`.
Invariant: no message holds a value from a file; values may be secrets, and messages go to screens and logs.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from analyzers.document import Document, Point, Span
from analyzers.finding import Category, Finding, Severity
from server.settings_toml import Parsed, Trouble, parse_toml

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

MAX_BYTES = 1_000_000  # of one settings file
# The strongest first. A file made for postil wins over the one shared with other tools.
WORKSPACE_FILES = ("postil.toml", ".postil.yaml", "pyproject.toml")
# Names that people expect to be read, and that are not.
MISTAKEN_NAMES = {
    ".postil.toml": "postil.toml",
    ".postil.yml": ".postil.yaml",
    "postil.yaml": ".postil.yaml",
    "postil.yml": ".postil.yaml",
}
PYPROJECT_TABLE = ("tool", "postil")

SourceKind = Literal["user file", "workspace file", "editor", "environment", "command line"]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with the settings, and where.

    `path` is None where the source is not a file. Lines and columns count from 0, columns in code points, of the text without
    its byte-order mark; the end is on the same line. `rule` is an id for reports: `settings-syntax`, `settings-unknown`,
    `settings-value`, `settings-scope`, `settings-secret`, `settings-unreadable`, `settings-encoding`,
    `settings-shadowed`. A WARNING is a mistake;
    INFO and HINT are notes.
    """

    source: SourceKind
    rule: str
    message: str
    path: Path | None = None
    line: int = 0
    column: int = 0
    end_column: int = 0
    severity: Severity = Severity.WARNING

    def finding(self, document: Document) -> Finding:
        """Return this as a finding of `document`, which is the file of `path`, perhaps edited since; places are clamped."""
        start = document.offset(Point(self.line, self.column))
        end = document.offset(Point(self.line, self.end_column))
        return Finding(
            rule=self.rule,
            source="postil",
            span=Span(start, max(start, end)),
            severity=self.severity,
            category=Category.CONFIGURATION,
            message=self.message,
        )

    def __str__(self) -> str:
        """`PATH:LINE:COLUMN: MESSAGE`, from 1, or `SOURCE: MESSAGE`."""
        place = f"{self.path}:{self.line + 1}:{self.column + 1}" if self.path else self.source
        return f"{place}: {self.message}"


@dataclass(slots=True)
class SettingsFile:
    """One file that was found: its text as far as it could be read, and what it says."""

    path: Path
    source: SourceKind
    document: Document
    parsed: Parsed

    def problem(self, span: Span, rule: str, message: str, severity: Severity = Severity.WARNING) -> Problem:
        """Return a problem at `span`, or at the part of it on its first line."""
        start = self.document.point(span.start)
        end = self.document.point(span.end)
        end_column = end.column if end.line == start.line else len(self.document.line_text(start.line))
        return Problem(self.source, rule, message, self.path, start.line, start.column, end_column, severity)

    def problems(self) -> list[Problem]:
        """Return what is wrong with the text itself."""
        return [self.problem(*trouble) for trouble in self.parsed.troubles]


class UnreadableError(Exception):
    """A file that cannot, or may not, be read. The message says why, without naming the file."""


def read_settings_file(path: Path, *, inside: str | None) -> bytes | None:
    """Return the bytes of `path`; None where nothing has that name. Raises UnreadableError.

    `inside`: the real path of the folder that the file must lie in, links resolved. None for the user's own files, which may
    be links to anywhere (people keep them in a repository of dotfiles).
    """
    try:
        os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise UnreadableError(_reason(error)) from error
    try:
        real = os.path.realpath(path, strict=True)
        if inside is not None and os.path.commonpath((real, inside)) != inside:
            raise UnreadableError("a link that leads out of the workspace")
        _check(os.lstat(real))
        # The checks are made again on what was opened: the name may mean something else by now.
        descriptor = os.open(
            real, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0)
        )
        with os.fdopen(descriptor, "rb") as file:
            _check(os.fstat(descriptor))
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise UnreadableError(_reason(error)) from error
    if len(content) > MAX_BYTES:
        raise UnreadableError("larger than 1 MB")
    return content


def _check(status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise UnreadableError("a directory")
    if not stat.S_ISREG(status.st_mode):
        raise UnreadableError("not a regular file")
    if status.st_size > MAX_BYTES:
        raise UnreadableError("larger than 1 MB")


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror[0].lower() + error.strerror[1:]
    return "not a readable path"


def load_file(path: Path, source: SourceKind, *, inside: str | None) -> SettingsFile | None:
    """Return what the settings file `path` says; None where there is none. Never raises for what is on the disk."""
    name = path.name
    language = "yaml" if name.endswith(".yaml") else "toml"
    table = PYPROJECT_TABLE if name == "pyproject.toml" else ()
    text, parsed = "", Parsed()
    try:
        content = read_settings_file(path, inside=inside)
    except UnreadableError as error:
        parsed.troubles.append(Trouble(Span(0, 0), "settings-unreadable", f"{name} is not read: {error}"))
    else:
        if content is None or (table and table[-1].encode() not in content and b"\\" not in content):
            return None
        text, trouble = _decoded(content, name)
        if trouble is None or trouble.rule != "settings-unreadable":
            parsed = _parse(text, language, table)
        if trouble is not None:
            parsed.troubles.insert(0, trouble)
    return SettingsFile(path, source, Document(path.as_posix(), 0, language, text), parsed)


def _parse(text: str, language: str, table: tuple[str, ...]) -> Parsed:
    if language == "toml":
        return parse_toml(text, table)
    from server.settings_yaml import parse_yaml  # 20 ms that only the owners of a YAML file pay

    return parse_yaml(text)


def _decoded(content: bytes, name: str) -> tuple[str, Trouble | None]:
    """Return the text of `content`, and what is wrong with its encoding."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "", Trouble(Span(0, 0), "settings-unreadable", f"{name} is not read: UTF-16 text; save it as UTF-8")
    marked = content.startswith(b"\xef\xbb\xbf")
    content = content[3 if marked else 0 :]
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        start = len(content[: error.start].decode())
        text = content.decode(errors="replace")
        return text, Trouble(Span(start, start + 1), "settings-unreadable", f"{name} is not read: this is not UTF-8")
    if not marked:
        return text, None
    message = "a byte-order mark stands before the first line; other readers of this file may refuse it"
    return text, Trouble(Span(0, 0), "settings-encoding", message)


def workspace_file(root: Path) -> tuple[SettingsFile | None, list[Problem]]:
    """Return the settings file of the workspace `root`, and notes about files there that do not count."""
    problems: list[Problem] = []
    chosen: SettingsFile | None = None
    try:
        inside = os.path.realpath(root, strict=True)
    except (OSError, ValueError):
        return None, []
    for name in WORKSPACE_FILES:
        found = load_file(root / name, "workspace file", inside=inside)
        if found is None:
            continue
        if name == "pyproject.toml" and not _holds_settings(found):
            problems += [one for one in found.problems() if one.rule == "settings-unreadable"]
        elif chosen is None:
            chosen = found
        else:
            message = f"not read: the settings of {chosen.path.name} count, and only one file does"
            span = found.parsed.place(()).key
            problems.append(found.problem(span, "settings-shadowed", message, Severity.INFO))
    problems += _mistaken(root)
    return chosen, problems


def _holds_settings(file: SettingsFile) -> bool:
    """Whether a `pyproject.toml` has settings of postil's, right or wrong."""
    return bool(file.parsed.values or file.parsed.places) or any(
        trouble.rule == "settings-syntax" for trouble in file.parsed.troubles
    )


def _mistaken(root: Path) -> Iterable[Problem]:
    for name, right in MISTAKEN_NAMES.items():
        path = root / name
        if os.path.lexists(path):
            message = f"not read: postil reads {right}"
            yield Problem("workspace file", "settings-shadowed", message, path, severity=Severity.INFO)
