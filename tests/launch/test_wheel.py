"""What the wheel carries: one package, one script, nothing that runs by itself, and always the same bytes."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import os
import shutil
import subprocess
import sys
import zipfile
from email.parser import Parser
from typing import TYPE_CHECKING

import pytest

from tests.launch.conftest import build

if TYPE_CHECKING:
    from pathlib import Path


def version() -> str:
    from postil import __version__

    return __version__


def test_nothing_but_postil_is_a_top_level_name(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.partition("/")[0] for name in archive.namelist()}
    assert tops == {"postil", f"postil-{version()}.dist-info", f"postil-{version()}.data"}


def test_the_packages_are_inside(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert names >= {
        "postil/__main__.py",
        "postil/server/__main__.py",
        "postil/analyzers/document.py",
        "postil/providers/__init__.py",
        f"postil-{version()}.dist-info/licenses/LICENSE",
    }
    assert not [name for name in names if name.endswith((".pyc", ".orig", "~")) or "/tests/" in name]


def test_one_script_and_nothing_that_runs_by_itself(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        scripts = [name for name in names if ".data/" in name]
        assert scripts == [f"postil-{version()}.data/scripts/postil"]
        assert archive.read(scripts[0]).startswith(b"#!/bin/sh\n")
        assert archive.getinfo(scripts[0]).external_attr >> 16 & 0o111
    assert not [name for name in names if name.endswith((".pth", "entry_points.txt", ".so", ".exe"))]


def test_the_record_equals_the_tree(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (record,) = (name for name in archive.namelist() if name.endswith(".dist-info/RECORD"))
        rows = list(csv.reader(io.StringIO(archive.read(record).decode())))
        assert sorted(row[0] for row in rows) == sorted(archive.namelist())
        for name, digest, size in rows:
            if name != record:
                content = archive.read(name)
                expected = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
                assert (digest, size) == (f"sha256={expected}", str(len(content))), name


def test_the_metadata_has_no_loose_ends(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = Parser().parsestr(archive.read(name).decode())
    assert metadata["Version"] == version()
    assert metadata["Requires-Python"] == ">=3.11"
    # An exact ruff: its diagnostics are ours. pygls' extras bring a command line and a web server that nobody asked for.
    needs = metadata.get_all("Requires-Dist") or []
    assert [need for need in needs if need.startswith("ruff")] == ["ruff==0.17.5"]
    assert not [need for need in needs if "[" in need]


def test_two_builds_are_equal(tree: Path, wheel: Path, tmp_path: Path) -> None:
    """Times and the umask of the person who builds leave no trace, and the sdist builds the same wheel."""
    other = shutil.copytree(tree, tmp_path / "other")
    for path in other.rglob("*"):
        if path.is_file():
            os.utime(path, (1_000_000_000, 1_000_000_000))
            path.chmod(0o700 if path.stat().st_mode & 0o100 else 0o600)
    again = build(other, tmp_path / "again", "wheel")
    assert digest(again) == digest(wheel)

    first = build(tree, tmp_path / "first", "sdist")
    second = build(other, tmp_path / "second", "sdist")
    assert digest(first) == digest(second)
    subprocess.run(["tar", "-xzf", first, "-C", tmp_path], check=True)
    unpacked = build(tmp_path / f"postil-{version()}", tmp_path / "unpacked", "wheel")
    assert digest(unpacked) == digest(wheel)


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_installed_script_says_its_version(installed: Path, tmp_path: Path) -> None:
    for command in ([installed / "bin" / "postil"], [installed / "bin" / "python", "-I", "-m", "postil"]):
        shown = subprocess.run(
            [*command, "--version"], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60
        )
        assert shown.stdout.split() == ["postil", version()]


def test_installing_leaves_the_users_names_alone(installed: Path) -> None:
    script = "import importlib.util as u; print([n for n in ('server', 'analyzers', 'providers', 'tests') if u.find_spec(n)])"
    shown = subprocess.run(
        [installed / "bin" / "python", "-I", "-c", script], capture_output=True, text=True, check=True
    )
    assert shown.stdout.strip() == "[]"


@pytest.mark.skipif(sys.prefix == sys.base_prefix, reason="the tests run outside a virtual environment")
def test_the_launcher_says_when_no_python_is_beside_it(tree: Path, tmp_path: Path) -> None:
    lonely = tmp_path / "postil"
    shutil.copy(tree / "postil" / "launch.sh", lonely)
    lonely.chmod(0o755)
    ended = subprocess.run([lonely, "--version"], capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert "no Python beside" in ended.stderr
