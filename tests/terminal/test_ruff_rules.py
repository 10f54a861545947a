"""The default selection: every name in it means something to our ruff, and every finding gets a severity and a category."""

from __future__ import annotations

import json
import subprocess

import pytest

from analyzers.finding import Category, Severity
from analyzers.ruff_binary import ruff_binary
from analyzers.ruff_check import RuffOptions, batches
from analyzers.ruff_rules import DEFAULT_IGNORE, DEFAULT_SELECT, category_of, cwe_of, is_selector, selects, severity_of


@pytest.fixture(scope="module")
def all_rules() -> dict[str, dict[str, object]]:
    command = [ruff_binary(), "rule", "--all", "--output-format=json"]
    output = subprocess.run(command, capture_output=True, check=True).stdout
    return {one["code"]: one for one in json.loads(output) if one["code"]}


def test_every_selector_selects_rules_of_this_ruff(all_rules: dict[str, dict[str, object]]) -> None:
    for selector in (*DEFAULT_SELECT, *DEFAULT_IGNORE):
        chosen = [code for code in all_rules if selects(selector, code)]
        assert chosen, selector
        assert is_selector(selector)
        if len(chosen) == 1:
            assert all_rules[chosen[0]]["preview"] is not True, f"{selector} is still in preview"


def test_nothing_is_selected_twice() -> None:
    assert len(set(DEFAULT_SELECT)) == len(DEFAULT_SELECT)
    for selector in DEFAULT_SELECT:
        assert not any(selector != other and selects(other, selector) for other in DEFAULT_SELECT), selector


def test_ruff_accepts_the_selection_without_a_word() -> None:
    command = [ruff_binary(), "check", "--no-cache", *RuffOptions().arguments(), "-"]
    ended = subprocess.run(command, input=b"x = 1\n", capture_output=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, b"")


@pytest.mark.parametrize(
    ("code", "severity", "category"),
    [
        ("syntax-error", Severity.ERROR, Category.SYNTAX),
        ("E902", Severity.ERROR, Category.SYNTAX),
        ("F821", Severity.ERROR, Category.BUG),
        ("F401", Severity.WARNING, Category.SMELL),
        ("B006", Severity.WARNING, Category.BUG),
        ("PLE0101", Severity.ERROR, Category.BUG),
        ("PLE2502", Severity.WARNING, Category.SECURITY),
        ("S608", Severity.WARNING, Category.SECURITY),
        ("SIM108", Severity.WARNING, Category.SMELL),
        ("SLF001", Severity.WARNING, Category.SMELL),
        ("I001", Severity.WARNING, Category.STYLE),
        ("INT001", Severity.WARNING, Category.BUG),
        ("INP001", Severity.WARNING, Category.SMELL),
        ("D100", Severity.WARNING, Category.STYLE),
        ("DTZ003", Severity.WARNING, Category.BUG),
        ("C901", Severity.WARNING, Category.SMELL),
    ],
)
def test_how_bad_and_what_kind(code: str, severity: Severity, category: Category) -> None:
    assert severity_of(code) is severity
    assert category_of(code) is category


def test_weaknesses() -> None:
    assert cwe_of("S608") == 89
    assert cwe_of("F401") is None


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("F401", True),
        ("PLE", True),
        ("ALL", True),
        ("cognitive-complexity", False),
        ("F4*", False),
        ("", False),
        ("é1", False),
    ],
)
def test_what_is_a_selector_of_ruffs(name: str, expected: bool) -> None:
    assert is_selector(name) is expected


@pytest.mark.parametrize(
    ("selector", "code", "expected"),
    [
        ("F", "F401", True),
        ("F", "FAST003", False),
        ("F4", "F401", True),
        ("S", "SIM108", False),
        ("PL", "PLE0101", True),
        ("PLE", "PLW0120", False),
        ("C", "C401", True),
        ("ALL", "F401", True),
        ("x", "x1", False),
    ],
)
def test_what_a_selector_covers(selector: str, code: str, expected: bool) -> None:
    assert selects(selector, code) is expected


def test_batches_fit_on_a_command_line() -> None:
    files = [f"/{'x' * 90}/{number:08}.py" for number in range(20_000)]
    parts = batches(files)
    assert [one for part in parts for one in part] == files
    assert all(sum(len(name) + 9 for name in part) <= 512 * 1024 for part in parts)
    assert len(parts) > 1
    assert batches([]) == []
