"""Which names of rules mean something: what settings and the command line may switch on and off.

A name that means nothing is told, because a typing mistake would otherwise leave a rule on, or everything off, in silence.

Invariant: a message repeats no more of what was written than could be a rule's code: texts of settings may be secrets.
"""

from __future__ import annotations

from analyzers.ruff_codes import is_known_selector
from analyzers.rules import RULES

# Of mistakes in settings files, which are findings too (`server.settings_files.Problem`).
_SETTINGS = tuple(
    f"settings-{kind}"
    for kind in ("encoding", "scope", "secret", "shadowed", "syntax", "unknown", "unreadable", "value")
)
_SOURCES = ("postil", "ruff", "all")
_LONGEST_CODE = 13


def rule_trouble(name: str) -> str | None:
    """Return why `name` (an id of ours, a code of ruff's, a source, or the beginning of one and `*`) means nothing, or None."""
    code = name.removesuffix("*")
    if code.isupper() and "-" not in code:
        if is_known_selector(code):
            return None
        shown = f"`{code}` is " if len(code) <= _LONGEST_CODE and code.isascii() and code.isalnum() else ""
        return f"{shown}not a rule or group of rules of ruff's; perhaps it was renamed or removed"
    ids = (*(doc.id for doc in RULES), *_SETTINGS)
    if code in (*ids, *_SOURCES) or (code != name and any(one.startswith(code) for one in ids)):
        return None
    from difflib import get_close_matches

    capitals = code[:_LONGEST_CODE].upper()
    near = [capitals] if is_known_selector(capitals) else get_close_matches(code[:80], ids, n=1)
    return "not a rule" + (f": did you mean `{near[0]}`?" if near else ", neither of postil's nor of ruff's")
