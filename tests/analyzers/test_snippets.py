"""The checker of annotated sources can fail, and says where."""

from __future__ import annotations

import pytest

from analyzers.options import Options
from tests.analyzers.snippets import check, check_fix

LOW = Options(cyclomatic_limit=1, cognitive_limit=100)


def test_annotations_are_read() -> None:
    check(
        """
        def f(a):
        #   ^ info[cyclomatic-complexity]: `f` has too many paths: cyclomatic complexity 2 (limit 1)
            return a or 1
        """,
        options=LOW,
    )


@pytest.mark.parametrize(
    "source",
    [
        "def f(a):\n    return a or 1\n",  # found and not expected
        "def f(a):\n#   ^ info[cyclomatic-complexity]: ...\n    return a\n",  # expected and not found
        "def f(a):\n#    ^ info[cyclomatic-complexity]: ...\n    return a or 1\n",  # elsewhere
        "def f(a):\n#   ^ info[cyclomatic-complexity]: something else\n    return a or 1\n",
        "def f(a):\n#   ^ error[cyclomatic-complexity]: ...\n    return a or 1\n",
        "def f(a):\n#   ^ info[cognitive-complexity]: ...\n    return a or 1\n",
    ],
)
def test_a_difference_fails(source: str) -> None:
    with pytest.raises(AssertionError):
        check(source, options=LOW)


def test_nothing_to_fix_is_the_same_text() -> None:
    check_fix("a = 1\n", "a = 1\n")
    with pytest.raises(AssertionError):
        check_fix("a = 1\n", "a = 2\n")
