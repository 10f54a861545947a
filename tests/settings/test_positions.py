"""A mistake is reported where it stands, and costs nothing but itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from analyzers.document import Document
from server.settings_toml import MAX_PART, parse_toml
from server.settings_yaml import parse_yaml

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.settings import Loaded

    Check = Callable[[str, str], Loaded]


def test_pyproject(check: Check) -> None:
    loaded = check(
        "pyproject.toml",
        '''
        [project]
        name = "demo"
        description = """
        [tool.postil]
        ignore = ["NOT001"]
        """

        [tool.postil]
        cyclomatic-limit = "9"
        #                  ^^^ settings-value
        cognitive_limit = 30
        ignore = ["F401", 3, 'bad bad', "E501"]  # a comment
        #                 ^ settings-value
        #                    ^^^^^^^^^ settings-value
          exclud = ["x"]
        # ^^^^^^ settings-unknown
          log-level = "debug"
        # ^^^^^^^^^ settings-scope
        fail-on = "warning"

        [tool.postil.ruff]
        enabled = 1
        #         ^ settings-value
        select = [
          "E",  # "quoted"
          "F", "no!",
        #      ^^^^^ settings-value
        ]

        [tool.other]
        ignor = 3
        ''',
    )
    assert loaded.settings.cyclomatic_limit == 30
    assert loaded.settings.cognitive_limit == 30
    assert loaded.settings.ignore == ("F401", "E501")
    assert loaded.settings.fail_on == "warning"
    assert loaded.settings.ruff.select == ("E", "F")
    assert loaded.settings.log_level == "warning"


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("tool.postil.ignor = []\n#           ^^^^^ settings-unknown", ()),
        ("[tool]\npostil.ignor = []\n#      ^^^^^ settings-unknown", ()),
        ("[tool]\npostil = {ignore = ['E1'], ignor = []}\n#                          ^^^^^ settings-unknown", ("E1",)),
        (
            "tool = {postil = {ignore = ['E1'], ignor = []}}\n#                                  ^^^^^ settings-unknown",
            ("E1",),
        ),
        ('[tool."postil"]\nignore = ["E1", ""]\n#               ^^ settings-value', ("E1",)),
        ('[tool."post\\u0069l"]\nignore = ["E1", ""]\n#               ^^ settings-value', ("E1",)),
        ("[ tool . postil ]\nignore=['E1',1]\n#            ^ settings-value", ("E1",)),
    ],
)
def test_every_way_to_write_a_table(check: Check, text: str, rule: tuple[str, ...]) -> None:
    assert check("pyproject.toml", text).settings.ignore == rule


def test_quoted_key(load_files: Callable[..., Loaded]) -> None:
    (problem,) = load_files({"pyproject.toml": '[tool.postil]\n"ignor" = 1\n'}).problems
    assert (problem.line, problem.column, problem.end_column) == (1, 0, 7)
    assert "did you mean `ignore`?" in problem.message


def test_yaml(check: Check) -> None:
    loaded = check(
        ".postil.yaml",
        """
        cyclomatic-limit: nine
        #                 ^^^^ settings-value
        cognitive_limit: 30
        ignore:
          - F401
          - 3
        #   ^ settings-value
        fail-on: warning
          # nothing
        ruff:
          enabld: yes
        # ^^^^^^ settings-unknown
          select: [E, F, "no!"]
        #                ^^^^^ settings-value
          select: [B]
        # ^^^^^^ settings-syntax
        exclude: build/
        #        ^^^^^^ settings-value
        """,
    )
    assert loaded.settings.cognitive_limit == 30
    assert loaded.settings.ignore == ("F401",)
    assert loaded.settings.fail_on == "warning"
    assert loaded.settings.ruff.select == ("E", "F")
    assert loaded.settings.exclude == ()


def test_yaml_scalars() -> None:
    parsed = parse_yaml("a: 0x10\nb: ~\nc: 'on'\nd: on\ne: 2001-01-01\nf: !!str 1\n1: x\n")
    assert parsed.values == {"a": 16, "b": None, "c": "on", "d": True, "e": "2001-01-01", "f": "1", "1": "x"}


@pytest.mark.parametrize("line_break", ["\n", "\r\n"])
def test_columns_are_code_points_and_lines_end_where_the_editor_ends_them(
    load_files: Callable[..., Loaded], line_break: str
) -> None:
    text = line_break.join(["# \u2028 \x85 \U0001f600", "[tool.postil]", 'ignore = ["\U0001f600", 3]', ""])
    problems = load_files({"pyproject.toml": text.encode()}).problems
    assert [(one.line, one.column, one.end_column) for one in problems] == [(2, 10, 13), (2, 15, 16)]
    text = line_break.join(['hover: "\u2028 \x85 \U0001f600"', 'ignore: ["\U0001f600", 3]', ""])
    (workspace,) = {one.path.parent for one in problems if one.path}
    (workspace / "pyproject.toml").unlink()
    problems = load_files({".postil.yaml": text.encode()}).problems
    assert [(one.line, one.column, one.end_column) for one in problems] == [(0, 7, 14), (1, 9, 12), (1, 14, 15)]


def test_one_bad_statement_costs_itself(check: Check) -> None:
    loaded = check(
        "postil.toml",
        """
        cyclomatic-limit = = 3
        #                  ^^^ settings-syntax
        cognitive-limit = 30
        cognitive-limit = 31
        #                  ^ settings-syntax
        exclude = ["a/"]
        """,
    )
    assert loaded.settings.cognitive_limit == 30
    assert loaded.settings.exclude == ("a/",)


def test_conflict_markers(load_files: Callable[..., Loaded]) -> None:
    loaded = load_files({"postil.toml": "<<<<<<< HEAD\nfail-on = 'hint'\n=======\n>>>>>>> other\nignore = ['E1']\n"})
    assert [(one.line, one.rule) for one in loaded.problems] == [
        (0, "settings-syntax"),
        (2, "settings-syntax"),
        (3, "settings-syntax"),
    ]
    assert (loaded.settings.fail_on, loaded.settings.ignore) == ("hint", ("E1",))


def test_keys_of_a_broken_header_do_not_fall_to_the_table_before(load_files: Callable[..., Loaded]) -> None:
    loaded = load_files(
        {"postil.toml": "ignore = ['E1']\n[ruff\nselect = ['E']\nignore = ['F']\n[hover]\nenabled = false\n"}
    )
    assert [one.rule for one in loaded.problems] == ["settings-syntax"]
    assert loaded.settings.ignore == ("E1",)
    assert loaded.settings.ruff.select == loaded.settings.ruff.ignore == ()
    assert loaded.settings.hover.enabled is False


@pytest.mark.parametrize(
    "before",
    [
        "x = [1,\n\n",
        'x = """never closed\n',
        "x = {a = \n",
        "<<<<<<< HEAD\n",
        "x = 'y\n",
        "[a\n",
        "= 3\n",
        "x\n",
        'x = "\\q"\n',
    ],
)
def test_what_is_broken_elsewhere_in_pyproject_is_not_our_business(
    load_files: Callable[..., Loaded], before: str
) -> None:
    loaded = load_files({"pyproject.toml": f"[project]\n{before}[tool.postil]\nignore = ['E1']\n"})
    assert loaded.settings.ignore == ("E1",)
    assert not loaded.problems


HOSTILE = {
    "a key of 400,000 parts": ".".join("a" * 400_000) + "=1\n",
    "one of ours": "tool.postil." + ".".join("a" * 400_000) + "=1\n",
    "a header of as many": "[" + ".".join("a" * 400_000) + "]\n" + "a=1\n" * 20_000,
    "brackets": "[tool.postil]\na=" + "[" * 60_000,
    "braces": "[tool.postil]\na=" + "{a=" * 20_000,
    "open on each line": "a=[\n[x]\n" * 100_000,
    "quotes": "a='''\n" * 100_000,
    "many settings": "[tool.postil]\n" + "".join(f"k{number}=1\n" for number in range(7_000)),
    "many mistakes": "[tool.postil]\n" + "k=\n" * 16_000,
    "a number of 50,000 digits": "[tool.postil]\nignore=['E1']\na=" + "9" * 50_000,
    "zeros": "\0" * 900_000,
    "nested headers": "\n".join(f"[tool.postil.{'a.' * 12}b{number}]" for number in range(1_500)),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_toml_costs_little(load_files: Callable[..., Loaded], name: str) -> None:
    """Each of them ends, with few problems. The first ends an unguarded `tomllib` by taking all memory there is."""
    loaded = load_files({"pyproject.toml": HOSTILE[name]})
    assert len(loaded.problems) <= 80
    assert loaded.settings.cyclomatic_limit == 30


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n",
        "&a [*a]",
        "[" * 60_000,
        "{a: " * 15_000,
        "- " * 30_000,
        "? " * 30_000,
        "a: [" + "1," * 30_000 + "]",
        "a: !!python/object/apply:os.system ['true']",
        "!mine {a: 1}",
        "a: 1\n---\nb: 1",
        "{a: b}: c",
        "a: !!int text",
        "a: " + "9" * 9_000,
        "a: \0",
        "a: 'b",
        "\ta: b",
        "x" * (MAX_PART + 1),
    ],
    ids=range(17),
)
def test_refused_yaml(text: str) -> None:
    parsed = parse_yaml(text)
    assert parsed.values == {}
    assert len(parsed.troubles) == 1


def test_settings_that_are_too_long() -> None:
    parsed = parse_toml("ignore = [" + "'E1'," * 20_000 + "]", ())
    assert parsed.values == {}
    assert [one.rule for one in parsed.troubles] == ["settings-unreadable"]


def test_no_table(load_files: Callable[..., Loaded]) -> None:
    (problem,) = load_files({"pyproject.toml": "[tool]\npostil = 3\n"}).problems
    assert (problem.rule, problem.line) == ("settings-value", 1)
    (problem,) = load_files({".postil.yaml": "- a\n"}).problems[:1]
    assert problem.rule == "settings-value"


def test_a_problem_is_a_finding_of_its_document_even_when_that_was_edited(load_files: Callable[..., Loaded]) -> None:
    (problem,) = load_files({"postil.toml": "# x\nignor = 1\n"}).problems
    document = Document("file:///postil.toml", 1, "toml", "# x\nignor = 1\n")
    assert document.slice(problem.finding(document).span) == "ignor"
    shorter = Document("file:///postil.toml", 2, "toml", "#")
    assert problem.finding(shorter).span == (1, 1)
