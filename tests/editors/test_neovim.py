"""A real Neovim, with the file that postil ships for it, against the real server.

Each scenario is a Lua file in `neovim/`, run headless; its messages are shown when it fails. Neovim is `POSTIL_NVIM`, else
`nvim` of PATH, else the one that `python3 dev.py e2e` put into `.cache/`.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
HERE = Path(__file__).resolve().parent / "neovim"
OLDEST = (0, 11)
LIMIT = 60  # seconds for one scenario, the start of the editor included
SAMPLE = """\
import os


def add_up(numbers):
    total = 0
    for number in numbers:
        total += number
    return totel


text = "é𝒳" + unknown
print(add_up([1, 2]), text)
"""
OTHER = "from sample import add_up\n\nprint(add_up([1, 2]))\n"
PR_SET_CHILD_SUBREAPER = 36

pytestmark = pytest.mark.editor


@pytest.fixture(scope="module")
def neovim() -> str:
    cached = ROOT / ".cache" / "nvim" / "bin" / "nvim"
    found = os.environ.get("POSTIL_NVIM") or shutil.which("nvim") or (str(cached) if cached.exists() else "")
    reason = "no Neovim: `python3 dev.py e2e` installs one, POSTIL_NVIM names one"
    if found:
        shown = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout
        version = tuple(int(part) for part in shown.split()[1].removeprefix("v").split("-")[0].split("."))
        if version >= OLDEST:
            return found
        reason = f"Neovim {version} has no vim.lsp.config; 0.11 or later is needed"
    if os.environ.get("POSTIL_REQUIRE_EDITORS"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture
def orphans_come_here() -> None:
    """Make this process the parent of whatever outlives its own parent below it, so that what is left behind is seen."""
    if not sys.platform.startswith("linux"):
        pytest.skip("left-over processes are looked for in /proc")
    assert ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0


def children() -> list[str]:
    """Return the command lines of the living children of this process."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # it ended meanwhile
            continue
        if int(fields[1]) == os.getpid() and fields[0] != "Z":
            found.append(f"{folder.name} {line}")
    return found


class Editor:
    """A workspace with two files, and a Neovim that runs a scenario in it."""

    def __init__(self, program: str, folder: Path, server: list[str]) -> None:
        self.program = program
        self.workspace = folder / "a workspace"
        self.workspace.mkdir()
        (self.workspace / "pyproject.toml").write_text("[project]\nname = 'sample'\n", encoding="utf-8")
        (self.workspace / "sample.py").write_text(SAMPLE, encoding="utf-8")
        (self.workspace / "other.py").write_text(OTHER, encoding="utf-8")
        self.log = folder / "scenario.log"
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "LC_ALL": "C.UTF-8",
            **{f"XDG_{kind}_HOME": str(folder / kind) for kind in ("STATE", "DATA", "CACHE", "CONFIG")},
            "POSTIL_EDITOR_FILES": str(ROOT / "editors" / "neovim"),
            "POSTIL_EDITORS_PAGE": str(ROOT / "docs" / "editors.md"),
            "POSTIL_COMMAND": json.dumps(server),
            "POSTIL_SCENARIO_LOG": str(self.log),
        }

    def start(self, lua: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [self.program, "--headless", "--clean", "-u", HERE / "init.lua", "sample.py", "-c", f"lua {lua}"],
            cwd=self.workspace,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def run(self, scenario: str) -> tuple[int, str]:
        """Return the exit code and what the scenario, and where it failed the LSP client, said."""
        process = self.start(f"dofile('{HERE}/harness.lua').run(dofile('{HERE}/{scenario}.lua'))")
        try:
            code = process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            code = process.wait()
        said = self.log.read_text(encoding="utf-8") if self.log.exists() else "the scenario did not start"
        for log in (self.workspace.parent / "STATE").rglob("lsp.log"):
            said += "\nlsp.log: " + log.read_text(encoding="utf-8", errors="replace")[-4000:]
        return code, said

    def text(self, name: str) -> str:
        return (self.workspace / name).read_text(encoding="utf-8")


@pytest.fixture
def editor(neovim: str, tmp_path: Path) -> Editor:
    installed = Path(os.environ.get("POSTIL_INSTALLED") or sys.prefix)
    return Editor(neovim, tmp_path, [str(installed / "bin" / "postil"), "serve"])


def test_findings_are_at_the_right_place_and_follow_edits(editor: Editor) -> None:
    code, said = editor.run("diagnostics")
    assert code == 0, said


def test_files_that_are_not_in_front_have_their_findings(editor: Editor) -> None:
    (editor.workspace / "behind.py").write_text("import os\n", encoding="utf-8")
    code, said = editor.run("windows")
    assert code == 0, said


def test_hover_explains_the_rule(editor: Editor) -> None:
    code, said = editor.run("hover")
    assert code == 0, said


def test_code_actions_mend_one_all_and_silence(editor: Editor) -> None:
    code, said = editor.run("actions")
    assert code == 0, said
    assert "import" not in editor.text("sample.py")


def test_the_pages_lines_fix_before_the_file_is_written(editor: Editor) -> None:
    code, said = editor.run("on_save")
    assert code == 0, said
    assert "import os" not in editor.text("sample.py")


def test_rename_changes_both_files(editor: Editor) -> None:
    code, said = editor.run("rename")
    assert code == 0, said
    assert editor.text("sample.py") == SAMPLE.replace("add_up", "sum_of")
    assert editor.text("other.py") == OTHER.replace("add_up", "sum_of")


@pytest.mark.usefixtures("orphans_come_here")
@pytest.mark.parametrize("ending", ["quit", "killed"])
def test_no_process_outlives_the_editor(editor: Editor, ending: str) -> None:
    before = set(children())
    ready = editor.workspace / "ready"
    wait = f"vim.wait(20000, function() return #vim.diagnostic.get(0) > 0 end, 20) io.open('{ready}', 'w'):close()"
    process = editor.start(wait + (" vim.cmd('qa!')" if ending == "quit" else ""))
    wait_until(ready.exists, "the server answered")
    if ending == "killed":
        process.send_signal(signal.SIGKILL)
    process.wait(LIMIT)
    wait_until(lambda: not set(children()) - before, "all processes ended", lambda: str(children()))


def test_a_server_that_cannot_start_fails_the_scenario(neovim: str, tmp_path: Path) -> None:
    """Else the tests above could be passing for nothing."""
    broken = Editor(neovim, tmp_path, ["/bin/false"])
    broken.environment["POSTIL_WAIT"] = "2000"
    code, said = broken.run("diagnostics")
    assert code == 1, said
    assert "FAIL" in said


def wait_until(condition, what: str, seen=lambda: "", limit: float = 20) -> None:  # noqa: ANN001
    """Wait, at most `limit` seconds, until `condition()` holds."""
    deadline = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < deadline, f"not in {limit} s: {what} {seen()}"
        time.sleep(0.02)
