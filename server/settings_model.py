"""The settings as one typed model: names, types, limits, defaults, descriptions, and who may set what.

`scope` and `narrowing` stand with each field, and from here go to the JSON Schema, the documentation and the starter file.
The user may set everything. **A workspace may only narrow**: its values go through the narrowing of their setting, so that
opening a repository can cost the user rules and limits, and never an executable, an endpoint, a key, or work that the user
switched off.

Plain pydantic and not pydantic-settings: that costs another 100 ms at start, and its sources know neither scopes nor the place
of a mistake.

Invariant: no setting of workspace scope names a program, a module, a host, a key, an environment or a file to write.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints
from pydantic.fields import FieldInfo  # noqa: TC002 - inside `if TYPE_CHECKING` TC004 wants it here

from analyzers.options import Options
from server.rule_names import rule_trouble

if TYPE_CHECKING:
    from collections.abc import Iterator

Scope = Literal["user", "workspace"]
# What a workspace's value may do to the value so far:
#   replaces       take its place: it costs nobody anything
#   adds           a list that only makes postil do less: the entries of all sources count
#   only-off       switch off; never on again what a weaker source switched off
#   only-smaller   make smaller
Narrowing = Literal["replaces", "adds", "only-off", "only-smaller"]

MAX_ENTRIES = 1_000  # of a list


def _setting(description: str, narrowing: Narrowing | None, *, default: object, **limits: Any) -> Any:
    """Declare a setting. Without a `narrowing` it is the user's alone; with one, a workspace may set it too."""
    extra: Any = {"scope": "workspace" if narrowing else "user"}
    if narrowing:
        extra["narrowing"] = narrowing
    if isinstance(default, tuple):
        limits["max_length"] = MAX_ENTRIES
    return Field(default, description=description, json_schema_extra=extra, **limits)


def _section(model: type[BaseModel], description: str) -> Any:
    return Field(default_factory=model, description=description, json_schema_extra={"scope": "workspace"})


def _bounded(pattern: str) -> str:
    """Return `pattern`, a path as in `.gitignore`. Raises ValueError where matching it could take long.

    Each star that may move multiplies the work: a hostile name against ten stars keeps a matcher busy for years.
    """
    parts = pattern.split("/")
    if pattern.startswith("!") or parts.count("**") > 3 or any(part.count("*") > 2 for part in parts):
        raise ValueError(
            "a path with at most two stars in each name, at most three `**`, and no `!` before it is wanted"
        )
    return pattern


def _known(name: str) -> str:
    """Return `name`, a rule. Raises ValueError where no rule is meant by it."""
    if (trouble := rule_trouble(name)) is not None:
        raise ValueError(trouble)
    return name


# One of our ids, one of ruff's codes, or the beginning of either with a star.
RuleName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,63}\*?$"), AfterValidator(_known)]
RuffCode = Annotated[str, StringConstraints(pattern=r"^[A-Z]{1,8}[0-9]{0,5}$"), AfterValidator(_known)]
# No `!`: an entry that takes others back would widen what another source narrowed.
PathPattern = Annotated[str, StringConstraints(pattern=r"^[^!\x00\n][^\x00\n]{0,499}$"), AfterValidator(_bounded)]
Folder = Annotated[str, StringConstraints(pattern=r"^(?:/|~/?$|~/|[A-Za-z]:[\\/])[^\x00\n]{0,4000}$")]

FailOn = Literal["error", "warning", "info", "hint", "never"]
LogLevel = Literal["error", "warning", "info", "debug"]


def _kebab(name: str) -> str:
    return name.replace("_", "-")


class _Section(BaseModel):
    """What all parts of the model share: strict types, no unknown names, kebab-case outside, never changed."""

    model_config = ConfigDict(
        strict=True,
        frozen=True,
        extra="forbid",
        alias_generator=_kebab,
        validate_by_name=True,
        validate_by_alias=False,
    )


class RuffSettings(_Section):
    """Python rules by ruff."""

    enabled: bool = _setting(
        "Check Python with ruff. Switch it off where another ruff extension is active.", "only-off", default=True
    )
    select: tuple[RuffCode, ...] = _setting(
        "ruff rules (codes or their beginnings) that are on instead of postil's quiet selection.",
        "replaces",
        default=(),
        examples=[["E", "F", "B904"]],
    )
    ignore: tuple[RuffCode, ...] = _setting(
        "ruff rules (codes or their beginnings) that are off.", "adds", default=(), examples=[["E501"]]
    )
    use_project_configuration: bool = _setting(
        "In a trusted workspace, let the project's own ruff configuration choose the rules where it has one.",
        "only-off",
        default=True,
    )


class SyntaxSettings(_Section):
    """Syntax errors."""

    enabled: bool = _setting("Report syntax errors, in all languages.", "only-off", default=True)


class HoverSettings(_Section):
    """What is shown when the pointer rests on a finding."""

    enabled: bool = _setting("Explain the finding under the pointer.", "only-off", default=True)


class Settings(_Section):
    """postil's settings."""

    select: tuple[RuleName, ...] = _setting(
        "Rules that are on besides the default ones: ids, ruff codes, or a beginning and `*`.",
        "replaces",
        default=(),
        examples=[["B006", "D*"]],
    )
    ignore: tuple[RuleName, ...] = _setting(
        "Rules that are off, whatever switched them on: ids, ruff codes, or a beginning and `*`.",
        "adds",
        default=(),
        examples=[["cognitive-complexity", "F401"]],
    )
    exclude: tuple[PathPattern, ...] = _setting(
        "Paths that are not analysed, written as in `.gitignore` (no `!`; at most two stars in a name).",
        "adds",
        default=(),
        examples=[["build/", "*_pb2.py"]],
    )
    fail_on: FailOn = _setting(
        "`postil check` exits with 1 when a finding is at least this severe.", "replaces", default="error"
    )
    cyclomatic_limit: int = _setting(
        "A function with more independent paths than this is a finding (`cyclomatic-complexity`).",
        "replaces",
        default=30,
        ge=1,
        le=1000,
    )
    cognitive_limit: int = _setting(
        "A function harder to follow than this is a finding (`cognitive-complexity`).",
        "replaces",
        default=50,
        ge=1,
        le=1000,
    )
    max_file_size: int = _setting(
        "Files of more bytes than this are not analysed.", "only-smaller", default=1_000_000, ge=0, le=10_000_000
    )
    ruff: RuffSettings = _section(RuffSettings, "Python rules by ruff.")
    syntax: SyntaxSettings = _section(SyntaxSettings, "Syntax errors.")
    hover: HoverSettings = _section(HoverSettings, "What is shown when the pointer rests on a finding.")
    trusted_folders: tuple[Folder, ...] = _setting(
        "Folders (absolute, or from `~`) that are trusted as workspaces, with everything inside them.",
        None,
        default=(),
        examples=[["~/work"]],
    )
    workspace_diagnostics: bool = _setting(
        "Report findings of files that are not open too, to editors that ask for the whole workspace.",
        None,
        default=False,
    )
    log_level: LogLevel = _setting("How much the server writes to its log. Never code.", None, default="warning")

    def options(self) -> Options:
        """Return what postil's own analyzers need to know."""
        return Options(
            select=self.select,
            ignore=self.ignore,
            cyclomatic_limit=self.cyclomatic_limit,
            cognitive_limit=self.cognitive_limit,
            syntax_errors=self.syntax.enabled,
        )

    def ruff_options(self) -> RuffOptions:
        """Return what ruff needs to know; codes in the general `select` and `ignore` are ruff's where they can be."""
        return RuffOptions(
            enabled=self.ruff.enabled,
            select=self.ruff.select,
            extend_select=_ruff_codes(self.select),
            ignore=tuple(dict.fromkeys((*self.ruff.ignore, *_ruff_codes(self.ignore)))),
            use_project_configuration=self.ruff.use_project_configuration,
        )

    @property
    def digest(self) -> str:
        """16 hexadecimal digits that are the same for the same settings, in another process too."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:16]


class RuffOptions(NamedTuple):
    """What ruff is told. `select` is empty for postil's own selection; `ignore` is stronger than both selections."""

    enabled: bool
    select: tuple[str, ...]
    extend_select: tuple[str, ...]
    ignore: tuple[str, ...]
    use_project_configuration: bool


def _ruff_codes(rules: tuple[str, ...]) -> tuple[str, ...]:
    """Return those of `rules` that can be ruff's: codes are in capitals, our ids are not. `F4*` is `F4` to ruff."""
    return tuple(name.removesuffix("*") for name in rules if name.isupper() and "-" not in name)


class Setting(NamedTuple):
    """One field of the model. `path` has Python's names, `name` is what people write, with dots."""

    path: tuple[str, ...]
    name: str
    field: FieldInfo
    scope: Scope
    narrowing: Narrowing | None


def _settings(model: type[BaseModel], around: tuple[str, ...] = ()) -> Iterator[Setting]:
    for name, field in model.model_fields.items():
        path = (*around, name)
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _settings(field.annotation, path)
        else:
            extra: Any = field.json_schema_extra
            yield Setting(path, _kebab(".".join(path)), field, extra["scope"], extra.get("narrowing"))


SETTINGS: tuple[Setting, ...] = tuple(_settings(Settings))
