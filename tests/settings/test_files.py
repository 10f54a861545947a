"""Files that are not what they seem: none blocks, none is followed out of the workspace, each is told once."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest

from analyzers.finding import Severity
from server.settings import load
from server.settings_files import MISTAKEN_NAMES, WORKSPACE_FILES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from server.settings import Loaded


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace"
    folder.mkdir()
    return folder


def fifo(path: Path) -> None:
    os.mkfifo(path)


def directory(path: Path) -> None:
    path.mkdir()


def listening_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        here = os.open(".", os.O_RDONLY)
        try:
            os.chdir(path.parent)  # the name of a socket may not be long
            made.bind(path.name)
        finally:
            os.fchdir(here)
            os.close(here)


def link_outside(path: Path) -> None:
    outside = path.parent.parent / "secret.toml"
    outside.write_text("ignore = ['E1']\n", encoding="utf-8")
    path.symlink_to(outside)


def link_to_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def link_loop(path: Path) -> None:
    path.symlink_to(path)


def dangling_link(path: Path) -> None:
    path.symlink_to("nowhere")


def huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(10_000_000)


def just_too_large(path: Path) -> None:
    path.write_bytes(b"# postil" + b" " * 999_993)


def utf16(path: Path) -> None:
    path.write_bytes("[tool.postil]\n".encode("utf-16"))


def latin1(path: Path) -> None:
    path.write_bytes("# postil\n# caf\xe9\n".encode("latin-1"))


BROKEN = (
    fifo, directory, listening_socket, link_outside, link_to_device, link_loop, dangling_link,
    huge, just_too_large, utf16, latin1,
)  # fmt: skip


@pytest.mark.timeout(10)
@pytest.mark.parametrize("name", WORKSPACE_FILES)
@pytest.mark.parametrize("make", BROKEN, ids=lambda make: make.__name__)
def test_what_is_no_settings_file(root: Path, name: str, make: Callable[[Path], None]) -> None:
    make(root / name)
    loaded = load(root, environment={"POSTIL_FAIL_ON": "hint"})
    if name == "pyproject.toml" and make is utf16:
        return  # it may not have been about postil
    (problem,) = loaded.problems
    assert (problem.rule, problem.path) == ("settings-unreadable", root / name)
    assert name in problem.message
    assert loaded.settings.ignore == ()
    assert loaded.settings.fail_on == "hint"
    assert not loaded.user_file_is_wrong


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_unreadable(root: Path) -> None:
    (root / "postil.toml").write_text("ignore = ['E1']\n", encoding="utf-8")
    (root / "postil.toml").chmod(0)
    (problem,) = load(root, environment={}).problems
    assert "permission denied" in problem.message


def test_where_it_is_not_utf8(root: Path) -> None:
    latin1(root / "postil.toml")
    (problem,) = load(root, environment={}).problems
    assert (problem.line, problem.column, problem.end_column) == (1, 5, 6)


@pytest.mark.timeout(10)
@pytest.mark.parametrize("make", BROKEN, ids=lambda make: make.__name__)
def test_a_broken_user_file(root: Path, home: Path, make: Callable[[Path], None]) -> None:
    user_file = home / "config.toml"
    make(user_file)
    loaded = load(root, environment={}, user_file=user_file)
    if make is link_outside:  # people keep their own file elsewhere
        assert loaded.settings.ignore == ("E1",)
        assert not loaded.problems
    elif make is dangling_link:
        assert loaded.user_file_is_wrong
    else:
        assert [one.source for one in loaded.problems] == ["user file"]
        assert loaded.user_file_is_wrong


def test_a_link_inside_the_workspace_is_followed(root: Path) -> None:
    (root / "config").mkdir()
    (root / "config" / "postil.toml").write_text("ignore = ['E1']\n", encoding="utf-8")
    (root / "postil.toml").symlink_to("config/postil.toml")
    loaded = load(root, environment={})
    assert loaded.settings.ignore == ("E1",)
    assert not loaded.problems


def test_a_workspace_that_is_opened_by_a_link(root: Path, tmp_path: Path) -> None:
    (root / "postil.toml").write_text("ignore = ['E1']\n", encoding="utf-8")
    (tmp_path / "link").symlink_to(root)
    assert load(tmp_path / "link", environment={}).settings.ignore == ("E1",)


def test_a_byte_order_mark_is_told_and_the_rest_applies(load_files: Callable[..., Loaded]) -> None:
    loaded = load_files({"postil.toml": b"\xef\xbb\xbfignore = ['E1']\nignor = 1\n"})
    assert loaded.settings.ignore == ("E1",)
    assert [(one.rule, one.line, one.column) for one in loaded.problems] == [
        ("settings-encoding", 0, 0),
        ("settings-unknown", 1, 0),
    ]


def test_one_file_wins_and_the_others_are_told(load_files: Callable[..., Loaded]) -> None:
    files = {
        "pyproject.toml": "[project]\nname = 'x'\n[tool.postil]\nfail-on = 'hint'\n",
        "postil.toml": "fail-on = 'info'\n",
        ".postil.yaml": "fail-on: warning\n",
    }
    loaded = load_files(files)
    assert loaded.settings.fail_on == "info"
    assert loaded.origins["fail-on"].endswith("postil.toml")
    notes = {one.path.name: one for one in loaded.problems if one.path}
    assert set(notes) == {"pyproject.toml", ".postil.yaml"}
    assert all(one.severity is Severity.INFO and one.rule == "settings-shadowed" for one in notes.values())
    assert notes["pyproject.toml"].line == 2


def test_yaml_wins_over_pyproject(load_files: Callable[..., Loaded]) -> None:
    loaded = load_files({"pyproject.toml": "[tool.postil]\nfail-on = 'hint'\n", ".postil.yaml": "fail-on: warning\n"})
    assert loaded.settings.fail_on == "warning"


@pytest.mark.parametrize(
    "text",
    [
        "[project]\ndependencies = ['postil']\n",
        "# postil\n",
        "[tool.postil-other]\nx = 1\n",
        "[tool]\n# postil\n",
        "[[tool.x]]\npostil = 1\n",
        "postil = [\n",
    ],
)
def test_a_pyproject_without_our_table_is_no_settings_file(load_files: Callable[..., Loaded], text: str) -> None:
    loaded = load_files({"pyproject.toml": text, ".postil.yaml": "fail-on: hint\n"})
    assert loaded.settings.fail_on == "hint"
    assert not loaded.problems


@pytest.mark.parametrize("name", MISTAKEN_NAMES)
def test_a_name_that_is_not_read(load_files: Callable[..., Loaded], name: str) -> None:
    (problem,) = load_files({name: "fail-on = 'hint'\n"}).problems
    assert MISTAKEN_NAMES[name] in problem.message
    assert problem.severity is Severity.INFO


def test_no_workspace_and_a_missing_one(tmp_path: Path, home: Path) -> None:
    for root in (None, tmp_path / "missing", tmp_path / "nul\0", tmp_path / ("x" * 5000)):
        loaded = load(root, environment={}, user_file=home / "none.toml")
        assert not loaded.problems
        assert set(loaded.origins.values()) == {"default"}


@pytest.mark.parametrize("value", ["relative", "", "~"])
def test_a_user_file_is_never_looked_for_in_the_working_directory(
    root: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    """A repository could hold `.config/postil/config.toml`, and be the working directory."""
    for folder in ("relative", ".config", "~/.config"):
        (root / folder / "postil").mkdir(parents=True)
        (root / folder / "postil" / "config.toml").write_text("log-level = 'debug'\n", encoding="utf-8")
    monkeypatch.chdir(root)
    monkeypatch.setenv("XDG_CONFIG_HOME", value)
    monkeypatch.setenv("HOME", value)
    assert load(root, environment={}).settings.log_level == "warning"
