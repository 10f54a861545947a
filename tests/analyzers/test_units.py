"""Units: what they are, and what changes a key and what does not."""

from __future__ import annotations

import random
import re

import pytest

from analyzers.document import Document, Edit, Span
from analyzers.memory import Memory
from analyzers.syntax import syntax_tree
from analyzers.units import Unit, units
from tests.analyzers.sources import SOURCES, random_changes

PYTHON = SOURCES["python"]


def units_of(text: str, language: str = "python") -> list[Unit]:
    return units(syntax_tree(Document("", 0, language, text)))


def keys(text: str, language: str = "python") -> dict[str, str]:
    return {one.name: one.key for one in units_of(text, language)}


def test_python_units() -> None:
    assert [(one.name, one.kind) for one in units_of(PYTHON)] == [
        ("", "module"),
        ("A.m", "method"),
        ("outer", "function"),
    ]
    module, method, function = units_of(PYTHON)
    assert method.text.startswith("@property\n    def m(")
    assert PYTHON[method.span.start : method.span.end] == method.text
    assert function.text.startswith("def outer(")
    assert function.text.endswith("return None")
    assert "def" not in module.text
    assert module.text.startswith("import os\n")


@pytest.mark.parametrize(
    ("language", "source", "names"),
    [
        ("javascript", "export const f = async () => 1;\nfunction g() {}\n", ["", "f", "g"]),
        ("javascript", "const f = () => 1, g = 2, h = function () {};\n", ["", "f", "h"]),
        (
            "javascript",
            "class A { m() {} p = () => 1; }\nA.prototype.q = function () {};\n",
            ["", "A.m", "A.p", "A.prototype.q"],
        ),
        ("javascript", "(function () { function a() {} })();\ndescribe('x', () => { it(); });\n", ["", "a"]),
        ("javascript", "module.exports = { a() {}, b: function () {} };\n", ["", "a", "b"]),
        ("go", "package a\nfunc (r *T) f() {}\nfunc g() { h(func() {}) }\n", ["", "f", "g"]),
        ("java", "class A { class B { int f() { return 1; } } A() {} }\n", ["", "A.B.f", "A.A"]),
        ("rust", "mod m { impl T { fn f() {} } }\nfn g() { fn h() {} }\n", ["", "T.f", "g"]),
        (
            "cpp",
            "namespace n { template <class T> class A { int f() { return 1; } }; }\nint n::g() { return 1; }\n",
            ["", "A.f", "n::g"],
        ),
        ("ruby", "module M\n  class A\n    def f; end\n  end\nend\n", ["", "A.f"]),
        ("css", "a { b: c }\n", [""]),
    ],
)
def test_units_of_other_languages(language: str, source: str, names: list[str]) -> None:
    assert [one.name for one in units_of(source, language)] == names


def change(old: str, new: str) -> str:
    assert old in PYTHON
    return PYTHON.replace(old, new)


@pytest.mark.parametrize(
    "text",
    [
        change("import os\nfrom a import b\n", "from b import c\n"),
        change("\n\n\ndef outer", "\n\n\n\n\n# a heading\ndef outer"),
        change("if a and self.limit:", "if a   and self.limit :"),
        change("        # why é\n", "        #    why\n        # é\n"),
        change("        # why é\n        if a and self.limit:", "        if a and self.limit:  # why é"),
        change("return inner(a) if b else inner", "return inner(\n            a) if b else inner  # noqa: E501"),
        change("return None", "return None  # postil: ignore[cognitive-complexity] it is short"),
        PYTHON.replace("\n", "\r\n"),
        PYTHON.replace("\n", "\r"),
        PYTHON.rstrip("\n"),
    ],
)
def test_what_changes_no_key(text: str) -> None:
    assert keys(text) == keys(PYTHON)


def test_moving_a_function_changes_no_key() -> None:
    start, end = PYTHON.index("def outer"), PYTHON.index("x = outer")
    moved = PYTHON[start:end] + PYTHON[:start] + PYTHON[end:]
    assert keys(moved) == keys(PYTHON)


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        (change("self.limit:", "self.limits:"), "A.m"),
        (change("# why", "# why not"), "A.m"),
        (change("@property", "@cached"), "A.m"),
        (change("c -= 1", "c -= 2"), "outer"),
        (change("            c -= 1", "            pass\n        c -= 1"), "outer"),
        (change("limit = 3", "limit = 4"), ""),
        (change("x = outer(1)", "x = outer(2)"), ""),
        (change("Words.", "Wörds."), ""),
    ],
)
def test_what_changes_one_key(text: str, changed: str) -> None:
    before, after = keys(PYTHON), keys(text)
    assert {name for name in before if before[name] != after[name]} == {changed}


def test_structure_is_part_of_a_key() -> None:
    assert keys("def f():\n    if a:\n        b\n    c\n") != keys("def f():\n    if a:\n        b\n        c\n")
    assert keys("def f():\n    a\n    (b)\n") != keys("def f():\n    a(b)\n")
    assert keys('def f():\n    "a\\n b"\n') != keys('def f():\n    "a\\nb"\n')


def test_the_class_is_part_of_a_key() -> None:
    [_, in_a], [_, in_b] = units_of("class A:\n    def f(self): pass\n"), units_of("class B:\n    def f(self): pass\n")
    assert in_a.key != in_b.key


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize("language", ["python", "javascript", "go", "java", "rust", "typescript"])
def test_typing_in_a_unit_changes_no_other_key(language: str, seed: int) -> None:
    randomly = random.Random(seed)
    text = SOURCES[language]
    before = units_of(text, language)
    unit = randomly.choice(before[1:] or before)
    words = [
        found.start() for found in re.finditer(r"\b\d+\b", text) if unit.span.start <= found.start() < unit.span.end
    ]
    if not words:
        return
    at = randomly.choice(words)
    after = units_of(Document("", 0, language, text).edited([Edit(Span(at, at), "7")], 1).text, language)
    assert [one.name for one in after] == [one.name for one in before]
    differing = [old.name for old, new in zip(before, after, strict=True) if old.key != new.key]
    assert differing == [unit.name]


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("language", ["python", "javascript", "cpp", "ruby", "kotlin", "shellscript"])
def test_what_is_remembered_is_what_would_be_found(language: str, seed: int) -> None:
    memory = Memory(8)  # so small that it forgets all the time
    document = Document("", 0, language, SOURCES[language])
    for _, after in random_changes(document, seed, 40):
        tree = syntax_tree(after)
        remembered = units(tree, memory)
        assert remembered == units(tree)
        assert all(0 <= one.span.start <= one.span.end <= len(after.text) for one in remembered)


def test_a_memory_has_a_limit() -> None:
    memory = Memory(10)
    for number in range(100):
        memory.put(number, number)
        assert memory.get(0) == 0  # asked for, so it stays
    assert len(memory) <= 20
    assert memory.get(99) == 99
    assert memory.get(50) is None
