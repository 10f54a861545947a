"""Every fix and every suppression that ruff offers on its own examples: the text still parses and the finding is gone.

The texts are the examples in ruff's own documentation of its rules, some 900, and random mixtures of them behind astral
characters, with all three line breaks, in all three encodings. `KNOWN` is what ruff itself does not do.
"""

from __future__ import annotations

import random
from functools import cache
from typing import TYPE_CHECKING

import pytest

from analyzers.document import Document
from analyzers.rule_docs import rule_helps
from server.actions import ActionRefused, Request, offered, resolved
from tests.actions.real_ruff import URI, RealRuff, RealState, applied, whole
from tests.hover.test_rule_docs import every_code

if TYPE_CHECKING:
    from collections.abc import Iterator

    from server.actions import Action

KNOWN = {
    # The fix of an `elif` makes a finding of the next one.
    ("fix", "RET505"),
    # In `import a.b` after `import a`, removing the first leaves the second unused.
    ("fix", "F401"),
    # Fixes for display, which ruff never applies by itself.
    ("fixAllOfKind", "ERA001"),
}
MIXTURES = 40
CHECKED = ("fix", "fixAllOfKind", "suppressLine", "suppressFile", "fixAll", "organizeImports")


@cache
def examples() -> tuple[str, ...]:
    """Return the bad example of each of ruff's rules that has one."""
    found = rule_helps(every_code())
    return tuple(one.bad + "\n" for one in found.values() if one.bad and one.language == "python")


def mixture(seed: int) -> str:
    """Return three examples as one text."""
    chance = random.Random(seed)
    parts = [chance.choice(["", "# é😀\n", "s = 'é😀'; "]) + example for example in chance.sample(examples(), 3)]
    text = "\n\n".join(parts).rstrip("\n") + chance.choice(["", "\n"])
    return text.replace("\n", chance.choice(["\n", "\r\n", "\r"]))


async def failures(ruff: RealRuff, text: str) -> Iterator[str]:
    """Return a complaint for each action on `text` that breaks it or leaves all that it was to settle."""
    state = RealState(ruff, text)
    assert state.open
    if any(one.rule == "syntax-error" for one in state.findings):
        return iter(())
    found = await offered(state, Request(URI, *whole(state.open)))
    return iter([line for one in found if one.data["action"] in CHECKED for line in await complaints(ruff, state, one)])


async def complaints(ruff: RealRuff, state: RealState, action: Action) -> list[str]:
    assert state.open
    rules = {one.rule for one in state.findings if one.fingerprint in action.fingerprints}
    if any((action.data["action"], rule) in KNOWN for rule in rules):
        return []
    try:
        text = applied(state.open, await resolved(state, action.data))
    except ActionRefused as refusal:
        return [f"{action.title}: refused: {refusal}"]
    document = Document(URI, 2, "python", text)
    after = [str(one.code) for one in ruff.diagnostics(document)]
    ruff.forget(document)
    if "invalid-syntax" in after:
        return [f"{action.title}: broken:\n{state.open.text!r}\n{text!r}"]
    before = [one.rule for one in state.findings]
    if rules and sum(map(after.count, rules)) >= sum(map(before.count, rules)):
        return [f"{action.title}: still there:\n{state.open.text!r}\n{text!r}"]
    return []


async def test_actions_on_ruffs_own_examples(ruff: RealRuff) -> None:
    assert len(examples()) > 850
    found = [line for text in examples() for line in await failures(ruff, text)]
    assert not found, "\n\n".join(found[:5])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
async def test_actions_on_mixtures(encoding: str) -> None:
    with RealRuff(encoding) as ruff:
        found = [line for seed in range(MIXTURES) for line in await failures(ruff, mixture(seed))]
    assert not found, "\n\n".join(found[:5])
