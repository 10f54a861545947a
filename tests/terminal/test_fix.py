"""`postil check --fix`: what is changed, and all that stays as it was."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.terminal.conftest import Postil

    Git = Callable[..., str]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"import os\nx = 1\n", b"x = 1\n"),
        (b"import os\r\nx = 1\r\n", b"x = 1\r\n"),
        (b"import os\rx = 1\r", b"x = 1\r"),
        (b"\xef\xbb\xbfimport os\r\nx = 'caf\xc3\xa9'\r\n", b"\xef\xbb\xbfx = 'caf\xc3\xa9'\r\n"),
        (b"# coding: latin-1\nimport os\nx = '\xe9'\n", b"# coding: latin-1\nx = '\xe9'\n"),
        (b"import os\r\nx = 1\n", b"x = 1\n"),
        (b"x = 1\nimport os", b"x = 1\n"),
        # Two fixes that must not be applied together: the body would be empty.
        (b"x = 1\nif x:\n    import a\n    import b\n", b"x = 1\nif x:\n    pass\n"),
        # Not safe, so not done: what is left is reported.
        (b"def f():\n    x = 1\n", b"def f():\n    x = 1\n"),
        (b"x = '\xe9'\nimport os\n", b"x = '\xe9'\nimport os\n"),
        (b"def f(:\nimport os\n", b"def f(:\nimport os\n"),
    ],
)
def test_safe_fixes_and_nothing_else(postil: Postil, before: bytes, after: bytes) -> None:
    path = postil.write("a.py", before)
    path.chmod(0o640)
    postil("check", "--fix")
    assert path.read_bytes() == after
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert os.listdir(postil.folder) == ["a.py"]


def test_unsafe_fixes_on_request(postil: Postil) -> None:
    path = postil.write("a.py", "def f():\n    x = 1\n    return 2\n")
    assert "0 fixed" not in postil("check", "--fix").text
    assert path.read_text() == "def f():\n    x = 1\n    return 2\n"
    postil("check", "--fix", "--unsafe-fixes")
    assert path.read_text() == "def f():\n    return 2\n"


def test_rules_that_are_off_are_not_fixed(postil: Postil) -> None:
    path = postil.write("a.py", "import os\nprint(f'x')\n")
    postil("check", "--fix", "--ignore=F401")
    assert path.read_text() == "import os\nprint('x')\n"
    path.write_text("import os\nprint(f'x')\n")
    postil("check", "--fix", "--select=F401")
    assert path.read_text() == "print(f'x')\n"
    path.write_text("import os  # noqa: F401\nprint(f'x')\n")
    postil("check", "--fix")
    assert path.read_text() == "import os  # noqa: F401\nprint('x')\n"


def test_the_report_is_about_what_is_left(postil: Postil) -> None:
    postil.write("a.py", "import os\nprint(nothing)\n")
    ended = postil("check", "--fix")
    assert ended.code == 1
    assert "a.py:1:7: error[F821]" in ended.text
    assert "F401" not in ended.text
    assert "1 fixed" in ended.text
    assert "can be fixed" not in ended.text


def test_only_changed_lines_are_fixed_with_since(postil: Postil, git: Git) -> None:
    path = postil.write("a.py", "import os\nimport re\n")
    git("add", ".")
    git("commit", "-qm", "one")
    path.write_text("import os\nimport re\nimport sys, json\nimport abc\n")
    postil("check", "--fix", "--since=HEAD")
    assert path.read_text() == "import os\nimport re\n"


def test_a_link_stays_a_link(postil: Postil) -> None:
    path = postil.write("real.py", "import os\n")
    (postil.folder / "link.py").symlink_to("real.py")
    postil("check", "--fix", "link.py")
    assert (postil.folder / "link.py").is_symlink()
    assert path.read_text() == ""


def test_a_file_that_may_not_be_written_is_told(postil: Postil) -> None:
    path = postil.write("a.py", "import os\n")
    path.chmod(0o444)
    if os.access(path, os.W_OK):
        pytest.skip("root may write anything")
    ended = postil("check", "--fix")
    assert "a.py: not fixed: not writable" in ended.text
    assert path.read_text() == "import os\n"


def test_stdin_is_answered_with_the_fixed_text(postil: Postil) -> None:
    ended = postil("check", "--fix", "-", "--stdin-filename=a.py", stdin=b"\xef\xbb\xbfimport os\r\nx = 1\r\n")
    assert ended.out == b"\xef\xbb\xbfx = 1\r\n"
    assert os.listdir(postil.folder) == []


def test_fixing_equals_ruffs_own_fixing(postil: Postil) -> None:
    """On a file with every kind of trouble that fixes can give each other."""
    text = """\
import os, sys
import re as re
from typing import List, Optional, Dict
try:
    import json
except ImportError:
    json = None
def f(x=None):
    if x == None:
        import a
        import b
    print(f"no placeholder", f'')
    for i in range(3):
        continue
    else:
        import c
    return not x is None
"""
    path = postil.write("a.py", text)
    twin = postil.write("twin.py", text)
    from analyzers.ruff_binary import ruff_binary
    from analyzers.ruff_check import RuffOptions

    subprocess.run(
        [ruff_binary(), "check", "--no-cache", *RuffOptions().arguments(), "--fix", str(twin)],
        check=False,
        capture_output=True,
    )
    postil("check", "--fix", "a.py")
    assert path.read_text() == twin.read_text() != text
    compiled = subprocess.run([sys.executable, "-m", "py_compile", str(path)], check=False, capture_output=True)
    assert compiled.returncode == 0
