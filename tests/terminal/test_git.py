"""`--since`, and a repository that would run programs if git were asked carelessly."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from server import git as server_git
from server.git import GitError, blob_id, changed_lines, git_binary

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.terminal.conftest import Postil

    Git = Callable[..., str]
    Marker = Callable[[str], str]

BAD = "import os\n"


def lines_of(postil: Postil, *arguments: str) -> list[str]:
    ended = postil("check", "--format=json", "--select=F401", *arguments)
    assert ended.code == 0, ended.complaints
    return [f"{one['path']}:{one['start']['line']}" for one in json.loads(ended.out)]


# -- what changed


def test_only_findings_on_changed_lines(postil: Postil, git: Git) -> None:
    postil.write("a.py", "import os\nimport re\nx = 1\n")
    postil.write("same.py", "import os\n")
    postil.write("moved.py", "import json\n")
    git("add", ".")
    git("commit", "-qm", "one")
    postil.write("a.py", "import os\nimport re\nx = 1\nimport sys\n")
    postil.write("new.py", "import os\n")
    git("mv", "moved.py", "elsewhere.py")
    assert lines_of(postil, "--since", "HEAD") == ["a.py:4", "new.py:1"]
    assert lines_of(postil) == ["a.py:1", "a.py:2", "a.py:4", "elsewhere.py:1", "new.py:1", "same.py:1"]


def test_line_ends_are_no_change(postil: Postil, git: Git) -> None:
    postil.write("a.py", "import os\nimport re\n")
    git("add", ".")
    git("commit", "-qm", "one")
    postil.write("a.py", b"import os\r\nimport re\r\nimport sys\r\n")
    assert lines_of(postil, "--since=HEAD") == ["a.py:3"]


def test_since_where_the_branch_began(postil: Postil, git: Git) -> None:
    postil.write("a.py", "import os\n\n\nx = 1\n")
    git("add", ".")
    git("commit", "-qm", "one")
    git("checkout", "-qb", "work")
    postil.write("b.py", "import re\n")
    git("add", ".")
    git("commit", "-qm", "two")
    git("checkout", "-q", "main")
    postil.write("a.py", "\n\nx = 1\n")
    git("commit", "-qam", "main went on")
    git("checkout", "-q", "work")
    assert lines_of(postil, "--since=main") == ["a.py:1", "b.py:1"]
    assert lines_of(postil, "--since=main...") == ["b.py:1"]


def test_from_a_folder_below_the_top(postil: Postil, git: Git) -> None:
    postil.write("pkg/a.py", "import os\n")
    git("add", ".")
    git("commit", "-qm", "one")
    postil.write("pkg/a.py", "import os\nimport re\n")
    ended = postil("check", "--format=json", "--select=F401", "--since=HEAD", ".", cwd=postil.folder / "pkg")
    assert [one["start"]["line"] for one in json.loads(ended.out)] == [2]


@pytest.mark.parametrize("revision", ["nowhere", "--output=x", "-h", "HEAD x", "", "HEAD\n", "main:a.py", "..."])
def test_what_is_no_revision(postil: Postil, git: Git, revision: str) -> None:
    postil.write("a.py", BAD)
    git("add", ".")
    git("commit", "-qm", "one")
    ended = postil("check", f"--since={revision}")
    if revision:
        assert ended.code == 2
        assert "revision" in ended.complaints
        assert "Traceback" not in ended.complaints


def test_outside_a_repository(postil: Postil) -> None:
    postil.write("a.py", BAD)
    ended = postil("check", "--since=HEAD")
    assert ended.code == 2
    assert "not a git repository" in ended.complaints


def naive_changed_lines(old: list[str], new: list[str]) -> int:
    """Return the least number of lines of `new` that cannot be old ones (by longest common subsequence)."""
    table = [[0] * (len(new) + 1) for _ in range(len(old) + 1)]
    for row, before in enumerate(old):
        for column, after in enumerate(new):
            table[row + 1][column + 1] = (
                table[row][column] + 1 if before == after else max(table[row][column + 1], table[row + 1][column])
            )
    return len(new) - table[-1][-1]


def test_changed_lines_hold_every_new_line() -> None:
    seed = random.randrange(10**6)
    dice = random.Random(seed)
    for _ in range(300):
        old = [dice.choice("abcdef") for _ in range(dice.randrange(12))]
        new = list(old)
        for _ in range(dice.randrange(4)):
            at = dice.randrange(len(new) + 1)
            new[at : at + dice.randrange(2)] = [dice.choice("xyz") for _ in range(dice.randrange(3))]
        got = changed_lines("\n".join(old), "\n".join(new))
        assert all(index in got for index, line in enumerate(new) if line in "xyz"), (seed, old, new, got)
        assert len(got) >= naive_changed_lines(old, new), (seed, old, new)


def test_a_deletion_marks_the_line_after_it() -> None:
    assert changed_lines("a\nb\nc\n", "a\nc\n") == {1}
    assert changed_lines("a\nb\n", "a\nb\n") == frozenset()
    assert changed_lines("", "") == frozenset()


def test_a_huge_rewrite_is_compared_in_a_moment() -> None:
    old = "\n".join(f"old {number}" for number in range(30_000))
    new = "\n".join(f"new {number}" for number in range(30_000))
    assert len(changed_lines(old, new)) == 30_000


def test_blob_ids_are_gits(postil: Postil, git: Git) -> None:
    postil.write("a.py", BAD)
    git("add", ".")
    assert git("ls-files", "-s").split()[1] == blob_id(BAD.encode())


# -- hostile repositories


@pytest.fixture
def marker(tmp_path: Path) -> Callable[[str], str]:
    """A function that writes a program leaving a mark when it is run, and returns its path."""
    (tmp_path / "marks").mkdir()

    def make(name: str) -> str:
        path = tmp_path / f"run-{name}"
        path.write_text(f"#!/bin/sh\ntouch '{tmp_path}/marks/{name}'\ncat 2>/dev/null\n")
        path.chmod(0o755)
        return str(path)

    return make


def marks(tmp_path: Path) -> list[str]:
    return sorted(os.listdir(tmp_path / "marks"))


def everything(postil: Postil) -> None:
    """Run what of postil looks at a repository."""
    for arguments in (["check", "."], ["check", "--since=HEAD", "."], ["check", "--since=HEAD...", "."], ["doctor"]):
        ended = postil(*arguments)
        assert b"Traceback" not in ended.err


@pytest.mark.parametrize(
    "settings",
    [
        {"core.fsmonitor": "RUN"},
        {"core.pager": "RUN", "pager.cat-file": "RUN", "core.editor": "RUN"},
        {"core.sshCommand": "RUN", "core.alternateRefsCommand": "RUN", "gpg.program": "RUN"},
        {"core.hooksPath": "HOOKS"},
        {"diff.external": "RUN", "diff.x.textconv": "RUN", "diff.x.command": "RUN"},
        {"filter.x.clean": "RUN", "filter.x.smudge": "RUN", "filter.x.required": "true"},
        {"filter.x.process": "RUN"},
        {"alias.cat-file": "!RUN", "alias.ls-tree": "!RUN", "alias.rev-parse": "!RUN"},
        {"include.path": "../evil-config"},
    ],
    ids=lambda settings: next(iter(settings)),
)
def test_no_setting_of_a_repository_runs_a_program(
    postil: Postil, git: Git, marker: Marker, tmp_path: Path, settings: dict[str, str]
) -> None:
    postil.write("a.py", BAD)
    postil.write("touched.py", BAD)
    postil.write(".gitattributes", "*.py filter=x diff=x\n")
    git("add", ".")
    git("commit", "-qm", "one")
    program = marker("ran")
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for hook in ("post-checkout", "post-index-change", "fsmonitor-watchman", "reference-transaction"):
        (hooks / hook).write_text(f"#!/bin/sh\n{program}\n")
        (hooks / hook).chmod(0o755)
    (postil.folder / "evil-config").write_text(f"[core]\n\tfsmonitor = {program}\n\tpager = {program}\n")
    for name, value in settings.items():
        git("config", name, value.replace("RUN", program).replace("HOOKS", str(hooks)))
    postil.write("a.py", BAD + "import re\n")
    os.utime(postil.folder / "touched.py")
    everything(postil)
    assert marks(tmp_path) == []


def test_the_traps_do_spring(postil: Postil, git: Git, marker: Marker, tmp_path: Path) -> None:
    """A careless `git status` falls for the fixtures, so that the tests above mean something."""
    postil.write("a.py", BAD)
    postil.write(".gitattributes", "*.py filter=x\n")
    git("add", ".")
    git("commit", "-qm", "one")
    git("config", "core.fsmonitor", marker("monitor"))
    git("config", "filter.x.clean", marker("clean"))
    postil.write("a.py", "import no\n")
    git("status")
    assert marks(tmp_path) == ["clean", "monitor"]


@pytest.mark.parametrize("way", ["ssh", "ext", "uploadpack"])
def test_a_missing_object_is_not_fetched(postil: Postil, git: Git, marker: Marker, tmp_path: Path, way: str) -> None:
    postil.write("a.py", BAD)
    git("add", ".")
    git("commit", "-qm", "one")
    blob = git("rev-parse", "HEAD:a.py")
    (postil.folder / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    program = marker("fetched")
    git("config", "core.repositoryFormatVersion", "1")
    git("config", "extensions.partialClone", "origin")
    git("config", "remote.origin.promisor", "true")
    git("config", "protocol.allow", "always")
    git("config", "protocol.ext.allow", "always")
    if way == "ssh":
        git("config", "remote.origin.url", "ssh://nobody@localhost/x")
        git("config", "core.sshCommand", program)
    elif way == "ext":
        git("config", "remote.origin.url", f"ext::{program}")
    else:
        git("config", "remote.origin.url", str(postil.folder))
        git("config", "remote.origin.uploadpack", program)
    postil.write("a.py", "import os\nimport re\n")
    everything(postil)
    assert marks(tmp_path) == []
    assert lines_of(postil, "--since=HEAD") == ["a.py:1", "a.py:2"], "nothing to compare with: all of it is shown"


def test_a_bare_repository_buried_in_a_clone(postil: Postil, git: Git, marker: Marker, tmp_path: Path) -> None:
    program = marker("buried")
    buried = postil.folder / "sub"
    git("init", "-q", "--bare", str(buried))
    (buried / "config").write_text(
        f"[core]\n\trepositoryformatversion = 0\n\tbare = false\n\tworktree = .\n\tfsmonitor = {program}\n"
    )
    (buried / "a.py").write_text(BAD)
    ended = postil("check", "--since=HEAD", ".", cwd=buried)
    assert ended.code == 2
    assert b"Traceback" not in ended.err
    postil("check", ".", cwd=buried)
    postil("doctor", cwd=buried)
    assert marks(tmp_path) == []


def test_the_work_tree_must_be_around_the_folder(postil: Postil, git: Git, tmp_path: Path) -> None:
    postil.write("a.py", BAD)
    git("add", ".")
    git("commit", "-qm", "one")
    (tmp_path / "other").mkdir()
    git("config", "core.worktree", str(tmp_path / "other"))
    ended = postil("check", "--since=HEAD")
    assert ended.code == 2


def test_git_is_not_taken_from_the_workspace(postil: Postil, git: Git, marker: Marker, tmp_path: Path) -> None:
    postil.write("a.py", BAD)
    git("add", ".")
    git("commit", "-qm", "one")
    for name in ("git", "ruff", "python3"):
        program = Path(marker(name))
        (postil.folder / name).write_bytes(program.read_bytes())
        (postil.folder / name).chmod(0o755)
    for path in (f":{os.environ['PATH']}", f".:{os.environ['PATH']}", f"{postil.folder}:{os.environ['PATH']}"):
        for arguments in (["check", "--since=HEAD"], ["check", "--format=sarif"], ["doctor"]):
            assert postil(*arguments, env={"PATH": path}).code in (0, 1)
    assert marks(tmp_path) == []


def test_git_binary_passes_over_the_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "git").write_text("#!/bin/sh\n")
    (tmp_path / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f".:{tmp_path}:relative")
    with pytest.raises(GitError):
        git_binary(str(tmp_path))


@pytest.mark.parametrize("subcommand", ["status", "diff", "show", "blame", "checkout", "--exec-path", "config"])
def test_no_other_subcommand_is_run(tmp_path: Path, subcommand: str) -> None:
    with pytest.raises(ValueError, match="not one of"):
        server_git.git(str(tmp_path), subcommand)
