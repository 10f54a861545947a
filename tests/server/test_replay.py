"""A session is recorded by a real server and played to another."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from server.replay import ReplayError, recorded, replay_command
from server.trace import Recorder
from tests.lsp.raw_client import RawClient


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Return the recording of a short session: open, type, hover, stop."""
    path = tmp_path / "session.jsonl"
    client = RawClient(tmp_path, arguments=("--record", str(path)), environment={"POSTIL_TEST_COMMANDS": "0"})
    try:
        client.initialize()
        uri = client.open(client.uri("a.py"), "import os\nprint(undefined)\n")
        client.diagnostics(uri, where=lambda found: len(found) == 2)
        client.change(
            uri, 2, {"range": {"start": {"line": 0, "character": 0}, "end": {"line": 1, "character": 0}}, "text": ""}
        )
        client.diagnostics(uri, where=lambda found: len(found) == 1)
        client.result("textDocument/hover", {"textDocument": {"uri": uri}, "position": {"line": 0, "character": 7}})
        client.shut_down()
    finally:
        client.stop()
    return path


def test_a_recording_plays_without_a_difference(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert stat.S_IMODE(recording.stat().st_mode) == 0o600
    assert replay_command([str(recording)]) == 0
    assert capsys.readouterr().out.endswith(" messages played, 0 differences\n")


def test_what_differs_is_printed(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = recording.read_text(encoding="utf-8").replace("Undefined name `undefined`", "Undefined name `other\\u001b`")
    recording.write_text(text, encoding="utf-8")
    assert replay_command([str(recording)]) == 1
    out = capsys.readouterr().out
    assert "a.py" in out
    assert "\x1b" not in out


@pytest.mark.parametrize(
    "text", ["not json\n", "[]\n", '{"direction": "up", "message": {}}\n', '{"direction": "in"}\n']
)
def test_what_is_no_recording_is_refused(tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ReplayError, match=r"x\.jsonl:1: not a line of a recording"):
        list(recorded(str(path)))
    assert replay_command([str(path)]) == 2
    assert replay_command([str(tmp_path / "missing")]) == 2
    assert "postil: " in capsys.readouterr().err


def test_a_recorder_follows_no_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "target")
    with pytest.raises(OSError, match=r"link"):
        Recorder(str(tmp_path / "link"))
    assert not os.path.exists(tmp_path / "target")


def test_each_line_of_a_recording_is_one_message(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    record = Recorder(str(path))
    record("in", b'{"a":\n1}')
    record("out", b'{"b":2}')
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [(one["direction"], one["message"]) for one in lines] == [("in", {"a": 1}), ("out", {"b": 2})]
