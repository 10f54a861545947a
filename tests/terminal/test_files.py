"""Which files are found, and how one is read and replaced."""

from __future__ import annotations

import os
import random
import stat
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from server.files import Unreadable, decoded, discover, read_workspace_file, replace_file

if TYPE_CHECKING:
    from pathlib import Path


def make(root: Path, *names: str, content: bytes = b"x = 1\n") -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def found(root: Path, *, exclude: tuple[str, ...] = ()) -> list[str]:
    return sorted(os.path.relpath(path, root) for path in discover([str(root)], str(root), exclude).files)


IGNORE_FILES = [
    {"": "*.py\n!keep.py\n"},
    {"": "/top.py\nsub/\n"},
    {"": "a/**/z.py\n", "sub": "!z.py\n"},
    {"": "*.py", "a": "!*.py", "a/b": "x.py\n"},
    {"": "a/*\n!a/b/\n"},
    {"": "**/b\n"},
    {"": "# comment\n\\#odd.py\n\nx.p[xy]\n"},
    {"": "!x.py\nx.py\n!a/x.py\n"},
    {"a": "/x.py\nb/z.py\n", "a/b": "*\n!z.py\n"},
    {"": "x.py   \n\tz.py\r\nkeep.py\\ \n"},
    {"": "sub\n!sub/keep.py\n"},
    {"": "a/b/x.py/\n"},
]
NAMES = [
    f"{folder}{name}"
    for folder in ("", "a/", "a/b/", "sub/", "sub/b/c/")
    for name in ("x.py", "z.py", "keep.py", "top.py", "#odd.py")
]


@pytest.mark.parametrize("ignores", IGNORE_FILES, ids=str)
def test_gitignore_means_what_it_means_to_git(tmp_path: Path, ignores: dict[str, str]) -> None:
    make(tmp_path, *NAMES)
    for folder, text in ignores.items():
        (tmp_path / folder / ".gitignore").write_text(text)
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    listed = subprocess.run(
        ["git", "ls-files", "-o", "--exclude-standard", "-z"], cwd=tmp_path, capture_output=True, check=True
    ).stdout.decode()
    expected = sorted(name for name in listed.split("\0") if name.endswith(".py"))
    assert found(tmp_path) == expected


def test_random_gitignores_agree_with_git(tmp_path: Path) -> None:
    make(tmp_path, *NAMES)
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    seed = random.randrange(10**6)
    dice = random.Random(seed)
    pieces = ["a", "b", "sub", "c", "x.py", "z.py", "*.py", "keep.py", "*", "?.py", "[xz].py"]
    for _ in range(40):
        for folder in ("", "a", "sub"):
            lines = []
            for _ in range(dice.randrange(4)):
                # `**` stands between names here: pathspec and git part ways over patterns like `/*/**/`.
                parts = [dice.choice(pieces) for _ in range(dice.randrange(1, 4))]
                if len(parts) == 3 and dice.random() < 0.3:
                    parts[1] = "**"
                start, end = dice.choice(["", "", "!", "/", "!/"]), dice.choice(["", "", "/"])
                lines.append(start + "/".join(parts) + end)
            (tmp_path / folder / ".gitignore").write_text("\n".join(lines))
        listed = subprocess.run(
            ["git", "ls-files", "-o", "--exclude-standard", "-z"], cwd=tmp_path, capture_output=True, check=True
        ).stdout.decode()
        expected = sorted(name for name in listed.split("\0") if name.endswith(".py"))
        texts = {name: (tmp_path / name / ".gitignore").read_text() for name in ("", "a", "sub")}
        assert found(tmp_path) == expected, (seed, texts)


def test_the_repository_around_a_folder_has_its_say(tmp_path: Path) -> None:
    make(tmp_path, "pkg/one.py", "pkg/two.py", "pkg/three.py")
    (tmp_path / ".git" / "info").mkdir(parents=True)
    (tmp_path / ".git" / "info" / "exclude").write_text("two.py\n")
    (tmp_path / ".gitignore").write_text("/pkg/three.py\n")
    assert found(tmp_path / "pkg") == ["one.py"]


def test_folders_that_are_nobodys_source_are_left_out(tmp_path: Path) -> None:
    make(tmp_path, "a.py", ".venv/b.py", "node_modules/c.js", "x/__pycache__/d.py", "x/build/e.py", "x/.hidden/f.py")
    assert found(tmp_path) == ["a.py", "x/.hidden/f.py"]
    assert found(tmp_path / "x" / "build") == ["e.py"], "what is named is taken"


def test_settings_exclude_beats_a_negation_in_the_repository(tmp_path: Path) -> None:
    make(tmp_path, "a.py", "gen/b.py", "deep/gen/c.py")
    (tmp_path / ".gitignore").write_text("!gen/\n!gen/b.py\n")
    assert found(tmp_path, exclude=("gen/",)) == ["a.py"]


def test_links_neither_loop_nor_lead_out(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    root = tmp_path / "root"
    make(outside, "secret.py")
    make(root, "a.py", "sub/b.py")
    (root / "loop").symlink_to(root)
    (root / "sub" / "up").symlink_to("..")
    (root / "away").symlink_to(outside)
    (root / "away.py").symlink_to(outside / "secret.py")
    (root / "alias.py").symlink_to("a.py")
    (root / "dangling.py").symlink_to("nowhere.py")
    got = discover([str(root)], str(root))
    assert sorted(os.path.relpath(path, root) for path in got.files) == ["a.py", "sub/b.py"]
    assert got.skipped["linked from outside the project"] == 1


def test_a_link_inside_the_project_to_what_is_not_walked_counts(tmp_path: Path) -> None:
    make(tmp_path, "node_modules/own.py", "a.py")
    (tmp_path / "own.py").symlink_to("node_modules/own.py")
    assert found(tmp_path) == ["a.py", "own.py"]


def test_special_files_are_counted_and_never_opened(tmp_path: Path) -> None:
    make(tmp_path, "a.py")
    os.mkfifo(tmp_path / "pipe.py")
    got = discover([str(tmp_path)], str(tmp_path))
    assert [os.path.basename(path) for path in got.files] == ["a.py"]
    assert got.skipped == {"not regular files": 1}


def test_a_pattern_with_many_stars_cannot_keep_us_busy(tmp_path: Path) -> None:
    make(tmp_path, "a" * 240 + ".py")
    (tmp_path / ".gitignore").write_text("*a" * 30 + "b\n" + "**/" * 30 + "b\n")
    started = time.monotonic()
    got = discover([str(tmp_path)], str(tmp_path))
    assert time.monotonic() - started < 2.0
    assert len(got.files) == 1
    assert got.skipped == {"patterns with too many wildcards": 2}


def test_odd_names_are_found(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path)
    names = [b"new\nline.py", b"esc\x1b[31m.py", b"bad\xff\xfe.py", "日本.py".encode(), b"-rf.py", b"@list.py"]
    for name in names:
        with open(os.path.join(folder, name), "wb") as file:
            file.write(b"x\n")
    assert sorted(os.fsencode(name) for name in found(tmp_path)) == sorted(names)


# -- reading


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    make(root, "ok.py", "sub/in.py")
    make(tmp_path / "root-sibling", "x.py")
    make(tmp_path / "outside", "secret.py")
    (root / "linked-folder").symlink_to(tmp_path / "outside")
    (root / "linked.py").symlink_to(tmp_path / "outside" / "secret.py")
    (root / "inner.py").symlink_to("sub/in.py")
    os.link(tmp_path / "outside" / "secret.py", root / "hard.py")
    os.mkfifo(root / "fifo.py")
    (root / "loop.py").symlink_to("loop.py")
    make(root, "large.py", content=b"x" * 101)
    return root


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("../root-sibling/x.py", "outside the project"),
        ("../outside/secret.py", "outside the project"),
        ("sub/../../outside/secret.py", "outside the project"),
        ("linked-folder/secret.py", "outside the project"),
        ("linked.py", "outside the project"),
        ("hard.py", "with several hard links"),
        ("fifo.py", "not a regular file"),
        ("sub", "not a regular file"),
        ("loop.py", "a link that leads nowhere"),
        ("missing.py", "gone"),
        ("ok\0.py", "not a file name"),
        ("large.py", "too large"),
        ("%2e%2e/outside/secret.py", "gone"),
    ],
)
def test_what_is_not_read(workspace: Path, name: str, reason: str) -> None:
    with pytest.raises(Unreadable) as caught:
        read_workspace_file(f"{workspace}/{name}", str(workspace), max_size=100)
    assert caught.value.reason == reason


@pytest.mark.parametrize("name", ["ok.py", "sub/in.py", "inner.py", "sub/../ok.py"])
def test_what_is_read(workspace: Path, name: str) -> None:
    assert read_workspace_file(f"{workspace}/{name}", str(workspace)) == b"x = 1\n"


def test_a_workspace_that_is_itself_reached_by_a_link(workspace: Path, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to(workspace)
    assert read_workspace_file(f"{tmp_path}/alias/ok.py", f"{tmp_path}/alias") == b"x = 1\n"


def test_a_device_is_no_file() -> None:
    with pytest.raises(Unreadable) as caught:
        read_workspace_file("/dev/zero", None)
    assert caught.value.reason == "not a regular file"


@pytest.mark.parametrize(
    ("content", "text", "lossy"),
    [
        (b"caf\xc3\xa9", "café", False),
        (b"\xef\xbb\xbfx\r\n", "x\r\n", False),
        ("héllo\n".encode("utf-16"), "héllo\n", False),
        ("x".encode("utf-32"), "x", False),
        (b"# -*- coding: latin-1 -*-\ncaf\xe9\n", "# -*- coding: latin-1 -*-\ncafé\n", False),
        (
            b"#!/bin/python\n# vim: set fileencoding=cp1252 :\n\x80\n",
            "#!/bin/python\n# vim: set fileencoding=cp1252 :\n€\n",
            False,
        ),
        (b"# coding: rot13\n\xe9\n", "# coding: rot13\n�\n", True),
        (b"# coding: idna\n\xe9", "# coding: idna\n�", True),
        (b"\n\n# coding: latin-1\n\xe9", "\n\n# coding: latin-1\n�", True),
        (b"", "", False),
    ],
)
def test_encodings(content: bytes, text: str, lossy: bool) -> None:
    got = decoded(content, python=True)
    assert (got.text, got.lossy) == (text, lossy)
    if not lossy:
        assert got.encoded(got.text) == content


def test_a_nul_near_the_start_means_binary() -> None:
    with pytest.raises(Unreadable):
        decoded(b"PNG\0\0")
    assert decoded(b"x" * 8192 + b"\0").text.endswith("\0")


# -- replacing


def test_replacing_keeps_mode_and_link(tmp_path: Path) -> None:
    target = tmp_path / "real.py"
    target.write_bytes(b"old")
    target.chmod(0o751)
    (tmp_path / "link.py").symlink_to("real.py")
    replace_file(str(tmp_path / "link.py"), b"old", b"new")
    assert target.read_bytes() == b"new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o751
    assert (tmp_path / "link.py").is_symlink()
    assert sorted(os.listdir(tmp_path)) == ["link.py", "real.py"], "no temporary file is left"


def test_a_file_that_changed_meanwhile_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_bytes(b"somebody else's")
    with pytest.raises(Unreadable) as caught:
        replace_file(str(path), b"old", b"new")
    assert caught.value.reason == "changed meanwhile"
    assert path.read_bytes() == b"somebody else's"
    assert os.listdir(tmp_path) == ["a.py"]
