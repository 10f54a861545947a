"""The wheel, built once, installed into an environment of its own, without a network.

`POSTIL_INSTALLED` may name an environment that has postil installed already, with everything it needs: CI's empty one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # One process builds the wheel, and tests everything about it.
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("launch"))


def copy_of_the_sources(target: Path) -> Path:
    """Copy what git knows or would take into `target`."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target / name)
    return target


def build(tree: Path, output: Path, kind: str) -> Path:
    """Build a wheel or an sdist of `tree` with the build backend that is installed beside the tests; return the file."""
    environment = {name: value for name, value in os.environ.items() if name != "SOURCE_DATE_EPOCH"}
    subprocess.run(
        [sys.executable, "-I", "-m", "hatchling", "build", "-t", kind, "-d", output],
        cwd=tree,
        env=environment,
        check=True,
        capture_output=True,
    )
    (built,) = output.glob("*.whl" if kind == "wheel" else "*.tar.gz")
    return built


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources, apart from the checkout, which may change while the tests run."""
    return copy_of_the_sources(tmp_path_factory.mktemp("tree"))


@pytest.fixture(scope="session")
def wheel(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tree, tmp_path_factory.mktemp("dist"), "wheel")


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment whose only own package is postil's wheel; what it needs is seen through a path entry, not copied."""
    if ready := os.environ.get("POSTIL_INSTALLED"):
        return Path(ready)
    target = tmp_path_factory.mktemp("an environment")  # with a space in its path
    venv.create(target, with_pip=True)
    subprocess.run(
        [target / "bin" / "python", "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", wheel],
        check=True,
        capture_output=True,
    )
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(target), "platbase": str(target)}))
    (packages / "needed.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    (target / "bin" / "ruff").symlink_to(Path(sysconfig.get_path("scripts")) / "ruff")
    return target


@pytest.fixture(scope="session")
def editable() -> Path:
    """The environment of the tests, in which the checkout is installed."""
    return Path(sys.prefix)
