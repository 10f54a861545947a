"""Syntax errors: the place, the words, and silence where a grammar cannot be believed."""

from __future__ import annotations

import random

import pytest

from analyzers.document import Document
from analyzers.finding import Category, Severity
from analyzers.options import Options
from analyzers.static import analyse
from tests.analyzers.snippets import check
from tests.analyzers.sources import SOURCES, random_changes

ERRORS = {
    "python": [
        "x = (1\n    ^ error[syntax-error]: `(` is never closed\ny = 2\n",
        "def f(:\n     ^ error[syntax-error]: expected `)`\n    pass\n",
    ],
    "javascript": [
        "let a = ;\n        ^ error[syntax-error]: unexpected `;`\nb();\n",
        "if (a { b(); }\n    ^ error[syntax-error]: expected `)`\nc();\n",
        "class A {\n  m() {\n    if (a) {\n           ^ error[syntax-error]: `{` is never closed\n      b();\n  }\n  n() {}\n}\n",
        'let s = "abc;\n        ^ error[syntax-error]: this string is never closed\nlet t = 1;\n',
        "// é😀\nf([1, 2);\n      ^ error[syntax-error]: expected `]`\ng();\n",
        "f();\n}\n^ error[syntax-error]: unexpected `}`\n",
    ],
    "go": [
        "package a\nfunc f() {\n\tx := \n\t  ^^ error[syntax-error]: syntax error near `:=`\n\treturn\n}\n",
        "package a\nfunc f() {\n\tif x {\n\t     ^ error[syntax-error]: `{` is never closed\n\t\ty()\n}\nfunc g() {}\n",
    ],
    "java": [
        "class A {\n  int f() {\n    int x = 1\n            ^ error[syntax-error]: expected `;`\n    return x;\n  }\n}\n",
        "class A {\n  void f() {\n    g();\n  }\n}\n}\n^ error[syntax-error]: unexpected `}`\n",
    ],
    "json": [
        '{"a": 1,}\n       ^ error[syntax-error]: unexpected `,`\n',
        '{"a": [1, 2}\n          ^ error[syntax-error]: expected `]`\n',
        '{"a": tru}\n      ^^^ error[syntax-error]: unexpected `tru`\n',
    ],
    "toml": ["[a\n^ error[syntax-error]: `[` is never closed\nb = 1\n"],
    "yaml": ["a: [1, 2\n   ^ error[syntax-error]: `[` is never closed\nb: 3\n"],
    "rust": ["fn f() {\n    let x = 1\n            ^ error[syntax-error]: expected `;`\n    let y = 2;\n}\n"],
    "c": ["int f() {\n  return g(1;\n           ^ error[syntax-error]: expected `)`\n}\n"],
    "css": ["a { b: c;\n  ^ error[syntax-error]: `{` is never closed\nd { e: f; }\n"],
    "html": ['<p class="a>x</p>\n         ^ error[syntax-error]: this string is never closed\n'],
    "lua": ["function f() end end\n                 ^^^ error[syntax-error]: unexpected `end`\n"],
    "ruby": ["x = [1, 2\n    ^ error[syntax-error]: `[` is never closed\ny = 1\n"],
    "php": ["<?php\nfunction f( { }\n          ^ error[syntax-error]: expected `)`\n"],
}


@pytest.mark.parametrize(("language", "source"), [(language, one) for language, all_ in ERRORS.items() for one in all_])
def test_an_error_is_found_where_it_is(language: str, source: str) -> None:
    check(source, language=language)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("html", '<a href="{% url "x" %}">b</a>\n'),
        ("html", "<p <%= a %>>\n"),
        ("yaml", "{{ a }}: [b\n"),
        ("json", '{"a": {{ b }}}\n'),
        ("sql", "select * from {{ ref('a') }} where (b;\n"),
        ("sql", "\\echo a\nALTER OPERATOR FAMILY a USING b ADD c;\n"),
        ("toml", "a = @VERSION@\n"),
        ("shellscript", "case $a in\n  b) c ;;\n  *,--,) d\nesac\n"),
        ("c", "BEGIN_DECLS\nint f(int a) ATTR(1, 2)\nEND_DECLS\nEXPORT int g (void) NOTHROW;\n"),
        ("c", "#ifdef A\nint f(int a) {\n#else\nint f(void) {\n#endif\n  BEGIN return 1; }\n"),
        ("c", "class A { public: A(); };\n"),
        ("c", "#define BEGIN {\n#define END }\nint f(void) BEGIN g('{', \"(\"); /* ( */ END // [\n"),
        ("cpp", "MACRO(a, (b)) class C final : public D { E() : F(1'000) G };\n"),
        ("javascript", "// @flow\nfunction f(a: string): void {}\n"),
        ("javascript", "import type { A } from 'b';\nconst a: A = 1;\n"),
        ("typescript", "declare const a: import('./b').C<\n  D, E\n>;\nexport type * from 'f';\n"),
        ("rust", "fn f() { let a = try!(b()); }\n"),
        ("swift", "let a = [~B.self]\nnonisolated(unsafe) let c = ()\n"),
        ("css", "a { b: url(../c.svg) 0 0 }\n@container d (max-width: 1px) { e { f: g } }\n"),
        ("jsonc", '{"a": [1, 2,], // b\n}\n'),
    ],
)
def test_silence_where_the_grammar_cannot_be_believed(language: str, text: str) -> None:
    check(text, language=language)


@pytest.mark.parametrize("language", SOURCES)
def test_silence_on_valid_text(language: str) -> None:
    check(SOURCES[language], language=language)


def test_a_cluster_is_one_finding() -> None:
    found = analyse(Document("", 1, "javascript", "let a = ;\nlet b = ;\nlet c = ;\n"), Options())
    assert len(found) == 1
    apart = analyse(Document("", 1, "javascript", ("let a = ;\n" + "b();\n" * 9) * 20), Options())
    assert 1 < len(apart) <= 4


def test_a_missing_bracket_names_its_partner() -> None:
    [found] = analyse(Document("", 1, "javascript", "f(1, 2;\n"), Options())
    assert (found.severity, found.category, found.source) == (Severity.ERROR, Category.SYNTAX, "postil")
    [related] = found.related
    assert (related.span, related.message) == ((1, 2), "to close this `(`")


def test_it_can_be_switched_off() -> None:
    document = Document("", 1, "python", "x = (\n")
    assert analyse(document, Options())
    assert not analyse(document, Options(syntax_errors=False))
    assert not analyse(document, Options(ignore=("syntax-error",)))
    assert not analyse(document, Options(ignore=("syntax-*",)))


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("language", SOURCES)
def test_findings_stay_in_the_text(language: str, seed: int) -> None:
    document = Document("", 0, language, SOURCES[language])
    for _, after in random_changes(document, seed, 40):
        for one in analyse(after, Options()):
            assert 0 <= one.span.start < one.span.end <= len(after.text) or not after.text
            assert one.message.isprintable()
            related = [span for span, _, _ in [(other.span, other.message, other.uri) for other in one.related]]
            assert all(0 <= span.start < span.end <= len(after.text) for span in related)


def test_a_missing_bracket_is_nearly_always_found() -> None:
    randomly = random.Random(5)
    missed, tried = 0, 0
    for language in ("javascript", "go", "java", "rust", "php", "json", "csharp", "ruby"):
        text = SOURCES[language] * (1 if language in ("json", "go", "php") else 3)
        brackets = [offset for offset, character in enumerate(text) if character in "(){}[]"]
        for offset in randomly.sample(brackets, min(10, len(brackets))):
            tried += 1
            broken = Document("", 1, language, text[:offset] + text[offset + 1 :])
            missed += not any(one.rule == "syntax-error" for one in analyse(broken, Options()))
    assert missed <= tried / 10
