"""Rules that hold for every setting, and papers that are made from the model."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from pydantic import BaseModel, ValidationError

from server.config_command import documentation_table, starter, toml_value
from server.settings import SETTINGS, Setting, Settings, json_schema
from server.settings_layer import nested, value_of
from server.settings_sources import variable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from server.settings import Loaded

ROOT = Path(__file__).resolve().parents[2]
# Words that would be in the name of a setting by which a workspace widens what it may do.
WIDENING = re.compile(
    r"path|command|executable|binary|interpreter|python|plugin|module|import|endpoint|host|url|port|proxy|provider|model|"
    r"key|token|secret|environment|variable|cwd|directory|folder|file$|log|trust|argument|args"
)


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.name)
def test_every_setting_has_a_scope_a_description_and_a_narrowing(setting: Setting) -> None:
    assert setting.scope in ("user", "workspace")
    assert len(setting.field.description or "") > 20
    assert (setting.narrowing is not None) == (setting.scope == "workspace")
    if setting.scope == "workspace":
        assert not WIDENING.search(setting.name), "a workspace may not name this"
    if setting.field.annotation is bool and setting.scope == "workspace":
        assert setting.narrowing == "only-off"
        assert value_of(Settings(), setting.path) is True, "what a workspace can only switch off is on by itself"


def test_a_setting_without_a_scope_cannot_be_declared() -> None:
    from server.settings_model import _settings

    class Careless(BaseModel):
        executable: str = "sh"

    with pytest.raises(TypeError):
        list(_settings(Careless))


def leaves(
    schema: dict[str, Any], definitions: dict[str, Any], around: str = ""
) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, part in schema["properties"].items():
        if "$ref" in part:
            yield from leaves(definitions[part["$ref"].rpartition("/")[2]], definitions, f"{around}{name}.")
        else:
            yield around + name, part


def test_the_schema_tells_scopes() -> None:
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    found = {name: (part["scope"], part.get("narrowing")) for name, part in leaves(schema, schema["$defs"])}
    assert found == {setting.name: (setting.scope, setting.narrowing) for setting in SETTINGS}
    assert all(part["description"] for _, part in leaves(schema, schema["$defs"]))


@pytest.mark.parametrize(
    ("settings", "valid"),
    [
        ({}, True),
        ({"fail-on": "never", "ruff": {"select": ["E"], "use-project-configuration": False}}, True),
        ({"fail-on": "fatal"}, False),
        ({"ruff": {"select": ["no!"]}}, False),
        ({"unknown": 1}, False),
        ({"cyclomatic-limit": 0}, False),
    ],
)
def test_the_schema_agrees_with_the_model(
    settings: dict[str, Any], valid: bool, load_files: Callable[..., Loaded]
) -> None:
    assert jsonschema.Draft202012Validator(json_schema()).is_valid(settings) is valid
    loaded = load_files({".postil.yaml": json.dumps(settings)})
    assert (not loaded.problems) is valid


def test_the_documentation_is_the_model() -> None:
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    begin, end = "<!-- settings: begin (made by `documentation_table`) -->\n", "<!-- settings: end -->"
    assert text.partition(begin)[2].partition(end)[0] == documentation_table()
    for setting in SETTINGS:
        assert f"`{setting.name}`" in text
        assert variable(setting) in text


@pytest.mark.parametrize("user", [True, False])
def test_the_starter_file_changes_nothing_and_is_all_valid(load_files: Callable[..., Loaded], user: bool) -> None:
    text = starter(user=user)
    asked = {"user": text} if user else {"files": {"postil.toml": text}}
    loaded = load_files(**asked)
    assert not loaded.problems
    assert set(loaded.origins.values()) == {"default"}
    bare = re.sub(r"^# (?=[a-z-]+ = )", "", text, flags=re.MULTILINE)
    asked = {"user": bare} if user else {"files": {"postil.toml": bare}}
    loaded = load_files(**asked)
    assert not loaded.problems
    assert loaded.settings == Settings()
    wanted = {setting.name for setting in SETTINGS if user or setting.scope == "workspace"}
    given = tomllib.loads(bare)
    assert {
        f"{name}.{inner}" if isinstance(value, dict) else name
        for name, value in given.items()
        for inner in (value if isinstance(value, dict) else [""])
    } == wanted


def test_examples_are_valid() -> None:
    for setting in SETTINGS:
        for example in setting.field.examples or []:
            Settings.model_validate(nested({setting.path: tuple(example)}))


def test_toml_values_are_toml() -> None:
    for value in ((), ("a", 'b"\\'), True, 3, "x\u2028\x01"):
        assert tomllib.loads(f"value = {toml_value(value)}")["value"] == (
            list(value) if isinstance(value, tuple) else value
        )


def test_settings_never_change() -> None:
    with pytest.raises(ValidationError):
        Settings().fail_on = "hint"  # type: ignore[misc]
