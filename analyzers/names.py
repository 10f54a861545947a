"""Names in Python: renaming, extracting and inlining, by jedi. Runs in the "names" worker, never in the server.

jedi infers what a name refers to by reading code. Hostile repositories can make some ways of using it run code, so there is
one way of using it here: a `Project` with a fixed module path and no unsafe extensions, and an environment made of this
interpreter, which starts no process. The user's installed packages are read as text.

What jedi answers is not believed. Its results become edits of the places that differ, and are checked by the compiler's
trees and symbol tables (`rename_checks.py`, `refactoring_checks.py`); what cannot be confirmed is refused with a reason.
jedi itself looks into thirty files at most, and not at all for names of one or two letters; here all files of the workspace
that hold the word are looked into, or the rename is refused.

Invariant: no environment is searched for or created, no default project, `.jedi/` is not read, nothing is pickled, nothing
is written, and no file is read that is not a regular file of a bounded size.
Invariant: edits are for files inside the root alone, and for the text that the client has where it has one.
Invariant: this is the only module that imports jedi and parso.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import sysconfig
import threading
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jedi
import parso
import parso.cache
from jedi.api.environment import InterpreterEnvironment
from jedi.api.exceptions import RefactoringError
from jedi.file_io import KnownContentFileIO
from jedi.inference import imports, references
from jedi.inference.compiled.subprocess import functions
from parso import file_io
from parso.grammar import load_grammar

from analyzers import refactoring_checks as checks
from analyzers.document import Document, Point
from analyzers.limits import MAX_NESTING, nesting, no_parse
from analyzers.python_files import read_regular
from analyzers.refactoring import FileEdits, Place, Refactoring, Refused, check_name, digest
from analyzers.rename import definitions, name_at, renamed
from analyzers.text_changes import changes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from types import FrameType

# Positions are a line and a column from 0, in code points.
METHODS: Mapping[str, Any] = {
    "prepare_rename": tuple[str, str, str, int, int, dict[str, str]],
    "rename": tuple[str, str, str, int, int, str, dict[str, str]],
    "extract_variable": tuple[str, str, str, int, int, int, int, str],
    "extract_function": tuple[str, str, str, int, int, int, int, str],
    "inline": tuple[str, str, str, int, int],
}

SECONDS = 4.0  # for one request, before it is refused
RENAME_SECONDS = 8.0  # for a rename, which may have to look into hundreds of files
_MAX_READ = 5_000_000  # bytes of any file that jedi wants to read
_MAX_KEPT = 1_500  # parsed files between two requests
_NEWEST_GRAMMAR = "3.14"  # reads what older ones read
_VIRTUAL_ENVIRONMENTS = (".venv", "venv", "env", ".env")


class _OutOfTime(BaseException):
    """The request's time is over. No Exception, because jedi catches those."""


def confined_names() -> Names:
    """Return a `Names` in a process that can do nothing but read, warmed up. For the worker alone."""
    from analyzers.confinement import confine_interpreter

    warnings.simplefilter("ignore")  # jedi warns of each module that it did not import, with the workspace's names
    names = Names()
    names.warm_up()
    confine_interpreter()
    return names


class Names:
    """The answers of the "names" worker. Keeps nothing between requests but jedi's parsed files.

    In all methods `path` is the file's, `root` the workspace's folder, both absolute; `text` is what the editor has. No
    method raises for what cannot be done: the answer says `refused`, and why.
    """

    def __init__(self, seconds: float = SECONDS, rename_seconds: float = RENAME_SECONDS) -> None:
        """Prepare jedi. `seconds`: for one request; `rename_seconds`: for a rename."""
        self._seconds = seconds
        self._rename_seconds = rename_seconds
        self._environment = _OwnEnvironment()
        self.root = ""
        self.texts: dict[str, str] = {}
        self.candidates: list[tuple[str, str]] = []
        _tame(self)

    def warm_up(self) -> None:
        """Read the built-in names, so that the first request does not have to."""
        self.script("/warm/up.py", "a = len('')\nfor b in [a]: b").infer(2, 15)

    def prepare_rename(
        self, path: str, root: str, text: str, line: int, column: int, open_texts: dict[str, str]
    ) -> Place:
        """Return the name at a place, if it can be renamed."""
        try:
            with self._request(path, root, text, open_texts, self._seconds):
                script = self.script(path, text)
                leaf = name_at(script, line, column)
                definitions(self, path, script, leaf)
                start = leaf.start_pos[1]
                return Place(leaf.start_pos[0] - 1, start, start + len(leaf.value), leaf.value)
        except Refused as refusal:
            return Place(refused=str(refusal))

    def rename(  # noqa: PLR0917 - called by position, from another process
        self, path: str, root: str, text: str, line: int, column: int, new_name: str, open_texts: dict[str, str]
    ) -> Refactoring:
        """Return the edits that rename what stands at a place, in all files under `root`.

        `open_texts`: path to text of what else is open in the editor.
        """
        try:
            with self._request(path, root, text, open_texts, self._rename_seconds):
                return renamed(self, path, line, column, new_name)
        except Refused as refusal:
            return Refactoring(refused=str(refusal))

    def extract_variable(  # noqa: PLR0917
        self, path: str, root: str, text: str, line: int, column: int, end_line: int, end_column: int, name: str
    ) -> Refactoring:
        """Return the edits that give the selected expression a name."""
        try:
            with self._request(path, root, text, {}, self._seconds):
                script, start, end, selected = self._selection(path, text, (line, column), (end_line, end_column), name)
                result = script.extract_variable(*start, new_name=name, until_line=end[0], until_column=end[1])
                return _checked(path, text, result, lambda new: checks.extracted_wrongly(text, new, name, selected))
        except Refused as refusal:
            return Refactoring(refused=str(refusal))

    def extract_function(  # noqa: PLR0917
        self, path: str, root: str, text: str, line: int, column: int, end_line: int, end_column: int, name: str
    ) -> Refactoring:
        """Return the edits that move the selected expression, or statements, into a function."""
        try:
            with self._request(path, root, text, {}, self._seconds):
                script, start, end, selected = self._selection(path, text, (line, column), (end_line, end_column), name)
                result = script.extract_function(*start, new_name=name, until_line=end[0], until_column=end[1])
                return _checked(
                    path, text, result, lambda new: checks.function_extracted_wrongly(text, new, name, selected)
                )
        except Refused as refusal:
            return Refactoring(refused=str(refusal))

    def inline(self, path: str, root: str, text: str, line: int, column: int) -> Refactoring:
        """Return the edits that put a variable's value where the variable is read, in its own file."""
        try:
            with self._request(path, root, text, {}, self._seconds):
                script = self.script(path, text)
                _check_syntax(script)
                leaf = name_at(script, line, column)
                name = leaf.value
                defined = [one for one in script.get_references(*leaf.start_pos, scope="file") if one.is_definition()]
                if len(defined) != 1:
                    raise Refused(f"'{name}' is assigned in {len(defined)} places")  # noqa: TRY301 - this is where all refusals go
                at = defined[0].line
                result = script.inline(*leaf.start_pos)
                return _checked(path, text, result, lambda new: checks.inlined_wrongly(text, new, name, at))
        except Refused as refusal:
            return Refactoring(refused=str(refusal))

    def script(self, path: str, text: str) -> Any:
        """Return jedi's view of a text: the one way in which jedi is started."""
        project = jedi.Project(
            self.root or "/",
            sys_path=_standard_library(),
            added_sys_path=_installed_packages(self.root) if self.root else (),
            smart_sys_path=True,
            load_unsafe_extensions=False,
        )
        return jedi.Script(text, path=path, project=project, environment=self._environment)

    # What jedi reads

    def read(self, path: str) -> bytes:
        """Return the content of a file for jedi: the editor's text where it is open. Raises FileNotFoundError."""
        text = self.texts.get(path)
        if text is not None:
            return text.encode("utf-8", "replace")
        try:
            return read_regular(path, _MAX_READ)
        except OSError:
            raise FileNotFoundError(path) from None

    def is_open(self, path: str) -> bool:
        """Return whether the editor's text stands for the file."""
        return path in self.texts

    def modules_with(
        self,
        state: Any,
        contexts: Iterable[Any],
        name: str,  # noqa: ARG002 - the candidates hold it
        limit_reduction: int = 1,
    ) -> Iterator[Any]:
        """Yield jedi's modules in which a name may be used: those it knows of, then all candidates.

        With a reduced limit jedi asks for the callers of a function, to guess its parameters: not worth reading files for.
        """
        seen = set()
        for context in contexts:
            if not context.is_compiled():
                seen.add(str(context.py__file__()))
                yield context
        for path, text in self.candidates if limit_reduction == 1 else ():
            if path not in seen:
                module = imports.load_module_from_path(state, KnownContentFileIO(Path(path), text))
                if not module.is_compiled():
                    yield module.as_context()

    # Requests

    @contextmanager
    def _request(self, path: str, root: str, text: str, open_texts: dict[str, str], seconds: float) -> Iterator[None]:
        reason = no_parse(Document("", 0, "python", text))
        if reason:
            raise Refused(reason)
        if nesting(text.encode("utf-8", "replace")) > MAX_NESTING:
            raise Refused(f"brackets are nested deeper than {MAX_NESTING}")
        self.root = root
        self.texts = {**open_texts, path: text}
        self.candidates = []
        try:
            with _limited(seconds):
                yield
        except _OutOfTime:
            # What was parsed is kept, so that the next try gets further.
            raise Refused(f"it would take longer than {seconds:g} s; try once more, it goes on from here") from None
        except RecursionError:
            raise Refused("the code is nested too deeply") from None
        except RefactoringError as refusal:
            raise Refused(str(refusal)) from None
        except (Refused, MemoryError):
            raise
        except Exception as error:  # noqa: BLE001 - jedi's faults are many, and each is this request's alone
            raise Refused(f"jedi failed at this code ({type(error).__name__})") from None
        finally:
            # What the editor has may be on the disk never, or later: jedi must not remember it by the file's time.
            if sum(map(len, parso.cache.parser_cache.values())) > _MAX_KEPT:
                parso.cache.parser_cache.clear()
            for files in parso.cache.parser_cache.values():
                for known in [one for one in files if one is None or str(one) in self.texts]:
                    del files[known]
            self.root, self.texts, self.candidates = "", {}, []

    def _selection(
        self, path: str, text: str, start: tuple[int, int], end: tuple[int, int], name: str
    ) -> tuple[Any, tuple[int, int], tuple[int, int], str]:
        """Return the script, both ends of the selection without white space around it (lines from 1), and its text."""
        check_name(name)
        if re.search(rf"\b{re.escape(name)}\b", text):
            raise Refused(f"'{name}' is in use in this file")
        document = Document("", 0, "python", text)
        first, last = document.offset(Point(*start)), document.offset(Point(*end))
        selected = text[first:last]
        if not selected.strip():
            raise Refused("nothing is selected")
        begin = document.point(first + len(selected) - len(selected.lstrip()))
        stop = document.point(last - len(selected) + len(selected.rstrip()))
        script = self.script(path, text)
        _check_syntax(script)
        before = document.line_text(begin.line)[: begin.column]
        selected = (before if before.isspace() else "") + selected.strip()
        return script, (begin.line + 1, begin.column), (stop.line + 1, stop.column), selected


class _OwnEnvironment(InterpreterEnvironment):  # type: ignore[misc]
    """This interpreter as jedi's environment: it starts no process and knows the standard library alone."""

    def get_sys_path(self) -> list[str]:
        return _standard_library()

    def get_grammar(self) -> Any:
        return load_grammar(version=_NEWEST_GRAMMAR)


def _tame(names: Names) -> None:
    """Put what jedi does beyond reasoning under `names`: reading files, looking for modules, pickling."""
    jedi.settings.auto_import_modules = []
    # parso drops parsed files while they are in use, once it has 600: what is dropped is decided between two requests.
    parso.cache._CACHED_SIZE_TRIGGER = sys.maxsize  # noqa: SLF001
    jedi.settings.cache_directory = "/dev/null/postil"  # a place where no folder can be made, should all else change
    for name, instead in {
        "_load_from_file_system": lambda *_, **__: None,
        "_save_to_file_system": lambda *_, **__: None,
        "_remove_cache_and_update_lock": lambda *_, **__: None,
    }.items():
        if not hasattr(parso.cache, name):
            raise ImportError(f"parso.cache.{name} is gone: who pickles now?")
        setattr(parso.cache, name, instead)

    def get_source(loader: Any, fullname: str) -> bytes:
        try:
            return names.read(loader.get_filename(fullname))
        except FileNotFoundError:
            raise ImportError(name=fullname) from None

    def read(self: Any) -> bytes:
        return names.read(str(self.path))

    def last_modified(self: Any) -> float | None:
        try:
            return None if names.is_open(str(self.path)) else os.path.getmtime(self.path)
        except OSError:
            return None

    functions._get_source = get_source  # noqa: SLF001
    file_io.FileIO.read = read  # type: ignore[method-assign]
    file_io.FileIO.get_last_modified = last_modified  # type: ignore[method-assign]
    references.get_module_contexts_containing_name = names.modules_with


def _standard_library() -> list[str]:
    """Return the folders of Python's own modules: of the interpreter itself, never of an environment made with it."""
    extensions = sysconfig.get_config_var("DESTSHARED")
    return [os.path.dirname(os.__file__), *([extensions] if extensions else [])]


def _installed_packages(root: str) -> list[str]:
    """Return the folders of installed packages inside the workspace: read as text, never imported."""
    return [
        str(folder)
        for name in _VIRTUAL_ENVIRONMENTS
        for folder in sorted(Path(root, name).glob("lib/python*/site-packages"))[:4]
        if folder.is_dir() and _leads_inside(folder, root)
    ]


def _leads_inside(folder: Path, root: str) -> bool:
    return os.path.realpath(folder).startswith(os.path.realpath(root).rstrip(os.sep) + os.sep)


def _check_syntax(script: Any) -> None:
    for error in script.get_syntax_errors():
        raise Refused(f"line {error.line} has syntax that cannot be refactored")


@contextmanager
def _limited(seconds: float) -> Iterator[None]:
    """Raise _OutOfTime in the block after `seconds`; no limit outside the main thread."""

    def over(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        raise _OutOfTime

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _checked(path: str, text: str, result: Any, reason_against: Callable[[str], str]) -> Refactoring:
    """Return jedi's new text of one file as edits, if there is nothing against it."""
    files = {str(where): changed for where, changed in result.get_changed_files().items()}
    if set(files) != {path} or list(result.get_renames()):
        raise Refused("other files would change too")
    new = files[path].get_new_code()
    if "\r\n" in text and not re.search(r"(?<!\r)\n|\r(?!\n)", text):
        new = re.sub(r"\r?\n", "\r\n", new)
    if text.startswith("\ufeff") and not new.startswith("\ufeff"):
        new = "\ufeff" + new
    reason = reason_against(new)
    if reason:
        raise Refused(reason)
    return Refactoring(files=(FileEdits(path, changes(text, new), digest(text)),))
