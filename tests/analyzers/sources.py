"""Small sources in each language, and random edits of them."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from analyzers.document import Document, Point

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCES = {
    "python": '''import os
from a import b


class A(B):
    """Words."""

    limit = 3

    @property
    def m(self, a):
        # why é
        if a and self.limit:
            return [x for x in a if x]
        return f"{a!r} {self.m(a)}"


def outer(a, *, b=None):
    def inner(c):
        while c:
            c -= 1

    try:
        return inner(a) if b else inner
    except ValueError:
        return None


x = outer(1)
''',
    "javascript": """import a from "b";
const f = (x) => x ? `a${x}b` : /re/g;
class A { m(b) { if (b && this.c) { return 1; } else if (b) { return 2; } } }
export function g(a) {
  for (const x of a) { g(x); }
  switch (a) { case 1: return 2; default: }
}
""",
    "typescript": """interface A { a: string; b?: number }
function f<T>(a: T): T { return a as T; }
export class B { private m(a: A | null): void { while (a) { this.m(a); } } }
""",
    "typescriptreact": "export const A = ({ a }: B) => <div className={a ? 'b' : 'c'}>text {a && <b />}</div>;\n",
    "go": "package a\n\nfunc (r *T) f(a int) int {\n\tif a > 1 && a < 3 {\n\t\treturn 1\n\t}\n\tfor {\n\t}\n}\n",
    "java": 'class A {\n  int f(int a) {\n    if (a > 1) { return "x".length(); } else { return a; }\n  }\n}\n',
    "rust": 'impl A {\n    fn f(&self, a: u8) -> u8 {\n        match a { 1 => 2, _ if a > 3 => 4, _ => r#"x"#.len() as u8 }\n    }\n}\n',
    "c": '#include <a.h>\n#ifdef X\nint f(int a) {\n  if (a) { goto end; }\n  for (;;) { g("x"); }\nend: return 1;\n}\n#endif\n',
    "cpp": 'namespace n {\ntemplate <class T> class A { int f(T a) { auto r = R"(x)"; return a ? 1 : g<T>(a); } };\n}\n',
    "csharp": 'class A { int F(int a) { foreach (var b in c) { G(b); } return $"x {a}".Length; } int P { get { return 1; } } }\n',
    "ruby": "class A\n  def f(a)\n    x = <<~E\n      t\n    E\n    return 1 if a && b\n    a.each { |b| b }\n  end\nend\n",
    "php": '<?php\nclass A { function f($a) { foreach ($a as $b) { if ($b) { return "x $b"; } } } }\n?>\n<p>\n',
    "kotlin": 'class A { fun f(a: Int): Int { return when (a) { 1 -> 2\n else -> if (a > 3) 4 else 5 } }\n val b = "x $a"\n}\n',
    "swift": 'class A { func f(a: Int) -> Int { guard a > 1 else { return 2 }\n return "x \\(a)".count } }\n',
    "scala": 'object A {\n  def f(a: Int) = a match { case 1 if a > 0 => s"x $a"; case _ => if (a > 1) "b" else "c" }\n}\n',
    "lua": "local function f(a)\n  if a then return [[x]] elseif b then return 1 else return 2 end\nend\n",
    "shellscript": 'f() {\n  if [ -n "$a" ]; then\n    cat <<EOF\nx $b\nEOF\n  fi\n}\nf | g && h\n',
    "html": '<html><body><p class="a">x</p><script>var a = 1;</script><style>a { b: c }</style></body></html>\n',
    "css": "a { b: c; }\n@media x { d e { f: g } }\n",
    "json": '{"a": [1, 2, {"b": null}], "c": "d\\n"}\n',
    "yaml": 'a:\n  - b: c\n    d: "e"\n  - f\ng: |\n  text\n  more\n',
    "toml": '[a]\nb = "c"\nd = [1,\n 2]\n',
    "sql": "select a, b from c where d = 'e';\n",
}

_TYPED = [
    "x", "(", ")", "[", "{", "}", "\n", '"', "'", ":", "    ", "é", "😀", "\r", "\r\n", "if ", "#", "/*", "*/", "\ud800", "\0", ",",
    "\t", "\x0c", "\u2028", "and ", "def f():\n    if a:\n        pass\n", "function f() { if (a) { b(); } }\n",
]  # fmt: skip

Change = tuple[int, int, int, int, str]


def random_changes(document: Document, seed: int, count: int) -> Iterator[tuple[Change, Document]]:
    """Yield changes as an editor sends them, each with the document after it. Most are undone by the next one."""
    randomly = random.Random(seed)
    undo: tuple[int, int, str] | None = None
    for _ in range(count):
        text = document.text
        if undo is not None and randomly.random() < 0.8:
            start, end, new = undo
            undo = None
        else:
            start = randomly.randrange(len(text) + 1)
            end = start if randomly.random() < 0.6 else min(len(text), start + randomly.choice([1, 1, 2, 5, 30]))
            kind = randomly.random()
            copied = randomly.randrange(len(text) + 1)
            new = ""
            if kind < 0.5:
                new = randomly.choice(_TYPED)
            elif kind < 0.8:
                new = text[copied : copied + randomly.choice([1, 5, 40])]
            undo = (start, start + len(new), text[start:end])
        first, last = document.point(start), document.point(end)
        # A place inside a line break does not exist for an editor: both are as the document clamps them.
        start, end = document.offset(first), document.offset(last)
        document = document.replaced(Point(*first), Point(*last), new, document.version + 1)
        yield (*first, *last, new), document
