"""What `postil check` is going to do: the request, the workspace it is about, its settings and trust, ruff's options.

Invariant: the command line may choose among rules and trust a workspace for one run; it changes no setting on the disk.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from analyzers.ruff_check import RuffOptions
from analyzers.ruff_rules import is_selector, selects
from server.files import Unreadable, read_workspace_file
from server.rule_names import rule_trouble

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from analyzers.finding import Finding
    from analyzers.options import Options
    from server.settings_files import Problem
    from server.settings_model import Settings

UNTRUSTED = (
    "the project's ruff configuration is not used, because this folder is not trusted "
    "(`postil trust`, or --trust for one run)"
)
DISBELIEVED = (
    "the project's ruff configuration is not used: it, or a file that it extends, cannot be read, "
    "is too large or lies outside the project"
)
_ROOT_MARKS = (".git", "postil.toml", ".postil.yaml", "pyproject.toml")


class UsageError(Exception):
    """The command line or the user's own settings ask for something that cannot be done; exit code 2."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to check. `stdin` is a name and the bytes that stand for that file."""

    paths: tuple[str, ...] = (".",)
    since: str | None = None
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    jobs: int = 0
    trust: bool = False
    stdin: tuple[str, bytes] | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """How to check, decided from the settings, the trust and the command line."""

    root: str
    settings: Settings
    trusted: bool
    ruff: RuffOptions | None
    project_ruff: RuffOptions | None  # for files whose project has a configuration that may be believed
    own: Options | None
    request: Request
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()

    def wants(self, finding: Finding) -> bool:
        """Return whether the finding's rule is on, by the command line and the settings."""
        if self.request.select and not any(names(pattern, finding) for pattern in self.request.select):
            return False
        return not any(names(pattern, finding) for pattern in (*self.settings.ignore, *self.request.ignore))

    def ruff_options_for(self, path: str, cache: dict[str, bool]) -> RuffOptions | None:
        """Return what ruff is told about the file; `cache` remembers folders."""
        if self.ruff is None or self.project_ruff is None:
            return self.ruff
        folder = os.path.dirname(path)
        if folder not in cache:
            from analyzers.ruff_configuration import project_configuration

            cache[folder] = project_configuration(Path(self.root), Path(path)) is not None
        return self.project_ruff if cache[folder] else self.ruff


def names(pattern: str, finding: Finding) -> bool:
    """Return whether `pattern` means the finding's rule: its id, a beginning and `*`, or a family of ruff's codes."""
    rule = finding.rule
    if pattern.endswith("*"):
        return rule.startswith(pattern[:-1])
    if pattern in (rule, finding.source, "all", "ALL"):
        return True
    return finding.source == "ruff" and selects(pattern, rule)


def workspace_root(paths: Sequence[str]) -> str:
    """Return the folder whose settings hold for `paths`: the nearest one above all of them that looks like a project.

    A folder with settings of postil's decides before a repository's top, and that before a bare `pyproject.toml`.
    """
    folders = [one if os.path.isdir(one) else os.path.dirname(one) for one in map(os.path.abspath, paths)]
    start = os.path.commonpath(folders or [os.getcwd()])
    try:
        owners = {0, os.geteuid(), os.stat(start).st_uid}
    except OSError:
        return start
    project = ""
    folder = start
    while True:
        marks = [mark for mark in _ROOT_MARKS if _is_mark(os.path.join(folder, mark), owners)]
        if any(mark.startswith((".postil", "postil")) for mark in marks) or (
            "pyproject.toml" in marks and _holds_settings(os.path.join(folder, "pyproject.toml"))
        ):
            return folder
        if ".git" in marks:
            return folder
        if marks and not project:
            project = folder
        parent = os.path.dirname(folder)
        if parent == folder:
            return project or start
        folder = parent


def load_plan(request: Request, environment: Mapping[str, str]) -> Plan:
    """Return how to check. Raises UsageError for the user's own mistakes."""
    from server.settings import load
    from server.trust import is_trusted

    for name in (*request.select, *request.ignore):
        if (trouble := rule_trouble(name)) is not None:
            message = trouble if trouble.startswith("`") else f"`{name}` is {trouble}"
            raise UsageError(message)
    root = workspace_root([request.stdin[0]] if request.stdin else request.paths)
    loaded = load(Path(root), environment=environment)
    settings = loaded.settings
    if loaded.user_file_is_wrong:
        raise UsageError(str(next(one for one in loaded.problems if one.source == "user file")))
    trusted = request.trust or is_trusted(Path(root), settings, client=None)
    told = settings.ruff_options()
    chosen = tuple(name.removesuffix("*") for name in request.select if is_selector(name.removesuffix("*")))
    dropped = tuple(name.removesuffix("*") for name in request.ignore if is_selector(name.removesuffix("*")))
    ruff = project = None
    if told.enabled and not (request.select and not chosen and "ruff" not in request.select):
        quiet = RuffOptions()
        select = chosen or told.select
        ignore = (*(() if select else quiet.ignore), *told.ignore, *dropped)
        extend = () if chosen else told.extend_select
        ruff = replace(quiet, select=select or quiet.select, extend_select=extend, ignore=ignore)
        if trusted and told.use_project_configuration:
            project = RuffOptions(chosen, extend, (*told.ignore, *dropped), (), project=True)
    own: Options | None = settings.options()
    if request.select and all(is_selector(name.removesuffix("*")) or name == "ruff" for name in request.select):
        own = None
    notes: tuple[str, ...] = ()
    if ruff is not None and not trusted and told.use_project_configuration and not chosen:
        from analyzers.ruff_configuration import project_configuration

        if project_configuration(Path(root), Path(root, "x.py")) is not None:
            notes = (UNTRUSTED,)
    if project is not None and _is_disbelieved(root):
        notes = (DISBELIEVED,)
    return Plan(root, settings, trusted, ruff, project, own, request, loaded.problems, notes)


def _is_disbelieved(root: str) -> bool:
    """Return whether `root` has a file that is ruff's configuration and nothing else, and that may not be used."""
    from analyzers.ruff_configuration import project_configuration

    present = any(os.path.lexists(os.path.join(root, name)) for name in ("ruff.toml", ".ruff.toml"))
    return present and project_configuration(Path(root), Path(root, "x.py")) is None


def _is_mark(path: str, owners: set[int]) -> bool:
    """Return whether the file or folder is there, and not planted by somebody else in a folder that is everybody's."""
    try:
        return os.lstat(path).st_uid in owners
    except OSError:
        return False


def _holds_settings(path: str) -> bool:
    try:
        return b"tool.postil" in read_workspace_file(path, None)
    except Unreadable:
        return False
