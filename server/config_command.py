"""`postil config show|schema|init` and `postil trust`: what the settings are, what they can be, and whom they may trust.

The starter file and the table of docs/configuration.md are made from the model, so that they cannot say what is not so.

Invariant: a file that exists is never written over, and what comes from files reaches the terminal escaped.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import textwrap
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from server.settings import SETTINGS, Loaded, Setting, Settings, default_user_file, json_schema, load
from server.settings_files import PYPROJECT_TABLE, workspace_file
from server.settings_layer import value_of, wanted
from server.settings_sources import variable
from server.terminal import complain, term_safe

if TYPE_CHECKING:
    from collections.abc import Iterable

OK, WRONG = 0, 2
NARROWINGS = {
    None: "the user's alone",
    "replaces": "takes the place of the user's",
    "adds": "adds to the user's",
    "only-off": "can only switch it off",
    "only-smaller": "can only lower it",
}


def run(arguments: list[str]) -> int:
    """Run `postil config ARGUMENTS` and return the exit code: 2 where the command or the user's own file is wrong."""
    parser = argparse.ArgumentParser(prog="postil config", description="Show, describe or start postil's settings.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="show|schema|init")
    show = commands.add_parser("show", help="the settings in force, and where each comes from")
    show.add_argument("path", nargs="?", default=".", help="the workspace (default: the current folder)")
    show.add_argument("--json", action="store_true", help="as JSON")
    commands.add_parser("schema", help="the JSON Schema of a settings file")
    init = commands.add_parser("init", help="write a starter file in which every setting is explained")
    init.add_argument("path", nargs="?", default=".", help="the workspace (default: the current folder)")
    init.add_argument("--user", action="store_true", help="write your own settings file, for all workspaces")
    try:
        chosen = parser.parse_args(arguments)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else WRONG
    if chosen.command == "schema":
        _write(json.dumps(json_schema(), indent=2))
        return OK
    if chosen.command == "init":
        return _init(Path(chosen.path), user=chosen.user)
    return _show(Path(chosen.path), as_json=chosen.json)


def run_trust(arguments: list[str]) -> int:
    """Run `postil trust ARGUMENTS`. Exit code 2: the user's word cannot be kept; 1: there was nothing to remove."""
    from server import trust as store

    parser = argparse.ArgumentParser(
        prog="postil trust",
        description="Trust a workspace: its own ruff configuration may then choose the rules. Nothing of it is ever run.",
    )
    parser.add_argument(
        "path", nargs="?", default=".", help="the folder (default: the current one), with all inside it"
    )
    parser.add_argument("--remove", action="store_true", help="trust it no longer")
    parser.add_argument("--list", action="store_true", help="list the trusted folders")
    try:
        chosen = parser.parse_args(arguments)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else WRONG
    path = Path(chosen.path)
    try:
        if chosen.list:
            for folder in store.trusted_folders():
                _write(term_safe(str(folder)))
        elif chosen.remove:
            return _distrust(path)
        else:
            _write(f"trusted: {term_safe(str(store.trust(path)))}")
    except store.StoreError as error:
        complain(str(error))
        return WRONG
    return OK


def _distrust(path: Path) -> int:
    from server import trust as store

    removed = store.distrust(path)
    _write(f"{'no longer trusted' if removed else 'was not in the list'}: {term_safe(os.path.realpath(path))}")
    still = store.verdict(path, load(None, environment=os.environ).settings, client=None)
    if still.trusted:
        complain(f"it is still trusted: {still.reason}")
    return OK if removed else 1


def _show(root: Path, *, as_json: bool) -> int:
    if not root.is_dir():
        complain(f"{root} is not a folder")
        return WRONG
    loaded = load(Path(os.path.realpath(root)), environment=os.environ)
    if as_json:
        _write(json.dumps(_as_json(loaded), indent=2))
    else:
        for line in _table(loaded):
            _write(line)
    for problem in loaded.problems:
        complain(str(problem))
    return WRONG if loaded.user_file_is_wrong else OK


def _as_json(loaded: Loaded) -> dict[str, Any]:
    return {
        "settings": loaded.settings.model_dump(mode="json", by_alias=True),
        "origins": dict(loaded.origins),
        "problems": [
            {
                "source": one.source,
                "rule": one.rule,
                "severity": one.severity.name.lower(),
                "message": one.message,
                "path": None if one.path is None else str(one.path),
                "line": one.line + 1,
                "column": one.column + 1,
                "end_column": one.end_column + 1,
            }
            for one in loaded.problems
        ],
    }


def _table(loaded: Loaded) -> Iterable[str]:
    """Yield one line for each setting: `name = value  # where it comes from`."""
    rows = [
        (f"{one.name} = {toml_value(value_of(loaded.settings, one.path))}", loaded.origins[one.name])
        for one in SETTINGS
    ]
    width = min(60, max(len(left) for left, _ in rows))
    for left, origin in rows:
        yield f"{term_safe(left):{width}}  # {term_safe(origin)}"


def _init(root: Path, *, user: bool) -> int:
    path = default_user_file() if user else root / "postil.toml"
    if path is None:
        complain("there is no home folder to write your settings to")
        return WRONG
    if not user:
        if not root.is_dir():
            complain(f"{root} is not a folder")
            return WRONG
        there, _ = workspace_file(root)
        if there is not None:
            complain(f"{there.path} already holds settings; nothing was written")
            return WRONG
    try:
        if user:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600 if user else 0o666)
    except FileExistsError:
        complain(f"{path} exists already; nothing was written")
        return WRONG
    except OSError as error:
        complain(f"{path}: {error.strerror}")
        return WRONG
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(starter(user=user))
    _write(f"written: {term_safe(str(path))}")
    return OK


def starter(*, user: bool) -> str:
    """Return a starter settings file: every setting that may stand there, explained, at its default, commented out."""
    whose = "your settings for postil, for all workspaces" if user else "this workspace's settings for postil"
    lines = [f"# {whose[0].upper()}{whose[1:]}. Every line shows the default; take away the `#` to change it."]
    if not user:
        lines.append(f"# The same can stand in pyproject.toml, under [{'.'.join(PYPROJECT_TABLE)}].")
    section: tuple[str, ...] = ()
    for setting in _in_order():
        if setting.scope == "user" and not user:
            continue
        if setting.path[:-1] != section:
            section = setting.path[:-1]
            lines += ["", f"[{'.'.join(section)}]"]
        lines += ["", *textwrap.wrap(_explained(setting, user=user), 98, initial_indent="# ", subsequent_indent="# ")]
        lines.append(f"# {setting.name.rpartition('.')[2]} = {toml_value(value_of(Settings(), setting.path))}")
    return "\n".join(lines) + "\n"


def _explained(setting: Setting, *, user: bool) -> str:
    text = setting.field.description or ""
    if setting.field.examples:
        text += f" For example {toml_value(tuple(setting.field.examples[0]))}."
    elif setting.field.annotation is not bool:
        text += f" It {wanted(setting)}."
    if setting.narrowing in ("only-off", "only-smaller") and not user:
        text += f" A workspace {NARROWINGS[setting.narrowing]}."
    return text


def _in_order() -> list[Setting]:
    """Return the settings, those without a section first: in TOML they cannot stand behind a table's header."""
    return sorted(SETTINGS, key=lambda setting: len(setting.path) > 1)


def toml_value(value: object) -> str:
    """Return a setting's value as TOML. JSON's texts, numbers and truth values are TOML's."""
    if isinstance(value, tuple):
        return f"[{', '.join(map(toml_value, value))}]"
    return json.dumps(value, ensure_ascii=False)


def documentation_table() -> str:
    """Return the table of all settings for docs/configuration.md."""
    lines = ["| setting | default | what it does | a workspace's value | variable |", "|---|---|---|---|---|"]
    for setting in _in_order():
        default = toml_value(value_of(Settings(), setting.path))
        explained = _explained(setting, user=True).replace("|", "\\|")
        lines.append(
            f"| `{setting.name}` | `{default}` | {explained} | {NARROWINGS[setting.narrowing]} | `{variable(setting)}` |"
        )
    return "\n".join(lines) + "\n"


def _write(line: str) -> None:
    with suppress(OSError, ValueError):
        sys.stdout.write(f"{line}\n")
