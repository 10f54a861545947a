"""Whatever a source holds, `load` returns settings: each valid, none widened, every other one applied."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyzers.document import Document
from server.settings import SETTINGS, Settings, load
from server.settings_layer import nested, value_of
from server.settings_toml import parse_toml
from server.settings_yaml import parse_yaml

NO_FILE = Path("/nonexistent/postil/config.toml")
RELAXED = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)

NAMES = st.one_of(
    st.sampled_from(
        [part for setting in SETTINGS for part in (setting.name, setting.name.replace("-", "_"), *setting.path)]
    ),
    st.text(max_size=8),
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(["error", "F401", "~/x", "/"]),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(NAMES, inner, max_size=4)),
    max_leaves=12,
)
TABLES = st.dictionaries(NAMES, VALUES, max_size=6)


def without_nothing(value: Any) -> Any:
    """Return `value` as TOML can say it."""
    if isinstance(value, dict):
        return {name: without_nothing(inner) for name, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [without_nothing(inner) for inner in value if inner is not None]
    return value


def as_toml(value: Any) -> str:
    """Return a value as inline TOML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{as_toml(name)} = {as_toml(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(as_toml, value)) + "]"
    if isinstance(value, float):
        return str(value)  # nan and inf are spelt alike
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return json.dumps(value)


def check_valid(loaded: Any, *, widened: bool = True) -> None:
    values = {setting.path: value_of(loaded.settings, setting.path) for setting in SETTINGS}
    assert Settings.model_validate(nested(values)) == loaded.settings
    assert set(loaded.origins) == {setting.name for setting in SETTINGS}
    if not widened:
        assert loaded.settings.log_level == "warning"
        assert loaded.settings.trusted_folders == ()
        assert loaded.settings.max_file_size <= Settings().max_file_size


@RELAXED
@given(st.one_of(VALUES, TABLES), st.booleans())
def test_any_editor(editor: object, tells: bool) -> None:
    loaded = load(None, environment={}, editor=editor, editor_tells_scopes=tells, user_file=NO_FILE)
    check_valid(loaded, widened=tells)


@RELAXED
@given(TABLES)
def test_any_command_line(values: dict[str, Any]) -> None:
    check_valid(load(None, environment={}, command_line=values, user_file=NO_FILE))


@RELAXED
@given(
    st.dictionaries(st.sampled_from(["POSTIL_" + "_".join(one.path).upper() for one in SETTINGS]), st.text(max_size=20))
)
def test_any_environment(environment: dict[str, str]) -> None:
    check_valid(load(None, environment=environment, user_file=NO_FILE))


@RELAXED
@given(TABLES)
def test_any_toml(tmp_path: Path, table: dict[str, Any]) -> None:
    table = without_nothing(table)
    text = "".join(f"{as_toml(name)} = {as_toml(value)}\n" for name, value in table.items())
    (tmp_path / "postil.toml").write_text(text, encoding="utf-8")
    loaded = load(tmp_path, environment={}, user_file=NO_FILE)
    check_valid(loaded, widened=False)
    document = Document("", 0, "toml", text)
    for problem in loaded.problems:
        assert 0 <= problem.line < len(document.lines)
        assert 0 <= problem.column <= problem.end_column <= len(document.line_text(problem.line))


@RELAXED
@given(TABLES)
def test_scanner_and_tomllib_agree_on_what_stands_where(table: dict[str, Any]) -> None:
    """Each place that the scanner notes, read alone, is the value that is there."""
    table = without_nothing(table)
    text = "".join(f"{as_toml(name)} = {as_toml(value)}\n" for name, value in table.items())
    parsed = parse_toml(f"[a]\nb = 1\n[tool.postil]\n{text}[c]\nd = 1\n", ("tool", "postil"))
    assert repr(parsed.values) == repr(table)  # as texts, because nan is not nan

    def look(value: Any, path: tuple[str | int, ...]) -> None:
        start, end = parsed.places[path].value
        whole = f"[a]\nb = 1\n[tool.postil]\n{text}[c]\nd = 1\n"
        assert whole[start:end] == as_toml(value)
        items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, inner in items:
            look(inner, (*path, key))

    for name, value in table.items():
        look(value, (name,))


FRAGMENTS = [
    "[tool.postil]", "[tool.postil.ruff]", "[tool]", "[[a]]", "postil", "ignore", "fail-on", " = ", "=", "\n", "\n", "\r\n",
    "[", "]", "{", "}", ",", "'", '"', '"""', "'''", "\\", "#", ".", "'E1'", '"info"', "3", "true", "\x00", "\ufeff", "é",
    "- ", ": ", "  ", "&a ", "*a", "!!str ", "---\n", "? ", "|\n", "\t", "<<: ",
]  # fmt: skip


@RELAXED
@given(st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.text(max_size=3)), max_size=40).map("".join))
@pytest.mark.parametrize("name", ["pyproject.toml", "postil.toml", ".postil.yaml"])
def test_any_text(tmp_path: Path, name: str, text: str) -> None:
    content = text.encode("utf-8", "surrogatepass")
    (tmp_path / name).write_bytes(content)
    loaded = load(tmp_path, environment={"POSTIL_COGNITIVE_LIMIT": "77"}, user_file=NO_FILE)
    check_valid(loaded, widened=False)
    assert loaded.settings.cognitive_limit == 77


@RELAXED
@given(st.binary(max_size=60))
@pytest.mark.parametrize("name", ["postil.toml", ".postil.yaml"])
def test_any_bytes(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    check_valid(load(tmp_path, environment={}, user_file=NO_FILE), widened=False)


@RELAXED
@given(st.dictionaries(st.text(max_size=5), VALUES, max_size=5))
def test_our_yaml_is_everybodys_yaml(table: dict[str, Any]) -> None:
    """Where we read a text, we read what the safe loader reads."""
    text = yaml.safe_dump(table, allow_unicode=True)
    parsed = parse_yaml(text)
    if any(trouble.message.startswith("anchors") for trouble in parsed.troubles):
        return

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {str(name): plain(inner) for name, inner in value.items()}
        if isinstance(value, list):
            return [plain(inner) for inner in value]
        return str(value) if isinstance(value, date) else value

    assert not parsed.troubles, text
    assert repr(parsed.values) == repr(plain(yaml.safe_load(text)))
