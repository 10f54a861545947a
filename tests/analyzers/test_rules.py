"""The rules about complexity, and what is written about every rule."""

from __future__ import annotations

import dataclasses

import pytest

from analyzers.document import Document
from analyzers.options import Options
from analyzers.rules import RULES, RuleDoc, rule_doc
from analyzers.rules.rule import is_on
from analyzers.static import analyse
from tests.analyzers.snippets import check

COGNITIVE = Options(cognitive_limit=3, cyclomatic_limit=100)
CYCLOMATIC = Options(cognitive_limit=100, cyclomatic_limit=3)
BOTH = Options(cognitive_limit=3, cyclomatic_limit=3)


@pytest.mark.parametrize("doc", RULES, ids=lambda doc: doc.id)
def test_every_rule_is_explained(doc: RuleDoc) -> None:
    assert rule_doc(doc.id) is doc
    for field in dataclasses.fields(doc):
        if field.type == "str":
            assert getattr(doc, field.name), field.name
    assert doc.link.startswith("https://")
    limits = {"cognitive-complexity": (100, 10), "cyclomatic-complexity": (3, 100)}
    cyclomatic, cognitive = limits.get(doc.id, (100, 100))
    strict = Options(cyclomatic_limit=cyclomatic, cognitive_limit=cognitive)
    rules = [{one.rule for one in analyse(Document("", 1, doc.language, text), strict)} for text in (doc.bad, doc.good)]
    assert doc.id in rules[0]
    assert rules[1] == set()


def test_there_is_nothing_to_say_of_other_rules() -> None:
    assert rule_doc("F401") is None


def test_cognitive_complexity() -> None:
    check(
        """
        def clear(a, b):
            if a:
                return 1
            if b:
                return 2
            return a and b

        class A:
            async def tangled(self, a):
            #         ^^^^^^^ info[cognitive-complexity]: `tangled` is hard to follow: cognitive complexity 6 (limit 3)
                for x in a:
                    if x:
                        while x:
                            pass
        """,
        options=COGNITIVE,
    )


def test_cyclomatic_complexity() -> None:
    check(
        """
        def table(a):
            return [x for x in a if x]

        def chain(a):
        #   ^^^^^ info[cyclomatic-complexity]: `chain` has too many paths: cyclomatic complexity 4 (limit 3)
            if a == 1:
                return 1
            elif a == 2:
                return 2
            elif a == 3:
                return 3
        """,
        options=CYCLOMATIC,
    )


def test_one_defect_is_one_finding() -> None:
    check(
        """
        def f(a, b, c):
        #   ^ info[cognitive-complexity]: `f` is hard to follow: cognitive complexity 6 (limit 3), cyclomatic complexity 4 (limit 3)
            if a:
                if b:
                    if c:
                        pass
        """,
        options=BOTH,
    )


def test_the_other_figure_counts_where_one_rule_is_off() -> None:
    source = """
        def f(a, b, c):
        #   ^ info[{}]: ...
            if a:
                if b:
                    if c:
                        pass
    """
    off = {"cognitive_limit": 3, "cyclomatic_limit": 3}
    check(source.format("cyclomatic-complexity"), options=Options(**off, ignore=("cognitive-complexity",)))
    check(source.format("cognitive-complexity"), options=Options(**off, ignore=("cyclomatic-*",)))
    check(source.replace("#   ^ info[{}]: ...", ""), options=Options(**off, ignore=("*-complexity", "c*")))


def test_an_inner_function_is_reported_and_the_outer_one_not_for_it() -> None:
    check(
        """
        def outer(a):
            if a:
                pass
            def inner(b):
            #   ^^^^^ info[cognitive-complexity]: `inner` is hard to follow: cognitive complexity 6 (limit 3)
                if b:
                    if b:
                        if b:
                            pass
            return inner, a

        def both(a):
        #   ^^^^ info[cognitive-complexity]: ...
            if a:
                if a:
                    if a:
                        pass
            def inner(b):
            #   ^^^^^ info[cognitive-complexity]: ...
                if b:
                    if b:
                        if b:
                            pass
        """,
        options=COGNITIVE,
    )


def test_code_outside_functions_is_not_reported() -> None:
    check("if a:\n    if b:\n        if c:\n            if d:\n                pass\n", options=BOTH)


def test_other_languages() -> None:
    check(
        """
        const f = (a) => {
        //    ^ info[cognitive-complexity]: ...
          for (const x of a) { if (x) { while (x) { } } }
        };
        a(function (b) {
        //^^^^^^^^^^^^ info[cognitive-complexity]: This function is hard to follow: ...
          for (const x of b) { if (x) { while (x) { } } }
        });
        """,
        language="javascript",
        options=COGNITIVE,
    )


def test_names_and_prefixes() -> None:
    assert is_on("a-b", Options())
    assert not is_on("a-b", Options(ignore=("a-b",)))
    assert not is_on("a-b", Options(ignore=("x", "a-*")))
    assert is_on("a-b", Options(ignore=("a", "a-", "*b", "a-bc")))
