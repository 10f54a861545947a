"""One source's settings in one scope: names resolved, mistakes reported and gone, values of the right types.

Reading is the same for all sources, so that a rule (a workspace may not set this, a key has no place in a file) holds for
each.

Invariant: a source is data of any shape. Nothing here raises for a shape.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, get_args, get_origin

from pydantic import ValidationError

from analyzers.finding import Severity
from server.settings_files import Problem, SettingsFile, SourceKind
from server.settings_model import MAX_ENTRIES, SETTINGS, Scope, Setting, Settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from server.settings_toml import Path as Keys

MAX_PROBLEMS = 50  # reported of one source
_SECRET_NAME = re.compile(r"key|token|secret|passw|credential", re.IGNORECASE)
_SECRET_VALUE = re.compile(
    r"(?:sk|pk|rk|ghp|gho|github_pat|glpat|hf|xox[abprs])[-_][A-Za-z0-9_-]{16,300}|AIza[A-Za-z0-9_-]{30,60}"
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_BY_PATH = {setting.path: setting for setting in SETTINGS}
_SECTIONS = frozenset(setting.path[:count] for setting in SETTINGS for count in range(len(setting.path)))


@dataclass(slots=True)
class Layer:
    """What one source says in one scope. `values` are valid, by path; `places` says where in `file` each was written."""

    source: SourceKind
    origin: str
    scope: Scope
    problems: list[Problem]
    file: SettingsFile | None = None
    values: dict[tuple[str, ...], Any] = field(default_factory=dict)
    places: dict[tuple[str, ...], Keys] = field(default_factory=dict)
    reported: int = 0

    def complain(
        self, where: Keys, rule: str, message: str, *, value: bool = False, severity: Severity = Severity.WARNING
    ) -> None:
        """Report a problem at the key (or the value) that `where` leads to, unless there were many already."""
        self.reported += 1
        if self.reported > MAX_PROBLEMS:
            return
        if self.reported == MAX_PROBLEMS:
            rule, message = "settings-syntax", "there is more wrong than is told here"
        if self.file is None:
            if self.source == "environment" and where:
                message = f"POSTIL_{'_'.join(str(one) for one in where if isinstance(one, str)).upper()}: {message}"
            self.problems.append(Problem(self.source, rule, message, severity=severity))
            return
        place = self.file.parsed.place(where)
        self.problems.append(self.file.problem(place.value if value else place.key, rule, message, severity))

    def read(self, mapping: Mapping[str, object]) -> None:
        """Take the settings of `mapping`, whose values may be anything."""
        self._walk(mapping, (), ())
        self.validate()

    def _walk(self, mapping: Mapping[str, object], around: tuple[str, ...], where: Keys) -> None:
        for key, value in mapping.items():
            written, here, inner = str(key), (*where, key), value
            if "." in written and self.source in ("editor", "command line"):
                written, _, rest = written.partition(".")
                inner = {rest: value}
            path = (*around, self._python_name(written))
            if path in _SECTIONS:
                if isinstance(inner, dict):
                    self._walk(inner, path, here)
                elif inner not in (None, []):  # an empty table of Lua's is an empty list in JSON
                    self.complain(
                        here, "settings-value", f"{quoted(_dotted(path))} must be a table of settings", value=True
                    )
            elif path not in _BY_PATH:
                self._unknown(written, path, here, inner)
            elif path in self.values:
                self.complain(
                    here, "settings-syntax", f"{quoted(_dotted(path))} is set twice here: the first one counts"
                )
            elif self._allowed(_BY_PATH[path], here) and inner is not None:
                self.values[path] = tuple(inner) if isinstance(inner, list) else self._number(inner)
                self.places[path] = here

    def _python_name(self, written: str) -> str:
        """Return the Python name for kebab-case and snake_case, and for camelCase, which is what editors use."""
        if self.source == "editor":
            written = _CAMEL.sub("_", written).lower()
        return written.replace("-", "_")

    def _number(self, value: object) -> object:
        """Return 15 for the 15.0 that some editors' JSON has."""
        return int(value) if self.source == "editor" and isinstance(value, float) and value.is_integer() else value

    def _allowed(self, setting: Setting, where: Keys) -> bool:
        if self.scope == "user" or setting.scope == "workspace":
            return True
        message = f"`{setting.name}` is the user's to set, not a workspace's: put it into your own settings file"
        if self.source == "editor":
            message += ' (or let the editor send it under "user")'
        self.complain(where, "settings-scope", message)
        return False

    def _unknown(self, written: str, path: tuple[str, ...], where: Keys, value: object) -> None:
        if _is_secret(written, value):
            self._secret(written, where)
            return
        if path == ("trusted",) and self.source == "editor":
            return  # the client's word, read by `client_word`
        if path[0] == "tool" and self.file is not None:
            message = f"in {self.file.path.name} settings stand at the top, not under `tool.postil`"
        elif path[0] == "trusted":
            message = "trust is not a workspace's to give: run `postil trust`"
        elif self.reported >= MAX_PROBLEMS:
            return
        else:
            message = f"unknown setting {quoted(_dotted((*path[:-1], written)))}{_did_you_mean(path)}"
        self.complain(where, "settings-unknown", message)
        for inner, name in _secrets_in(value, where, 4):
            self._secret(name, inner)

    def _secret(self, written: str, where: Keys) -> None:
        place = (
            str(self.file.path.name if self.scope == "workspace" else self.file.path)
            if self.file
            else f"the {self.source}"
        )
        message = (
            f"{quoted(written)} looks like a secret. postil takes none from settings: remove it from {place}, replace it if "
            "others can read it there, and keep it in the variable of its provider, such as OPENAI_API_KEY"
        )
        self.complain(where, "settings-secret", message)

    def validate(self) -> None:
        """Keep the values of the right types, in those types; report the others."""
        while self.values:
            try:
                valid = Settings.model_validate(nested(self.values))
            except ValidationError as error:
                self._drop(error)
            else:
                self.values = {path: value_of(valid, path) for path in self.values}
                return

    def _drop(self, error: ValidationError) -> None:
        """Report what `error` names, and remove it: the entries of a list one by one, other values whole."""
        entries: dict[tuple[str, ...], set[int]] = {}
        for detail in error.errors(include_url=False, include_context=False, include_input=False):
            names = tuple(part for part in detail["loc"] if isinstance(part, str))
            setting = next(
                (_BY_PATH[names[:count]] for count in range(len(names), 0, -1) if names[:count] in _BY_PATH), None
            )
            if (
                setting is None or setting.path not in self.values
            ):  # cannot be: then nothing of this source is safe to use
                self.values.clear()
                return
            where = self.places[setting.path]
            after = detail["loc"][len(setting.path) :]
            index = after[0] if after and isinstance(after[0], int) else None
            if index is None:
                self.complain(where, "settings-value", f"`{setting.name}` {wanted(setting)}", value=True)
                del self.values[setting.path]
            else:
                message = f"not a valid entry of `{setting.name}`; valid is for example {_example(setting)}"
                if detail["type"] == "value_error":  # one of our own validators, whose words hold no value
                    message = f"`{setting.name}`: {detail['msg'].removeprefix('Value error, ')}"
                self.complain((*where, index), "settings-value", message, value=True)
                entries.setdefault(setting.path, set()).add(index)
        for path, indexes in entries.items():
            kept = tuple(one for index, one in enumerate(self.values.get(path, ())) if index not in indexes)
            if kept:
                self.values[path] = kept
            else:
                self.values.pop(path, None)


def nested(values: Mapping[tuple[str, ...], object]) -> dict[str, object]:
    """Return the values by path as dicts within dicts."""
    result: dict[str, Any] = {}
    for path, value in values.items():
        inner = result
        for name in path[:-1]:
            inner = inner.setdefault(name, {})
        inner[path[-1]] = value
    return result


def value_of(settings: Settings, path: tuple[str, ...]) -> Any:
    """Return the value at `path`."""
    value: Any = settings
    for name in path:
        value = getattr(value, name)
    return value


def wanted(setting: Setting) -> str:
    """Return what a value of `setting` must be, as the end of a sentence."""
    kind = setting.field.annotation
    if kind is bool:
        return "must be true or false"
    if kind is int:
        limits = {
            name: getattr(one, name) for one in setting.field.metadata for name in ("ge", "le") if hasattr(one, name)
        }
        return f"must be a whole number from {limits['ge']} to {limits['le']}"
    if get_origin(kind) is tuple:
        return f"must be a list, such as [{_example(setting)}], of at most {MAX_ENTRIES} entries"
    return f"must be one of {', '.join(get_args(kind))}"


def _example(setting: Setting) -> str:
    return f'"{(setting.field.examples or [["x"]])[0][0]}"'


def _dotted(path: tuple[str, ...]) -> str:
    return ".".join(path).replace("_", "-")


def quoted(name: str) -> str:
    """Return a name from a source for a message: short, on one line, printable."""
    shown = "".join(character if character.isprintable() and character != "`" else "?" for character in name[:80])
    return f"`{shown}{'…' if len(name) > 80 else ''}`"


def _did_you_mean(path: tuple[str, ...]) -> str:
    known = {setting.name: setting for setting in SETTINGS}
    sections = {".".join(section): section for section in _SECTIONS if section}
    near = nearest(".".join(path).replace("_", "-"), {**known, **sections}) or nearest(
        path[-1].replace("_", "-"), {name.rpartition(".")[2]: name for name in known}
    )
    if near and "." not in near and near not in known and near not in sections:
        near = next(name for name in known if name.rpartition(".")[2] == near)
    return f": did you mean `{near}`?" if near else ""


def nearest(name: str, known: Mapping[str, object]) -> str | None:
    """Return which of the `known` names `name` was probably meant to be."""
    import difflib

    near = difflib.get_close_matches(name[:80], known, n=1, cutoff=0.75)
    return near[0] if near else None


def _is_secret(name: str, value: object) -> bool:
    return isinstance(value, str) and bool(_SECRET_NAME.search(name[:200]) or _SECRET_VALUE.fullmatch(value[:400]))


def _secrets_in(value: object, where: Keys, depth: int) -> Iterator[tuple[Keys, str]]:
    """Yield where in `value` there are secrets, and their names."""
    if isinstance(value, dict) and depth:
        for name, inner in value.items():
            if _is_secret(str(name), inner):
                yield (*where, name), str(name)
            yield from _secrets_in(inner, (*where, name), depth - 1)
