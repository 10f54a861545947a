"""What reaches a terminal: text made harmless, colours where they are wanted, and progress of long work.

File names, code and messages come from repositories that somebody else wrote. A terminal takes some of their characters
for orders (move the cursor, set the title, fill the clipboard), and others make text look like what it is not.

Invariant: text that postil did not write itself passes `term_safe` before it is written. Of the control characters only
line breaks and tabs that postil writes itself reach the stream.
Invariant: colours and progress go to terminals only, and nowhere with NO_COLOR or `--no-color`.
"""

from __future__ import annotations

import os
import re
import sys
import unicodedata
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

# Control characters; marks that reorder or hide text; letters without a glyph; lone surrogates (a file name that is not
# UTF-8 is told as them); tags and variation selectors beyond the one that emoji use.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0e\ufeff\uffa0\ufff0-\ufffb\ud800-\udfff\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)

BOLD, DIM, RED, YELLOW, BLUE, CYAN, GREEN = "1", "2", "31", "33", "34", "36", "32"


def term_safe(text: str) -> str:
    r"""Return `text` with everything that a terminal could obey, and everything invisible, written out: `\x1b`, `\u202e`."""
    return _UNSAFE.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    character = match.group()
    code = ord(character)
    named = {9: r"\t", 10: r"\n", 13: r"\r"}.get(code)
    if named is not None:
        return named
    if 0xDC80 <= code <= 0xDCFF:  # a byte of a file name that is not UTF-8
        return f"\\x{code - 0xDC00:02x}"
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def display_width(text: str) -> int:
    """Return how many cells `text`, which is safe already, takes on a terminal."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(one) or one == "\ufe0f" else 2 if unicodedata.east_asian_width(one) in "WF" else 1
        for one in text
    )


def wants_colour(stream: TextIO, environment: Mapping[str, str], *, refused: bool) -> bool:
    """Return whether to write colours to `stream`. `refused`: by the command line."""
    if refused or environment.get("NO_COLOR") or environment.get("TERM") == "dumb":
        return False
    return is_terminal(stream)


def is_terminal(stream: TextIO) -> bool:
    """Return whether a person reads `stream` as it is written."""
    with suppress(ValueError, AttributeError):  # closed, or not a stream of the system
        return stream.isatty()
    return False


def painter(*, colour: bool) -> Callable[[str, str], str]:
    """Return a function that paints text: `paint("1;31", text)`; it paints nothing without `colour`."""
    if not colour:
        return lambda _style, text: text
    return lambda style, text: f"\x1b[{style}m{text}\x1b[0m" if style else text


def terminal_width(default: int = 100) -> int:
    """Return the number of columns of the terminal, or `default`."""
    for descriptor in (1, 2, 0):
        with suppress(OSError, ValueError):
            return os.get_terminal_size(descriptor).columns or default
    return default


def complain(message: str) -> None:
    """Write one line about a problem to stderr."""
    with suppress(OSError, ValueError):
        sys.stderr.write(f"postil: {term_safe(message)}\n")


class Progress:
    """How far a long piece of work is: a bar on a terminal once it takes longer than a moment, else nothing."""

    PATIENCE = 0.7  # seconds until a bar is worth its flicker

    def __init__(self, title: str, total: int) -> None:
        from time import monotonic

        self._title = title
        self._total = total
        self._done = 0
        self._clock = monotonic
        self._start = monotonic()
        self._bar: object = None
        self._advance: Callable[[int], None] | None = None
        self._stop: Callable[[], None] | None = None

    def advance(self, steps: int = 1) -> None:
        """Note that `steps` more are done."""
        self._done += steps
        if self._advance is not None:
            self._advance(steps)
        elif self._clock() - self._start > self.PATIENCE and self._done < self._total:
            self._show()

    def close(self) -> None:
        """Take the bar away."""
        if self._stop is not None:
            self._stop()

    def _show(self) -> None:
        from rich import progress
        from rich.console import Console

        bar = progress.Progress(
            progress.TextColumn("{task.description}"),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        bar.start()
        task = bar.add_task(self._title, total=self._total, completed=self._done)
        self._advance = lambda steps: bar.advance(task, steps)
        self._stop = bar.stop


@contextmanager
def progress(title: str, total: int, *, wanted: bool) -> Iterator[Callable[[int], None]]:
    """Give a function that notes steps of long work as done. Nothing is shown unless `wanted` and stderr is a terminal."""
    if not wanted or not is_terminal(sys.stderr):
        yield lambda _steps: None
        return
    shown = Progress(title, total)
    try:
        yield shown.advance
    finally:
        shown.close()
