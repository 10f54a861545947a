"""The words about rules: from our own ruff and our own rules, cut to what fits on a screen."""

from __future__ import annotations

import asyncio
import re
import time

import pytest

from analyzers import rule_docs
from analyzers.rule_docs import RuleDocs, rule_help, rule_helps
from analyzers.rules import RULES


def test_a_rule_of_ruffs_is_explained() -> None:
    found = rule_help("F401")
    assert found
    assert found.title == "unused import"
    assert found.what == "Checks for unused imports."
    assert found.url == "https://docs.astral.sh/ruff/rules/unused-import"
    assert found.bad.startswith("import numpy as np")
    assert found.good.startswith("def area")
    assert "find_spec(" not in found.good


def test_a_weakness_is_named() -> None:
    found = rule_help("S608")
    assert found
    assert found.cwe == 89


def test_a_rule_is_known_by_its_name_too() -> None:
    # What ruff's preview calls it in a diagnostic.
    by_name, by_code = rule_help("unused-import"), rule_help("F401")
    assert by_name
    assert by_code
    assert by_name.what == by_code.what


@pytest.mark.parametrize("doc", RULES, ids=lambda doc: doc.id)
def test_our_own_rules_are_explained_without_a_process(doc: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rule_docs, "spawn", None)
    code = doc.id  # type: ignore[attr-defined]
    found = RuleDocs().get(code)
    assert found
    assert found.source == "postil"
    assert found.what in found.text
    assert found.fix in found.text


@pytest.mark.parametrize(
    "code", ["F99999", "no-such-rule", "", "--all", "-h", "F401 --fix", "../x", "F401\n", "é", "x" * 200]
)
def test_what_is_no_rule_has_no_words(code: str) -> None:
    assert rule_help(code) is None


def test_only_codes_reach_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_spawn(command: list[str]) -> None:
        raise AssertionError(command)

    monkeypatch.setattr(rule_docs, "spawn", no_spawn)
    for code in ("--all", "F401 F402", "", "@file"):
        assert RuleDocs().get(code) is None


def test_without_ruff_there_are_no_words_and_no_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone() -> str:
        raise FileNotFoundError

    monkeypatch.setattr(rule_docs, "ruff_binary", gone)
    assert RuleDocs().get("F401") is None
    assert RuleDocs().get_all(["F401", "F402", "F403", "F404", "F405"]) == {}


def test_many_rules_cost_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    started = []
    real = rule_docs.spawn
    monkeypatch.setattr(rule_docs, "spawn", lambda command: started.append(command) or real(command))
    codes = ["F401", "F811", "F821", "F841", "B006", "E711", "unused-import", "cognitive-complexity", "F99999", "F401"]
    found = rule_helps(codes)
    assert len(started) == 1
    assert set(found) == set(codes) - {"F99999"}
    assert found["F401"] == rule_help("F401")


async def test_the_loop_does_not_wait_for_ruff() -> None:
    docs = RuleDocs()
    longest = 0.0
    watching = True

    async def watch() -> None:
        nonlocal longest
        while watching:
            before = time.perf_counter()
            await asyncio.sleep(0)
            longest = max(longest, time.perf_counter() - before)

    watcher = asyncio.create_task(watch())
    found = await docs.fetch("B006")
    watching = False
    await watcher
    assert found
    assert longest < 0.1  # seconds; starting a process takes a few milliseconds
    assert docs.known("B006") is found


def test_every_rule_fits_on_a_screen() -> None:
    found = rule_helps(every_code())
    assert len(found) > 900
    for code, one in found.items():
        assert one.what, code
        assert len(one.text.splitlines()) < 90, code
        assert one.text.count("```") % 2 == 0, code
        for prose in (one.what, one.why, one.fix_safety):
            assert "```" not in prose, code
            assert "## " not in prose, code
            assert not re.search(r"\]\[|\]: http", re.sub("`[^`]*`", "", prose)), code


def test_plain_text_has_no_markup_left() -> None:
    found = rule_help("UP007")
    assert found
    assert "`" not in found.plain
    assert "_also_" not in found.plain
    assert "__future__" in found.plain
    assert "[PEP 604]" not in found.text


def every_code() -> list[str]:
    """Return every code that ruff knows, asked of ruff itself."""
    child = rule_docs.spawn([rule_docs.ruff_binary(), "rule", "--all", "--output-format", "json"])
    output, _ = child.communicate()
    return [one.code or one.name for one in rule_docs._explanations(output)]


def test_brackets_in_code_are_code() -> None:
    found = rule_help("RUF015")
    assert found
    assert "`list(...)[0]`" in found.what
