"""The rules of the house, checked on the real files: who may import whom, what may be called where, what every file has.

Each rule is a function from one parsed file to complaints. It is run over every file of the four packages, and over a few
lines that break it, so that a rule that sees nothing is noticed.

Invariant: nothing of the house is imported here but its version; the files are read.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("analyzers", "postil", "providers", "server")
LONG_FILE, LONGEST_FILE = (
    450,
    800,
)  # lines; past the first a file may be two ideas, which is said; past the second it is
TABLES = ("analyzers/languages.py",)  # data, which may be as long as it is


class Source(NamedTuple):
    """One file: its path from the root with slashes, its text, its tree."""

    path: str
    text: str
    tree: ast.Module


# Which files may import a package that others must not know of. A folder ends in a slash.
IMPORTERS = {
    "lsprotocol": ("server/protocol.py", "server/lsp.py", "server/convert.py"),
    "pygls": ("server/protocol.py", "server/lsp.py", "server/convert.py"),
    "tree_sitter": ("analyzers/syntax.py",),
    "jedi": ("analyzers/names.py",),
    "parso": ("analyzers/names.py",),
    "multiprocessing": (),
    "socket": ("providers/",),
    "http": ("providers/",),
    "urllib.request": (),
    "httpx": ("providers/",),
    "pydantic": ("server/settings_model.py", "server/settings_layer.py", "providers/"),
    "rich": ("server/terminal.py", "server/cli.py", "server/check.py", "server/reports.py", "server/doctor.py"),
    "yaml": ("server/settings_yaml.py",),
    "pickle": (),
    "shelve": (),
    "marshal": (),
    "dbm": (),
    "ctypes": ("server/workers.py", "analyzers/processes.py", "server/processes.py"),
}

CHILDREN = ("analyzers/processes.py", "server/git.py")  # who starts processes; whoever needs one asks them
MISBEHAVES = "server/test_commands.py"  # on purpose, and for the tests alone
# Calls that a whole class of mistakes is made with, and the files in which they are the point.
CALLS = {
    "print": (MISBEHAVES,),
    "input": (),
    "eval": (),
    "exec": (),
    "compile": ("analyzers/rename_checks.py",),  # to see whether a text compiles; what comes of it is dropped
    "__import__": (),
    "os.system": (),
    "os.popen": (),
    "os.execv": ("postil/__main__.py",),
    "os.execve": (),
    "os.fork": (),
    "os.posix_spawn": (MISBEHAVES,),
    "os.spawnv": (),
    "os.chdir": ("server/handshake.py",),
    **dict.fromkeys(
        (f"{module}{name}" for module in ("subprocess.", "") for name in ("Popen", "check_output", "check_call")),
        CHILDREN,
    ),
    "subprocess.run": CHILDREN,
    "subprocess.call": (),
    "subprocess.getoutput": (),
    "time.sleep": ("server/stdio.py",),  # after the loop has ended, while the last bytes leave
    "asyncio.create_subprocess_exec": (),
    "asyncio.create_subprocess_shell": (),
    "yaml.load": (),
    "yaml.unsafe_load": (),
    "yaml.full_load": (),
    "tempfile.mktemp": (),
}

# What `serve` starts from. These files, and those that they import at their top, and so on, are loaded before `initialize` is
# answered; besides the standard library they import light packages alone. The rest is imported in functions, afterwards.
FIRST_LOADED = ("postil/__main__.py", "server/__main__.py", "server/handshake.py")
LIGHT = ("msgspec", *PACKAGES)


def sources() -> list[Source]:
    """Return every Python file of the four packages."""
    found = []
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            found.append(Source(path.relative_to(ROOT).as_posix(), text, ast.parse(text)))
    return found


def within(path: str, places: tuple[str, ...]) -> bool:
    """Whether `path` is one of `places`, or in one of them that is a folder."""
    return any(path == place or (place.endswith("/") and path.startswith(place)) for place in places)


def imports(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield each imported module's dotted name and line. `from a import b` is both `a` and `a.b`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            yield "." * node.level + (node.module or ""), node.lineno
            for alias in node.names:
                yield f"{'.' * node.level}{node.module}.{alias.name}", node.lineno
        elif isinstance(node, ast.Call) and dotted(node.func) in ("importlib.import_module", "import_module"):
            for argument in node.args[:1]:
                if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                    yield argument.value, node.lineno


def dotted(node: ast.AST) -> str:
    """Return `a.b.c` for an attribute of a name, and nothing for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        inner = dotted(node.value)
        return f"{inner}.{node.attr}" if inner else ""
    return ""


def only_for_types(tree: ast.Module) -> set[int]:
    """Return the lines inside `if TYPE_CHECKING:`."""
    lines: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and dotted(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            lines.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return lines


def wrong_imports(source: Source) -> Iterator[str]:
    """`server` knows `analyzers` and `providers`; `analyzers` know the types of `providers.base`; nobody knows `server`."""
    package = source.path.partition("/")[0]
    types_alone = only_for_types(source.tree)
    for name, line in imports(source.tree):
        top = name.partition(".")[0]
        if name.startswith("."):
            yield f"{line}: relative import: names on disk are the same everywhere"
        elif top == "server" and package not in ("server", "postil"):
            yield f"{line}: {package} imports server"
        elif top == "postil" and (package != "server" or not name.startswith(("postil.__version__", "postil"))):
            yield f"{line}: {package} imports the launcher"
        elif top == "analyzers" and package == "providers":
            yield f"{line}: providers know nothing of code review"
        elif top == "providers" and package == "analyzers":
            if not name.startswith("providers.base"):
                yield f"{line}: analyzers know providers.base alone, not {name}"
            elif line not in types_alone:
                yield f"{line}: analyzers know the types of providers.base alone: import them under TYPE_CHECKING"


def wrong_importers(source: Source) -> Iterator[str]:
    """Some packages are known to a few files alone."""
    for name, line in imports(source.tree):
        for package, places in IMPORTERS.items():
            if (name == package or name.startswith(package + ".")) and not within(source.path, places):
                yield f"{line}: {package} is imported by {', '.join(places) or 'nobody'}"


def imports_at_top(source: Source) -> Iterator[tuple[str, int]]:
    """Yield what is imported when the module is, name and line."""
    for node in source.tree.body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from imports(node)


def loaded_first(files: list[Source]) -> list[Source]:
    """Return the files that are loaded before `initialize` is answered."""
    by_name = {file.path.removesuffix(".py").removesuffix("/__init__").replace("/", "."): file for file in files}
    found: dict[str, Source] = {}
    wanted = [file for file in files if file.path in FIRST_LOADED]
    while wanted:
        file = wanted.pop()
        if file.path not in found:
            found[file.path] = file
            wanted += [by_name[name] for name, _ in imports_at_top(file) if name in by_name]
    return list(found.values())


def heavy_imports(source: Source) -> Iterator[str]:
    """What is loaded before `initialize` was answered imports nothing heavy at its top."""
    for name, line in imports_at_top(source):
        if name.partition(".")[0] not in {*LIGHT, *sys.stdlib_module_names}:
            yield f"{line}: {name} is imported before initialize was answered"


def wrong_calls(source: Source) -> Iterator[str]:
    """No output past the terminal's module, no shell, no code made of text."""
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.Call):
            continue
        name = dotted(node.func)
        if name in CALLS and not within(source.path, CALLS[name]):
            yield f"{node.lineno}: {name}() is called by {', '.join(CALLS[name]) or 'nobody'}"
        for keyword in node.keywords:
            if keyword.arg == "shell" and not (
                isinstance(keyword.value, ast.Constant) and keyword.value.value is False
            ):
                yield f"{node.lineno}: shell=…: children are started with a list of arguments"


MUTABLE_CALLS = frozenset(
    {"list", "dict", "set", "bytearray", "defaultdict", "deque", "OrderedDict", "Counter", "local"}
)
CHANGING_METHODS = frozenset(
    {
        "append",
        "add",
        "update",
        "extend",
        "insert",
        "pop",
        "popitem",
        "remove",
        "discard",
        "clear",
        "setdefault",
        "appendleft",
    }
)


def mutable(node: ast.expr | None) -> bool:
    """Whether an expression makes something that can change."""
    if isinstance(node, ast.Call):
        return dotted(node.func).rpartition(".")[2] in MUTABLE_CALLS
    return isinstance(node, (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp))


def shared_assignments(tree: ast.Module) -> Iterator[tuple[int, str, bool]]:
    """Yield line, name and whether it is declared constant, for each thing that can change in a module's or class's body.

    The fields of a msgspec or pydantic model are left out: both copy a default for each instance.
    """
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    plain = [node for node in classes if not any(dotted(base).endswith(("Struct", "Model")) for base in node.bases)]
    bodies = [tree.body, *(node.body for node in plain)]
    for statement in (statement for body in bodies for statement in body):
        if isinstance(statement, (ast.Assign, ast.AnnAssign)) and mutable(statement.value):
            final = isinstance(statement, ast.AnnAssign) and "Final" in ast.dump(statement.annotation)
            for name in map(dotted, statement.targets if isinstance(statement, ast.Assign) else [statement.target]):
                yield statement.lineno, name, final or name.startswith("__") or name.isupper()


def module_state(source: Source) -> Iterator[str]:
    """A table in capitals is a constant and is never changed; anything else that can change belongs to an object.

    `global` is refused with it, and a class body is a module by another name.
    """
    constants = set()
    for line, name, constant in shared_assignments(source.tree):
        if constant:
            constants.add(name)
        else:
            yield f"{line}: {name} can change, and is shared by the whole process"
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Global):
            yield f"{node.lineno}: global {', '.join(node.names)}"
        changed = ""
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CHANGING_METHODS:
            changed = dotted(node.func.value)
        elif isinstance(node, ast.Subscript) and isinstance(node.ctx, (ast.Store, ast.Del)):
            changed = dotted(node.value)
        if changed in constants:
            yield f"{node.lineno}: {changed} is a constant and is changed"


def docstring(source: Source) -> Iterator[str]:
    """Every module opens with what it is for, in sentences; an empty `__init__.py` has nothing to say."""
    text = ast.get_docstring(source.tree)
    if not source.tree.body and source.path.endswith("__init__.py"):
        return
    if not text:
        yield "1: the module does not say what it is for"
    elif len(text.split()) < 5 or not text.partition("\n")[0].endswith((".", ":", "?")):
        yield "1: the module's first line is no sentence"


def length(source: Source) -> Iterator[str]:
    """A long file is two ideas."""
    lines = source.text.count("\n")
    if lines > LONGEST_FILE and source.path not in TABLES:
        yield f"{lines} lines: say which two ideas it holds, and part them"


def test_long_files_are_named() -> None:
    for source in sources():
        if source.text.count("\n") > LONG_FILE and source.path not in TABLES:
            warnings.warn(f"{source.path} has more than {LONG_FILE} lines: is it two ideas?", stacklevel=1)


RULES: tuple[Callable[[Source], Iterator[str]], ...] = (
    wrong_imports,
    wrong_importers,
    wrong_calls,
    module_state,
    docstring,
    length,
)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_file_keeps(rule: Callable[[Source], Iterator[str]]) -> None:
    files = sources()
    assert len(files) > 10
    complaints = [f"{source.path}:{complaint}" for source in files for complaint in rule(source)]
    assert not complaints, "\n" + "\n".join(complaints)


def test_the_answer_to_initialize_waits_for_nothing_heavy() -> None:
    files = loaded_first(sources())
    assert len(files) > len(FIRST_LOADED)
    complaints = [f"{source.path}:{complaint}" for source in files for complaint in heavy_imports(source)]
    assert not complaints, "\n" + "\n".join(complaints)


@pytest.mark.parametrize(
    ("rule", "path", "text"),
    [
        (wrong_imports, "analyzers/a.py", "from server.cli import main"),
        (wrong_imports, "analyzers/a.py", "def f():\n    import server.cli"),
        (wrong_imports, "analyzers/a.py", "from providers.ollama import Ollama"),
        (wrong_imports, "analyzers/a.py", "from providers.base import Prompt"),
        (wrong_imports, "providers/a.py", "from analyzers.finding import Finding"),
        (wrong_imports, "providers/a.py", "import importlib\nimportlib.import_module('server.cli')"),
        (wrong_imports, "server/a.py", "from . import b"),
        (wrong_importers, "server/session.py", "from lsprotocol import types"),
        (wrong_importers, "analyzers/units.py", "def f():\n    import tree_sitter"),
        (wrong_calls, "server/check.py", "import subprocess\nsubprocess.run(['ls'])"),
        (wrong_calls, "server/check.py", "from subprocess import Popen\nPopen(['ls'])"),
        (wrong_importers, "server/cache.py", "from pickle import loads"),
        (wrong_importers, "server/a.py", "from urllib import request"),
        (heavy_imports, "server/app.py", "import pydantic"),
        (wrong_calls, "server/a.py", "print('x')"),
        (wrong_calls, "server/a.py", "run('ls', shell=True)"),
        (wrong_calls, "server/a.py", "import os\nos.system('ls')"),
        (wrong_calls, "analyzers/a.py", "eval('1')"),
        (module_state, "server/a.py", "documents = {}"),
        (module_state, "server/a.py", "_seen: set[str] = set()"),
        (module_state, "server/a.py", "class A:\n    all = []"),
        (module_state, "server/a.py", "TABLE = {}\ndef f():\n    TABLE['x'] = 1"),
        (module_state, "server/a.py", "TABLE = []\ndef f():\n    TABLE.append(1)"),
        (module_state, "server/a.py", "n = 0\ndef f():\n    global n\n    n = 1"),
        (docstring, "server/a.py", "x = 1"),
        (docstring, "server/a.py", '"""A module."""'),
        (length, "server/a.py", "x = 1\n" * (LONGEST_FILE + 1)),
    ],
)
def test_a_rule_sees_what_breaks_it(rule: Callable[[Source], Iterator[str]], path: str, text: str) -> None:
    assert list(rule(Source(path, text, ast.parse(text))))


@pytest.mark.parametrize(
    ("rule", "path", "text"),
    [
        (wrong_imports, "server/a.py", "from analyzers.finding import Finding\nfrom postil import __version__"),
        (wrong_imports, "analyzers/a.py", "if TYPE_CHECKING:\n    from providers.base import Prompt"),
        (wrong_importers, "server/convert.py", "from lsprotocol import types"),
        (wrong_importers, "server/a.py", "from urllib.parse import unquote"),
        (heavy_imports, "server/app.py", "import json\ndef f():\n    import pydantic"),
        (wrong_calls, "server/a.py", "import re\nre.compile('x')\nrun(['ls'], shell=False)"),
        (module_state, "server/a.py", "class Reply(msgspec.Struct):\n    items: list[str] = []"),
        (module_state, "server/a.py", "TABLE = {'a': 1}\ndef f():\n    seen = []\n    seen.append(TABLE['a'])"),
        (docstring, "server/__init__.py", ""),
    ],
)
def test_a_rule_leaves_the_rest_alone(rule: Callable[[Source], Iterator[str]], path: str, text: str) -> None:
    assert not list(rule(Source(path, text, ast.parse(text))))


def committed_texts() -> list[tuple[str, str]]:
    """Return the path and text of every file that is, or is about to be, committed; binaries and the lock file left out."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    found = []
    for name in listed.stdout.decode().split("\0"):
        path = ROOT / name
        if not name or name == "uv.lock" or not path.is_file():
            continue
        try:
            found.append((name, path.read_text(encoding="utf-8")))
        except UnicodeDecodeError:
            continue
    return found


def test_no_file_names_a_machine_or_a_registry() -> None:
    # Put together, so that this file does not hold what it looks for.
    places = {"/" + "work/", str(Path.home()) + "/"} - {"//"}
    hosts = (
        "pypi.org/" + "simple",
        "files." + "pythonhosted",
        "registry." + "npmjs",
        "deb." + "debian.org",
        "index" + "-url",
    )
    wanted = re.compile("|".join(rf"(?<![\w.-]){re.escape(text)}" for text in (*places, *hosts)))
    complaints = [
        f"{name}:{text.count(chr(10), 0, hit.start()) + 1}: {hit.group()}"
        for name, text in committed_texts()
        for hit in wanted.finditer(text)
    ]
    assert not complaints, "\n" + "\n".join(complaints)


def documented_commands(program: str) -> set[tuple[str, str]]:
    """Return (document, subcommand) for every call of `program` inside a code block or code span of the documentation."""
    found = set()
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))):
        if path.exists():
            text = path.read_text(encoding="utf-8")
            for code in re.findall(r"```[a-z]*\n(.*?)```|`([^`\n]+)`", text, flags=re.DOTALL):
                for line in "".join(code).splitlines():
                    match = re.match(rf"\s*(?:[$>] )?(?:\w+=\S* )*{program} ([a-z][a-z-]*)\b", line)
                    if match:
                        found.add((path.name, match.group(1)))
    return found


def test_documented_daily_commands_exist() -> None:
    tree = ast.parse((ROOT / "dev.py").read_text(encoding="utf-8"))
    table = next(node for node in tree.body if isinstance(node, ast.AnnAssign) and dotted(node.target) == "COMMANDS")
    assert isinstance(table.value, ast.Dict)
    commands = {key.value for key in table.value.keys if isinstance(key, ast.Constant)}
    listed = set(re.findall(r"python3 dev\.py ([a-z0-9]+) ", ast.get_docstring(tree) or ""))
    assert commands == listed
    documented = documented_commands(r"python3 dev\.py")
    assert {name for _, name in documented} >= {"try", "test"}, "the README names the two commands for a fresh machine"
    assert {(document, name) for document, name in documented if name not in commands} == set()


def test_documented_postil_commands_exist() -> None:
    documented = documented_commands("postil")
    assert documented
    missing = []
    for document, name in sorted(documented):
        ended = subprocess.run(
            [sys.executable, "-I", "-m", "postil", name, "--help"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if ended.returncode != 0 or "usage" not in (ended.stdout + ended.stderr).lower():
            missing.append(f"{document}: postil {name}")
    assert not missing


def test_links_of_the_documentation_lead_somewhere() -> None:
    links = [
        (path, target)
        for path in (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"))
        for target in re.findall(r"\]\(([^)#\s]+)", path.read_text(encoding="utf-8"))
    ]
    broken = [f"{path.name}: {to}" for path, to in links if "://" not in to and not (path.parent / to).exists()]
    assert not broken


def test_versions_agree() -> None:
    version = re.search(
        r'^__version__ = "(.+)"$', (ROOT / "postil/__init__.py").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert version
    changelog = re.search(r"^## (\d\S*)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert changelog
    assert changelog.group(1) == version.group(1)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert "version" in project["project"]["dynamic"], "the version stands in postil/__init__.py alone"
    assert project["tool"]["hatch"]["version"]["path"] == "postil/__init__.py"


def test_every_ignored_lint_rule_has_its_reason() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    inside = False
    bare, above = [], ""
    for line in text.splitlines():
        if re.match(r'(ignore|"\S+") = \[$', line):
            inside = True
        elif line == "]":
            inside = False
        elif inside and re.match(r'  "[A-Z]+\d*",\s*(#.*)?$', line):
            # The same reason may cover the lines below it.
            above = line if "#" in line else above
            if not above:
                bare.append(line)
    assert not bare


def test_every_dependency_is_capped() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    loose = [one for one in project["project"]["dependencies"] if not re.search(r"<|==", one)]
    assert not loose, "a release that nobody looked at must not reach a user"
