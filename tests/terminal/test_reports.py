"""The formats: what programs read is valid and complete, what people read is harmless."""

from __future__ import annotations

import json
import os
import pty
import re
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

import jsonschema
import pytest

from server import terminal
from server.terminal import display_width, term_safe

if TYPE_CHECKING:
    from tests.terminal.conftest import Postil

SCHEMA = json.loads((Path(__file__).parent / "sarif-2.1.0-rtm.5.json").read_text())
HOSTILE = "\x1b]0;title\x07\x1b[31m\x9b31m\x1b]8;;http://x\x1b\\\x1b]52;c;aGk=\x07\r\x7f\u202e\u2066\u200b"


@pytest.fixture
def hostile(postil: Postil) -> Postil:
    folder = os.fsencode(postil.folder)
    texts = {
        b"plain.py": "import os\n",
        b"esc\x1b[2J\x07.py": "import os\n",
        b"c1\xc2\x9b31m.py": "import os\n",
        b"line\nbreak\r.py": "import os\n",
        b"::error file=x,line=1::injected.py": "import os\n",
        b"%0A::set-output name=x::y.py": "import os\n",
        b"##[error]old.py": "import os\n",
        b"not\xff\xfeutf8.py": "import os\n",
        "b\u202eidi\u2066.py".encode(): "import os\n",
        b"comma,colon:.py": "import os\n",
        b"<img src=x onerror=alert(1)>|`@someone`.py": "import os\n",
        b"code.py": f"import os; x = undefined_{'é日本'}\nprint('{HOSTILE}', nothing)\n" + "\ta\x0b = \x1c b\n",
    }
    for name, text in texts.items():
        with open(os.path.join(folder, name), "wb") as file:
            file.write(text.encode("utf-8", "surrogatepass"))
    return postil


def forbidden(output: str) -> list[str]:
    """Return what a terminal could obey or a reader could not see."""
    return [
        character
        for character in output
        if character not in "\n\t"
        and (unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") or character in "\u202e\u2066\u200b\ufeff")
    ]


@pytest.mark.parametrize("format_", ["text", "github", "markdown", "json", "sarif"])
def test_no_order_reaches_the_terminal(hostile: Postil, format_: str) -> None:
    ended = hostile("check", f"--format={format_}")
    assert ended.code == 1
    assert forbidden(ended.text) == []
    assert forbidden(ended.complaints) == []


def test_no_order_reaches_a_real_terminal(hostile: Postil) -> None:
    output = on_a_terminal(hostile, "check")
    assert "F401" in output
    # Our own colours are the only orders: take them away, and nothing is left.
    assert forbidden(re.sub(r"\x1b\[[0-9;]*m", "", output).replace("\r\n", "\n")) == []


def test_no_line_of_text_is_a_workflow_command(hostile: Postil) -> None:
    for line in hostile("check").text.splitlines():
        assert not line.lstrip().startswith(("::", "##["))


def test_workflow_commands_are_ours_alone(hostile: Postil) -> None:
    lines = hostile("check", "--format=github").text.splitlines()
    assert lines
    for line in lines:
        match = re.fullmatch(r"::(error|warning|notice) ([^:]*)::(.*)", line)
        assert match, line
        names = [pair.partition("=")[0] for pair in match[2].split(",")]
        assert set(names) <= {"file", "line", "endLine", "col", "endColumn", "title"}
        assert len(names) == len(set(names))


def test_markdown_shows_names_as_they_are(hostile: Postil) -> None:
    text = hostile("check", "--format=markdown").text
    outside_code = re.sub(r"(`+).+?\1", "", text)
    assert "<" not in outside_code
    assert "@" not in outside_code
    assert "injected" not in outside_code


def test_names_survive_in_json_and_sarif(hostile: Postil) -> None:
    names = {os.fsencode(name) for name in os.listdir(os.fsencode(hostile.folder))}
    log = json.loads(hostile("check", "--format=sarif").out)
    uris = {one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for one in log["runs"][0]["results"]}
    assert {unquote_to_bytes(uri) for uri in uris} == names
    assert all(re.fullmatch(r"[A-Za-z0-9%._~/-]+", uri) for uri in uris)
    paths = {one["path"] for one in json.loads(hostile("check", "--format=json").out)}
    assert {path.encode("utf-8") for path in paths} == {
        name.decode("utf-8", "backslashreplace").encode() for name in names
    }


def test_sarif_is_valid_and_says_all_of_it(postil: Postil) -> None:
    postil.write("a.py", "import os\nprint(nothing, 'é日本😀', nothing)\ndef f(:\n")
    postil.write(
        "b.py", "import os\n" + "def f(a):\n" + "".join(f"    if a == {n}:\n        return 1\n" for n in range(40))
    )
    postil.write("sub dir/ü.py", "import os\nx = eval('1')\nassert (x, 'always')\n")
    postil.write("skipped.py", b"\0")
    ended = postil("check", "--format=sarif", "--fail-on=never", "--select=F,S307,cyclomatic-complexity,syntax-error")
    log = json.loads(ended.out)
    jsonschema.Draft4Validator(SCHEMA).validate(log)
    [run] = log["runs"]
    assert run["columnKind"] == "unicodeCodePoints"
    rules = {rule["id"]: rule for rule in run["tool"]["driver"]["rules"]}
    assert rules["S307"]["properties"]["tags"] == ["external/cwe/cwe-095", "security"]
    assert rules["F401"]["helpUri"].startswith("https://docs.astral.sh/ruff/rules/")
    assert all(rule["help"]["text"] and rule["help"]["markdown"] for rule in rules.values())
    by_rule: dict[str, Any] = {}
    for one in run["results"]:
        by_rule.setdefault(one["ruleId"], one)
        assert run["tool"]["driver"]["rules"][one["ruleIndex"]]["id"] == one["ruleId"]
        assert re.fullmatch(r"[0-9a-f]{16}", one["partialFingerprints"]["postil/v1"])
        region = one["locations"][0]["physicalLocation"]["region"]
        assert min(region.values()) >= 1
    assert by_rule["cyclomatic-complexity"]["level"] == "note"
    assert by_rule["F631"]["level"] == "warning"
    assert by_rule["syntax-error"]["level"] == "error"
    [change] = by_rule["F401"]["fixes"][0]["artifactChanges"]
    assert change["replacements"][0]["deletedRegion"] == {
        "startLine": 1,
        "startColumn": 1,
        "endLine": 2,
        "endColumn": 1,
    }
    uris = {one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for one in run["results"]}
    assert "sub%20dir/%C3%BC.py" in uris
    notes = run["invocations"][0]["toolExecutionNotifications"]
    assert notes[-1]["message"]["text"] == "1 file skipped: 1 binary"
    assert str(postil.folder) not in ended.text


def test_an_empty_sarif_is_valid(postil: Postil) -> None:
    postil.write("a.py", "x = 1\n")
    log = json.loads(postil("check", "--format=sarif").out)
    jsonschema.Draft4Validator(SCHEMA).validate(log)
    assert log["runs"][0]["results"] == []


def test_json_is_the_array_that_is_promised(postil: Postil) -> None:
    postil.write("a.py", "x = '😀'; import os\n")
    [one] = json.loads(postil("check", "--format=json").out)
    fingerprint = one.pop("fingerprint")
    assert re.fullmatch(r"[0-9a-f]{16}", fingerprint)
    assert one == {
        "rule": "F401",
        "source": "ruff",
        "severity": "warning",
        "category": "smell",
        "message": "`os` imported but unused",
        "path": "a.py",
        "start": {"line": 1, "column": 17},
        "end": {"line": 1, "column": 19},
        "cwe": None,
        "confidence": 1.0,
        "fixable": True,
        "help": "https://docs.astral.sh/ruff/rules/unused-import",
    }
    postil.write("a.py", "x = 1\n")
    assert json.loads(postil("check", "--format=json").out) == []


@pytest.mark.parametrize("format_", ["json", "sarif", "github", "markdown"])
def test_the_same_findings_give_the_same_bytes(hostile: Postil, format_: str) -> None:
    first = hostile("check", f"--format={format_}", "--jobs=1")
    assert hostile("check", f"--format={format_}", "--jobs=2") == first


@pytest.mark.parametrize("format_", ["text", "json", "sarif", "github", "markdown"])
def test_output_goes_to_the_file_that_was_named(postil: Postil, format_: str) -> None:
    postil.write("a.py", "import os\n")
    ended = postil("check", f"--format={format_}", "--output=report", "--quiet")
    assert ended.out == b""
    assert b"F401" in (postil.folder / "report").read_bytes()
    assert sorted(os.listdir(postil.folder)) == ["a.py", "report"]
    assert (postil.folder / "report").stat().st_mode & 0o777 == 0o666 & ~umask()


def umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_text_when_piped_is_a_line_for_each_finding(postil: Postil) -> None:
    postil.write("a.py", "import os\nprint(nothing)\n")
    assert postil("check", "--quiet").text == (
        "a.py:1:8: warning[F401] `os` imported but unused\na.py:2:7: error[F821] Undefined name `nothing`\n"
    )


def on_a_terminal(postil: Postil, *arguments: str, **environment: str) -> str:
    """Run postil with a terminal of 80 columns for stdout, and return what it wrote there."""
    import fcntl
    import struct
    import subprocess
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    process = subprocess.Popen(
        postil.command(*arguments),
        cwd=postil.folder,
        env=postil.environment({"TERM": "xterm", **environment}),
        stdout=theirs,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
    )
    os.close(theirs)
    pieces = []
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # Linux says so when the other side is closed
            break
        if not piece:
            break
        pieces.append(piece)
    os.close(ours)
    process.wait(timeout=60)
    return b"".join(pieces).decode()


def test_a_terminal_gets_the_line_and_a_mark_under_the_place(postil: Postil) -> None:
    postil.write("a.py", "if True:\n\tprint('日本', nothing)\n")
    output = on_a_terminal(postil, "check", NO_COLOR="1").replace("\r\n", "\n")
    line, mark = (row.split("│ ")[1] for row in output.splitlines()[2:4])
    assert line == "print('日本', nothing)"
    assert display_width(line[: line.index("nothing")]) == mark.index("^")
    assert mark.count("^") == len("nothing")


def test_long_messages_are_folded_between_words(postil: Postil) -> None:
    name = "a_rather_long_name_that_nobody_reads"
    postil.write("a.py", f"def f():\n    {name} = 1\n\n\nimport os\n")
    output = on_a_terminal(postil, "check", NO_COLOR="1").replace("\r\n", "\n")
    assert all(display_width(line) <= 80 for line in output.splitlines())
    first, second = output.splitlines()[1:3]
    assert first == f"      2:5  warning  Local variable `{name}` is"
    assert second == " " * 20 + "assigned to but never used  F841"
    assert "     5:8  warning  `os` imported but unused  F401 [fixable]\n" in output


def test_long_lines_are_cut_round_the_place(postil: Postil) -> None:
    postil.write("a.py", "x = [" + "1, " * 5000 + "nothing, " + "2, " * 5000 + "]\n")
    output = on_a_terminal(postil, "check", NO_COLOR="1").replace("\r\n", "\n")
    line, mark = output.splitlines()[2:4]
    assert display_width(line) <= 80
    assert line[mark.index("^") :].startswith("nothing")


@pytest.mark.parametrize(
    ("environment", "arguments"), [({"NO_COLOR": "1"}, []), ({}, ["--no-color"]), ({"TERM": "dumb"}, [])]
)
def test_colours_can_be_refused(postil: Postil, environment: dict[str, str], arguments: list[str]) -> None:
    postil.write("a.py", "import os\n")
    assert "\x1b" not in on_a_terminal(postil, "check", *arguments, **environment)
    assert "\x1b" in on_a_terminal(postil, "check")


@pytest.mark.parametrize(
    "code", [*range(0x20), *range(0x7F, 0xA0), 0xAD, 0x200B, 0x202E, 0x2028, 0x2066, 0xFEFF, 0xDCFF, 0xE0041]
)
def test_term_safe_leaves_nothing_to_obey(code: int) -> None:
    got = term_safe(f"a{chr(code)}b")
    assert got.isprintable()
    assert got.startswith("a\\")
    assert got.endswith("b")


def test_term_safe_leaves_honest_text_alone() -> None:
    for text in ("plain", "naïve café", "日本語", "العربية", "עברית", "👍🏽❤️", "a\\b"):
        assert term_safe(text) == text


def test_progress_is_for_people_and_for_long_work(capsys: pytest.CaptureFixture[str]) -> None:
    with terminal.progress("checking", 3, wanted=True) as advance:
        advance(1)
    assert capsys.readouterr().err == "", "stderr is no terminal here"
    bar = terminal.Progress("checking", 3)
    bar.advance()
    assert capsys.readouterr().err == "", "too short to show"
    bar.PATIENCE = -1.0  # type: ignore[misc]
    bar.advance()
    assert bar._stop is not None, "long enough now"
    bar.close()
