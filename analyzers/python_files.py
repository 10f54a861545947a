"""The Python files of a workspace that hold a word: where a name may be used.

Invariant: only regular files of a bounded size, inside the root, are read; links are not followed, neither to files nor to
folders. Folders of tools, of installed packages and those that the root's `.gitignore` names are not entered.
Invariant: the walk ends at `MAX_FILES`, and says so.
"""

from __future__ import annotations

import os
import re
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MAX_FILES = 20_000
MAX_SIZE = 1_000_000  # bytes
MAX_STARS = 4  # in one pattern of a `.gitignore`
_SKIPPED = frozenset({"__pycache__", "node_modules", "site-packages"})
_SUFFIXES = (".py", ".pyi")


class TooManyFiles(Exception):
    """The workspace holds more Python files than are looked through."""


def read_regular(path: str, limit: int = MAX_SIZE) -> bytes:
    """Return the bytes of the regular file `path`. Raises OSError, also for other files and for more than `limit` bytes.

    A pipe that nobody writes to does not block: it is opened without waiting, and refused.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > limit:
            raise FileNotFoundError(path)
        with os.fdopen(os.dup(descriptor), "rb") as file:
            return file.read(limit + 1)
    finally:
        os.close(descriptor)


def files_with_word(root: str, word: str) -> Iterator[tuple[str, bytes]]:
    """Yield the path and the bytes of each Python file under `root` that holds `word`, in order.

    Raises TooManyFiles.
    """
    # The bytes of a word in UTF-8; a file in another encoding that spells it otherwise is not found, and PEP 8 has none.
    pattern = re.compile(rb"(?<![A-Za-z0-9_\x80-\xff])" + re.escape(word.encode()) + rb"(?![A-Za-z0-9_\x80-\xff])")
    ignored = _ignored(root)
    count = 0
    for folder, name in _walk(root, ignored):
        count += 1
        if count > MAX_FILES:
            raise TooManyFiles
        path = os.path.join(folder, name)
        try:
            data = read_regular(path)
        except OSError:
            continue
        if pattern.search(data):
            yield path, data


def _walk(root: str, ignored: Callable[[str], bool]) -> Iterator[tuple[str, str]]:
    for folder, folders, names in os.walk(root):
        relative = os.path.relpath(folder, root)
        prefix = "" if relative == "." else relative.replace(os.sep, "/") + "/"
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".")
            and name not in _SKIPPED
            and not os.path.exists(os.path.join(folder, name, "pyvenv.cfg"))
            and not ignored(f"{prefix}{name}/")
        )
        for name in sorted(names):
            if (
                name.endswith(_SUFFIXES)
                and not ignored(prefix + name)
                and not os.path.islink(os.path.join(folder, name))
            ):
                yield folder, name


def _ignored(root: str) -> Callable[[str], bool]:
    try:
        text = read_regular(os.path.join(root, ".gitignore"), 100_000).decode("utf-8", "replace")
    except OSError:
        return lambda path: False  # noqa: ARG005
    import pathspec

    try:
        # Many wildcards in one pattern can keep the matcher busy for minutes; nobody means them.
        patterns = [line for line in text.splitlines() if line.count("*") <= MAX_STARS]
        return pathspec.GitIgnoreSpec.from_lines(patterns).match_file
    except ValueError:
        return lambda path: False  # noqa: ARG005
