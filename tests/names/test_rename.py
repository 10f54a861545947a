"""What a rename changes, what it leaves alone, and what it refuses."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.names.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path


def check(root: Path, before: str, new: str, after: str) -> None:
    workspace = Workspace(root, {"a.py": before})
    assert workspace.after(workspace.rename(new)) == {"a.py": after}


IN_ONE_FILE = {
    "a local": ("def f():\n    x|x = 1\n    return xx\n", "def f():\n    new = 1\n    return new\n"),
    "a parameter and its keyword": (
        "def f(o|ld, b): return old\nf(1, 2); f(old=1, b=2)\n",
        "def f(new, b): return new\nf(1, 2); f(new=1, b=2)\n",
    ),
    "nonlocal": (
        "def f():\n    x|x = 0\n    def g():\n        nonlocal xx\n        xx += 1\n    g()\n    return xx\n",
        "def f():\n    new = 0\n    def g():\n        nonlocal new\n        new += 1\n    g()\n    return new\n",
    ),
    "a parameter that is assigned again": (
        "def f(o|ld, a=1):\n    for x in a:\n        new_ = x(old)\n        if new_:\n            old = new_\n    return old\n",
        "def f(new, a=1):\n    for x in a:\n        new_ = x(new)\n        if new_:\n            new = new_\n    return new\n",
    ),
    "global": (
        "count = 0\ndef f():\n    global count\n    co|unt += 1\nf()\nprint(count)\n",
        "new = 0\ndef f():\n    global new\n    new += 1\nf()\nprint(new)\n",
    ),
    "after an emoji": ("name = '🙂'; x = '🙂', na|me; y = name\n", "new = '🙂'; x = '🙂', new; y = new\n"),
    "in an f-string": (
        "who = 'x'\nprint(f'{w|ho!r:>{len(who)}} who')\n",
        "new = 'x'\nprint(f'{new!r:>{len(new)}} who')\n",
    ),
    "strings and comments stay": (
        "val|ue = 1  # value\nprint('value', value)\n",
        "new = 1  # value\nprint('value', new)\n",
    ),
    "another scope's stays": (
        "def f():\n    a|a = 1\n    return aa\ndef g():\n    aa = 2\n    return aa\n",
        "def f():\n    new = 1\n    return new\ndef g():\n    aa = 2\n    return aa\n",
    ),
    "a class": (
        "class O|ld: pass\nx: Old = Old()\nclass B(Old): pass\n",
        "class new: pass\nx: new = new()\nclass B(new): pass\n",
    ),
    "a method and its calls": (
        "class A:\n    def o|ld(self): return self.old()\na = A()\na.old()\n",
        "class A:\n    def new(self): return self.new()\na = A()\na.new()\n",
    ),
    "an attribute of the instance": (
        "class A:\n    def __init__(self):\n        self.o|ld = 1\n    def f(self): return self.old\n",
        "class A:\n    def __init__(self):\n        self.new = 1\n    def f(self): return self.new\n",
    ),
    "a method with its overrides": (
        "class A:\n    def o|ld(self): ...\nclass B(A):\n    def old(self): return super().old()\nclass C:\n    def old(self): ...\n",
        "class A:\n    def new(self): ...\nclass B(A):\n    def new(self): return super().new()\nclass C:\n    def old(self): ...\n",
    ),
    "an alias of an import": ("import os.path as o|p\nprint(op.sep)\n", "import os.path as new\nprint(new.sep)\n"),
    "two letters": ("a|b = 1\nprint(ab)\n", "new = 1\nprint(new)\n"),
    "a comprehension's own": (
        "x = 1\ny = [x for x| in range(3)]\nprint(x)\n",
        "x = 1\ny = [new for new in range(3)]\nprint(x)\n",
    ),
    "an exception's name": (
        "try:\n    pass\nexcept OSError as e|rror:\n    print(error)\n",
        "try:\n    pass\nexcept OSError as new:\n    print(new)\n",
    ),
    "with, for, walrus": (
        "with open('x') as fi|le:\n    for line in file:\n        if (n := len(line)) > 1:\n            print(n)\n",
        "with open('x') as new:\n    for line in new:\n        if (n := len(line)) > 1:\n            print(n)\n",
    ),
    "a tuple's part": ("o|ld, b = 1, 2\nprint(old, b)\n", "new, b = 1, 2\nprint(new, b)\n"),
    "a decorator": ("def o|ld(f): return f\n@old\ndef g(): ...\n", "def new(f): return f\n@new\ndef g(): ...\n"),
    "carriage returns": (
        "def f():\r\n    x|x = 1\r\n    return xx\r\n",
        "def f():\r\n    new = 1\r\n    return new\r\n",
    ),
    "odd separators": ("a = '\u2028\x0c'; na|me = 1\nprint(name)\n", "a = '\u2028\x0c'; new = 1\nprint(new)\n"),
    "__all__": ("__all__ = ['old', \"other\"]\ndef o|ld(): ...\n", "__all__ = ['new', \"other\"]\ndef new(): ...\n"),
    "the end of a name": ("value| = 1\nprint(value)\n", "new = 1\nprint(new)\n"),
    "the start of a name": ("x = 1\nprint(|x)\n", "new = 1\nprint(new)\n"),
}


@pytest.mark.parametrize("case", IN_ONE_FILE)
def test_in_one_file(tmp_path: Path, case: str) -> None:
    before, after = IN_ONE_FILE[case]
    check(tmp_path, before, "new", after)


def test_across_files(tmp_path: Path) -> None:
    workspace = Workspace(
        tmp_path,
        {
            "pkg/__init__.py": "from pkg.core import helper\n__all__ = ['helper']\n",
            "pkg/core.py": "def hel|per(size=1): return size\n",
            "pkg/user.py": "from .core import helper as h\nfrom . import core\nh(); core.helper(size=2)\n",
            "app.py": "import pkg\nfrom pkg import helper\nhelper(); pkg.helper()\n",
            "other.py": "def helper(): ...\nhelper()\n",
        },
    )
    assert workspace.after(workspace.rename("aid")) == {
        "pkg/__init__.py": "from pkg.core import aid\n__all__ = ['aid']\n",
        "pkg/core.py": "def aid(size=1): return size\n",
        "pkg/user.py": "from .core import aid as h\nfrom . import core\nh(); core.aid(size=2)\n",
        "app.py": "import pkg\nfrom pkg import aid\naid(); pkg.aid()\n",
    }


def test_a_parameter_is_renamed_where_other_files_name_it(tmp_path: Path) -> None:
    workspace = Workspace(
        tmp_path,
        {
            "core.py": "def helper(si|ze=1): return size\n",
            "app.py": "from core import helper\nhelper(size=2)\ndict(size=3)\n",
            "more.py": "import core\ncore.helper(size=4)\n",
        },
    )
    assert workspace.after(workspace.rename("length")) == {
        "core.py": "def helper(length=1): return length\n",
        "app.py": "from core import helper\nhelper(length=2)\ndict(size=3)\n",
        "more.py": "import core\ncore.helper(length=4)\n",
    }


def test_from_the_place_where_it_is_used(tmp_path: Path) -> None:
    workspace = Workspace(
        tmp_path, {"core.py": "def helper(): ...\n", "app.py": "from core import helper\nhel|per()\n"}
    )
    assert workspace.after(workspace.rename("aid")) == {
        "core.py": "def aid(): ...\n",
        "app.py": "from core import aid\naid()\n",
    }


def test_overrides_in_other_files_go_along(tmp_path: Path) -> None:
    workspace = Workspace(
        tmp_path,
        {
            "base.py": "class Base:\n    def sa|ve(self): ...\n",
            "middle.py": "from base import Base\nclass Middle(Base): ...\n",
            "leaf.py": "from middle import Middle\nclass Leaf(Middle):\n    def save(self): super().save()\n",
            "same.py": "class Other:\n    def save(self): ...\n",
        },
    )
    after = workspace.after(workspace.rename("store"))
    assert set(after) == {"base.py", "leaf.py"}
    assert after["leaf.py"] == "from middle import Middle\nclass Leaf(Middle):\n    def store(self): super().store()\n"


def test_names_of_two_letters_are_found_in_all_files(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, {"core.py": "d|b = 1\n", "app.py": "from core import db\nprint(db)\n"})
    assert set(workspace.after(workspace.rename("base"))) == {"core.py", "app.py"}


def test_more_files_than_jedi_looks_into(tmp_path: Path) -> None:
    files = {"core.py": "def hel|per(): ...\n"}
    files |= {f"user{n}.py": "from core import helper\nhelper()\n" for n in range(60)}
    workspace = Workspace(tmp_path, files)
    assert len(workspace.after(workspace.rename("aid"))) == 61


def test_the_editors_texts_replace_the_disks(tmp_path: Path) -> None:
    workspace = Workspace(
        tmp_path,
        {
            "core.py": "def hel|per(): ...\n",
            "app.py": "from core import helper\n",
            "old.py": "from core import helper\n",
        },
    )
    opened = {
        "app.py": "# moved down\nfrom core import helper\nhelper()\n",
        "old.py": "\n",
        "new.py": "from core import helper\n",
    }
    for _ in range(2):  # nothing of the first request is remembered in the second
        after = workspace.after(workspace.rename("aid", opened), opened)
        assert after == {
            "core.py": "def aid(): ...\n",
            "app.py": "# moved down\nfrom core import aid\naid()\n",
            "new.py": "from core import aid\n",
        }
    assert set(workspace.after(workspace.rename("aid"))) == {"core.py", "app.py", "old.py"}


def test_what_may_mean_the_same_is_reported(tmp_path: Path) -> None:
    workspace = Workspace(
        tmp_path, {"a.py": "class A:\n    def o|ld(self): ...\n", "b.py": "def f(x): x.old()\ngetattr(f, 'old')\n"}
    )
    result = workspace.rename("new")
    assert set(workspace.after(result)) == {"a.py"}
    assert result.unsure == ((str(tmp_path / "b.py"), 0, 12), (str(tmp_path / "b.py"), 1, 12))
    assert result.unsure_count == 2


REFUSED = {
    "not a name": ("x|x = 1\n", "1a", "not a name"),
    "empty": ("x|x = 1\n", "", "not a name"),
    "with a blank": ("x|x = 1\n", "a b", "not a name"),
    "a keyword": ("x|x = 1\n", "class", "keyword"),
    "None": ("x|x = 1\n", "None", "keyword"),
    "not as Python reads it": ("x|x = 1\n", "ﬁle", "reads"),
    "private": ("x|x = 1\n", "__x", "underscores"),
    "from private": ("class A:\n    __|x = 1\n", "y", "underscores"),
    "a special name": ("class A:\n    def __in|it__(self): ...\n", "y", "meaning of its own"),
    "at a keyword": ("fo|r x in y: pass\n", "new", "keyword"),
    "in a string": ("x = 'te|xt'\n", "new", "no name"),
    "in a comment": ("x = 1  # te|xt\n", "new", "no name"),
    "in white space": ("x = 1\n\n   |   \n", "new", "no name"),
    "at a number": ("x = 12|34\n", "new", "no name"),
    "at an operator": ("x = (1 +| 2)\n", "new", "no name"),
    "past the end": ("x = 1\n|", "new", "no name"),
    "an empty file": ("|", "new", "no name"),
    "a built-in": ("pri|nt(1)\n", "new", "outside the workspace"),
    "from the standard library": ("from os import pa|th\npath\n", "new", "rename its file"),
    "a function of the standard library": ("import os\nos.getc|wd()\n", "new", "outside the workspace"),
    "a module": ("import o|s\n", "new", "rename its file"),
    "nobody knows": ("print(unkn|own)\n", "new", "nobody knows"),
    "an attribute of nobody knows what": ("def f(x): x.fo|o\n", "new", "nobody knows"),
    "in use in the scope": (
        "def f():\n    a|a = 1\n    new = 2\n    return aa, new\n",
        "new",
        "in use in the same scope",
    ),
    "a parameter in use": ("def f(a|a, new): return aa\n", "new", "in use|valid"),
    "caught by an inner scope": (
        "a|a = 1\ndef f():\n    new = 2\n    return aa, new\n",
        "new",
        "in use in the same scope",
    ),
    "catches what was global": ("new = 1\ndef f():\n    a|a = 2\n    return aa + new\n", "new", "in use"),
    "catches a built-in in use": ("a|a = 1\ndef f(): return list()\n", "list", "in use"),
    "a member in use": ("class A:\n    def o|ld(self): ...\n    def new(self): ...\n", "new", "in use|member"),
    "an attribute in use": (
        "class A:\n    def f(self):\n        self.o|ld = 1\n        self.new = 2\n",
        "new",
        "member",
    ),
    "a broken file": ("def f(:\n    pass\nx|x = 1\n", "new", "syntax"),
    "a method of a class elsewhere": (
        "import threading\nclass A(threading.Thread):\n    def ru|n(self): ...\n",
        "new",
        "outside the workspace",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(tmp_path: Path, case: str) -> None:
    before, new, reason = REFUSED[case]
    result = Workspace(tmp_path, {"a.py": before}).rename(new)
    assert not result.files
    assert re.search(reason, result.refused), result.refused


def test_the_same_name_changes_nothing(tmp_path: Path) -> None:
    assert Workspace(tmp_path, {"a.py": "x|x = 1\n"}).rename("xx").files == ()


def test_match_statements_are_checked_by_the_compiler(tmp_path: Path) -> None:
    """Though jedi does not know `match`, what it finds all the same is right, or refused."""
    before = "def f(co|mmand):\n    match command:\n        case [x, y]:\n            return command, x\n"
    workspace = Workspace(tmp_path, {"a.py": before})
    result = workspace.rename("new")
    if not result.refused:
        assert workspace.after(result)["a.py"] == before.replace("|", "").replace("command", "new")


def test_files_that_are_not_the_workspaces_own(tmp_path: Path) -> None:
    root = tmp_path / "root"
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.py").write_text("from core import helper\n")
    workspace = Workspace(
        root,
        {
            "core.py": "def hel|per(): ...\n",
            ".hidden/a.py": "from core import helper\n",
            "node_modules/a.py": "from core import helper\n",
            "built/a.py": "from core import helper\n",
            "own-venv/pyvenv.cfg": "",
            "own-venv/a.py": "from core import helper\n",
            ".gitignore": "built/\n",
        },
    )
    (root / "link.py").symlink_to(outside / "secret.py")
    (root / "folder").symlink_to(outside)
    assert set(workspace.after(workspace.rename("aid"))) == {"core.py"}


def test_a_name_that_leads_out_of_the_workspace_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "lib.py").write_text("def helper(): ...\n")
    workspace = Workspace(root, {"app.py": "from lib import helper\nhel|per()\n"})
    (root / "lib.py").symlink_to(tmp_path / "outside" / "lib.py")
    assert "outside the workspace" in workspace.rename("aid").refused


def test_a_file_in_another_encoding_is_reported(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, {"core.py": "def hel|per(): ...\n"})
    (tmp_path / "latin.py").write_bytes(b"# -*- coding: latin-1 -*-\nfrom core import helper  # \xe9\n")
    result = workspace.rename("aid")
    assert set(workspace.after(result)) == {"core.py"}
    assert (str(tmp_path / "latin.py"), 0, 0) in result.unsure


def test_prepare_gives_the_range_and_the_name(tmp_path: Path) -> None:
    place = Workspace(tmp_path, {"a.py": "x = '🙂'; na|me = 1\n"}).prepare()
    assert (place.line, place.column, place.end_column, place.name, place.refused) == (0, 9, 13, "name", "")


def test_prepare_says_why_not(tmp_path: Path) -> None:
    assert "outside" in Workspace(tmp_path, {"a.py": "pri|nt()\n"}).prepare().refused
