"""Repositories that try to run code in the "names" worker. All traps are harmless: they create a marker file.

Each case is opened in the real worker process, confined and unconfined, and renamed, inlined and extracted in. Nothing may
be run, and nothing may be written: neither into the workspace nor elsewhere.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import textwrap
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from analyzers.names import Names
from analyzers.refactoring import Place, Refactoring
from server.workers import Worker, WorkerQuarantined, WorkerTimeout

if TYPE_CHECKING:
    from collections.abc import Callable

SUFFIX = sysconfig.get_config_var("EXT_SUFFIX") or ".so"
VERSION = f"python{sys.version_info[0]}.{sys.version_info[1]}"


class Trap:
    """A repository in which everything that runs creates `marker`."""

    def __init__(self, root: Path, marker: Path) -> None:
        self.root = root
        self.marker = marker
        self.environment: dict[str, str] = {}
        self.script = "#!/bin/sh\n: > " + str(marker) + "\n"
        self.python = f"import pathlib; pathlib.Path({str(marker)!r}).touch()\n"

    def write(self, name: str, text: str, *, executable: bool = False) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        if executable:
            path.chmod(0o755)
        return path

    def main(self, text: str) -> None:
        self.write("main.py", text + "\nvalue = 1\nprint(value)\n")

    def extension(self, name: str) -> None:
        """A shared library whose loading creates the marker."""
        source = self.root.parent / f"{name}.c"
        source.write_text(
            "#include <fcntl.h>\n"
            f'__attribute__((constructor)) static void f(void) {{ open("{self.marker}", O_CREAT, 0600); }}\n'
            f"void *PyInit_{name}(void) {{ return 0; }}\n"
        )
        subprocess.run(["cc", "-shared", "-fPIC", "-o", str(self.root / (name + SUFFIX)), str(source)], check=True)


def python_module(trap: Trap) -> None:
    trap.write("evil.py", trap.python + "def f(): ...\n")
    trap.main("import evil\nevil.f()")


def extension_module(trap: Trap) -> None:
    trap.extension("evil")
    trap.main("import evil\nevil.f()\nfrom evil import x")


def module_found_by_sys_path(trap: Trap) -> None:
    trap.write("lib/evil.py", trap.python)
    trap.main("import sys\nsys.path.append('lib')\nsys.path.insert(0, __file__ + '/../lib')\nimport evil\nevil.x")


def extension_found_by_sys_path(trap: Trap) -> None:
    trap.extension("evil")
    (trap.root / "lib").mkdir()
    (trap.root / ("evil" + SUFFIX)).rename(trap.root / "lib" / ("evil" + SUFFIX))
    trap.main("import sys\nsys.path.append('lib')\nimport evil\nevil.x")


def extension_that_the_project_file_allows(trap: Trap) -> None:
    trap.write(".jedi/project.json", json.dumps([1, {"path": str(trap.root), "load_unsafe_extensions": True}]))
    extension_module(trap)


def extension_named_as_a_module_of_ours(trap: Trap) -> None:
    trap.extension("msgspec")
    trap.main("import msgspec\nmsgspec.decode")


def extension_named_for_automatic_import(trap: Trap) -> None:
    trap.extension("gi")
    trap.write("gi/__init__.py", trap.python)
    trap.main("import gi.repository\ngi.repository.Gtk")


def interpreter_of_the_project_file(trap: Trap) -> None:
    fake = trap.write("bin/python", trap.script, executable=True)
    trap.write(".jedi/project.json", json.dumps([1, {"path": str(trap.root), "environment_path": str(fake)}]))
    trap.main("import os")


def module_path_of_the_project_file(trap: Trap) -> None:
    trap.write("lib/os.py", trap.python)
    trap.write(".jedi/project.json", json.dumps([1, {"path": str(trap.root), "sys_path": [str(trap.root / "lib")]}]))
    trap.main("import os\nos.getcwd()")


def python_path(trap: Trap) -> None:
    for name in ("json", "sitecustomize", "jedi", "typing", "usercustomize"):
        trap.write(f"{name}.py", trap.python)
    trap.environment = {"PYTHONPATH": str(trap.root), "PYTHONSTARTUP": str(trap.root / "json.py")}
    trap.main("import json\njson.loads")


def fake_virtual_environment(trap: Trap) -> None:
    for name in (".venv", "venv", "env"):
        trap.write(f"{name}/bin/python", trap.script, executable=True)
        trap.write(f"{name}/bin/python3", trap.script, executable=True)
        trap.write(f"{name}/pyvenv.cfg", "home = /usr/bin\n")
    trap.main("import requests\nrequests.get")


def fake_virtual_environment_in_the_variable(trap: Trap) -> None:
    fake_virtual_environment(trap)
    trap.environment = {"VIRTUAL_ENV": str(trap.root / ".venv"), "CONDA_PREFIX": str(trap.root / "venv")}


def committed_virtual_environment(trap: Trap) -> None:
    packages = trap.root / ".venv" / "lib" / VERSION / "site-packages"
    packages.mkdir(parents=True)
    (packages / "evil.pth").write_text("import os; " + trap.python)
    (packages / "sitecustomize.py").write_text(trap.python)
    (packages / "lib.py").write_text(trap.python + "def f(): ...\n")
    (trap.root / ".venv" / "bin").mkdir()
    (trap.root / ".venv" / "bin" / "python").symlink_to(os.path.realpath(sys.executable))
    trap.write(".venv/pyvenv.cfg", f"home = {os.path.dirname(os.path.realpath(sys.executable))}\n")
    trap.main("import lib\nlib.f()")


def committed_virtual_environment_of_another_python(trap: Trap) -> None:
    committed_virtual_environment(trap)
    (trap.root / ".venv" / "bin" / "python").unlink()
    (trap.root / ".venv" / "bin" / "python").symlink_to("/usr/bin/python3")


def committed_virtual_environment_in_the_variable(trap: Trap) -> None:
    committed_virtual_environment(trap)
    trap.environment = {"VIRTUAL_ENV": str(trap.root / ".venv")}


def extension_in_the_virtual_environment(trap: Trap) -> None:
    committed_virtual_environment(trap)
    trap.extension("evil")
    (trap.root / ("evil" + SUFFIX)).rename(trap.root / ".venv" / "lib" / VERSION / "site-packages" / ("evil" + SUFFIX))
    trap.main("import evil\nevil.f()")


def buildout(trap: Trap) -> None:
    trap.write("buildout.cfg", "[buildout]\nparts = a\n")
    trap.write(
        "bin/app",
        f"#!{sys.executable}\nimport sys\nsys.path[0:0] = [{str(trap.root / 'eggs')!r}]\n" + trap.python,
        executable=True,
    )
    trap.write("eggs/evil.py", trap.python)
    trap.main("import evil\nevil.f")


def django(trap: Trap) -> None:
    trap.write("manage.py", "# DJANGO_SETTINGS_MODULE\n" + trap.python)
    trap.write("settings.py", trap.python)
    trap.write("setup.py", trap.python)
    trap.main("import settings\nsettings.x")


def pickles_in_the_cache(trap: Trap) -> None:
    for folder in (".cache/jedi", ".cache/parso", "jedi", "parso"):
        for name in ("CPython-311-33", "CPython-311-4"):
            trap.write(f"{folder}/{name}/x.pkl", "cos\nsystem\n(S': > " + str(trap.marker) + "'\ntR.")
    trap.environment = {"XDG_CACHE_HOME": str(trap.root), "HOME": str(trap.root)}
    trap.main("import os")


def decorators_and_metaclasses(trap: Trap) -> None:
    trap.main(
        textwrap.dedent(f"""
        import pathlib
        class Meta(type):
            def __new__(cls, *a): {trap.python.split("; ")[1].strip()}; return super().__new__(cls, *a)
            def __getattr__(cls, name): {trap.python.split("; ")[1].strip()}
        class A(metaclass=Meta):
            @property
            def x(self): {trap.python.split("; ")[1].strip()}
        @(lambda f: {trap.python.split("; ")[1].strip()})
        def g(): ...
        A.y; A().x; g()
        exec({trap.python!r}); eval("__import__('evil')"); __import__("evil")
        """)
    )
    trap.write("evil.py", trap.python)


def a_pipe_and_a_loop_of_links(trap: Trap) -> None:
    os.mkfifo(trap.root / "pipe.py")
    os.mkfifo(trap.root / ".gitignore")
    (trap.root / "loop").symlink_to(trap.root)
    (trap.root / "loop.py").symlink_to("loop.py")
    (trap.root / "zero.py").symlink_to("/dev/zero")
    trap.main("import pipe, loop, zero\npipe.x; loop.main; zero.x")


def archives(trap: Trap) -> None:
    import zipfile

    with zipfile.ZipFile(trap.root / "lib.zip", "w") as archive:
        archive.writestr("evil.py", trap.python)
    trap.main("import sys\nsys.path.append('lib.zip')\nimport evil\nevil.x")


CASES: list[Callable[[Trap], None]] = [
    python_module,
    extension_module,
    module_found_by_sys_path,
    extension_found_by_sys_path,
    extension_that_the_project_file_allows,
    extension_named_as_a_module_of_ours,
    extension_named_for_automatic_import,
    interpreter_of_the_project_file,
    module_path_of_the_project_file,
    python_path,
    fake_virtual_environment,
    fake_virtual_environment_in_the_variable,
    committed_virtual_environment,
    committed_virtual_environment_of_another_python,
    committed_virtual_environment_in_the_variable,
    extension_in_the_virtual_environment,
    buildout,
    django,
    pickles_in_the_cache,
    decorators_and_metaclasses,
    a_pipe_and_a_loop_of_links,
    archives,
]


def digest_of_tree(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }


def ask_everything(names: Names, path: str, root: str, text: str) -> int:
    """Ask for everything at each name of the text; return how often something was answered."""
    answers = 0
    for line, content in enumerate(text.split("\n")):
        for column in {0, *(at for at, character in enumerate(content) if character in ".( ,")}:
            answers += bool(names.prepare_rename(path, root, text, line, column + 1, {}).name)
            answers += bool(names.rename(path, root, text, line, column + 1, "fresh", {}).files)
            names.inline(path, root, text, line, column + 1)
            names.extract_variable(path, root, text, line, 0, line, len(content), "fresh")
    return answers


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_nothing_is_run(tmp_path: Path, case: Callable[[Trap], None], monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "repository"
    root.mkdir()
    trap = Trap(root, tmp_path / "marker")
    if "extension" in case.__name__ and shutil.which("cc") is None:
        pytest.skip("no C compiler")
    case(trap)
    for name, value in trap.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(root)
    before = digest_of_tree(root)
    text = (root / "main.py").read_text()
    path = str(root / "main.py")

    # Here, where nothing but the way in which jedi is used protects.
    assert ask_everything(Names(), path, str(root), text) > 0
    assert not trap.marker.exists()

    # And in the worker, in which confinement would hide what gets through: it must not have been needed.
    async def in_the_worker() -> None:
        worker = Worker("names", memory=1 << 30)
        try:
            place = text.index("value")
            line, column = text.count("\n", 0, place), place - text.rindex("\n", 0, place) - 1
            found = await worker.call(
                "prepare_rename", path, str(root), text, line, column, {}, timeout=30, result=Place
            )
            assert found.name == "value"
            result = await worker.call(
                "rename", path, str(root), text, line, column, "fresh", {}, timeout=30, result=Refactoring
            )
            assert [file.path for file in result.files] == [path], result.refused
        finally:
            worker.close()

    asyncio.run(in_the_worker())
    assert not trap.marker.exists()
    assert digest_of_tree(root) == before


def test_the_traps_work(tmp_path: Path) -> None:
    """A trap that cannot go off proves nothing."""
    runs: dict[str, Callable[[Trap], object]] = {
        "python": lambda trap: subprocess.run([sys.executable, trap.write("x.py", trap.python)], check=True),
        "script": lambda trap: subprocess.run([trap.write("x", trap.script, executable=True)], check=True),
    }
    for name, run in runs.items():
        root = tmp_path / name
        root.mkdir()
        trap = Trap(root, tmp_path / f"marker-{name}")
        run(trap)
        assert trap.marker.exists()
    if shutil.which("cc"):
        trap = Trap(tmp_path, tmp_path / "marker-extension")
        trap.extension("evil")
        subprocess.run([sys.executable, "-c", "import evil"], cwd=tmp_path, check=False, capture_output=True)
        assert trap.marker.exists()


def test_an_unsafe_jedi_would_step_into_the_trap(tmp_path: Path) -> None:
    """What is refused here is a thing that jedi can do."""
    if shutil.which("cc") is None:
        pytest.skip("no C compiler")
    trap = Trap(tmp_path, tmp_path / "marker")
    extension_module(trap)
    program = (
        "import jedi, sys\n"
        "project = jedi.Project(sys.argv[1], load_unsafe_extensions=True)\n"
        "jedi.Script(path=sys.argv[1] + '/main.py', project=project).infer(2, 2)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False, capture_output=True, timeout=60)
    assert trap.marker.exists()


FORBIDDEN = {
    "subprocess": "import subprocess; subprocess.run(['true'])",
    "system": "import os; os.system('true')",
    "fork": "import os; os.fork()",
    "exec": "import os; os.execv('/bin/true', ['true'])",
    "spawn": "import os; os.posix_spawn('/bin/true', ['true'], {{}})",
    "socket": "import socket; socket.create_connection(('127.0.0.1', 9))",
    "writing": "open({file!r}, 'w')",
    "writing by descriptor": "import os; os.open({file!r}, os.O_CREAT | os.O_WRONLY)",
    "removing": "import os; os.remove({file!r})",
    "importing from elsewhere": "import sys; sys.path.insert(0, {folder!r}); import trap",
    "a library": "import ctypes; ctypes.CDLL('libc.so.6')",
}


@pytest.mark.parametrize("case", FORBIDDEN)
def test_a_confined_process_can_do_nothing_but_read(tmp_path: Path, case: str) -> None:
    (tmp_path / "trap.py").write_text("print('ran')\n")
    target = tmp_path / "file"
    if case == "removing":
        target.touch()
    code = FORBIDDEN[case].format(file=str(target), folder=str(tmp_path))
    root = str(Path(__file__).parents[2])
    program = (
        f"import sys; sys.path.insert(0, {root!r})\n"
        "from analyzers.confinement import Forbidden, confine_interpreter\n"
        "confine_interpreter()\n"
        f"try:\n    {code}\nexcept Forbidden:\n    print('refused')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout == "refused\n", done.stderr
    assert target.exists() == (case == "removing")


# Time


def test_deep_brackets_are_refused_at_once(tmp_path: Path) -> None:
    names = Names()
    began = time.monotonic()
    for text in ("x = " + "(\n" * 15_000, "(" * 1_500 + "x" + ")" * 1_500):
        assert "nested" in names.rename(str(tmp_path / "a.py"), str(tmp_path), text, 0, 0, "y", {}).refused
    assert "longer" in names.rename(str(tmp_path / "a.py"), str(tmp_path), "x = " + "(" * 50_000, 0, 0, "y", {}).refused
    assert (
        "1,200,000" in names.rename(str(tmp_path / "a.py"), str(tmp_path), "x = 1\n" * 200_000, 0, 0, "y", {}).refused
    )
    assert time.monotonic() - began < 2.0


POISON = {
    "a long chain": "x = a" + ".b" * 4_000 + "\n",
    "many sums": "x = " + "+".join(["1"] * 4_000) + "\n",
    "unary": "x = " + "-" * 8_000 + "1\n",
    "nested ifs": "\n".join(" " * n + "if x:" for n in range(90)) + "\n" + " " * 90 + "x\n",
    "lambdas": "x = " + "lambda: " * 2_000 + "1\n",
    "calls of calls": "def f(): return f\nx = f" + "()" * 3_000 + "\n",
    "classes in a ring": "".join(f"class A{n}(A{(n + 1) % 50}): ...\n" for n in range(50)) + "x = A0()\nx.y\n",
    "strings": "x = " + "'a' " * 5_000 + "\n",
    "an endless string": 'x = """' + "a\n" * 5_000,
    "nulls": "x = 1\0\nx\n",
    "surrogates": "x = '\udc80'\nx\n",
}


@pytest.mark.parametrize("case", POISON)
def test_poison_is_answered_in_time(tmp_path: Path, case: str) -> None:
    names = Names(seconds=1.0, rename_seconds=1.0)
    text = POISON[case]
    path = str(tmp_path / "a.py")
    for ask in (
        lambda: names.rename(path, str(tmp_path), text, 0, 0, "fresh", {}),
        lambda: names.prepare_rename(path, str(tmp_path), text, 0, 4, {}),
        lambda: names.extract_variable(path, str(tmp_path), text, 0, 4, 0, 20, "fresh"),
        lambda: names.inline(path, str(tmp_path), text, 0, 0),
    ):
        began = time.monotonic()
        answer = ask()
        assert isinstance(answer, (Place, Refactoring))
        assert time.monotonic() - began < 4.0


async def test_what_hangs_is_killed_and_the_next_request_is_answered(tmp_path: Path) -> None:
    """The soft limit is Python's; what holds the interpreter is ended from outside."""
    worker = Worker("names", memory=1 << 30)
    try:
        await worker.call("prepare_rename", "/a.py", "/", "x = 1\n", 0, 0, {}, timeout=30, result=Place)
        hang = "x = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]\n" * 19_000  # seconds of work
        with suppress(WorkerTimeout):
            await worker.call(
                "prepare_rename",
                str(tmp_path / "a.py"),
                str(tmp_path),
                hang,
                0,
                0,
                {},
                timeout=0.3,
                result=Place,
                subject="hang",
            )
            pytest.fail("it did not hang")
        with pytest.raises(WorkerQuarantined):
            await worker.call("prepare_rename", "/a.py", "/", hang, 0, 0, {}, timeout=1, result=Place, subject="hang")
        found = await worker.call("prepare_rename", "/a.py", "/", "x = 1\n", 0, 0, {}, timeout=30, result=Place)
        assert found.name == "x"
    finally:
        worker.close()


@pytest.mark.slow
def test_a_workspace_of_five_hundred_files(tmp_path: Path) -> None:
    """A rename in all of them ends, or is refused with a reason, within its limit."""
    body = "".join(f"def f{n}(a, b):\n    c = a + b\n    return c * {n}\n\n" for n in range(30))
    (tmp_path / "core.py").write_text("def helper(size=1):\n    return size\n\n" + body)
    for n in range(500):
        (tmp_path / f"user{n}.py").write_text(
            "from core import helper\n\n" + body + "def run():\n    return helper(size=2)\n"
        )
    names = Names()
    text = (tmp_path / "core.py").read_text()
    for column in (4, 11):
        began = time.monotonic()
        result = names.rename(str(tmp_path / "core.py"), str(tmp_path), text, 0, column, "fresh", {})
        took = time.monotonic() - began
        print(f"{took:.1f} s, {len(result.files)} files, {result.refused!r}")
        assert took < 12.0
        assert "longer than" in result.refused or "more than" in result.refused or len(result.files) == 501
