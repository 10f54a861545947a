"""`postil config` and `postil trust`, as typed."""

from __future__ import annotations

import json
import os
import tomllib
from typing import TYPE_CHECKING

import pytest

from server.config_command import run, run_trust
from server.settings import SETTINGS

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in list(os.environ):
        if name.startswith("POSTIL_"):
            monkeypatch.delenv(name)
    folder = tmp_path / "workspace"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def user_file(home: Path) -> Path:
    path = home / ".config" / "postil" / "config.toml"
    path.parent.mkdir(parents=True)
    return path


def test_show(root: Path, user_file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    user_file.write_text("cognitive-limit = 3\n", encoding="utf-8")
    (root / "postil.toml").write_text("ignore = ['E1']\nignor = 1\n", encoding="utf-8")
    monkeypatch.setenv("POSTIL_FAIL_ON", "hint")
    assert run(["show"]) == 0
    out, err = capsys.readouterr()
    lines = {line.partition(" = ")[0]: line for line in out.splitlines()}
    assert set(lines) == {setting.name for setting in SETTINGS}
    assert lines["cognitive-limit"].startswith("cognitive-limit = 3 ")
    assert lines["cognitive-limit"].endswith(f"# user file {user_file}")
    assert lines["ignore"].endswith("postil.toml")
    assert lines["fail-on"].endswith("# POSTIL_FAIL_ON")
    assert lines["select"].endswith("# default")
    assert "postil.toml:2:1: unknown setting `ignor`" in err
    values = [line.partition("  #")[0] for line in out.splitlines()]
    tomllib.loads("\n".join(values))


def test_show_as_json(root: Path, user_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "postil.toml").write_text("ignore = ['E1', 3]\n", encoding="utf-8")
    assert run(["show", "--json", str(root)]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["settings"]["ignore"] == ["E1"]
    assert shown["settings"]["ruff"]["use-project-configuration"] is True
    assert shown["origins"]["ignore"].endswith("postil.toml")
    (problem,) = shown["problems"]
    assert (problem["line"], problem["column"], problem["end_column"], problem["severity"]) == (1, 17, 18, "warning")


def test_exit_code_2_is_for_the_users_own_file(root: Path, user_file: Path) -> None:
    (root / "postil.toml").write_text("= broken\n", encoding="utf-8")
    assert run(["show"]) == 0
    user_file.write_text("ignor = 1\n", encoding="utf-8")
    assert run(["show"]) == 2


@pytest.mark.parametrize("arguments", [["bogus"], [], ["show", "missing"], ["init", "missing"], ["show", "--bogus"]])
def test_a_wrong_command_line(root: Path, arguments: list[str]) -> None:
    assert run(arguments) == 2


def test_help(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    assert run_trust(["--help"]) == 0
    assert "usage: postil config" in capsys.readouterr().out


def test_nothing_of_a_repository_reaches_the_terminal_raw(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evil = root / "a\x1b]52;c;x\x07\u202eb\n"
    evil.mkdir()
    (evil / "postil.toml").write_text('exclude = ["\\u001b[2J\\u009b"]\n"x\\u001b" = 1\n', encoding="utf-8")
    assert run(["show", str(evil)]) == 0
    assert run(["show", "--json", str(evil)]) == 0
    assert run(["init", str(evil)]) == 2
    assert run_trust([str(evil)]) == 0
    assert run_trust(["--list"]) == 0
    assert run_trust(["--remove", str(evil)]) == 0
    out, err = capsys.readouterr()
    assert not {character for character in out + err if ord(character) < 32 or 0x7F <= ord(character) < 0xA0} - {"\n"}
    assert "\u202e" not in out + err


def test_schema(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert schema["properties"]["log-level"]["scope"] == "user"


def test_init(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["init"]) == 0
    written = (root / "postil.toml").read_bytes()
    assert b"cyclomatic-limit = 30" in written
    assert b"log-level" not in written
    assert run(["init"]) == 2
    assert (root / "postil.toml").read_bytes() == written
    assert "already" in capsys.readouterr().err


def test_init_does_not_shadow_other_settings(root: Path) -> None:
    (root / "pyproject.toml").write_text("[tool.postil]\nignore = []\n", encoding="utf-8")
    assert run(["init"]) == 2
    assert not (root / "postil.toml").exists()
    (root / "pyproject.toml").write_text("[project]\nname = 'postil'\n", encoding="utf-8")
    assert run(["init"]) == 0


def test_init_follows_no_link(root: Path, tmp_path: Path) -> None:
    (root / "postil.toml").symlink_to(tmp_path / "outside.toml")
    assert run(["init"]) == 2
    assert not (tmp_path / "outside.toml").exists()


def test_init_for_the_user(root: Path, home: Path) -> None:
    assert run(["init", "--user"]) == 0
    path = home / ".config" / "postil" / "config.toml"
    assert b"log-level" in path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o600
    assert run(["init", "--user"]) == 2
    assert run(["show"]) == 0


def test_trust(root: Path, home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_trust([]) == 0
    assert run_trust(["--list"]) == 0
    assert capsys.readouterr().out.splitlines() == [f"trusted: {root}", str(root)]
    assert run_trust(["--remove"]) == 0
    assert run_trust(["--remove"]) == 1
    assert run_trust([str(home)]) == 2
    assert run_trust(["missing"]) == 2
    assert run_trust(["--list"]) == 0
    assert str(root) not in capsys.readouterr().out.splitlines()
    assert run_trust([str(root)]) == 0
    monkeypatch.setenv("POSTIL_TRUSTED_FOLDERS", str(root.parent))
    assert run_trust(["--remove", str(root)]) == 0
    assert "still trusted" in capsys.readouterr().err


def test_trust_without_a_place_to_keep_it(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/dev/null/home")
    assert run_trust([]) == 2
    assert run_trust(["--list"]) == 0
    assert "HOME" in capsys.readouterr().err
