"""Comments that switch our findings off, and the edit that writes one."""

from __future__ import annotations

import pytest

from analyzers.document import Document
from analyzers.options import Options
from analyzers.static import analyse
from analyzers.suppressions import is_suppressed, suppression_edit
from tests.analyzers.snippets import check

LOW = Options(cyclomatic_limit=1, cognitive_limit=100)


def document(text: str, language: str = "python") -> Document:
    return Document("", 1, language, text)


@pytest.mark.parametrize(
    "comment",
    [
        "# postil: ignore[cyclomatic-complexity]",
        "# postil: ignore[cyclomatic-complexity] a table would be longer",
        "# postil:ignore[other, cyclomatic-complexity]",
        "# postil: ignore",
        "# postil: ignore it is a parser",
        "# noqa: X100  # postil: ignore[cyclomatic-complexity]",
        "#: postil: ignore",
    ],
)
def test_on_the_line(comment: str) -> None:
    check(f"def f(a):  {comment}\n    return a or 1\n", options=LOW)


@pytest.mark.parametrize(
    "comment",
    [
        "# postil: ignore[other]",
        "# postil: ignored",
        "# postil: ignore[]",
        "# postil: keep",
        "# ignore[cyclomatic-complexity]",
    ],
)
def test_that_is_no_suppression(comment: str) -> None:
    found = analyse(document(f"def f(a):  {comment}\n    return a or 1\n"), LOW)
    assert [one.rule for one in found] == ["cyclomatic-complexity"]


def test_other_lines_are_not_meant() -> None:
    check(
        """
        # postil: ignore
        def f(a):
        #   ^ info[cyclomatic-complexity]: ...
            return a or 1  # postil: ignore
        """,
        options=LOW,
    )


@pytest.mark.parametrize(
    ("language", "line", "after"),
    [
        ("python", "x = 1", "x = 1  # postil: ignore[r]"),
        ("python", "", "# postil: ignore[r]"),
        ("python", "x = 1  # noqa", "x = 1  # noqa  # postil: ignore[r]"),
        ("python", "x = 1  # postil: ignore[a] why", "x = 1  # postil: ignore[a, r] why"),
        ("python", "x = 1  # postil: ignore[r]", None),
        ("python", "x = 1  # postil: ignore", None),
        ("python", "x = 1 + \\", None),
        ("javascript", "f()", "f()  // postil: ignore[r]"),
        ("c", "f(); /* postil: ignore[a] */", "f(); /* postil: ignore[a, r] */"),
        ("css", "a { b: c }", "a { b: c }  /* postil: ignore[r] */"),
        ("html", "<p>", "<p>  <!-- postil: ignore[r] -->"),
        ("sql", "select 1", "select 1  -- postil: ignore[r]"),
        ("lua", "f()", "f()  -- postil: ignore[r]"),
        ("json", "{}", None),
        ("plaintext", "x", None),
    ],
)
@pytest.mark.parametrize("line_end", ["\n", "\r\n", ""])
def test_writing_one(language: str, line: str, after: str | None, line_end: str) -> None:
    before = document(f"😀{line_end}{line}{line_end}" if line_end else line, language)
    number = 1 if line_end else 0
    edit = suppression_edit(before, number, "r")
    assert (edit is None) == (after is None)
    if edit is not None:
        edited = before.edited([edit], 2)
        assert edited.line_text(number) == after
        assert len(edited.lines) == len(before.lines)
        assert is_suppressed(edited, number, "r")
        assert not is_suppressed(edited, number, "s")


def test_a_line_that_is_not_there() -> None:
    assert not is_suppressed(document("x\n"), 99, "r")
    assert suppression_edit(document("x\n"), 99, "r") is not None
