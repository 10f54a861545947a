"""Cyclomatic and cognitive complexity, construct by construct.

The Python figures are those of radon's and of ruff's C901 rules and of the white paper on cognitive complexity, derived by hand.
"""

from __future__ import annotations

from textwrap import dedent, indent

import pytest

from analyzers import metrics
from analyzers.document import Document
from analyzers.metrics import FunctionMetrics
from analyzers.syntax import syntax_tree


def measured(source: str, language: str = "python") -> dict[str, FunctionMetrics]:
    tree = syntax_tree(Document("", 0, language, dedent(source).lstrip("\n")))
    assert not tree.root.has_error, source
    return {one.name: one for one in metrics.functions(tree.root, tree.data, tree.language)}


def figures(one: FunctionMetrics) -> tuple[int, int, int]:
    return one.cyclomatic, one.mccabe, one.cognitive


@pytest.mark.parametrize(
    ("body", "cyclomatic", "mccabe", "cognitive"),
    [
        ("pass", 1, 1, 0),
        ("if a: pass", 2, 2, 1),
        ("if a: pass\nelif b: pass\nelif c: pass\nelse: pass", 4, 4, 4),
        ("if a:\n    pass\nelse:\n    if b: pass", 3, 3, 4),
        ("if a:\n    if b:\n        if c: pass", 4, 4, 6),
        ("for x in a: pass\nelse: pass", 3, 2, 2),
        ("while a:\n    for x in b:\n        continue", 3, 3, 3),
        ("async def inner(): pass\nasync for x in a: pass", 2, 3, 1),
        ("try: a()\nexcept E: pass\nexcept F: pass\nelse: b()\nfinally: c()", 4, 4, 3),
        ("try: a()\nexcept* E: pass", 2, 2, 1),
        ("with a, b as c: pass", 1, 1, 0),
        ("return a and b and c", 3, 1, 1),
        ("return a and b or c and d", 4, 1, 3),
        ("return a and (b and (c and d))", 4, 1, 1),
        ("return a and not (b and c)", 3, 1, 2),
        ("return a if b else c", 2, 1, 1),
        ("return a if b else (c if d else e)", 3, 1, 3),
        ("return lambda x: x if a else b", 2, 1, 2),
        ("return [x for y in a if y for x in y if x if y]", 6, 1, 0),
        ("return {x: y for x in a}, {x for x in a}, (x for x in a if x)", 5, 1, 0),
        ("assert a and b, c if d else e", 2, 1, 2),
        ("match a:\n    case 1: pass\n    case 2 | 3: pass", 3, 3, 1),
        ("match a:\n    case 1: pass\n    case _: pass", 2, 2, 1),
        ("match a:\n    case 1: pass\n    case other: pass", 2, 2, 1),
        ("match a:\n    case None: pass", 2, 2, 1),
        ("match a:\n    case x if x: pass\n    case y if y: pass", 2, 3, 1),
        ("match a:\n    case x, y: pass", 2, 2, 1),
        ("if a:\n    match b:\n        case 1:\n            if c: pass", 4, 4, 6),
        ("return f(a)", 1, 1, 1),
        ("return f(f(a)) if a else g.f(a)", 2, 1, 2),
        ("class C:\n    x = a if b else c\n    def m(self):\n        if a: pass", 1, 3, 2),
        ("def inner(b=a if c else d):\n    if b: pass\nx = 1", 1, 3, 2),
        ("def inner():\n    if b: pass\nreturn inner", 1, 3, 1),
        ('"""Words."""\n@wraps(a)\ndef inner():\n    if b: pass\nreturn inner', 1, 3, 1),
        ("def inner():\n    if b: pass\nreturn inner if a else b", 2, 3, 3),
    ],
)
def test_python(body: str, cyclomatic: int, mccabe: int, cognitive: int) -> None:
    found = measured("def f(a, b, c, d, e):\n" + indent(body, "    ") + "\n")
    assert figures(found["f"]) == (cyclomatic, mccabe, cognitive)


def test_inner_functions_are_measured_too() -> None:
    found = measured("""
        def outer(a):
            if a:
                def inner(b):
                    while b:
                        pass
    """)
    assert figures(found["outer"]) == (2, 4, 4)
    assert figures(found["inner"]) == (2, 2, 1)
    assert found["inner"].within == 0
    assert found["inner"].cognitive_within == 3  # it lies two levels deep
    assert found["outer"].within == -1


def test_a_method_calls_itself_by_self() -> None:
    source = "class A:\n    def f(self):\n        return {}\n"

    def cognitive(call: str) -> int:
        tree = syntax_tree(Document("", 0, "python", source.format(call)))
        [found] = metrics.functions(tree.root.children[0].children[-1], tree.data, tree.language, "A")
        return found.cognitive

    assert cognitive("self.f()") == 1
    assert cognitive("f()") == 0  # a function of the module
    assert cognitive("super().f()") == 0


@pytest.mark.parametrize(
    ("language", "source", "cyclomatic", "cognitive"),
    [
        ("javascript", "function f(a) { if (a && b || c) { x(); } else if (d) {} else {} }", 5, 5),
        ("javascript", "function f(a) { o: for (;;) { while (a) { continue o; } } }", 3, 4),
        ("javascript", "function f(a) { switch (a) { case 1: case 2: break; default: } }", 3, 1),
        ("javascript", "const f = (a) => a ? b : c;", 2, 1),
        ("javascript", "function f(a) { try { a(); } catch (e) { if (e) {} } finally {} }", 3, 3),
        ("javascript", "function f(n) { return n ? f(n - 1) : a?.b ?? 0; }", 3, 2),
        ("typescript", "function f(a?: number): a is X { do { if (!a) return 1; } while (a); }", 3, 3),
        ("typescriptreact", "const f = () => <A>{a && <B />}{b ? <C /> : null}</A>;", 3, 2),
        (
            "go",
            "package a\nfunc f(a int) int {\n\tif a > 1 {\n\t} else if a < 0 {\n\t} else {\n\t}\n\treturn f(1)\n}",
            3,
            4,
        ),
        (
            "go",
            "package a\nfunc f(a int) {\n\tswitch a {\n\tcase 1:\n\t\tfor range a {\n\t\t}\n\tdefault:\n\t}\n}",
            3,
            3,
        ),
        (
            "java",
            "class A { int f(int a) { for (int b : c) { if (a > b && b > 1) return 1; else return 2; } return 3; } }",
            4,
            5,
        ),
        ("java", "class A { void f() { c.each(x -> { if (x) g(); }); try { g(); } catch (E e) {} } }", 3, 3),
        ("rust", "fn f(a: u8) -> u8 { match a { 1 => 2, _ => if a > 3 { 4 } else { 5 } } }", 4, 4),
        ("rust", "fn f() { loop { while let Some(x) = y { break; } } }", 2, 3),
        ("c", "int f(int a) { do { if (a) goto e; } while (a && b); e: return a ? 1 : 2; }", 5, 6),
        ("cpp", "void f() { for (auto& a : b) { try { g(); } catch (...) { if (c or d) {} } } }", 5, 7),
        (
            "csharp",
            "class A { int F(int a) { foreach (var b in c) { if (b is X && a > 1) { } else { } } return a; } }",
            4,
            5,
        ),
        ("ruby", "def f(a)\n  return 1 if a && b\n  unless c then d elsif e then g else h end\nend", 5, 5),
        ("ruby", "def f(a)\n  a.each { |b| while b do c end }\nrescue E\n  d\nend", 3, 3),
        (
            "php",
            "<?php function f($a) { foreach ($a as $b) { if ($b) {} elseif ($c) {} else if ($d) {} else {} } }",
            5,
            6,
        ),
        ("kotlin", "fun f(a: Int): Int {\n return when (a) { 1 -> 2\n else -> if (a > 3 && b) 4 else 5 }\n}", 5, 5),
        ("swift", "func f(a: Int) { guard a > 1 else { return }\n while a { if b {} else if c {} } }", 5, 5),
        (
            "scala",
            "object A { def f(a: Int) = a match { case 1 if a > 0 && b => 2; case _ => if (a > 1) 3 else 4 } }",
            6,
            5,
        ),
        ("lua", "function f(a)\n while a do\n  if a and b then elseif c then else end\n end\nend", 5, 6),
        (
            "shellscript",
            "f() {\n for a in b; do\n  if [ a ] && [ b ]; then c; elif d; then e; else g; fi\n done\n}",
            5,
            6,
        ),
    ],
)
def test_other_languages(language: str, source: str, cyclomatic: int, cognitive: int) -> None:
    [one] = [found for found in measured(source, language).values() if found.within < 0]
    assert (one.cyclomatic, one.cognitive) == (cyclomatic, cognitive)


def test_a_script_that_holds_functions_is_not_charged_for_them() -> None:
    found = measured("const m = (function wrapper() { function f(a) { if (a) {} } return f; })();", "javascript")
    assert found["wrapper"].cognitive == 0
    assert found["f"].cognitive == 1


@pytest.mark.parametrize(
    ("language", "source", "name"),
    [
        ("python", "def f(): pass", "f"),
        ("javascript", "A.b = function () {};", "A.b"),
        ("javascript", "const f = async () => {};", "f"),
        ("javascript", "x = { 'a-b': function () {} };", "'a-b'"),
        ("javascript", "a(function (b) {\n});", "function (b)"),
        ("typescript", "class A { private p = () => 1; }", "p"),
        ("c", "static int *(f)(int a) { return 0; }", "(f)"),
        ("cpp", "int A::f() const { return 0; }", "A::f"),
        ("lua", "a.b = function() end", "a.b"),
        ("go", "package a\nfunc (r T) f() {}", "f"),
    ],
)
def test_names(language: str, source: str, name: str) -> None:
    assert name in measured(source, language)
