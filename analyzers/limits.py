"""Texts that are too large, too wide or too deep for an analysis, and why.

The figures come from measured crashes and stalls: ruff aborts on a few thousand nested brackets, a parser takes seconds on a
megabyte of noise, and an editor whose linter stalls on a generated file is an editor that lags.

Invariant: a text over a limit is still kept in step with the editor. Nothing is hidden in silence: whoever acts on a refusal
shows its sentence.
"""

from __future__ import annotations

from array import array
from itertools import accumulate
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from analyzers.document import Document

STORE_ONLY: Final = 5_000_000  # code points from which on nothing analyses the text
MAX_PARSED: Final = 1_000_000  # code points that postil's own parser takes
MAX_LINES: Final = 20_000
MAX_LINE_LENGTH: Final = 20_000  # code points
MAX_NESTING: Final = 200  # open brackets

_BINARY: Final = "it holds NUL characters, so it is no source text"
_BRACKETS: Final = b"()[]{}"
_NO_BRACKETS: Final = bytes(set(range(256)) - set(_BRACKETS))
_DEPTH: Final = bytes.maketrans(_BRACKETS, bytes((1, 255, 1, 255, 1, 255)))


def length(document: Document) -> int:
    """Return the length of the text in code points, without building its line table."""
    return len(document)


def no_ruff(document: Document, largest: int = STORE_ONLY) -> str | None:
    """Return why ruff must not see the text, or None. `largest`: code points that the settings allow."""
    size = length(document)
    if size > min(largest, STORE_ONLY):
        return f"the file has {size:,} characters, more than {min(largest, STORE_ONLY):,}"
    if "\0" in document.text:
        return _BINARY
    if nesting(document.text.encode("utf-8", "surrogatepass")) > MAX_NESTING:
        return f"brackets are nested deeper than {MAX_NESTING}"
    return None


def no_parse(document: Document, largest: int = MAX_PARSED) -> str | None:
    """Return why the text is too large or too wide for postil's own parser, or None. `largest` as for `no_ruff`."""
    size = length(document)
    if size > min(largest, MAX_PARSED):
        return f"the file has {size:,} characters, more than {min(largest, MAX_PARSED):,}"
    if any("\0" in line for line in document.lines):
        return _BINARY
    if len(document.lines) > MAX_LINES:
        return f"the file has more than {MAX_LINES:,} lines"
    if max(map(len, document.lines)) > MAX_LINE_LENGTH:
        return f"a line is longer than {MAX_LINE_LENGTH:,} characters"
    return None


def nesting(data: bytes) -> int:
    """Return how deep brackets are open at most, those in strings and comments counted as well."""
    return max(accumulate(array("b", data.translate(_DEPTH, _NO_BRACKETS))), default=0)
