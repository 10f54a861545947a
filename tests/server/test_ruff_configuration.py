"""Whose ruff configuration counts: the project's only where all of it lies inside, as regular files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from analyzers.ruff_configuration import from_project, own_configuration, project_configuration


def project(tmp_path: Path, **files: str) -> Path:
    root = tmp_path / "root"
    (root / "package").mkdir(parents=True)
    for name, text in files.items():
        path = root / name.replace("__", ".").replace("_in_package", "")
        if name.endswith("_in_package"):
            path = root / "package" / path.name
        path.write_text(text, encoding="utf-8")
    return root


def test_none() -> None:
    assert project_configuration(Path("/nowhere"), Path("/nowhere/a.py")) is None


@pytest.mark.parametrize(
    ("name", "text"),
    [("ruff.toml", ""), (".ruff.toml", "line-length = 100"), ("pyproject.toml", "[tool.ruff]\nline-length = 100")],
)
def test_nearest_file_counts(tmp_path: Path, name: str, text: str) -> None:
    root = project(tmp_path)
    (root / name).write_text(text, encoding="utf-8")
    assert project_configuration(root, root / "package" / "a.py") == root / name


def test_a_pyproject_without_ruff_is_none(tmp_path: Path) -> None:
    root = project(tmp_path, pyproject__toml="[project]\nname = 'x'")
    assert project_configuration(root, root / "a.py") is None


def test_nothing_above_the_root_counts(tmp_path: Path) -> None:
    root = project(tmp_path)
    (tmp_path / "ruff.toml").write_text("", encoding="utf-8")
    assert project_configuration(root, root / "package" / "a.py") is None


def test_extend_inside_the_root_counts(tmp_path: Path) -> None:
    root = project(tmp_path, ruff__toml='extend = "package/base.toml"')
    (root / "package" / "base.toml").write_text("", encoding="utf-8")
    assert project_configuration(root, root / "a.py") == root / "ruff.toml"


@pytest.mark.parametrize(
    "extend",
    [
        "../secret.toml",
        "/etc/passwd",
        "~/x.toml",
        "$HOME/x.toml",
        "missing.toml",
        "ruff.toml",
        "fifo.toml",
        "link.toml",
    ],
)
def test_a_chain_that_leads_elsewhere_is_not_believed(tmp_path: Path, extend: str) -> None:
    root = project(tmp_path, ruff__toml=f'extend = "{extend}"')
    (tmp_path / "secret.toml").write_text("", encoding="utf-8")
    os.mkfifo(root / "fifo.toml")
    (root / "link.toml").symlink_to(tmp_path / "secret.toml")
    assert project_configuration(root, root / "a.py") is None


@pytest.mark.parametrize(
    "text", ["[broken", "\udcff", "x = 1\n" * 200_000, "a." * 100_000 + "a = 1", "[" + "a." * 40 + "a]"]
)
def test_a_file_that_cannot_be_read_hides_those_above_it(tmp_path: Path, text: str) -> None:
    root = project(tmp_path, ruff__toml="")
    (root / "package" / "ruff.toml").write_text(text, encoding="utf-8", errors="surrogateescape")
    assert project_configuration(root, root / "package" / "a.py") is None
    assert project_configuration(root, root / "a.py") == root / "ruff.toml"


def test_a_file_behind_a_link_belongs_to_where_it_lies(tmp_path: Path) -> None:
    root = project(tmp_path, ruff__toml="")
    outside = tmp_path / "outside"
    outside.mkdir()
    (root / "linked").symlink_to(outside)
    assert project_configuration(root, root / "linked" / "a.py") is None


def test_configurations_are_values() -> None:
    assert own_configuration() == own_configuration()
    assert own_configuration(("E",)) != own_configuration()
    assert own_configuration().initialization_options()["settings"]["configurationPreference"] == "editorOnly"  # type: ignore[index]
    assert from_project().initialization_options()["settings"]["configurationPreference"] == "filesystemFirst"  # type: ignore[index]
