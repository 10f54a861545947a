"""Extracting and inlining: right, or refused with a reason."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.names.workspace import Workspace

if TYPE_CHECKING:
    from pathlib import Path

VARIABLES = {
    "an argument": ("print([[1 + 2]])\n", "new = 1 + 2\nprint(new)\n"),
    "part of a sum": ("x = a() * [[(1 + 2)]]\n", "new = (1 + 2)\nx = a() * new\n"),
    "inside a function": (
        "def f(a):\n    # why\n    return g([[a.b]], 1)\n",
        "def f(a):\n    # why\n    new = a.b\n    return g(new, 1)\n",
    ),
    "with blanks selected": ("print([[ 1 + 2 ]])\n", "new = 1 + 2\nprint( new )\n"),
    "after an emoji": ("print('🙂', [[1 + 2]])\n", "new = 1 + 2\nprint('🙂', new)\n"),
    "carriage returns": ("a = 1\r\nprint([[a + 2]])\r\n", "a = 1\r\nnew = a + 2\r\nprint(new)\r\n"),
    "a test": ("if [[a > 1]]:\n    pass\n", "new = a > 1\nif new:\n    pass\n"),
}


@pytest.mark.parametrize("case", VARIABLES)
def test_extract_variable(tmp_path: Path, case: str) -> None:
    before, after = VARIABLES[case]
    workspace = Workspace(tmp_path, {"a.py": before})
    assert workspace.after(workspace.extract_variable("new")) == {"a.py": after}


VARIABLES_REFUSED = {
    "nothing": ("x = 1[[ ]]\n", "nothing is selected"),
    "half of a sum, in the wrong place": ("x = 1 * [[2 + 3]]\n", "something else|Cannot"),
    "half of a list": ("y = [[ [x + 1 ]], 2]\n", "whole|Cannot"),
    "a statement": ("[[import os]]\n", "Cannot extract"),
    "a definition": ("[[x]] = 1\n", "Cannot extract"),
    "the name of a comprehension": ("y = [ [[x + 1]] for x in z]\n", "comprehension"),
    "the name of a lambda": ("f = lambda x: [[x + 1]]\n", "comprehension or lambda"),
    "computed each time": ("while [[f()]]:\n    pass\n", "condition"),
    "computed under a condition": ("if a and [[a.b]]:\n    pass\n", "condition"),
    "computed in the else": ("x = a if b else [[c()]]\n", "condition"),
    "an elif": ("if a:\n    pass\nelif [[f()]]:\n    pass\n", "condition"),
    "in a file with an error": ("def f(:\nx = [[1 + 2]]\n", "syntax"),
    "a name in use": ("new = 1\nx = [[1 + 2]]\n", "in use"),
}


@pytest.mark.parametrize("case", VARIABLES_REFUSED)
def test_extract_variable_refused(tmp_path: Path, case: str) -> None:
    before, reason = VARIABLES_REFUSED[case]
    result = Workspace(tmp_path, {"a.py": before}).extract_variable("new")
    assert not result.files
    assert re.search(reason, result.refused), result.refused


FUNCTIONS = {
    "an expression": (
        "def f(a, b):\n    return [[a + b]] * 2\n",
        "def new(a, b):\n    return a + b\n\n\ndef f(a, b):\n    return new(a, b) * 2\n",
    ),
    "statements": (
        "def f(a):\n[[    b = a + 1\n    c = b * 2\n]]    return c\n",
        "def new(a):\n    b = a + 1\n    c = b * 2\n    return c\n\n\ndef f(a):\n    c = new(a)\n    return c\n",
    ),
    "a loop": (
        "def f(a):\n    s = []\n    [[for x in a:\n        s.append(x)\n    n = 1\n]]    return s, n\n",
        (
            "def new(a, s):\n    for x in a:\n        s.append(x)\n    n = 1\n    return n\n\n\n"
            "def f(a):\n    s = []\n    n = new(a, s)\n    return s, n\n"
        ),
    ),
    "in a method": (
        "class A:\n    def f(self, a):\n        return [[self.x + a]]\n",
        "class A:\n    def new(self, a):\n        return self.x + a\n\n    def f(self, a):\n        return self.new(a)\n",
    ),
}


@pytest.mark.parametrize("case", FUNCTIONS)
def test_extract_function(tmp_path: Path, case: str) -> None:
    before, after = FUNCTIONS[case]
    workspace = Workspace(tmp_path, {"a.py": before})
    assert workspace.after(workspace.extract_function("new")) == {"a.py": after}


FUNCTIONS_REFUSED = {
    "changed in place": (
        "def f(a):\n    total = 0\n[[    total += a\n]]    return total\n",
        "before it has a value|valid Python",
    ),
    "a loop's variable that is nobody's": (
        "def f(a):\n    s = []\n[[    for x in a:\n        s.append(x)\n]]    return s\n",
        "may have no value",
    ),
    "break": ("for x in y:\n[[    if x:\n        break\n]]    print(x)\n", "valid Python"),
    "yield": ("def f():\n[[    yield 1\n]]    print(2)\n", "yield|whole"),
    "return in the middle": ("def f(a):\n[[    if a:\n        return 1\n]]    return 2\n", "return"),
    "await": ("async def f(a):\n[[    await a\n]]    return 2\n", "valid Python"),
}


@pytest.mark.parametrize("case", FUNCTIONS_REFUSED)
def test_extract_function_refused(tmp_path: Path, case: str) -> None:
    before, reason = FUNCTIONS_REFUSED[case]
    result = Workspace(tmp_path, {"a.py": before}).extract_function("new")
    assert not result.files
    assert re.search(reason, result.refused), result.refused


INLINED = {
    "used once, at once": ("def f(a):\n    b| = g(a)\n    return b\n", "def f(a):\n    return g(a)\n"),
    "with parentheses where needed": (
        "def f(a):\n    b| = a + 1\n    return b * 2\n",
        "def f(a):\n    return (a + 1) * 2\n",
    ),
    "a constant, everywhere": ("n| = 3\nprint(n)\nprint(n + 1)\n", "print(3)\nprint((3) + 1)\n"),
    "from a use": ("def f():\n    b = 1\n    return |b\n", "def f():\n    return 1\n"),
    "the same name elsewhere": (
        "def f():\n    b| = 1\n    return b\ndef g():\n    b = 2\n    return b\n",
        "def f():\n    return 1\ndef g():\n    b = 2\n    return b\n",
    ),
}


@pytest.mark.parametrize("case", INLINED)
def test_inline(tmp_path: Path, case: str) -> None:
    before, after = INLINED[case]
    workspace = Workspace(tmp_path, {"a.py": before})
    assert workspace.after(workspace.inline()) == {"a.py": after}


INLINE_REFUSED = {
    "assigned twice": ("a| = 1\na = 2\nprint(a)\n", "2 places"),
    "a function": ("def f|(): ...\nf()\n", "inline"),
    "a parameter": ("def f(a|): return a\n", "inline"),
    "never used": ("a| = 1\n", "no references"),
    "computed more than once": ("a| = f()\nprint(a, a)\n", "more than once"),
    "computed later": ("a| = f()\ng()\nprint(a)\n", "another time"),
    "computed in another order": ("a| = f()\nprint(g(), a)\n", "another time"),
    "its parts change": ("def f(x):\n    a| = x + 1\n    x = 2\n    return a\n", "another time"),
    "under a condition": ("def f(x):\n    a| = g()\n    return x and a\n", "another time"),
    "a loop's": ("for a| in b:\n    print(a)\n", "inline"),
    "an import": ("import o|s\nos\n", "inline|assigned"),
    "a built-in": ("pri|nt(1)\n", "assigned|inline"),
}


@pytest.mark.parametrize("case", INLINE_REFUSED)
def test_inline_refused(tmp_path: Path, case: str) -> None:
    before, reason = INLINE_REFUSED[case]
    result = Workspace(tmp_path, {"a.py": before}).inline()
    assert not result.files
    assert re.search(reason, result.refused), result.refused
