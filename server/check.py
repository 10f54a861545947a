"""`postil check` without its words: from paths to a report.

The same analyses as in the editor, over files at rest: ruff once for all Python files, postil's own in worker processes, one
file at a time each, so that a file that hangs or breaks a worker costs only its own findings and a line in the report.
Few and small files are analysed right here: starting a worker costs more than they do.

Invariant: nothing of the workspace is executed or imported, and nothing is written.
Invariant: the report is in a fixed order, whatever finished first.
Invariant: what was left out, and why, is in the report.
"""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from analyzers.document import Document
from analyzers.finding import Finding, fingerprinted
from analyzers.languages import language_of
from analyzers.limits import no_parse
from analyzers.ruff_check import RuffDied, RuffOptions, RuffRefused, RuffResult, check_files, check_text, findings_of
from server.check_plan import UsageError
from server.files import Text, Unreadable, decoded, discover, read_workspace_file
from server.git import OldTree, old_tree
from server.reported import Report, Reported, reported, touches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from server.check_plan import Plan
    from server.workers import Worker

FEW_FILES = 8
SMALL = 300_000  # bytes of source altogether that are analysed without a worker
FILE_LIMIT = 20.0  # seconds for postil's own analysis of one file
WORKER_MEMORY = 2 * 1024**3  # bytes of address space


async def check(plan: Plan, begin: Callable[[int], Callable[[int], None]] | None = None) -> Report:
    """Check what the plan's request names. Raises UsageError, and `server.git.GitError` for `--since`.

    `begin` is told the number of files, and returns what is called with the number of files that are done.
    """
    return await _Check(plan, begin or (lambda _total: lambda _steps: None)).run()


class _Check:
    """One run: what is known of the files so far."""

    def __init__(self, plan: Plan, begin: Callable[[int], Callable[[int], None]]) -> None:
        self._plan = plan
        self._begin = begin
        self._report = Report()
        self._results: dict[str, list[Reported]] = {}
        self._explicit: set[str] = set()
        self._old: OldTree | None = None
        self._folders: dict[str, bool] = {}
        self._base = os.getcwd()

    async def run(self) -> Report:
        started = time.monotonic()
        plan, report = self._plan, self._report
        if plan.request.since:
            self._old = old_tree(plan.root, plan.request.since)
        if plan.request.stdin:
            name, content = plan.request.stdin
            await self._check_stdin(os.path.abspath(name), content)
        else:
            await self._check_paths()
            self._check_settings()
        report.notes = [*plan.notes, *sorted(report.notes)]
        for path in sorted(self._results):
            report.findings += self._results[path]
        report.seconds = time.monotonic() - started
        return report

    # -- files

    async def _check_paths(self) -> None:
        plan, report = self._plan, self._report
        found = discover(plan.request.paths, plan.root, plan.settings.exclude)
        if found.missing:
            message = f"{found.missing[0]}: no such file or folder"
            raise UsageError(message)
        report.skipped.update(found.skipped)
        self._explicit = found.explicit
        files: list[str] = []
        batches: dict[RuffOptions, list[str]] = {}
        size = 0
        for path in found.files:
            content = self._read(path)
            if content is None:
                continue
            if self._old is not None and self._old.is_unchanged(path, content):
                report.unchanged += 1
                continue
            files.append(path)
            size += len(content)
            options = self._plan.ruff_options_for(path, self._folders) if _is_python(path) else None
            if options is not None:
                batches.setdefault(options, []).append(path)
        report.checked = len(files)
        advance = self._begin(len(files))
        ruff = asyncio.ensure_future(self._ruff(batches))
        try:
            await self._own(files, ruff, size, advance)
        finally:
            ruff.cancel()

    def _read(self, path: str, *, again: bool = False) -> bytes | None:
        """Return the file's bytes, or None when it is left out; that is counted unless it is read `again`."""
        explicit = path in self._explicit
        try:
            content = read_workspace_file(
                path,
                None if explicit else self._containing_root(path),
                max_size=self._plan.settings.max_file_size,
            )
            decoded(content[:65536] if not again else content)
        except Unreadable as error:
            if not again:
                self._report.skipped[error.reason] += 1
                if explicit:
                    self._report.notes.append(f"{self._name(path)}: not checked: {error.reason}")
                    self._report.failed = True
            return None
        return content

    def _containing_root(self, path: str) -> str:
        """Return the folder that the file must not lead out of: the workspace, or the named folder that holds it."""
        if path.startswith(self._plan.root.rstrip(os.sep) + os.sep):
            return self._plan.root
        for given in map(os.path.abspath, self._plan.request.paths):
            if path.startswith(given.rstrip(os.sep) + os.sep):
                return given
        return os.path.dirname(path)

    # -- analyses

    async def _ruff(self, batches: Mapping[RuffOptions, Sequence[str]]) -> RuffResult:
        result = RuffResult()
        for options, files in batches.items():
            try:
                part = await check_files(files, options)
            except RuffRefused as error:
                if not options.project:
                    raise UsageError(str(error)) from None
                self._report.notes.append(
                    f"ruff refuses the project's configuration ({error}); postil's own rules are used"
                )
                part = await check_files(files, self._plan.ruff or RuffOptions())
            result.findings |= part.findings
            result.failed |= part.failed
        return result

    async def _own(
        self, files: Sequence[str], ruff: asyncio.Future[RuffResult], size: int, advance: Callable[[int], None]
    ) -> None:
        """Analyse `files`, each file's findings put together with ruff's as soon as both are there."""
        waiting = iter(files)
        if self._plan.own is None or (len(files) <= FEW_FILES and size <= SMALL):
            await self._take(waiting, ruff, None, advance)
            return
        from server.workers import Worker

        jobs = self._plan.request.jobs or min(_processors(), 16)
        workers = [Worker("analysis", memory=WORKER_MEMORY) for _ in range(max(1, min(jobs, len(files))))]
        try:
            async with asyncio.TaskGroup() as group:
                for worker in workers:
                    group.create_task(self._take(waiting, ruff, worker, advance))
        except* UsageError as errors:
            raise errors.exceptions[0] from None
        finally:
            for worker in workers:
                worker.close()

    async def _take(
        self,
        files: Iterator[str],
        ruff: asyncio.Future[RuffResult],
        worker: Worker | None,
        advance: Callable[[int], None],
    ) -> None:
        for path in files:
            content = self._read(path, again=True)
            text = _text(content, path)
            if text is None:
                self._report.skipped["gone"] += 1
                continue
            document = _document(path, text)
            own = await self._own_findings(path, document, text, worker)
            answers = await asyncio.shield(ruff)
            if path in answers.failed:
                self._report.notes.append(f"{self._name(path)}: not checked by ruff: {answers.failed[path]}")
            found = findings_of(document, answers.findings.get(path, ()))
            if _is_recoded(text) and any(one.rule == "E902" for one in found):
                found = await self._ruff_on_text(path, document)
            self._keep(path, content or b"", document, [*own, *found])
            advance(1)

    async def _own_findings(self, path: str, document: Document, text: Text, worker: Worker | None) -> list[Finding]:
        options = self._plan.own
        if options is None or text.lossy:
            if text.lossy:
                self._report.notes.append(f"{self._name(path)}: not analysed by postil: not in UTF-8")
            return []
        if document.language == "python" and self._plan.ruff is not None:
            options = replace(options, syntax_errors=False)
        reason = no_parse(document)
        if reason is not None:
            self._report.notes.append(f"{self._name(path)}: not analysed by postil: {reason}")
            return []
        if worker is None:
            from analyzers.static import analyse

            return analyse(document, options)
        from server.workers import WorkerError

        try:
            await worker.call(
                "open", document.uri, 0, document.language, document.text, timeout=FILE_LIMIT, result=None
            )
            found = await worker.call(
                "analyse",
                document.uri,
                0,
                options,
                timeout=FILE_LIMIT,
                result=list[Finding] | None,
                subject=document.digest,
            )
            worker.tell("close", document.uri)
        except WorkerError as error:
            what = {"WorkerTimeout": f"it took longer than {FILE_LIMIT:.0f} s", "WorkerDied": "the analysis died on it"}
            reason = what.get(type(error).__name__, "the analysis failed on it")
            self._report.notes.append(f"{self._name(path)}: not analysed by postil: {reason}")
            return []
        return found or []

    async def _ruff_on_text(self, path: str, document: Document) -> list[Finding]:
        """Check a file whose declared encoding ruff does not read."""
        options = self._plan.ruff_options_for(path, self._folders) if _is_python(path) else None
        if options is None:
            return []
        try:
            return findings_of(document, await check_text(path, document.text.encode("utf-8", "replace"), options))
        except RuffRefused as error:
            raise UsageError(str(error)) from None
        except RuffDied as error:
            self._report.notes.append(f"{self._name(path)}: not checked by ruff: {error}")
            return []

    async def _check_stdin(self, path: str, content: bytes) -> None:
        try:
            text = decoded(content, python=_is_python(path))
        except Unreadable as error:
            message = f"stdin: {error.reason}"
            raise UsageError(message) from None
        if language_of(path) is None:
            message = f"{self._name(path)}: not a language that postil knows"
            raise UsageError(message)
        self._report.checked = 1
        document = _document(path, text)
        own = await self._own_findings(path, document, text, None)
        self._keep(path, content, document, [*own, *await self._ruff_on_text(path, document)])

    def _check_settings(self) -> None:
        """Report the mistakes in the workspace's own settings on their lines, and say what else is wrong with settings."""
        for problem in self._plan.problems:
            if problem.source != "workspace file" or problem.path is None:
                self._report.notes.append(str(problem))
                continue
            path = str(problem.path)
            try:
                text = decoded(read_workspace_file(path, self._plan.root)).text
            except Unreadable:
                text = ""
            document = Document(path, 0, "", text)
            name = self._name(path)
            finding = fingerprinted(document, [problem.finding(document)])[0]
            if self._plan.wants(finding):
                self._results.setdefault(name, []).append(reported(name, document, finding))
                self._results[name].sort(key=lambda one: (one.start.line, one.start.column, one.finding.rule))

    # -- results

    def _keep(self, path: str, content: bytes, document: Document, findings: list[Finding]) -> None:
        wanted = [one for one in fingerprinted(document, findings) if self._plan.wants(one)]
        if wanted and self._old is not None:
            lines = self._old.changed_lines(path, content, document.text)
            wanted = [one for one in wanted if lines is None or touches(document, one, lines)]
        if wanted:
            name = self._name(path)
            self._results[name] = [reported(name, document, one) for one in wanted]

    def _name(self, path: str) -> str:
        """Return how a report calls the file: relative to the working directory where it is below it."""
        base = self._base.rstrip(os.sep) + os.sep
        return path.removeprefix(base)


def _text(content: bytes | None, path: str) -> Text | None:
    if content is None:
        return None
    try:
        return decoded(content, python=_is_python(path))
    except Unreadable:
        return None


def _document(path: str, text: Text) -> Document:
    language = language_of(path)
    return Document(path, 0, language.id if language is not None else "", text.text)


def _is_python(path: str) -> bool:
    return path.endswith((".py", ".pyi", ".pyw"))


def _is_recoded(text: Text) -> bool:
    return text.encoding != "utf-8" and not text.bom and not text.lossy


def _processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
