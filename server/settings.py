"""The settings in force: the values of several sources become one, each with its origin, and mistakes become problems.

Sources, the weakest first: defaults, the user's file, the workspace's file, the editor, the environment, the command line.
They are of two scopes. What the user says is taken; what a workspace says is narrowed (`server.settings_model`).

Invariant: `load` never raises and never blocks, whatever the files, the editor and the environment hold; a mistake is a
`Problem`, and every other setting applies.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from analyzers.finding import Severity
from server.settings_files import MISTAKEN_NAMES, WORKSPACE_FILES, Problem
from server.settings_layer import Layer
from server.settings_model import SETTINGS, RuffOptions, Setting, Settings
from server.settings_sources import (
    ClientWord,
    client_word,
    combine,
    default_user_file,
    editor_layers,
    environment_layer,
    file_layers,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = (
    "SETTINGS",
    "WATCHED_FILES",
    "ClientWord",
    "Loaded",
    "Problem",
    "RuffOptions",
    "Setting",
    "Settings",
    "client_word",
    "default_user_file",
    "json_schema",
    "load",
)

# Names in a workspace's root folder whose change can change the settings or their problems.
WATCHED_FILES = (*WORKSPACE_FILES, *MISTAKEN_NAMES)


@dataclass(frozen=True, slots=True)
class Loaded:
    """The settings in force, where each came from (by dotted name), and what is wrong with the sources.

    Equal to another one when nothing changed that anybody could see; `settings` are equal, and of the same `digest`, when
    nothing changed that the analyses could see.
    """

    settings: Settings
    origins: Mapping[str, str]
    problems: tuple[Problem, ...] = ()

    @property
    def user_file_is_wrong(self) -> bool:
        """Whether the user's own file has a mistake: a command ends with exit code 2 then."""
        return any(one.source == "user file" and one.severity <= Severity.WARNING for one in self.problems)


def load(
    root: Path | None,
    *,
    environment: Mapping[str, str],
    editor: object = None,
    editor_tells_scopes: bool = False,
    command_line: Mapping[str, object] | None = None,
    user_file: Path | None = None,
) -> Loaded:
    """Return the settings for the workspace `root` (None: no folder is open). Never raises.

    `editor`: what the client sent in `initializationOptions` or answered to `workspace/configuration`;
    `editor_tells_scopes`: `client_word(initializationOptions).tells_scopes`, without which all of it counts as the
    workspace's. `command_line`: values by dotted name. `user_file`: None for the one in the platform's configuration
    directory.
    """
    problems: list[Problem] = []
    layers = [
        *file_layers(root, user_file, problems),
        *editor_layers(editor, problems, tells_scopes=editor_tells_scopes),
        environment_layer(environment, problems),
    ]
    if command_line:
        layers.append(Layer("command line", "command line", "user", problems))
        layers[-1].read(command_line)
    settings, origins = combine(layers)
    problems.sort(key=lambda one: (one.path is None, str(one.path), one.line, one.column))
    return Loaded(settings, origins, tuple(problems))


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of a settings file, every setting with its `scope` and, for a workspace's, its `narrowing`."""
    schema: dict[str, Any] = _untitled(Settings.model_json_schema(by_alias=True))
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "postil", **schema}


def _untitled(schema: Any) -> Any:
    """Return `schema` without the titles that pydantic makes of names: they say the name again."""
    if isinstance(schema, dict):
        return {
            name: _untitled(part) for name, part in schema.items() if not (name == "title" and isinstance(part, str))
        }
    return [_untitled(part) for part in schema] if isinstance(schema, list) else schema
