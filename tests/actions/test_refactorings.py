"""Refactorings: offered where the selection makes sense, done by somebody else, refused with a reason."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pytest

from analyzers.document import Document, Point
from analyzers.names import Names
from server.actions import ActionRefused, Request, StaleAction, offered, resolved
from tests.actions.test_offers import URI, Session

if TYPE_CHECKING:
    from collections.abc import Sequence

CODE = """\
import os


def area(width, height):
    size = width * height
    print(size)
    return size
"""


@dataclass
class FileEdits:
    path: str
    edits: Sequence[tuple[int, int, int, int, str]]


class WithJedi(Session):
    """Answers each refactoring with `answer`, and remembers what it was asked."""

    def __init__(self, text: str, answer: Sequence[FileEdits] = ()) -> None:
        super().__init__(text)
        self.answer = answer
        self.asked: list[object] = []

    async def refactored(self, document: Document, refactoring: str, start: Point, end: Point, name: str) -> list[Any]:
        self.asked.append((refactoring, start, end, name, document.version))
        return list(self.answer)


def selecting(text: str, selected: str) -> Request:
    """Return the request of a user who selected the first `selected`."""
    document = Document(URI, 1, "python", text)
    at = text.index(selected)
    return Request(URI, document.point(at), document.point(at + len(selected)), only=("refactor",))


async def titles(text: str, request: Request) -> list[str]:
    return [one.title for one in await offered(WithJedi(text), request)]


@pytest.mark.parametrize(
    ("selected", "expected"),
    [
        ("width * height", ["Extract variable", "Extract function"]),
        (" width * height", ["Extract variable", "Extract function"]),
        ("print(size)\n    return size\n", ["Extract function"]),
        ("    print(size)\n    return size\n", ["Extract function"]),
        ("size = width * height", ["Extract function"]),
        ("import os", []),
        ("width *", []),
        ("\n\n", []),
        ("def area(width, height):", []),
        ("width", []),
        ("size", ["Inline size"]),
        ("def", []),
    ],
)
async def test_offers_follow_the_selection(selected: str, expected: list[str]) -> None:
    assert await titles(CODE, selecting(CODE, selected)) == expected


async def test_inline_is_offered_where_the_cursor_is_in_a_name() -> None:
    here = replace(selecting(CODE, "size)"), end=selecting(CODE, "size)").start)
    assert await titles(CODE, here) == ["Inline size"]


@pytest.mark.parametrize(
    "text", ["(" * 5000, "-" * 9000, "x" * 20_000, "a\0b", '"\\d"', "f(" * 90 + ")" * 90, "~" * 9000, "not " * 2000]
)
async def test_a_hostile_selection_is_no_trouble(text: str, recwarn: pytest.WarningsRecorder) -> None:
    await titles(text, replace(selecting(text, text)))
    assert not list(recwarn)


async def test_nothing_is_offered_in_another_language() -> None:
    state = WithJedi("x = 1 + 2\n")
    state.open = Document(URI, 1, "lua", "x = 1 + 2\n")
    assert await offered(state, selecting("x = 1 + 2\n", "1 + 2")) == []


async def test_extracting_takes_a_name_that_is_free() -> None:
    text = "extracted_variable = 1\nx = 1 + 2\n"
    state = WithJedi(text, [FileEdits("/project/sample.py", [(1, 0, 1, 0, "new = 1 + 2\n"), (1, 4, 1, 9, "new")])])
    assert state.open
    action = (await offered(state, selecting(text, "1 + 2")))[0]
    edit = await resolved(state, action.data)
    assert state.asked == [("extract_variable", Point(1, 4), Point(1, 9), "extracted_variable_2", 3)]
    version, edits = edit.changes[URI]
    assert state.open.edited(edits, version + 1).text == "extracted_variable = 1\nnew = 1 + 2\nx = new\n"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ([], "nothing to change"),
        ([FileEdits("/project/other.py", [(0, 0, 0, 1, "x")])], "other files"),
        (
            [FileEdits("/project/sample.py", [(0, 0, 0, 1, "x")]), FileEdits("/b.py", [(0, 0, 0, 1, "x")])],
            "other files",
        ),
    ],
)
async def test_threat_23_what_reaches_further_is_refused(answer: list[FileEdits], reason: str) -> None:
    state = WithJedi(CODE, answer)
    action = (await offered(state, selecting(CODE, "width * height")))[0]
    with pytest.raises(ActionRefused, match=reason):
        await resolved(state, action.data)


async def test_a_text_that_changed_while_jedi_worked_is_stale() -> None:
    state = WithJedi(CODE)
    action = (await offered(state, selecting(CODE, "width * height")))[0]

    async def typed_meanwhile(document: Document, *_: object) -> list[FileEdits]:
        state.open = document.with_text(CODE + "#", document.version + 1)
        return [FileEdits("/project/sample.py", [(0, 0, 0, 1, "x")])]

    state.refactored = typed_meanwhile  # type: ignore[method-assign]
    with pytest.raises(StaleAction):
        await resolved(state, action.data)


class RealJedi(Session):
    """Answers as the names worker does, in this process."""

    async def refactored(self, document: Document, refactoring: str, start: Point, end: Point, name: str) -> list[Any]:
        places = (start.line, start.column) if refactoring == "inline" else (*start, *end, name)
        answer = getattr(Names(), refactoring)("/project/sample.py", "/project", document.text, *places)
        if answer.refused:
            raise ActionRefused(answer.refused)
        return list(answer.files)


@pytest.mark.parametrize(
    ("title", "selected", "before", "after"),
    [
        (
            "Extract variable",
            "a * 2",
            'def f(a):\n    return ("é😀", a * 2)\n',
            'def f(a):\n    extracted_variable = a * 2\n    return ("é😀", extracted_variable)\n',
        ),
        (
            "Extract function",
            "a * 2",
            "def f(a):\n    return a * 2\n",
            "def extracted_function(a):\n    return a * 2\n\n\ndef f(a):\n    return extracted_function(a)\n",
        ),
        ("Inline b", "b", "def f(a):\n    b = a * 2\n    return b + 1\n", "def f(a):\n    return (a * 2) + 1\n"),
    ],
)
async def test_jedi_does_what_is_offered(title: str, selected: str, before: str, after: str) -> None:
    state = RealJedi(before)
    assert state.open
    [action] = [one for one in await offered(state, selecting(before, selected)) if one.title == title]
    version, edits = (await resolved(state, action.data)).changes[URI]
    assert version == state.open.version
    assert "".join(state.open.edited(edits, 9).text.split()) == "".join(after.split())


async def test_what_jedi_refuses_is_refused_with_its_reason() -> None:
    text = "def f(a):\n    for b in a:\n        print(b)\n        break\n    return b\n"
    state = RealJedi(text)
    [action] = await offered(state, selecting(text, "print(b)\n        break\n"))
    with pytest.raises(ActionRefused) as refusal:
        await resolved(state, action.data)
    assert len(str(refusal.value)) > 10
