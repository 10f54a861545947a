"""Where settings come from: the sources are read into layers, and the layers are combined into one value per setting.

Invariant: what an editor sends is the workspace's, unless the client told in `initializationOptions` that it tells the two
scopes apart.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, NamedTuple, get_origin

import platformdirs

from analyzers.finding import Severity
from server.settings_files import Problem, SettingsFile, load_file, workspace_file
from server.settings_layer import Layer, nearest, nested, quoted, value_of
from server.settings_model import SETTINGS, Scope, Setting, Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

PREFIX = "POSTIL_"
_WORDS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}


class ClientWord(NamedTuple):
    """What a client says of itself. `trusted`: its own workspace trust; None where it has none."""

    trusted: bool | None
    tells_scopes: bool


def client_word(initialization_options: object) -> ClientWord:
    """Return what `initializationOptions` say about trust and scopes: `{"trusted": bool, "user": {...}, "workspace": {...}}`.

    Believed because an editor whose repositories could write these options would let them name the server's program too. An
    answer to `workspace/configuration` is not believed about either on its own: many clients fill it from files of the
    repository. Pass one here only if the client told scopes apart when it started.
    """
    options = _unwrapped(initialization_options)
    if not isinstance(options, dict):
        return ClientWord(None, tells_scopes=False)
    trusted = options.get("trusted")
    return ClientWord(
        trusted if isinstance(trusted, bool) else None,
        # An empty table of Lua's is an empty list in JSON.
        tells_scopes=any(isinstance(part := options.get(scope), dict) or part == [] for scope in ("user", "workspace")),
    )


def file_layers(root: Path | None, user_file: Path | None, problems: list[Problem]) -> Iterator[Layer]:
    """Yield what the user's file and the workspace's say."""
    user_file = user_file or default_user_file()
    if user_file and (file := load_file(user_file, "user file", inside=None)):
        yield _file_layer(file, "user", problems)
    if root is not None:
        chosen, notes = workspace_file(root)
        if chosen:
            yield _file_layer(chosen, "workspace", problems)
        problems += notes


def default_user_file() -> Path | None:
    """Return where the user's settings are; None where the environment names no absolute place (no home folder).

    A relative one would be looked for in the working directory, which may be a repository.
    """
    path = platformdirs.user_config_path("postil", appauthor=False) / "config.toml"
    return path if path.is_absolute() else None


def _file_layer(file: SettingsFile, scope: Scope, problems: list[Problem]) -> Layer:
    problems += file.problems()
    layer = Layer(file.source, f"{file.source} {file.path}", scope, problems, file)
    layer.read(file.parsed.values)
    return layer


def _unwrapped(editor: object) -> object:
    """Return what stands under `postil` where a client sends its settings under their section's name."""
    return editor["postil"] if isinstance(editor, dict) and editor.keys() == {"postil"} else editor


def editor_layers(editor: object, problems: list[Problem], *, tells_scopes: bool) -> Iterator[Layer]:
    """Yield what the editor says, of both scopes."""
    editor = _unwrapped(editor)
    if editor is None or editor == []:
        return
    if not isinstance(editor, dict):
        problems.append(Problem("editor", "settings-value", "the editor's settings for postil must be an object"))
        return
    split = {scope: editor[scope] for scope in ("user", "workspace") if scope in editor}
    rest = {name: value for name, value in editor.items() if name not in split}
    parts: list[tuple[Scope, object]] = [("workspace", rest)]
    parts += [("user" if name == "user" and tells_scopes else "workspace", part) for name, part in split.items()]
    for scope, part in parts:
        layer = Layer("editor", "editor" if part is rest else f"editor ({scope} settings)", scope, problems)
        if isinstance(part, dict):
            layer.read(part)
        elif part not in (None, []):
            problems.append(
                Problem("editor", "settings-value", f'"{scope}" in the editor\'s settings must be an object')
            )
        yield layer


def variable(setting: Setting) -> str:
    """Return the name of the environment variable that sets `setting`."""
    return PREFIX + "_".join(setting.path).upper()


def environment_layer(environment: Mapping[str, str], problems: list[Problem]) -> Layer:
    """Return what the variables say that begin with `POSTIL_`. Empty ones say nothing."""
    layer = Layer("environment", "environment", "user", problems)
    known = {variable(setting): setting for setting in SETTINGS}
    values: dict[tuple[str, ...], object] = {}
    for name in sorted(environment):
        text = environment[name].strip()
        if name in known and text:
            values[known[name].path] = _from_text(known[name], text)
        elif name.startswith(PREFIX) and name not in known and (near := nearest(name, known)):
            layer.complain((), "settings-unknown", f"unknown variable {quoted(name)}: did you mean {near}?")
    layer.values = values
    layer.places = {path: path for path in values}
    layer.validate()
    return layer


def _from_text(setting: Setting, text: str) -> object:
    """Return the value that `text` spells; `text` itself where it spells none of the setting's type."""
    kind = setting.field.annotation
    if kind is bool:
        return _WORDS.get(text.lower(), text)
    if kind is int:
        return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else text
    if get_origin(kind) is tuple:
        separator = os.pathsep if setting.path == ("trusted_folders",) else ","
        return tuple(part for part in map(str.strip, text.split(separator)) if part)
    return text


def combine(layers: list[Layer]) -> tuple[Settings, dict[str, str]]:
    """Return the settings that `layers`, the weakest first, make together, and where each comes from.

    A layer notes where a workspace asked for more than it may.
    """
    defaults = Settings()
    values: dict[tuple[str, ...], object] = {}
    origins = {}
    for setting in SETTINGS:
        value, origin = value_of(defaults, setting.path), "default"
        for layer in layers:
            if setting.path not in layer.values:
                continue
            said = layer.values[setting.path]
            origin_of_layer = variable(setting) if layer.source == "environment" else layer.origin
            if setting.narrowing == "adds":
                added = tuple(dict.fromkeys((*value, *said)))
                origin = origin_of_layer if not value else f"{origin}, {origin_of_layer}" if added != value else origin
                value = added
            elif layer.scope == "user" or _narrows(setting, value, said):
                value, origin = said, origin_of_layer
            else:
                layer.complain(
                    layer.places[setting.path],
                    "settings-scope",
                    _overruled(setting, origin),
                    value=True,
                    severity=Severity.HINT,
                )
        values[setting.path] = value
        origins[setting.name] = origin
    return _constructed(Settings, nested(values)), origins


def _constructed(model: Any, values: Mapping[str, Any]) -> Any:
    """Return a model of values that are valid already; lists of several sources may be longer than one source's limit."""
    return model.model_construct(
        **{
            name: _constructed(model.model_fields[name].annotation, value) if isinstance(value, dict) else value
            for name, value in values.items()
        }
    )


def _narrows(setting: Setting, value: Any, said: Any) -> bool:
    """Whether a workspace may turn `value` into `said`."""
    if setting.narrowing == "only-off":
        return bool(value) or not said
    return setting.narrowing == "replaces" or (setting.narrowing == "only-smaller" and said <= value)


def _overruled(setting: Setting, origin: str) -> str:
    if setting.narrowing == "only-off":
        return f"`{setting.name}` stays off: a workspace cannot switch on what is switched off ({origin})"
    return f"`{setting.name}` stays smaller: a workspace can only lower it ({origin})"
