"""Who is trusted, where that is kept, and what cannot forge it."""

from __future__ import annotations

import hashlib
import os
import stat
import threading
from pathlib import Path

import platformdirs
import pytest

from server.settings import Settings, load
from server.trust import StoreError, distrust, is_trusted, state_directory, trust, trusted_folders, verdict

PLAIN = Settings()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    (folder / "packages" / "one").mkdir(parents=True)
    return folder


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state" / "postil"


def modes(folder: Path) -> set[tuple[str, int]]:
    found = [folder, *folder.rglob("*")]
    return {("folder" if path.is_dir() else "file", stat.S_IMODE(path.lstat().st_mode)) for path in found}


def test_trusting_and_forgetting(root: Path, state: Path) -> None:
    assert not is_trusted(root, PLAIN, client=None, state=state)
    assert not state.exists(), "asking makes nothing"
    assert trust(root, state=state) == root
    assert is_trusted(root, PLAIN, client=None, state=state)
    assert trusted_folders(state=state) == [root]
    assert distrust(root, state=state)
    assert not is_trusted(root, PLAIN, client=None, state=state)
    assert not distrust(root, state=state)
    assert trusted_folders(state=state) == []


def test_what_is_inside_counts_and_what_is_around_or_beside_does_not(root: Path, state: Path) -> None:
    beside = root.parent / "repository2"
    beside.mkdir()
    trust(root, state=state)
    assert is_trusted(root / "packages" / "one", PLAIN, client=None, state=state)
    assert not is_trusted(root.parent, PLAIN, client=None, state=state)
    assert not is_trusted(beside, PLAIN, client=None, state=state)
    assert not is_trusted(root / "missing", PLAIN, client=None, state=state)
    assert not is_trusted(Path("nul\0"), PLAIN, client=None, state=state)


def test_links_are_resolved(root: Path, state: Path) -> None:
    link = root.parent / "link"
    link.symlink_to(root)
    trust(link, state=state)
    assert trusted_folders(state=state) == [root]
    assert is_trusted(link, PLAIN, client=None, state=state)
    (root.parent / "other").mkdir()
    (root / "way-out").symlink_to(root.parent / "other")
    assert not is_trusted(root / "way-out", PLAIN, client=None, state=state)


@pytest.mark.parametrize("client", [True, False])
def test_the_editors_word_is_final(root: Path, state: Path, client: bool) -> None:
    trust(root, state=state)
    assert is_trusted(root, PLAIN, client=client, state=state) is client
    distrust(root, state=state)
    assert is_trusted(root, PLAIN, client=client, state=state) is client


def test_the_users_folders(root: Path, state: Path, home: Path) -> None:
    project = home / "work" / "project"
    project.mkdir(parents=True)
    for folders, trusted in (
        (("~/work",), True),
        ((str(home),), True),
        (("~/elsewhere", "/nonexistent"), False),
        ((), False),
    ):
        settings = load(None, environment={"POSTIL_TRUSTED_FOLDERS": os.pathsep.join(folders)}).settings
        assert is_trusted(project, settings, client=None, state=state) is trusted
        assert not is_trusted(root, settings, client=None, state=state)


def test_the_reason_names_who_said_so(root: Path, state: Path) -> None:
    assert "nobody" in verdict(root, PLAIN, client=None, state=state).reason
    trust(root, state=state)
    assert str(root) in verdict(root / "packages", PLAIN, client=None, state=state).reason
    assert "editor" in verdict(root, PLAIN, client=True, state=state).reason


def test_everything_is_private_whatever_the_umask(root: Path, state: Path) -> None:
    before = os.umask(0)
    try:
        trust(root, state=state)
    finally:
        os.umask(before)
    assert modes(state) == {("folder", 0o700), ("file", 0o600)}
    state.chmod(0o755)
    trust(root, state=state)
    assert modes(state) == {("folder", 0o700), ("file", 0o600)}
    os.umask(0o777)
    try:
        trust(root, state=state)
    finally:
        os.umask(before)
    assert modes(state) == {("folder", 0o700), ("file", 0o600)}


@pytest.mark.parametrize("folder", ["home", "/", "around home", "file", "missing"])
def test_what_is_not_taken(state: Path, home: Path, tmp_path: Path, folder: str) -> None:
    (tmp_path / "file").touch()
    path = {
        "home": home,
        "/": Path("/"),
        "around home": home.parent,
        "file": tmp_path / "file",
        "missing": tmp_path / "no",
    }
    with pytest.raises(StoreError):
        trust(path[folder], state=state)
    assert trusted_folders(state=state) == []


def plant(state: Path, root: Path) -> Path:
    """Write by hand what `trust` writes."""
    folder = state / "trusted"
    folder.mkdir(parents=True, exist_ok=True)
    state.chmod(0o700)
    folder.chmod(0o700)
    path = folder / hashlib.sha256(os.fsencode(root)).hexdigest()
    path.write_bytes(os.fsencode(root))
    return path


def test_a_planted_word_is_what_trust_writes(root: Path, state: Path) -> None:
    plant(state, root)
    assert is_trusted(root, PLAIN, client=None, state=state), "else the tests below show nothing"


def test_a_store_in_the_repository_does_not_count(root: Path) -> None:
    state = root / "state"
    plant(state, root)
    assert not is_trusted(root, PLAIN, client=None, state=state)
    with pytest.raises(StoreError):
        trust(root, state=state)


def test_links_in_the_place_of_the_store_do_not_count(root: Path, state: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    planted = plant(elsewhere, root)
    state.parent.mkdir()
    state.symlink_to(elsewhere)
    assert not is_trusted(root, PLAIN, client=None, state=state)
    assert state_directory(state) is None
    with pytest.raises(StoreError):
        trust(root, state=state)
    state.unlink()
    state.mkdir(mode=0o700)
    (state / "trusted").symlink_to(elsewhere / "trusted")
    assert not is_trusted(root, PLAIN, client=None, state=state)
    with pytest.raises(StoreError):
        trust(root, state=state)
    (state / "trusted").unlink()
    (state / "trusted").mkdir(mode=0o700)
    (state / "trusted" / planted.name).symlink_to(planted)
    assert not is_trusted(root, PLAIN, client=None, state=state)
    assert trust(root, state=state) == root, "the link is replaced, not followed"
    assert planted.read_bytes() == os.fsencode(root)
    assert not (state / "trusted" / planted.name).is_symlink()


@pytest.mark.parametrize("part", ["", "trusted"])
def test_a_store_that_others_can_write_does_not_count(root: Path, state: Path, part: str) -> None:
    plant(state, root)
    (state / part).chmod(0o777)
    assert not is_trusted(root, PLAIN, client=None, state=state)


@pytest.mark.timeout(10)
def test_damaged_entries_cost_themselves(root: Path, state: Path) -> None:
    path = plant(state, root)
    (path.parent / "rubbish").write_bytes(b"\0" * 100_000)
    os.mkfifo(path.parent / "pipe")
    (path.parent / "folder").mkdir()
    assert trusted_folders(state=state) == [root]
    (path.parent / hashlib.sha256(os.fsencode(root.parent)).hexdigest()).mkdir()
    for content in (b"", b"/", os.fsencode(root) + b"\n", b"x" * 1_000_000):
        path.write_bytes(content)
        assert not is_trusted(root, PLAIN, client=None, state=state)
    path.unlink()
    os.mkfifo(path)
    assert not is_trusted(root, PLAIN, client=None, state=state)
    assert trust(root, state=state) == root
    assert is_trusted(root, PLAIN, client=None, state=state)


def test_odd_names(tmp_path: Path, state: Path) -> None:
    for name in (b"line\nbreak", b"\xff\xfe", "\U0001f600".encode(), b"..."):
        folder = tmp_path / os.fsdecode(name)
        folder.mkdir()
        trust(folder, state=state)
        assert is_trusted(folder, PLAIN, client=None, state=state)
    assert len(trusted_folders(state=state)) == 4


def test_two_writers_lose_nothing(tmp_path: Path, state: Path) -> None:
    folders = [tmp_path / f"repository{number}" for number in range(16)]
    for folder in folders:
        folder.mkdir()
    threads = [threading.Thread(target=trust, args=(folder,), kwargs={"state": state}) for folder in folders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert trusted_folders(state=state) == sorted(folders)
    assert {path.name for path in (state / "trusted").iterdir()} == {
        hashlib.sha256(os.fsencode(folder)).hexdigest() for folder in folders
    }


@pytest.mark.parametrize("broken", ["relative", "file in the way", "file around", "no home", "no such home"])
def test_without_a_state_directory_nothing_crashes(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    monkeypatch.chdir(root)
    (tmp_path / "file").touch()
    state: Path | None = {
        "relative": Path("relative/postil"),
        "file in the way": tmp_path / "file",
        "file around": tmp_path / "file" / "postil",
    }.get(broken)
    if state is None:
        monkeypatch.setenv("HOME", "/dev/null/home")
        if broken == "no home":  # what platformdirs returns where neither HOME nor the user's entry names one
            monkeypatch.setattr(platformdirs, "user_state_path", lambda *_, **__: Path("~/.local/state/postil"))
    assert state_directory(state) is None
    assert not is_trusted(root, PLAIN, client=None, state=state)
    assert trusted_folders(state=state) == []
    assert not distrust(root, state=state)
    with pytest.raises(StoreError):
        trust(root, state=state)
    assert [path.name for path in root.iterdir()] == ["packages"], "nothing is written into the working directory"


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files away")
def test_another_users_store_does_not_count(root: Path, state: Path) -> None:
    path = plant(state, root)
    os.chown(path, 12345, 12345)
    assert not is_trusted(root, PLAIN, client=None, state=state)
    os.chown(path, 0, 0)
    os.chown(state, 12345, 12345)
    assert not is_trusted(root, PLAIN, client=None, state=state)
    assert state_directory(state) is None


def test_a_full_disk_leaves_nothing_half_done(root: Path, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trust(root / "packages", state=state)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="No space left"):
        trust(root, state=state)
    assert trusted_folders(state=state) == [root / "packages"]
    assert len(list((state / "trusted").iterdir())) == 1
