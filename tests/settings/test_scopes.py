"""Who may set what: a workspace narrows, whatever it writes, and whatever the editor passes on from it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from analyzers.finding import Severity
from server.settings import SETTINGS, WATCHED_FILES, Setting, client_word
from server.settings_layer import value_of
from server.settings_model import Settings
from server.settings_sources import variable

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.settings import Loaded

    Load = Callable[..., Loaded]

USER = [setting for setting in SETTINGS if setting.scope == "user"]
# For each setting, what a hostile workspace would want: the widest value there is.
WIDEST: dict[str, Any] = {
    "trusted-folders": ["/"],
    "log-level": "debug",
    "workspace-diagnostics": True,
    "max-file-size": 10_000_000,
    "ruff.enabled": True,
    "ruff.use-project-configuration": True,
    "syntax.enabled": True,
    "hover.enabled": True,
}
NARROW: dict[str, Any] = {
    "max-file-size": 10,
    "ruff.enabled": False,
    "ruff.use-project-configuration": False,
    "syntax.enabled": False,
    "hover.enabled": False,
}


def toml(name: str, value: Any) -> str:
    section, _, key = name.rpartition(".")
    return (f"[{section}]\n" if section else "") + f"{key} = {json.dumps(value)}\n"


def value(loaded: Loaded, name: str) -> Any:
    return value_of(loaded.settings, tuple(name.replace("-", "_").split(".")))


@pytest.mark.parametrize("setting", USER, ids=lambda setting: setting.name)
@pytest.mark.parametrize("way", ["file", "flat editor", "split editor", "forged split"])
def test_a_workspace_cannot_set_what_is_the_users(load_files: Load, setting: Setting, way: str) -> None:
    said = {setting.name: WIDEST[setting.name]}
    loaded = {
        "file": lambda: load_files({"postil.toml": toml(setting.name, WIDEST[setting.name])}),
        "flat editor": lambda: load_files(editor=said),
        "split editor": lambda: load_files(editor={"workspace": said}, editor_tells_scopes=True),
        "forged split": lambda: load_files(editor={"user": said, "trusted": True}),
    }[way]()
    assert value(loaded, setting.name) == value_of(Settings(), setting.path)
    (problem,) = loaded.problems
    assert problem.rule == "settings-scope"
    assert setting.name in problem.message


@pytest.mark.parametrize("setting", USER, ids=lambda setting: setting.name)
def test_the_user_can(load_files: Load, setting: Setting) -> None:
    wanted = tuple(said) if isinstance(said := WIDEST[setting.name], list) else said
    text = ",".join(said) if isinstance(said, list) else str(said)
    for sources in (
        {"user": toml(setting.name, said)},
        {"editor": {"user": {setting.name: said}}, "editor_tells_scopes": True},
        {"environment": {variable(setting): text}},
        {"command_line": {setting.name: said}},
    ):
        loaded = load_files(**{"user": "", **sources})
        assert value(loaded, setting.name) == wanted, sources
        assert not loaded.problems


@pytest.mark.parametrize("name", NARROW)
def test_a_workspace_narrows_and_never_widens(load_files: Load, name: str) -> None:
    narrowed = load_files({"postil.toml": toml(name, NARROW[name])}, user=toml(name, WIDEST[name]))
    assert value(narrowed, name) == NARROW[name]
    kept = load_files({"postil.toml": toml(name, WIDEST[name])}, user=toml(name, NARROW[name]))
    assert value(kept, name) == NARROW[name]
    assert kept.origins[name].startswith("user file")
    (note,) = kept.problems
    assert note.severity is Severity.HINT
    # The user's own stronger source has the last word.
    text = str(WIDEST[name]).lower()
    path = tuple(name.replace("-", "_").split("."))
    setting = next(one for one in SETTINGS if one.path == path)
    again = load_files({"postil.toml": toml(name, NARROW[name])}, environment={variable(setting): text})
    assert value(again, name) == WIDEST[name]


def test_what_the_user_ignores_stays_ignored(load_files: Load) -> None:
    loaded = load_files(
        {"postil.toml": "ignore = ['E2']\nselect = ['E1']\nexclude = []\n[ruff]\nignore = ['F4']\n"},
        user="ignore = ['E1']\nselect = ['D1']\nexclude = ['secret/']\n[ruff]\nignore = ['E1']\n",
        editor={"ignore": ["E3", "E1"]},
        environment={"POSTIL_IGNORE": "E4, E2"},
    )
    assert loaded.settings.ignore == ("E1", "E2", "E3", "E4")
    assert loaded.settings.ruff.ignore == ("E1", "F4")
    assert loaded.settings.exclude == ("secret/",)
    assert loaded.settings.select == ("E1",)  # on, were it not ignored
    assert not loaded.problems


@pytest.mark.parametrize("pattern", ["!secret/", "", "a***", "**/a/**/b/**/c/**/d", "*a*b*c", "a\nb", "x" * 501])
def test_patterns_that_take_back_or_take_long(load_files: Load, pattern: str) -> None:
    loaded = load_files({"postil.toml": toml("exclude", ["ok/", pattern])})
    assert loaded.settings.exclude == ("ok/",)
    assert [one.rule for one in loaded.problems] == ["settings-value"]


@pytest.mark.parametrize("pattern", ["build/", "**/*_pb2.py", "src/**/gen_*.*", "/docs", "a/**/b/**", "[ab]?.py"])
def test_patterns(load_files: Load, pattern: str) -> None:
    loaded = load_files({"postil.toml": toml("exclude", [pattern])})
    assert loaded.settings.exclude == (pattern,)


def test_the_order_of_sources(load_files: Load) -> None:
    sources: dict[str, Any] = {"files": {"postil.toml": "cognitive-limit = 2\n"}, "user": "cognitive-limit = 1\n"}
    assert load_files(user=sources["user"]).settings.cognitive_limit == 1
    assert load_files(**sources).settings.cognitive_limit == 2
    sources["editor"] = {"user": {"cognitiveLimit": 3}}
    sources["editor_tells_scopes"] = True
    assert load_files(**sources).settings.cognitive_limit == 3
    sources["editor"]["workspace"] = {"cognitive-limit": 4}
    assert load_files(**sources).settings.cognitive_limit == 4
    sources["environment"] = {"POSTIL_COGNITIVE_LIMIT": "5"}
    assert (loaded := load_files(**sources)).settings.cognitive_limit == 5
    assert loaded.origins["cognitive-limit"] == "POSTIL_COGNITIVE_LIMIT"
    sources["command_line"] = {"cognitive-limit": 6}
    assert (loaded := load_files(**sources)).settings.cognitive_limit == 6
    assert loaded.origins["cognitive-limit"] == "command line"


@pytest.mark.parametrize(
    ("options", "trusted", "tells"),
    [
        (None, None, False),
        ({}, None, False),
        ([], None, False),
        ("x", None, False),
        ({"trusted": True}, True, False),
        ({"trusted": False, "user": {}}, False, True),
        ({"trusted": "yes", "workspace": {}}, None, True),
        ({"user": None}, None, False),
        ({"user": []}, None, True),
        ({"postil": {"trusted": True, "user": {}}}, True, True),
    ],
)
def test_what_a_client_says_of_itself(options: object, trusted: bool | None, tells: bool) -> None:
    assert client_word(options) == (trusted, tells)


@pytest.mark.parametrize(
    "editor",
    [None, {}, [], {"user": None, "workspace": []}, {"postil": {}}, {"ruff": []}, {"ruff": None}, {"ignore": None}],
)
def test_an_editor_that_says_nothing(load_files: Load, editor: object) -> None:
    loaded = load_files(editor=editor, editor_tells_scopes=True)
    assert loaded.settings == Settings()
    assert not loaded.problems


@pytest.mark.parametrize(
    "editor", [3, "x", ["x"], True, {"user": 3}, {"ruff": 3}, {"workspace": "x"}, {"ignore": 3}, {"x": 1}]
)
def test_an_editor_that_says_nonsense(load_files: Load, editor: object) -> None:
    loaded = load_files(editor=editor, editor_tells_scopes=True)
    assert loaded.settings == Settings()
    assert [(one.source, one.path) for one in loaded.problems] == [("editor", None)]


@pytest.mark.parametrize(
    "editor",
    [
        {"cyclomaticLimit": 9, "ruff": {"useProjectConfiguration": False}},
        {"cyclomatic-limit": 9.0, "ruff.use-project-configuration": False},
        {"postil": {"cyclomatic_limit": 9, "ruff": {"use_project_configuration": False}}},
    ],
)
def test_how_editors_write_names(load_files: Load, editor: object) -> None:
    loaded = load_files(editor=editor)
    assert not loaded.problems
    assert loaded.settings.cyclomatic_limit == 9
    assert loaded.settings.ruff.use_project_configuration is False


@pytest.mark.parametrize(
    ("text", "wanted"), [("1", True), ("Yes", True), ("off", False), ("FALSE", False), ("", True), ("  ", True)]
)
def test_truth_values_of_the_environment(load_files: Load, text: str, wanted: bool) -> None:
    loaded = load_files(environment={"POSTIL_RUFF_ENABLED": text})
    assert loaded.settings.ruff.enabled is wanted
    assert not loaded.problems


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("POSTIL_RUFF_ENABLED", "maybe"),
        ("POSTIL_COGNITIVE_LIMIT", "-3"),
        ("POSTIL_COGNITIVE_LIMIT", "9" * 5000),
        ("POSTIL_FAIL_ON", "fatal"),
        ("POSTIL_TRUSTED_FOLDERS", "relative"),
        ("POSTIL_RUFF_ENABLD", "1"),
        ("POSTIL_IGNORE", "no rule"),
    ],
)
def test_mistakes_of_the_environment(load_files: Load, name: str, text: str) -> None:
    loaded = load_files(environment={name: text, "POSTIL_TEST_PATIENCE": "3"})
    assert loaded.settings == Settings()
    assert [one.source for one in loaded.problems] == ["environment"]
    assert not loaded.user_file_is_wrong


SECRET = "sk-proj-" + "a1B2" * 8


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("postil.toml", f'api-key = "{SECRET}"\n'),
        ("postil.toml", f'[openai]\napi_key = "{SECRET}"\n'),
        ("postil.toml", f'[providers.openai]\nauth = "{SECRET}"\n'),
        ("postil.toml", f'model = "{SECRET}"\n'),
        ("postil.toml", 'token = "x"\n'),
        ("pyproject.toml", f'[tool.postil]\nOPENAI_API_KEY = "{SECRET}"\n'),
        (".postil.yaml", f"password: {SECRET}\n"),
    ],
)
@pytest.mark.parametrize("scope", ["user", "workspace", "editor"])
def test_a_key_in_a_settings_file_is_refused_and_never_shown(
    load_files: Load, name: str, text: str, scope: str
) -> None:
    if scope == "workspace":
        loaded = load_files({name: text})
        place = name
    elif scope == "user" and name == "postil.toml":
        loaded = load_files(user=text)
        place = "config.toml"
        assert loaded.user_file_is_wrong
    else:
        loaded = load_files(editor={"openai": {"apiKey": SECRET}})
        place = "editor"
    secret = [one for one in loaded.problems if one.rule == "settings-secret"]
    assert len(secret) == 1
    assert place in secret[0].message
    assert "sk-" not in repr(loaded)
    assert loaded.settings == Settings()


def test_no_message_holds_a_value(load_files: Load) -> None:
    text = "".join(f"{setting.name.replace('.', '_')}_x = 'canary'\n" for setting in SETTINGS)
    text += "".join(toml(setting.name, "canary canary") for setting in SETTINGS)
    loaded = load_files({"postil.toml": text}, editor={setting.name: "canary canary" for setting in SETTINGS})
    assert loaded.problems
    assert "canary" not in repr(loaded)


def test_hostile_names_are_shown_short_and_printable(load_files: Load) -> None:
    loaded = load_files({"postil.toml": '"\\u001b]52;x\\u202e`[a](command:x)' + "n" * 500 + '" = 1\n'})
    (problem,) = loaded.problems
    assert problem.message.isprintable()
    assert len(problem.message) < 150
    assert problem.message.count("`") == 2


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("ignor = []", "`ignore`"),
        ("cyclomaticlimit = 3", "`cyclomatic-limit`"),
        ("ruff-select = []", "`ruff.select`"),
        ("use-project-configuration = false", "`ruff.use-project-configuration`"),
        ("[rufff]\nx = 1", "`ruff`"),
        ("[ruff]\nselekt = []", "`ruff.select`"),
        ("[tool.postil]\nignore = []", "at the top"),
        ("trusted = true", "postil trust"),
    ],
)
def test_did_you_mean(load_files: Load, written: str, meant: str) -> None:
    (problem,) = load_files({"postil.toml": written + "\n"}).problems
    assert meant in problem.message


def test_the_same_name_in_two_spellings(load_files: Load) -> None:
    loaded = load_files({"postil.toml": "fail-on = 'info'\nfail_on = 'hint'\n"})
    assert loaded.settings.fail_on == "info"
    assert [(one.line, one.rule) for one in loaded.problems] == [(1, "settings-syntax")]


def test_reload_sees_what_changed(load_files: Load) -> None:
    first = load_files({"postil.toml": "ignore = ['E1']\n"})
    same = load_files({"postil.toml": "# a comment\nignore = ['E1']\n"})
    assert (first, first.settings.digest) == (same, same.settings.digest)
    noted = load_files({"postil.toml": "ignore = ['E1']\nignor = 1\n"})
    assert first != noted
    assert first.settings == noted.settings
    changed = load_files({"postil.toml": "ignore = ['E2']\n"})
    assert changed.settings != first.settings
    assert changed.settings.digest != first.settings.digest
    assert hash(first.settings) == hash(same.settings)
    assert {"pyproject.toml", "postil.toml", ".postil.yaml"} <= set(WATCHED_FILES)


def test_what_the_analyzers_and_ruff_are_told(load_files: Load) -> None:
    loaded = load_files(
        {
            "postil.toml": "select = ['B006', 'syntax-*', 'D*']\nignore = ['cognitive-complexity', 'F4*']\n"
            "cyclomatic-limit = 3\n[ruff]\nselect = ['E']\nignore = ['E501']\n[syntax]\nenabled = false\n"
        }
    )
    options = loaded.settings.options()
    assert (options.cyclomatic_limit, options.cognitive_limit, options.syntax_errors) == (3, 50, False)
    assert options.ignore == ("cognitive-complexity", "F4*")
    ruff = loaded.settings.ruff_options()
    assert ruff.enabled
    assert ruff.select == ("E",)
    assert ruff.extend_select == ("B006", "D")
    assert ruff.ignore == ("E501", "F4")
