"""Positions as an LSP peer counts them: our client on one side, ruff's server on the other.

Both speak the same negotiated encoding, so ruff's ranges go to the client as they came. Everything else inside counts in
code points (`analyzers.document`).

Invariant: no negative number; it is refused while decoding. Whatever is too large is clamped against the text.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

Count = Annotated[int, msgspec.Meta(ge=0)]


class Position(msgspec.Struct, frozen=True, order=True, gc=False):
    """A line and a character, both from 0; the character in units of the negotiated encoding."""

    line: Count
    character: Count


class Range(msgspec.Struct, frozen=True, order=True, gc=False):
    """A half-open range of positions."""

    start: Position
    end: Position


class TextChange(msgspec.Struct, omit_defaults=True):
    """One change of a document: a range replaced, or the whole text where there is no range."""

    text: str
    range: Range | None = None
