"""`postil check`, end to end: what is found, what it costs when something goes wrong, and the exit codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from server.check_plan import workspace_root

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.terminal.conftest import Postil

    Git = Callable[..., str]

POISON = "x = " + "-" * 9_000 + "1\n"
COMPLEX = "def f(a):\n" + "".join(f"    if a == {n}:\n        return {n}\n" for n in range(40))


def rules(postil: Postil, *arguments: str, **more: object) -> list[tuple[str, str, int]]:
    ended = postil("check", "--format=json", "--fail-on=never", *arguments, **more)  # type: ignore[arg-type]
    assert ended.code == 0, ended.complaints
    return [(one["path"], one["rule"], one["start"]["line"]) for one in json.loads(ended.out)]


def test_ruffs_and_our_own_findings_in_one_list(postil: Postil) -> None:
    postil.write("b.py", "import os\n" + COMPLEX)
    postil.write("a.py", "print(nothing)\n")
    assert rules(postil) == [("a.py", "F821", 1), ("b.py", "F401", 1), ("b.py", "cyclomatic-complexity", 2)]


@pytest.mark.parametrize(
    ("text", "arguments", "code"),
    [
        ("x = 1\n", [], 0),
        ("import os\n", [], 0),
        ("import os\n", ["--fail-on=warning"], 1),
        ("print(nothing)\n", [], 1),
        ("print(nothing)\n", ["--fail-on=never"], 0),
        ("print(nothing)\n", ["--ignore=F821"], 0),
        ("print(nothing)\n", ["--ignore=F"], 0),
        ("print(nothing)\n", ["--ignore=F8*"], 0),
        ("print(nothing)\n", ["--select=F4"], 0),
        ("def f(:\n", [], 1),
        (COMPLEX, ["--fail-on=info"], 1),
        (COMPLEX, ["--fail-on=info", "--ignore=cyclo*"], 0),
        (COMPLEX, ["--fail-on=info", "--select=F"], 0),
        (COMPLEX, ["--fail-on=info", "--select=cyclomatic-complexity"], 1),
    ],
)
def test_exit_codes(postil: Postil, text: str, arguments: list[str], code: int) -> None:
    postil.write("a.py", text)
    assert postil("check", *arguments).code == code


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["nowhere.py"], "nowhere.py: no such file or folder"),
        (["--select=QQQ1"], "QQQ1"),
        (["--select=nonsense"], "`nonsense` is not a rule"),
        (["--select=f401"], "did you mean `F401`"),
        (["--ignore=F,cognitive-complexty"], "did you mean `cognitive-complexity`"),
        (["--format=xml"], "invalid choice"),
        (["--unsafe-fixes"], "--fix"),
        (["-"], "--stdin-filename"),
        (["-", "a.py", "--stdin-filename=a.py"], "stands alone"),
        (["--stdin-filename=a.py"], "for use with -"),
        (["--jobs=-1"], "--jobs"),
        (["--jobs=x"], "invalid int"),
        (["--output=/nowhere/at/all"], "/nowhere/at/all"),
    ],
)
def test_a_wrong_command_line_is_one_line_and_two(postil: Postil, arguments: list[str], complaint: str) -> None:
    postil.write("a.py", "x = 1\n")
    ended = postil("check", *arguments)
    assert ended.code == 2
    assert complaint in ended.complaints
    assert "Traceback" not in ended.complaints
    assert ended.out == b""


def test_what_was_named_and_cannot_be_checked_is_two(postil: Postil) -> None:
    os.mkfifo(postil.folder / "pipe.py")
    postil.write("a.py", "x = 1\n")
    ended = postil("check", "pipe.py", "a.py")
    assert ended.code == 2
    assert "pipe.py: not checked: not a regular file" in ended.text


def test_a_poisonous_file_costs_only_its_own_findings(postil: Postil) -> None:
    for number in range(12):
        postil.write(f"ok{number}.py", "import os\n")
    postil.write("ok0_poison.py", POISON)
    ended = postil("check", "--format=json", "--fail-on=never", "--jobs=2")
    found = [one["path"] for one in json.loads(ended.out) if one["rule"] == "F401"]
    assert len(found) == 12
    assert "ok0_poison.py: not checked by ruff" in ended.complaints


def test_skipped_files_are_counted(postil: Postil) -> None:
    postil.write("a.py", "x = 1\n")
    postil.write("binary.py", b"\0\1")
    postil.write("big.js", "x;\n" * 400_000)
    os.mkfifo(postil.folder / "pipe.py")
    ended = postil("check")
    assert "3 files skipped: 1 binary, 1 not regular files, 1 too large" in ended.text
    assert "in 1 file" in ended.text


def test_many_files_in_processes_give_what_one_process_gives(postil: Postil) -> None:
    for number in range(30):
        postil.write(f"m{number}.py", COMPLEX.replace("f(", f"f{number}(") + "import os\n")
    with_processes = postil("check", "--format=json", "--jobs=3")
    one_by_one = [found for number in sorted(map(str, range(30))) for found in rules(postil, f"m{number}.py")]
    assert sorted((one["path"], one["rule"], one["start"]["line"]) for one in json.loads(with_processes.out)) == sorted(
        one_by_one
    )
    assert with_processes.out == postil("check", "--format=json", "--jobs=1").out


def test_stdin_is_the_file_it_is_called(postil: Postil) -> None:
    assert rules(postil, "-", "--stdin-filename=sub/x.py", stdin=b"import os\n") == [("sub/x.py", "F401", 1)]
    assert rules(postil, "-", "--stdin-filename=__init__.py", stdin=b"import os\n") == []
    ended = postil("check", "-", "--stdin-filename=x.unknown", stdin=b"import os\n")
    assert (ended.code, ended.complaints) == (2, "postil: x.unknown: not a language that postil knows\n")


def test_declared_encodings_are_read(postil: Postil) -> None:
    postil.write("latin.py", b"# coding: latin-1\nimport os\nx = '\xe9'\n")
    postil.write("broken.py", b"x = '\xe9'\n")
    assert rules(postil) == [("broken.py", "E902", 1), ("latin.py", "F401", 2)]


def test_settings_of_the_workspace_hold_and_their_mistakes_are_findings(postil: Postil) -> None:
    postil.write("pyproject.toml", '[tool.postil]\nignore = ["F401"]\nexclude = ["gen/"]\nno-such-thing = 1\n')
    postil.write("a.py", "import os\nprint(nothing)\n")
    postil.write("gen/b.py", "print(nothing)\n")
    found = rules(postil)
    assert ("a.py", "F821", 2) in found
    assert [one for one in found if one[0] == "pyproject.toml"] == [("pyproject.toml", "settings-unknown", 4)]
    assert len(found) == 2


def test_a_mistake_in_the_users_own_file_is_two(postil: Postil) -> None:
    postil.write("a.py", "x = 1\n")
    (postil.home / ".config" / "postil").mkdir(parents=True)
    for name in ("config.toml", "postil.toml", "settings.toml"):
        (postil.home / ".config" / "postil" / name).write_text("no-such-thing = 1\n")
    assert postil("check").code == 2


def test_the_projects_ruff_configuration_counts_where_it_is_trusted(postil: Postil) -> None:
    postil.write("pyproject.toml", '[tool.ruff.lint]\nselect = ["E501"]\n[tool.ruff]\nline-length = 20\n')
    postil.write("a.py", "import os\nx = 'longer than twenty'\n")
    assert rules(postil) == [("a.py", "F401", 1)]
    assert "not trusted" in postil("check").text
    assert rules(postil, "--trust") == [("a.py", "E501", 2)]
    assert rules(postil, "--trust", "--select=F401") == [("a.py", "F401", 1)]
    assert rules(postil, "--trust", "--ignore=E501") == []


def test_a_projects_excludes_count_where_it_is_trusted(postil: Postil) -> None:
    postil.write("ruff.toml", 'extend-exclude = ["gen"]\n')
    postil.write("gen/a.py", "import os\n")
    postil.write("b.py", "import os\n")
    assert rules(postil, "--trust") == [("b.py", "F401", 1)]


@pytest.mark.parametrize(
    "configuration",
    [
        "broken = [",
        'no-such-key = "x"',
        'exclude = ["*"]',
        "lint.select = []",
        'extend = "/etc/passwd"',
        'extend = "../outside.toml"',
        'extend = "~/x.toml"',
        'extend = "pipe.toml"',
        'extend = "ruff.toml"',
        'cache-dir = "../cache"',
        'required-version = "==0.0.1"',
    ],
)
@pytest.mark.parametrize("trust", [(), ("--trust",)], ids=["untrusted", "trusted"])
def test_no_ruff_configuration_hangs_or_writes(postil: Postil, configuration: str, trust: tuple[str, ...]) -> None:
    postil.write("ruff.toml", configuration + "\n")
    postil.write("a.py", "import os\n")
    os.mkfifo(postil.folder / "pipe.toml")
    before = sorted(os.listdir(postil.folder.parent))
    started = time.monotonic()
    ended = postil("check", "--format=json", "--fail-on=never", *trust)
    assert time.monotonic() - started < 10
    assert ended.code == 0, ended.complaints
    assert sorted(os.listdir(postil.folder)) == ["a.py", "pipe.toml", "ruff.toml"]
    assert sorted(os.listdir(postil.folder.parent)) == before
    if not trust:
        assert [one["rule"] for one in json.loads(ended.out) if one["path"] == "a.py"] == ["F401"]
    assert "root:" not in ended.text + ended.complaints


def test_a_configuration_that_is_not_believed_is_told(postil: Postil) -> None:
    postil.write("ruff.toml", 'extend = "/etc/passwd"\n')
    postil.write("a.py", "import os\n")
    ended = postil("check", "--trust")
    assert "a.py:1:8: warning[F401]" in ended.text
    assert "note: the project's ruff configuration is not used: it, or a file that it extends" in ended.text


def test_languages_besides_python_are_checked(postil: Postil) -> None:
    postil.write("a.js", "function f(a) {" + "".join(f"if (a == {n}) return {n};\n" for n in range(40)) + "}")
    assert [rule for _, rule, _ in rules(postil)] == ["cyclomatic-complexity"]


def test_a_reader_that_goes_away_is_no_error(postil: Postil) -> None:
    for number in range(400):
        postil.write(f"file_with_a_long_name_to_fill_the_pipe_{number}.py", "import os\nimport re\nimport sys\n")
    process = subprocess.Popen(
        postil.command("check"),
        cwd=postil.folder,
        env=postil.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(timeout=60) == 0


def test_ctrl_c_ends_quietly_and_leaves_nobody_behind(postil: Postil) -> None:
    for number in range(3000):
        postil.write(f"d{number % 10}/m{number}.py", COMPLEX)
    process = subprocess.Popen(
        postil.command("check", "--jobs=2"),
        cwd=postil.folder,
        env=postil.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    limit = time.monotonic() + 60
    while not children(process.pid) and process.poll() is None and time.monotonic() < limit:
        pass
    started = children(process.pid)
    assert started
    process.send_signal(signal.SIGINT)
    _out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, b"")
    while any(os.path.exists(f"/proc/{pid}") for pid in started) and time.monotonic() < limit:
        pass
    assert [pid for pid in started if os.path.exists(f"/proc/{pid}")] == []


def children(pid: int) -> list[int]:
    try:
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def test_the_workspace_of_a_path(tmp_path: Path) -> None:
    (tmp_path / "repo" / "pkg" / "deep").mkdir(parents=True)
    (tmp_path / "repo" / ".git").mkdir()
    assert workspace_root([str(tmp_path / "repo" / "pkg" / "deep")]) == str(tmp_path / "repo")
    (tmp_path / "repo" / "pkg" / "pyproject.toml").write_text("[project]\n")
    assert workspace_root([str(tmp_path / "repo" / "pkg" / "deep")]) == str(tmp_path / "repo")
    (tmp_path / "repo" / "pkg" / "pyproject.toml").write_text("[tool.postil]\n")
    assert workspace_root([str(tmp_path / "repo" / "pkg" / "deep")]) == str(tmp_path / "repo" / "pkg")
    assert workspace_root([str(tmp_path / "repo" / "pkg"), str(tmp_path / "repo")]) == str(tmp_path / "repo")


@pytest.mark.slow
def test_ruffs_part_is_what_ruff_says(tmp_path: Path) -> None:
    """On real code: rule by rule, line by line, with `# noqa` and per-file ignores."""
    import shutil
    import sys

    root = Path(__file__).resolve().parent.parent.parent
    import jedi
    import rich

    for package in (jedi, rich):
        folder = Path(package.__file__).parent
        shutil.copytree(folder, tmp_path / folder.name, ignore=shutil.ignore_patterns("__pycache__", "third_party"))
    for name in ("jedi", "rich"):
        ended = subprocess.run(
            [sys.executable, str(root / "bench" / "ruff_parity.py"), str(tmp_path / name)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout
        assert " 0 differ" in ended.stdout
        assert " 0 by ruff" not in ended.stdout
