"""The same comparison as in test_document_fuzz.py, as a state machine: few sequences, but a failure is shrunk to its core."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.documents import oracle
from tests.documents.test_document_fuzz import Editing, check_equal

TIMES = int(os.environ.get("POSTIL_FUZZ", "1"))

texts = st.lists(st.sampled_from(oracle.PIECES), max_size=6).map("".join)
numbers = st.one_of(st.integers(0, 8), st.sampled_from([2**31 - 1, 9223372036854776000]))


class Typing(RuleBasedStateMachine):
    """An editor and a server that hold the same text."""

    def __init__(self) -> None:
        super().__init__()
        self.encoding = "utf-16"
        self.text = ""
        self.editing = Editing("", "utf-16")

    @initialize(encoding=st.sampled_from(oracle.ENCODINGS), text=texts)
    def opened(self, encoding: str, text: str) -> None:
        """Open a document."""
        self.encoding, self.text = encoding, text
        self.editing = Editing(text, encoding)

    @rule(start_line=numbers, start=numbers, end_line=numbers, end=numbers, new=texts)
    def edited(self, start_line: int, start: int, end_line: int, end: int, new: str) -> None:
        """Replace a range."""
        positions = {"start": {"line": start_line, "character": start}, "end": {"line": end_line, "character": end}}
        self._make({"range": positions, "text": new})

    @rule(line=numbers, character=numbers, new=texts)
    def inserted(self, line: int, character: int, new: str) -> None:
        """Insert at a position."""
        position = {"line": line, "character": character}
        self._make({"range": {"start": position, "end": position}, "text": new})

    @rule(new=texts)
    def replaced(self, new: str) -> None:
        """Replace the whole text."""
        self._make({"text": new})

    def _make(self, change: oracle.Json) -> None:
        self.editing.change(change)
        self.text = oracle.applied(self.text, change, self.encoding)

    @invariant()
    def texts_are_equal(self) -> None:
        """Text, lines and line starts are the model's."""
        check_equal(self.editing.document, self.text, self.encoding)


Typing.TestCase.settings = settings(
    max_examples=100 * TIMES, stateful_step_count=30, deadline=None, database=None, derandomize=TIMES == 1,
    suppress_health_check=[HealthCheck.too_slow],
)  # fmt: skip
TestTyping = Typing.TestCase
