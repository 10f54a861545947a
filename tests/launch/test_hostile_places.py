"""postil started in a repository that is full of traps: nothing of the repository is ever imported or run.

Every trap is the same harmless thing, a file that appears when the trap was sprung. A trap that cannot spring proves
nothing, so the traps are tried with plain Python and a plain shell first.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.launch.session import Session, review

# Modules of the standard library and of what postil needs, and postil's own packages.
MODULES = (
    *(
        "json",
        "asyncio",
        "logging",
        "sqlite3",
        "typing",
        "os",
        "sys",
        "re",
        "ssl",
        "socket",
        "selectors",
        "signal",
        "struct",
    ),
    *("sitecustomize", "usercustomize", "encodings", "runpy", "site", "readline", "platform", "subprocess", "tomllib"),
    *(
        "msgspec",
        "pygls",
        "lsprotocol",
        "attrs",
        "cattrs",
        "pydantic",
        "jedi",
        "parso",
        "ruff",
        "rich",
        "yaml",
        "pathspec",
    ),
    *("platformdirs", "tree_sitter", "tree_sitter_python"),
)
PACKAGES = ("server", "analyzers", "providers", "postil")
# What a Python program or its libraries start by name, here or there.
PROGRAMS = (
    *(
        "ruff",
        "git",
        "python",
        "python3",
        "python3.11",
        "readlink",
        "sh",
        "bash",
        "env",
        "uname",
        "dirname",
        "realpath",
    ),
    *(
        "gcc",
        "cc",
        "ld",
        "objdump",
        "ldconfig",
        "getconf",
        "id",
        "node",
        "lsb_release",
        "sw_vers",
        "hostname",
        "ps",
        "kill",
    ),
)
CODE = "import os\n\nvalue = 1\nprint(undefined_name, value)\n"

PYTHON_PATHS = {
    "dot": ".",
    "empty": "",
    "colon": ":",
    "trailing colon": "/x:",
    "absolute": "{hostile}",
    "unset": None,
}
STARTS = ("script", "symlink", "module")


class Trap:
    """A hostile repository, and the folder in which its traps leave their marks."""

    def __init__(self, folder: Path) -> None:
        self.repository = folder / "evil"
        self.marks = folder / "marks"
        self.marks.mkdir()
        self.repository.mkdir()
        for name in MODULES:
            self._module(self.repository / f"{name}.py")
        for name in PACKAGES:
            for module in ("__init__", "__main__", "app", "cli"):
                self._module(self.repository / name / f"{module}.py")
        for place in (".", "bin", ".venv/bin", "venv/bin", "node_modules/.bin"):
            for name in PROGRAMS:
                self._program(self.repository / place / name)
        for place in (".venv", "venv"):
            (self.repository / place / "pyvenv.cfg").write_text(f"home = {self.repository}/bin\n", encoding="utf-8")
        self._program(self.repository / "rc.sh")
        self._project_files()
        (self.repository / "main.py").write_text(CODE, encoding="utf-8")

    def _module(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        name = "_".join(path.relative_to(self.repository).parts)
        path.write_text(f"import posix\nposix.close(posix.open({str(self.marks / name)!r}, 0o101))\n", encoding="utf-8")

    def _program(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        name = "_".join(path.relative_to(self.repository).parts)
        path.write_text(f"#!/bin/sh\n: > '{self.marks}/program_{name}'\n", encoding="utf-8")
        path.chmod(0o755)

    def _project_files(self) -> None:
        """Settings of the tools that postil uses, each naming a program of the repository."""
        git = shutil.which("git")
        if git:
            plain = {"PATH": os.defpath, "HOME": str(self.marks)}
            for arguments in (
                ["init", "--quiet"],
                ["add", "pyproject.toml", "main.py"] if (self.repository / "main.py").exists() else ["status"],
                ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "--allow-empty", "-m", "first"],
            ):
                subprocess.run([git, *arguments], cwd=self.repository, env=plain, check=True, capture_output=True)
            with (self.repository / ".git" / "config").open("a", encoding="utf-8") as config:
                config.write(
                    "[core]\n\tfsmonitor = ./rc.sh\n\tpager = ./rc.sh\n\thooksPath = .\n\tsshCommand = ./rc.sh\n"
                    '[diff]\n\texternal = ./rc.sh\n[filter "evil"]\n\tclean = ./rc.sh\n\tsmudge = ./rc.sh\n'
                    '[diff "evil"]\n\ttextconv = ./rc.sh\n\tcommand = ./rc.sh\n'
                )
            (self.repository / ".gitattributes").write_text("*.py filter=evil diff=evil\n", encoding="utf-8")
        (self.repository / ".jedi").mkdir()
        (self.repository / ".jedi" / "project.json").write_text(
            f'[1, {{"_environment_path": "{self.repository}/bin/python", "_path": "{self.repository}"}}]',
            encoding="utf-8",
        )
        (self.repository / "pyproject.toml").write_text(
            f'[tool.postil]\nruff.path = "{self.repository}/ruff"\ncommand = "./rc.sh"\n', encoding="utf-8"
        )

    def environment(self, home: Path, **more: str | None) -> dict[str, str]:
        """An environment with a home of its own; None leaves a variable out."""
        base: dict[str, str | None] = {
            "PATH": os.defpath,
            "HOME": str(home),
            "LC_ALL": "C.UTF-8",
            "VIRTUAL_ENV": str(self.repository / ".venv"),
            "ENV": str(self.repository / "rc.sh"),
            "BASH_ENV": str(self.repository / "rc.sh"),
        }
        return {name: value for name, value in (base | more).items() if value is not None}

    def sprung(self) -> list[str]:
        return sorted(path.name for path in self.marks.iterdir())


@pytest.fixture
def trap(tmp_path: Path) -> Trap:
    return Trap(tmp_path)


def command(environment: Path, start: str, folder: Path) -> list[str | Path]:
    """Return how postil is started: by its script, by a link to the script as uv and pipx make it, or as a module."""
    script = environment / "bin" / "postil"
    if start == "symlink":
        link = folder / "a bin" / "postil"
        link.parent.mkdir()
        link.symlink_to(script)
        return [link]
    return [script] if start == "script" else [environment / "bin" / "python", "-I", "-m", "postil"]


@pytest.mark.parametrize("python_path", PYTHON_PATHS)
@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("install", ["installed", "editable"])
def test_a_session_imports_nothing_of_the_repository(
    install: str, start: str, python_path: str, trap: Trap, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    form = PYTHON_PATHS[python_path]
    environment = trap.environment(tmp_path, PYTHONPATH=form and form.format(hostile=trap.repository))
    serve = [*command(request.getfixturevalue(install), start, tmp_path), "serve"]
    with Session(serve, cwd=trap.repository, environment=environment) as session:
        shown = review(session, trap.repository, "main.py")
    assert "F821" in {str(one["code"]) for one in shown}
    assert trap.sprung() == []


@pytest.mark.parametrize(
    "path", [".:{usual}", ":{usual}", "{usual}:", "bin:{usual}", "{hostile}:{usual}", "{hostile}/bin:{usual}"]
)
@pytest.mark.parametrize("start", ["script", "symlink"])
def test_a_session_runs_nothing_that_path_leads_to(
    start: str, path: str, trap: Trap, tmp_path: Path, installed: Path
) -> None:
    environment = trap.environment(
        tmp_path, PATH=path.format(usual=os.defpath, hostile=trap.repository), PYTHONPATH="."
    )
    with Session(
        [*command(installed, start, tmp_path), "serve"], cwd=trap.repository, environment=environment
    ) as session:
        review(session, trap.repository, "main.py")
    assert trap.sprung() == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "."],
        ["check", "--since", "HEAD", "."],
        ["check", "--fix", "main.py"],
        ["doctor"],
        ["config", "show"],
        ["--version"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("install", ["installed", "editable"])
def test_a_command_runs_nothing_of_the_repository(
    install: str, arguments: list[str], trap: Trap, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    environment = trap.environment(tmp_path, PATH=f".:{os.defpath}", PYTHONPATH=".:")
    ended = subprocess.run(
        [*command(request.getfixturevalue(install), "script", tmp_path), *arguments],
        cwd=trap.repository,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode in (0, 1), ended.stderr
    assert trap.sprung() == []


def test_the_launcher_goes_to_no_relative_place(trap: Trap, tmp_path: Path) -> None:
    """Where links cannot be resolved, a relative name of the script must not lead to the repository's own interpreter."""
    launcher = (Path(__file__).resolve().parent.parent.parent / "postil" / "launch.sh").read_text(encoding="utf-8")
    without_readlink = launcher.replace("command -p readlink", "command -p false")
    assert without_readlink != launcher
    (trap.repository / "launch").write_text(without_readlink, encoding="utf-8")
    ended = subprocess.run(
        ["/bin/sh", "./launch"], cwd=trap.repository, env=trap.environment(tmp_path), capture_output=True, check=False
    )
    assert ended.returncode == 2
    assert trap.sprung() == []


def test_the_traps_spring(trap: Trap, tmp_path: Path, editable: Path) -> None:
    """Plain Python and a plain shell walk into them: without this the tests above could be passing for nothing."""
    environment = trap.environment(tmp_path, PATH=f".:{os.defpath}", PYTHONPATH=".")
    subprocess.run(
        [editable / "bin" / "python", "-m", "postil"],
        cwd=trap.repository,
        env=environment,
        capture_output=True,
        check=False,
    )
    subprocess.run(
        ["/bin/sh", "-c", "git; ruff"], cwd=trap.repository, env=environment, capture_output=True, check=False
    )
    subprocess.run(["/usr/bin/git", "status"], cwd=trap.repository, env=environment, capture_output=True, check=False)
    assert {"program_git", "program_ruff"} <= set(trap.sprung())
    assert [name for name in trap.sprung() if name.endswith(".py")]
