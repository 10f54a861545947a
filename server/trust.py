"""Which workspaces the user trusts, and where that is kept.

Trust lets a project's own ruff configuration choose the rules; it lets nothing be run. Who decides, in this order:

1. the editor's own word, where it has workspace trust (`client_word` of the settings): a no is final, a yes counts;
2. the user's setting `trusted-folders`;
3. `postil trust PATH`, kept in the state directory by real path.

A folder is trusted with everything inside it, because editors open parts of repositories as roots of their own. So the store
takes neither the home folder nor what is around it: everything that is ever cloned there would be trusted unseen. Whoever
wants that writes it into `trusted-folders`. A variable that trusts everything (`POSTIL_TRUST=1`) does not exist, since it would
stay set for the next repository; in CI, `POSTIL_TRUSTED_FOLDERS` names the checkout.

The store is one small file for each folder, named by the hash of its path and holding the path, so that two processes that
write at once do not lose each other's word, and a damaged file costs one folder.

Invariant: nothing in a workspace can say that it is trusted; a store that lies in the folder asked about does not count.
Invariant: no error of the disk is an exception of `is_trusted` or `state_directory`; what cannot be read is not trusted.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import platformdirs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.settings_model import Settings

_FOLDER = "trusted"
_MAX_PATH = 16_384  # bytes of a path that is looked at
_MAX_LISTED = 10_000
_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_OPEN = os.O_RDONLY | os.O_CLOEXEC | _NO_FOLLOW | getattr(os, "O_NONBLOCK", 0)


class StoreError(Exception):
    """The user's word cannot be kept. The message says why."""


class Verdict(NamedTuple):
    """Whether a workspace is trusted, and who said so, for people."""

    trusted: bool
    reason: str


def is_trusted(root: Path, settings: Settings, *, client: bool | None, state: Path | None = None) -> bool:
    """Return whether `root` is trusted. `client`: the editor's word, None where it has none. Never raises."""
    return verdict(root, settings, client=client, state=state).trusted


def verdict(root: Path, settings: Settings, *, client: bool | None, state: Path | None = None) -> Verdict:
    """Return whether `root` is trusted, with the reason. `state`: the state directory, None for the user's. Never raises."""
    if client is not None:
        return Verdict(client, "the editor says so" if client else "the editor says that it is not")
    try:
        real = os.path.realpath(root, strict=True)
    except (OSError, ValueError):
        return Verdict(trusted=False, reason="there is no such folder")
    for folder in settings.trusted_folders:
        trusted = _real(folder)
        if trusted is not None and _is_inside(real, trusted):
            return Verdict(trusted=True, reason=f"`trusted-folders` names {folder}")
    store = _open_store(state, outside=real)
    if store is None:
        return Verdict(trusted=False, reason="nobody said that it is")
    try:
        for path in (real, *map(str, Path(real).parents)):
            if _read(store, _file_name(path)) == os.fsencode(path):
                return Verdict(trusted=True, reason=f"`postil trust {path}`")
    finally:
        os.close(store)
    return Verdict(trusted=False, reason="nobody said that it is")


def trust(root: Path, *, state: Path | None = None) -> Path:
    """Keep that `root` is trusted, and return its real path. Raises StoreError."""
    path = _folder_to_trust(root)
    directory = state_directory(state)
    if directory is None:
        raise StoreError("there is no private state directory to keep it in (is HOME set and writable?)")
    if _is_inside(os.path.realpath(directory), path):
        raise StoreError(f"postil's state directory {directory} lies in it")
    folder = directory / _FOLDER
    try:
        _make_private(folder)
        _write(folder, _file_name(path), os.fsencode(path))
    except OSError as error:
        raise StoreError(f"{folder}: {error.strerror}") from error
    return Path(path)


def distrust(root: Path, *, state: Path | None = None) -> bool:
    """Forget that `root` is trusted; return whether it was. The folder need not exist any more. Raises StoreError."""
    path = os.path.realpath(root)
    store = _open_store(state, outside=None)
    if store is None:
        return False
    try:
        os.unlink(_file_name(path), dir_fd=store)
        os.fsync(store)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StoreError(str(error.strerror)) from error
    finally:
        os.close(store)
    return True


def trusted_folders(*, state: Path | None = None) -> list[Path]:
    """Return the folders of the store, sorted; the folders need not exist any more. Never raises."""
    store = _open_store(state, outside=None)
    if store is None:
        return []
    try:
        return sorted(_stored(store))
    finally:
        os.close(store)


def _stored(store: int) -> Iterator[Path]:
    with suppress(OSError):
        for name in os.listdir(store)[:_MAX_LISTED]:
            content = _read(store, name)
            if content and name == _file_name(os.fsdecode(content)):
                yield Path(os.fsdecode(content))


def state_directory(state: Path | None = None) -> Path | None:
    """Return the user's own directory for what postil keeps, made and private; None where there can be none. Never raises.

    None: no home folder, a read-only disk, a link in its place, or somebody else's directory. Then nothing is kept.
    """
    directory = state or platformdirs.user_state_path("postil", appauthor=False)
    if not directory.is_absolute():  # it would be in the working directory, which may be a repository
        return None
    try:
        directory.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make_private(directory)
    except (OSError, ValueError):
        return None
    return directory


def _make_private(directory: Path) -> None:
    """Make `directory` if it is missing, and its mode 0700. Raises OSError where it is a link or another user's."""
    with suppress(FileExistsError):
        os.mkdir(directory, mode=0o700)
    descriptor = _open_directory(directory)
    try:
        status = os.fstat(descriptor)
        if hasattr(os, "geteuid") and status.st_uid != os.geteuid():
            raise PermissionError(1, "it belongs to another user", str(directory))
        if stat.S_IMODE(status.st_mode) != 0o700:
            os.fchmod(descriptor, 0o700)
    finally:
        os.close(descriptor)


def _open_directory(directory: Path) -> int:
    return os.open(directory, _OPEN | getattr(os, "O_DIRECTORY", 0))


def _open_store(state: Path | None, *, outside: str | None) -> int | None:
    """Return a descriptor of the store; None where there is none, or none that counts. Makes nothing."""
    directory = state or platformdirs.user_state_path("postil", appauthor=False)
    if not directory.is_absolute():
        return None
    try:
        if outside is not None and _is_inside(os.path.realpath(directory), outside):
            return None
        for part in (directory, directory / _FOLDER):
            status = os.lstat(part)
            if not stat.S_ISDIR(status.st_mode) or (hasattr(os, "geteuid") and status.st_uid != os.geteuid()):
                return None
            if status.st_mode & 0o022:  # others can write there: what it says may be theirs
                return None
        return _open_directory(directory / _FOLDER)
    except (OSError, ValueError):
        return None


def _read(store: int, name: str) -> bytes | None:
    """Return the content of a file of the store; None where it is missing or odd."""
    try:
        descriptor = os.open(name, _OPEN, dir_fd=store)
    except (OSError, ValueError):
        return None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or (hasattr(os, "geteuid") and status.st_uid != os.geteuid()):
            return None
        return os.read(descriptor, _MAX_PATH)
    except OSError:
        return None
    finally:
        os.close(descriptor)


def _write(folder: Path, name: str, content: bytes) -> None:
    """Put a file in its place whole or not at all, mode 0600 whatever the umask. Raises OSError."""
    descriptor, temporary = tempfile.mkstemp(prefix=".new-", dir=folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, 0o600)
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        os.rename(temporary, folder / name)
    except OSError:
        with suppress(OSError):
            os.unlink(temporary)
        raise
    directory = _open_directory(folder)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _folder_to_trust(root: Path) -> str:
    """Return the real path of `root`. Raises StoreError where it is no folder, or one that holds everything."""
    try:
        path = os.path.realpath(root, strict=True)
    except (OSError, ValueError) as error:
        raise StoreError(f"{root}: {getattr(error, 'strerror', None) or 'not a path'}") from error
    if not os.path.isdir(path):
        raise StoreError(f"{root} is not a folder")
    home = _real("~")
    if path == os.path.dirname(path) or (home is not None and _is_inside(home, path)):
        raise StoreError(
            f"{path} holds everything you will ever clone; trust the folder of one project, or write it into `trusted-folders`"
        )
    return path


def _real(folder: str) -> str | None:
    """Return the real path of a folder of the settings; None where it is not absolute or does not exist."""
    expanded = os.path.expanduser(folder)
    if not os.path.isabs(expanded):
        return None
    try:
        return os.path.realpath(expanded, strict=True)
    except (OSError, ValueError):
        return None


def _is_inside(path: str, folder: str) -> bool:
    """Whether the real path `path` is `folder` or in it."""
    try:
        return os.path.commonpath((path, folder)) == folder
    except ValueError:
        return False


def _file_name(path: str) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()
