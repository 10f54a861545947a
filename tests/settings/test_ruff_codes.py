"""The table of ruff's codes is ruff's own, and what ruff would refuse never reaches it."""

from __future__ import annotations

import json
import subprocess
import sysconfig
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from analyzers.ruff_codes import CODES, FAMILIES, is_known_selector

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.settings import Loaded

RUFF = Path(sysconfig.get_path("scripts")) / "ruff"


def told(*arguments: str) -> Any:
    return json.loads(
        subprocess.run([RUFF, *arguments, "--output-format", "json"], capture_output=True, check=True).stdout
    )


def test_the_table_is_ruffs() -> None:
    rules = {rule["code"] for rule in told("rule", "--all") if rule["code"] and "Removed" not in str(rule["status"])}
    assert tuple(sorted(rules)) == CODES, " ".join(sorted(rules))
    families = [
        [one["prefix"]] if one["prefix"] else [part["prefix"] for part in one["categories"]] for one in told("linter")
    ]
    assert tuple(sorted(chain.from_iterable(families))) == FAMILIES


def takes(selectors: list[str], option: str) -> bool:
    asked = [RUFF, "check", "--isolated", "--no-cache", "--quiet", option, ",".join(selectors), "-"]
    return subprocess.run(asked, input=b"", capture_output=True, check=False).returncode != 2


def refused(selectors: list[str]) -> set[str]:
    """Return which of `selectors` ruff refuses, by halves."""
    if takes(selectors, "--select"):
        return set()
    if len(selectors) == 1:
        return set(selectors)
    middle = len(selectors) // 2
    return refused(selectors[:middle]) | refused(selectors[middle:])


def test_ruff_takes_what_we_take_and_nothing_else() -> None:
    beginnings = sorted({code[:length] for code in CODES for length in range(1, len(code) + 1)} | {"ALL"})
    # `IC`, `R` and `U` are names of old that ruff still understands. Ours is one spelling.
    assert {name for name in beginnings if not is_known_selector(name)} == refused(beginnings) | {"IC", "R", "U"}
    assert takes([name for name in beginnings if is_known_selector(name)], "--ignore")


@pytest.mark.parametrize("name", ["", "ZZZ9", "F9999", "E999", "FUR", "f401", "F401 ", "PT004"])
def test_what_ruff_does_not_have(name: str) -> None:
    assert not is_known_selector(name)


@pytest.mark.parametrize("key", ["select", "ignore", "[ruff]\nselect", "[ruff]\nignore"])
def test_a_code_that_ruff_does_not_have_is_a_mistake_on_its_line(load_files: Callable[..., Loaded], key: str) -> None:
    loaded = load_files({"postil.toml": f"{key} = ['F401', 'ZZZ9']\n"})
    (problem,) = loaded.problems
    assert (problem.rule, problem.column) == ("settings-value", len(key.rpartition("\n")[2]) + 12)
    assert "`ZZZ9` is not" in problem.message
    told = loaded.settings.ruff_options()
    assert ("F401",) in (told.select, told.extend_select, told.ignore)


@pytest.mark.parametrize(
    ("name", "means"),
    [
        ("cognitive-complexity", True),
        ("cogni*", True),
        ("settings-*", True),
        ("ruff", True),
        ("D*", True),
        ("cognitive-complexty", False),
        ("cogni", False),
        ("nonsense*", False),
        ("f401", False),
        ("AKIAIOSFODNN7EXAMPLE", False),
    ],
)
def test_a_rule_that_nobody_has_is_a_mistake(load_files: Callable[..., Loaded], name: str, means: bool) -> None:
    """Else a typing mistake leaves a rule on and nobody notices."""
    loaded = load_files({"postil.toml": f"ignore = ['{name}']\n"})
    assert [one.rule for one in loaded.problems] == ([] if means else ["settings-value"])
    assert loaded.settings.ignore == ((name,) if means else ())
    assert "AKIA" not in str(loaded.problems)


def test_a_mistake_in_the_environment_names_its_variable(load_files: Callable[..., Loaded]) -> None:
    (problem,) = load_files({}, environment={"POSTIL_RUFF_ENABLED": "perhaps"}).problems
    assert "POSTIL_RUFF_ENABLED: `ruff.enabled` must be true or false" in str(problem)
