"""The command line itself: help, version, what is no command; and the doctor."""

from __future__ import annotations

import json
import os
import re
import time
from typing import TYPE_CHECKING

import pytest

from server import cli

if TYPE_CHECKING:
    from tests.terminal.conftest import Postil


def test_help_names_every_command(postil: Postil) -> None:
    ended = postil("--help")
    assert ended.code == 0
    assert all(f"  {name} " in ended.text for name in cli.COMMANDS)
    assert postil().out == postil("-h").out == ended.out


@pytest.mark.parametrize("command", sorted(cli.COMMANDS))
def test_every_command_has_help(postil: Postil, command: str) -> None:
    ended = postil(command, "--help")
    assert ended.code == 0
    assert f"usage: postil {command}" in ended.text


def test_version(postil: Postil) -> None:
    ended = postil("--version")
    assert (ended.code, ended.err) == (0, b"")
    assert re.fullmatch(r"postil \d+\.\d+\.\d+\n", ended.text)


def test_version_and_help_are_quick(postil: Postil) -> None:
    def fastest(*arguments: str) -> float:
        times = []
        for _ in range(5):
            started = time.perf_counter()
            postil(*arguments)
            times.append(time.perf_counter() - started)
        return min(times)

    assert fastest("--version") < 0.2, "80 ms on a quiet machine; nothing heavy is imported"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["chekc"], "did you mean `postil check`"),
        (["xyzzy"], "`postil --help` lists the commands"),
        (["a.py"], "did you mean `postil check a.py`"),
        (["\x1b[31m"], r"\x1b[31m"),
    ],
)
def test_what_is_no_command(postil: Postil, arguments: list[str], complaint: str) -> None:
    postil.write("a.py", "x = 1\n")
    ended = postil(*arguments)
    assert ended.code == 2
    assert complaint in ended.complaints
    assert "\x1b" not in ended.complaints


def test_a_bug_of_ours_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    broken = cli.Command("", "server.files", "decoded")  # a function that does not take a list
    monkeypatch.setattr(cli, "COMMANDS", {"broken": broken})
    assert cli.main(["broken"]) == 2
    shown = capsys.readouterr().err
    assert shown.count("\n") == 1
    assert "internal error: AttributeError in server/files.py:" in shown


def test_the_doctor_finds_all_well(postil: Postil) -> None:
    ended = postil("doctor", "--json")
    assert ended.code == 0, ended.text
    rows = {one["name"]: one for one in json.loads(ended.out)}
    assert {"postil", "python", "isolation", "ruff", "grammars", "worker", "git", "state", "settings", "trust"} <= set(
        rows
    )
    assert {one["status"] for one in rows.values()} == {"ok"}
    assert "ruff.enabled" in rows["other ruff"]["advice"]
    lines = postil("doctor").text.splitlines()
    assert all(re.match(r"(ok  |warn|fail)  \S|                  ", line) for line in lines)


def test_the_doctor_tells_what_is_wrong_and_what_to_do(postil: Postil) -> None:
    postil.write("ruff.toml", "line-length = 99\n")
    postil.write("postil.toml", "no-such-thing = 1\nexec = '\x1b[31m'\n")
    ended = postil("doctor", "--json", env={"PATH": "/nowhere"})
    rows = json.loads(ended.out)
    status = {one["name"]: one["status"] for one in rows}
    assert (status["git"], status["settings"], status["trust"]) == ("warn", "warn", "warn")
    assert all(one["advice"] for one in rows if one["status"] != "ok")
    assert ended.code == 0, "nothing that postil needs is broken"
    assert "\x1b" not in postil("doctor").text


def test_the_doctor_writes_nothing_into_the_workspace(postil: Postil) -> None:
    postil("doctor")
    assert os.listdir(postil.folder) == []
