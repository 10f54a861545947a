"""git, asked for old texts and nothing else.

A repository's own configuration can name programs that git runs: a file-system monitor, filters, diff drivers, text
converters, hooks, transports. So there is one function that calls git, with the switches that turn these off, and a fixed
list of sub-commands that read objects and never look at the work tree. What changed is found here, by comparing the old
text with the text that postil holds.

Invariant: no sub-command that compares or converts files of the work tree (`status`, `diff`, `blame`, `hash-object`).
Invariant: git is an absolute path from an absolute entry of PATH, never inside the workspace; no shell; a deadline.
Invariant: nothing is fetched: an object that is missing stays missing.
"""

from __future__ import annotations

import difflib
import hashlib
import os
import subprocess
from dataclasses import dataclass, field

from analyzers.document import split_lines
from analyzers.processes import child_environment
from server.files import decoded, is_inside

_SUBCOMMANDS = frozenset({"rev-parse", "merge-base", "ls-tree", "cat-file", "version"})
_SWITCHES = (
    "--no-optional-locks",
    "--no-pager",
    "--no-replace-objects",
    *("-c", "core.fsmonitor=false"),
    *("-c", "core.hooksPath=/dev/null"),
    *("-c", "safe.bareRepository=explicit"),
    *("-c", "protocol.allow=never"),
    *("-c", "log.showSignature=false"),
)
_ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_NO_LAZY_FETCH": "1",
    "LC_ALL": "C",
}
LIMIT = 60.0  # seconds for one call
_CALM_LINES = 40_000  # lines of a text beyond which lines are compared as a set: difflib is quadratic


class GitError(Exception):
    """The question could not be answered; the message says why, for a person."""


def git_binary(workspace: str) -> str:
    """Return the absolute path of git. Raises GitError.

    Only absolute entries of PATH are looked at, and what lies inside `workspace` is passed over.
    """
    inside = os.path.realpath(workspace)
    for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
        path = os.path.join(folder, "git")
        if not os.path.isabs(folder) or not os.path.isfile(path) or not os.access(path, os.X_OK):
            continue
        if not is_inside(os.path.realpath(path), inside) and not is_inside(os.path.abspath(path), inside):
            return path
    message = "git is not installed (no git in an absolute folder of PATH outside the workspace)"
    raise GitError(message)


def git(workspace: str, subcommand: str, *arguments: str, text: bytes = b"") -> bytes:
    """Run one of the fixed sub-commands in the repository that holds `workspace`, and return its output. Raises GitError."""
    if subcommand not in _SUBCOMMANDS:
        message = f"git {subcommand} is not one of the commands that postil uses"
        raise ValueError(message)
    command = [git_binary(workspace), *_SWITCHES, "-C", os.path.realpath(workspace), subcommand, *arguments]
    environment = child_environment() | _ENVIRONMENT
    try:
        ended = subprocess.run(  # noqa: S603 - an absolute path, no shell
            command, input=text, capture_output=True, env=environment, cwd="/", timeout=LIMIT, check=False
        )
    except subprocess.TimeoutExpired:
        message = f"git {subcommand} did not end within {LIMIT:.0f} s"
        raise GitError(message) from None
    except OSError as error:
        message = f"git cannot be started: {error.strerror}"
        raise GitError(message) from None
    if ended.returncode != 0:
        lines = ended.stderr.decode("utf-8", "replace").strip().splitlines()
        raise GitError(lines[0].removeprefix("fatal: ") if lines else f"git {subcommand} failed")
    return ended.stdout


@dataclass(slots=True)
class OldTree:
    """The files of one commit: which blob each path was. `top` is the real path of the work tree."""

    workspace: str
    top: str
    commit: str
    blobs: dict[str, str] = field(default_factory=dict)  # path from the top -> object id
    submodules: set[str] = field(default_factory=set)
    _away: frozenset[str] | None = None

    def is_unchanged(self, path: str, content: bytes) -> bool:
        """Return whether the file at `path` was there with just this content.

        A file that was only moved counts as unchanged. What lies in a submodule cannot be compared, and does too.
        """
        name = self._name(path)
        if name is None or any(is_inside(name, folder) for folder in self.submodules):
            return name is not None
        old = self.blobs.get(name)
        now = blob_id(content, len(self.commit))
        return old == now or (old is None and now in self._moved_away())

    def changed_lines(self, path: str, content: bytes, text: str) -> frozenset[int] | None:
        """Return the lines of `text` (from 0) that the old file did not have; None where the whole file is new.

        A place where lines were only deleted is given as the line after it. Raises GitError.
        """
        name = self._name(path)
        old = None if name is None else self.blobs.get(name)
        if old is None:
            return None
        if old == blob_id(content, len(self.commit)):
            return frozenset()
        try:
            before = git(self.workspace, "cat-file", "-p", old)
        except GitError:
            # A partial clone: the old text is elsewhere and is not fetched. Better too much than too little.
            return None
        return changed_lines(
            decoded(before.replace(b"\0", b"?"), python=name is not None and name.endswith(".py")).text, text
        )

    def _moved_away(self) -> frozenset[str]:
        """Return the ids of the files that are not at their old place any more."""
        if self._away is None:
            gone = (one for path, one in self.blobs.items() if not os.path.lexists(os.path.join(self.top, path)))
            self._away = frozenset(gone)
        return self._away

    def _name(self, path: str) -> str | None:
        real = os.path.realpath(path)
        return os.path.relpath(real, self.top) if is_inside(real, self.top) else None


def old_tree(workspace: str, revision: str) -> OldTree:
    """Return the tree of `revision` in the repository of `workspace`; `REV...` means where HEAD parted from REV.

    Raises GitError.
    """
    base = revision.removesuffix("...")
    if not base or base.startswith("-") or any(ord(one) < 33 for one in base):
        message = f"{revision!r} is not a revision"
        raise GitError(message)
    top = os.path.realpath(os.fsdecode(git(workspace, "rev-parse", "--show-toplevel").removesuffix(b"\n")))
    if not is_inside(os.path.realpath(workspace), top):
        message = "the repository's work tree is somewhere else"
        raise GitError(message)
    try:
        commit = _line(git(workspace, "rev-parse", "--verify", "--quiet", "--end-of-options", base + "^{commit}"))
    except GitError:
        message = f"there is no revision {base!r} here"
        raise GitError(message) from None
    if revision.endswith("..."):
        commit = _line(git(workspace, "merge-base", "--end-of-options", commit, "HEAD"))
    tree = OldTree(workspace, top, commit)
    for entry in git(workspace, "ls-tree", "-r", "-z", "--full-tree", "--end-of-options", commit).split(b"\0"):
        meta, _, name = entry.partition(b"\t")
        fields = meta.split()
        if len(fields) == 3:
            path = os.fsdecode(name)
            if fields[1] == b"commit":
                tree.submodules.add(path)
            else:
                tree.blobs[path] = fields[2].decode("ascii", "replace")
    return tree


def blob_id(content: bytes, digits: int = 40) -> str:
    """Return git's id of a file with this content; ids have 40 hexadecimal digits (SHA-1) or 64 (SHA-256)."""
    algorithm = hashlib.sha256 if digits == 64 else lambda data: hashlib.sha1(data, usedforsecurity=False)
    return algorithm(b"blob %d\0" % len(content) + content).hexdigest()


def changed_lines(old: str, new: str) -> frozenset[int]:
    """Return the lines of `new`, from 0, that are not in `old` at that place; line ends do not count as a difference."""
    before = [line.rstrip("\r\n") for line in split_lines(old)]
    after = [line.rstrip("\r\n") for line in split_lines(new)]
    start = 0
    while start < min(len(before), len(after)) and before[start] == after[start]:
        start += 1
    end = 0
    while end < min(len(before), len(after)) - start and before[-1 - end] == after[-1 - end]:
        end += 1
    first, second = before[start : len(before) - end], after[start : len(after) - end]
    if len(first) * len(second) > _CALM_LINES * 100:
        known = set(first)
        return frozenset(start + index for index, line in enumerate(second) if line not in known)
    result: set[int] = set()
    matcher = difflib.SequenceMatcher(None, first, second, autojunk=False)
    for kind, _, _, low, high in matcher.get_opcodes():
        if kind == "delete":
            result.add(min(start + low, len(after) - 1))
        elif kind != "equal":
            result.update(range(start + low, start + high))
    return frozenset(result)


def _line(output: bytes) -> str:
    return output.decode("ascii", "replace").strip()
