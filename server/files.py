"""Files of a workspace: which ones there are, and the only way to read and to replace one.

Discovery follows git's and ruff's ideas of what belongs to a project: `.gitignore` files at every level with their
negations, `.git/info/exclude`, a list of folders that are never anybody's source, and the settings' own `exclude`. What
was named explicitly is always taken.

Invariant: symbolic links to folders are never followed, so there is no loop and no way out; a link to a file counts only
when the file is inside the workspace and is not reached by its own name.
Invariant: what is read is a regular file at the moment of reading (opened without waiting, looked at through the
descriptor): a FIFO, a device, a socket or a file that grew cannot hang or swallow the reader.
Invariant: a pattern of the workspace cannot keep the matcher busy: patterns with many wildcards are dropped and counted.
"""

from __future__ import annotations

import codecs
import errno
import os
import re
import stat
import tempfile
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from analyzers.languages import language_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

MAX_FILE_SIZE = 2 * 1024 * 1024  # bytes
PROBED = 8192  # bytes at the start in which a NUL means that the file is binary
MAX_PATTERN_FILE = 256 * 1024  # bytes of a `.gitignore`
MAX_STARS = 3  # runs of `*` in one segment of a pattern, and of `**` in all of it

# Folders that hold no source of the project, wherever they are.
DEFAULT_EXCLUDES = frozenset(
    (
        *(".bzr", ".direnv", ".eggs", ".git", ".git-rewrite", ".hg", ".ipynb_checkpoints", ".mypy_cache", ".nox"),
        *(".pants.d", ".pyenv", ".pytest_cache", ".pytype", ".ruff_cache", ".svn", ".tox", ".venv", ".vscode"),
        *(
            "__pycache__",
            "__pypackages__",
            "_build",
            "buck-out",
            "build",
            "dist",
            "node_modules",
            "site-packages",
            "venv",
        ),
    )
)

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CODING = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")
# Encodings that Python sources declare. A list, because a codec by any name could be anything.
_DECLARABLE = re.compile(
    r"latin[-_]?1|iso[-_]?8859[-_]\d{1,2}|(cp|windows[-_]?)125\d|cp(437|850|932|949|950)|koi8[-_][ru]"
    r"|(euc|iso2022)[-_](jp|kr)|shift[-_]?jis|sjis|gbk|gb2312|gb18030|big5|ascii|us[-_]ascii|mac[-_]roman",
    re.IGNORECASE,
)


class Unreadable(Exception):
    """A file is not read; `reason` is what to say about it, in two or three words."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Text:
    """A file's text and how it was written down, so that it can be written back the same way.

    `lossy`: the bytes are in no encoding that we know; the text has stand-ins, and must not be written back.
    """

    text: str
    encoding: str = "utf-8"
    bom: bytes = b""
    lossy: bool = False

    def encoded(self, text: str) -> bytes:
        """Return `text` as this file's bytes. Raises UnicodeEncodeError where the encoding cannot say it."""
        return self.bom + text.encode(self.encoding)


def read_workspace_file(path: str, root: str | None, *, max_size: int = MAX_FILE_SIZE) -> bytes:
    """Return the bytes of the regular file `path`, which is inside `root` once all links are resolved.

    `root` None: the user named this file, so it may be anywhere, and may have other names (hard links). Raises Unreadable.
    """
    if "\0" in path:
        raise Unreadable("not a file name")
    try:
        real = os.path.realpath(path, strict=True)
        if root is not None and not is_inside(real, os.path.realpath(root, strict=True)):
            raise Unreadable("outside the project")
        if not stat.S_ISREG(os.stat(real).st_mode):
            raise Unreadable("not a regular file")
        descriptor = os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise Unreadable(_reason(error)) from None
    try:
        status = os.fstat(descriptor)  # what was opened, which may be another file than the one looked at
        if not stat.S_ISREG(status.st_mode):
            raise Unreadable("not a regular file")
        if root is not None and status.st_nlink > 1:
            raise Unreadable("with several hard links")
        if status.st_size > max_size:
            raise Unreadable("too large")
        with open(descriptor, "rb", closefd=False) as file:
            content = file.read(max_size + 1)
    except OSError as error:
        raise Unreadable(_reason(error)) from None
    finally:
        os.close(descriptor)
    if len(content) > max_size:
        raise Unreadable("too large")
    return content


def decoded(content: bytes, *, python: bool = False) -> Text:
    """Return the text of `content`: by its BOM, else UTF-8, else (`python`) the encoding that its first lines declare.

    Raises Unreadable for binary data: a NUL near the start, and no BOM that explains it.
    """
    for bom, encoding in _BOMS:
        if content.startswith(bom):
            with suppress(UnicodeDecodeError):
                return Text(content[len(bom) :].decode(encoding), encoding, bom)
            break
    if b"\0" in content[:PROBED]:
        raise Unreadable("binary")
    try:
        return Text(content.decode())
    except UnicodeDecodeError:
        pass
    if python:
        for line in content.split(b"\n", 2)[:2]:
            declared = _CODING.match(line)
            name = declared.group(1).decode("ascii", "replace") if declared else ""
            if name and _DECLARABLE.fullmatch(name):
                with suppress(UnicodeDecodeError, LookupError):
                    return Text(content.decode(name), name)
    return Text(content.decode("utf-8", "replace"), lossy=True)


def replace_file(path: str, expected: bytes, content: bytes) -> None:
    """Replace the file at `path` by `content` in one step; its mode stays, and a link to it stays a link.

    Raises Unreadable when it does not hold `expected` any more or cannot be written.
    """
    try:
        real = os.path.realpath(path, strict=True)
        if not os.access(real, os.W_OK):
            raise Unreadable("not writable")
        status = os.stat(real)
        handle, temporary = tempfile.mkstemp(prefix=".postil-", dir=os.path.dirname(real))
        try:
            with open(handle, "wb") as file:
                file.write(content)
                file.flush()
                if (status.st_uid, status.st_gid) != (os.geteuid(), os.getegid()):
                    with suppress(OSError):  # only root may give files away
                        os.fchown(file.fileno(), status.st_uid, status.st_gid)
                os.fchmod(file.fileno(), stat.S_IMODE(status.st_mode))
                os.fsync(file.fileno())
            _expect(real, expected)
            os.replace(temporary, real)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary)
            raise
    except OSError as error:
        raise Unreadable(_reason(error)) from None


def _expect(path: str, content: bytes) -> None:
    with suppress(Unreadable):
        if read_workspace_file(path, None, max_size=len(content)) == content:
            return
    raise Unreadable("changed meanwhile")


def is_inside(path: str, folder: str) -> bool:
    """Return whether `path` is `folder` or below it; both are absolute and have their links resolved."""
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


@dataclass(slots=True)
class Found:
    """What discovery found. `files`: absolute paths in a fixed order. `explicit`: those that were named.

    `skipped`: how many files that postil could have read are left out, by reason.
    """

    files: list[str] = field(default_factory=list)
    explicit: set[str] = field(default_factory=set)
    skipped: Counter[str] = field(default_factory=Counter)
    missing: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Matcher:
    """The patterns of one file, as pathspec understands them: whether each leaves out, and its expression."""

    patterns: tuple[tuple[bool, re.Pattern[str]], ...]

    def verdict(self, path: str) -> bool | None:
        """Return whether `path`, a folder's with a slash at its end, is left out; None where no pattern is about it.

        pathspec lets a pattern for folders match what is inside as well (its group `ps_d` is the slash after the folder).
        To git `!b/` takes back the folder alone, and what is inside is decided by itself.
        """
        for leaves_out, expression in reversed(self.patterns):
            match = expression.search(path)
            if match is None:
                continue
            through_folder = "ps_d" in expression.groupindex and match["ps_d"] and match.end() < len(path)
            if not through_folder or any(one.end() == len(path) for one in expression.finditer(path)):
                return leaves_out
        return None


@dataclass(frozen=True, slots=True)
class _Ignores:
    """The patterns in force in a folder, the ones nearest to it last; each with the folder that it is relative to.

    `always` are those of the settings: no negation in the repository takes back what they leave out.
    """

    always: tuple[str, _Matcher] | None = None
    levels: tuple[tuple[str, _Matcher], ...] = ()

    def with_level(self, folder: str, matcher: _Matcher | None) -> _Ignores:
        return self if matcher is None else _Ignores(self.always, (*self.levels, (folder, matcher)))

    def leave_out(self, entry: os.DirEntry[str], *, folder: bool) -> bool:
        if entry.name in DEFAULT_EXCLUDES if folder else language_of(entry.name) is None:
            return True
        if self.always is not None and is_inside(entry.path, self.always[0]) and _verdict(self.always, entry, folder):
            return True
        for level in reversed(self.levels):
            verdict = _verdict(level, entry, folder)
            if verdict is not None:
                return verdict
        return False


def _verdict(level: tuple[str, _Matcher], entry: os.DirEntry[str], folder: bool) -> bool | None:  # noqa: FBT001 - private
    base, matcher = level
    relative = entry.path[len(base.rstrip(os.sep)) + 1 :]
    return matcher.verdict(relative + "/" if folder else relative)


def discover(paths: Sequence[str], root: str, exclude: Sequence[str] = ()) -> Found:
    """Return the files to check: each of `paths` that is a file, and the source files below each that is a folder.

    `root` is the workspace; `exclude` are its patterns, in the syntax of `.gitignore`, relative to `root`.
    """
    found = Found()
    seen: set[str] = set()
    real_root = os.path.realpath(root)
    own = _matcher(exclude, found)
    always = None if own is None else (real_root, own)
    for given in paths:
        path = os.path.abspath(given)
        try:
            mode = os.stat(path).st_mode
        except (OSError, ValueError):
            found.missing.append(given)
            continue
        if not stat.S_ISDIR(mode):
            found.explicit.add(path)
            if path not in seen:
                seen.add(path)
                found.files.append(path)
            continue
        real = os.path.realpath(path)
        links: list[str] = []
        for file in _walk(real, _Ignores(always, _outer_levels(real, found)), found, links):
            # Named as the user named it: the folder's own links are the user's business.
            name = path + file[len(real) :] if real != os.sep else file
            if name not in seen:
                seen.add(name)
                found.files.append(name)
        reached = {os.path.realpath(file) for file in seen} if links else set()
        for link in links:
            target = os.path.realpath(link)
            if not is_inside(target, real) and not is_inside(target, real_root):
                found.skipped["linked from outside the project"] += 1
            elif os.path.isfile(target) and target not in reached:
                reached.add(target)
                found.files.append(path + link[len(real) :])
    return found


def _walk(top: str, ignores: _Ignores, found: Found, links: list[str]) -> Iterator[str]:
    """Yield the source files below `top`, in the order of their names; put links to files into `links`."""
    waiting: list[tuple[str, _Ignores]] = [(top, ignores)]
    while waiting:
        folder, ignores = waiting.pop()
        try:
            with os.scandir(folder) as entries:
                here = sorted(entries, key=lambda entry: entry.name)
        except OSError:
            found.skipped["in folders that cannot be read"] += 1
            continue
        if any(entry.name == ".gitignore" for entry in here):
            ignores = ignores.with_level(folder, _matcher(_lines(os.path.join(folder, ".gitignore")), found))
        below: list[tuple[str, _Ignores]] = []
        for entry in here:
            is_folder = entry.is_dir(follow_symlinks=False)
            if ignores.leave_out(entry, folder=is_folder):
                continue
            if is_folder:
                below.append((entry.path, ignores))
            elif entry.is_symlink():
                links.append(entry.path)
            elif entry.is_file(follow_symlinks=False):
                yield entry.path
            else:
                found.skipped["not regular files"] += 1
        waiting.extend(reversed(below))


def _outer_levels(folder: str, found: Found) -> tuple[tuple[str, _Matcher], ...]:
    """Return the patterns that hold in `folder` because of the repository that it is in."""
    chain = [folder]
    while not os.path.lexists(os.path.join(chain[-1], ".git")):
        parent = os.path.dirname(chain[-1])
        if parent == chain[-1]:
            return ()
        chain.append(parent)
    top = chain[-1]
    result = _Ignores().with_level(top, _matcher(_lines(os.path.join(top, ".git", "info", "exclude")), found))
    for outer in reversed(chain[1:]):  # the walk reads the folder's own
        result = result.with_level(outer, _matcher(_lines(os.path.join(outer, ".gitignore")), found))
    return result.levels


def _lines(path: str) -> list[str]:
    try:
        return read_workspace_file(path, None, max_size=MAX_PATTERN_FILE).decode("utf-8", "surrogateescape").split("\n")
    except Unreadable:
        return []


def _matcher(lines: Iterable[str], found: Found) -> _Matcher | None:
    """Return what matches `lines`, or None where there is nothing to match."""
    patterns = []
    for line in (one.removesuffix("\r") for one in lines):
        if not line.strip() or line.startswith("#"):
            continue
        segments = line.split("/")
        if segments.count("**") > MAX_STARS or any(len(re.findall(r"\*+", one)) > MAX_STARS for one in segments):
            found.skipped["patterns with too many wildcards"] += 1
            continue
        patterns += _compiled(line)
    return _Matcher(tuple(patterns)) if patterns else None


def _compiled(line: str) -> list[tuple[bool, re.Pattern[str]]]:
    """Return the pattern of one line; nothing for a line that is no pattern, which git passes over too."""
    from pathspec import GitIgnoreSpec

    try:
        patterns = GitIgnoreSpec.from_lines([line]).patterns
    except ValueError:
        return []
    return [(one.include, one.regex) for one in patterns if one.include is not None and one.regex is not None]


def _reason(error: OSError) -> str:
    """Return what a failed system call means for a reader of the report."""
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return "gone"
    if error.errno in (errno.EACCES, errno.EPERM):
        return "not readable"
    if error.errno == errno.ELOOP:
        return "a link that leads nowhere"
    if error.errno == errno.ENXIO:
        return "not a regular file"
    return (error.strerror or "not readable").lower()
