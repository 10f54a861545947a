"""Texts as an editor holds them: positions in a position encoding, edits applied as LSP says.

Used by the tests to check ranges that come from the server and to apply its edits.

Invariant: independent of postil's code. A position that does not exist raises AssertionError: a server must not send one.
"""

from __future__ import annotations

import re
from typing import Any

Json = Any

_LINE = re.compile(r"\r\n|\r|\n")


def units(text: str, encoding: str) -> int:
    """Return the length of `text` in the units of a position encoding."""
    if encoding == "utf-32":
        return len(text)
    if encoding == "utf-8":
        return len(text.encode("utf-8", "surrogatepass"))
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def lines(text: str) -> list[tuple[int, str]]:
    """Return each line's offset in code points and its text without the line break."""
    found = []
    start = 0
    for match in _LINE.finditer(text):
        found.append((start, text[start : match.start()]))
        start = match.end()
    return [*found, (start, text[start:])]


def offset(text: str, position: Json, encoding: str = "utf-16") -> int:
    """Return the code-point offset of a position that must exist."""
    table = lines(text)
    assert set(position) == {"line", "character"}, position
    assert type(position["line"]) is int, position
    assert type(position["character"]) is int, position
    assert 0 <= position["line"] < len(table), f"{position} lies outside a text of {len(table)} lines"
    start, line = table[position["line"]]
    column = 0
    left = position["character"]
    assert left >= 0, position
    while left > 0:
        assert column < len(line), f"{position} lies behind the end of line {line!r}"
        left -= units(line[column], encoding)
        column += 1
    assert left == 0, f"{position} lies inside a character of {line!r}"
    return start + column


def check_range(text: str, value: Json, encoding: str = "utf-16") -> tuple[int, int]:
    """Return the offsets of a range that must lie in `text`, its start not behind its end."""
    start, end = offset(text, value["start"], encoding), offset(text, value["end"], encoding)
    assert start <= end, value
    return start, end


def check_all_ranges(text: str, value: Json, encoding: str = "utf-16") -> int:
    """Check every range anywhere in a JSON value; return how many there were."""
    if isinstance(value, list):
        return sum(check_all_ranges(text, one, encoding) for one in value)
    if not isinstance(value, dict):
        return 0
    if set(value) == {"start", "end"} and isinstance(value["start"], dict):
        check_range(text, value, encoding)
        return 1
    return sum(check_all_ranges(text, one, encoding) for one in value.values())


def applied(text: str, edits: list[Json], encoding: str = "utf-16") -> str:
    """Return `text` with text edits applied; they must not overlap, and their order must not matter."""
    spans = [
        (*check_range(text, edit["range"], encoding), number, edit["newText"]) for number, edit in enumerate(edits)
    ]
    result: list[str] = []
    at = 0
    for start, end, _, new in sorted(spans, key=lambda span: span[:3]):
        assert start >= at, f"edits overlap: {edits}"
        result += (text[at:start], new)
        at = end
    return "".join([*result, text[at:]])


def edits_of(workspace_edit: Json, uri: str) -> list[Json]:
    """Return the text edits of one document in a workspace edit of either form."""
    found = list(workspace_edit.get("changes", {}).get(uri, []))
    for change in workspace_edit.get("documentChanges", []):
        if change.get("textDocument", {}).get("uri") == uri:
            found += change["edits"]
    return found
