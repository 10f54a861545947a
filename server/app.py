"""The composition root: who is there, who knows whom, and what happens from the first message to the last.

The client waits for `initialize`, so before its answer nothing is imported that it does not need. Settings (pydantic) come
right after it, off the loop's thread; pygls and lsprotocol, which only rare requests need, once the first diagnostics are out.

Invariant: the hot messages (open, change, close, pull) never wait for a rare one, for settings that are being read again,
or for an import.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analyzers import ruff_configuration
from server import wire
from server.commands import run_command
from server.convert import path_from_uri, uri_from_path
from server.jsonrpc import Route, RpcError, State, describe
from server.notebooks import Notebooks
from server.notices import Notices
from server.pipeline import Pipeline
from server.renaming import Renaming
from server.session import Folder, Session
from server.stdio import Stdio
from server.workers import Worker
from server.workspace_diagnostics import WorkspaceDiagnostics

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping

    from analyzers.document import Document
    from server.handshake import Greeted
    from server.ledger import Plan
    from server.lsp import Features
    from server.settings import Loaded

log = logging.getLogger("postil.app")

ANALYSIS_MEMORY = 2 * 1024**3  # bytes of address space for the process of own analyses
NAMES_MEMORY = 1024**3  # bytes of address space for jedi's process
CONFIGURATION_WAIT = 0.3  # seconds that the first analysis waits for the client's settings
CONFIGURATION_LIMIT = 5.0  # seconds after which the client's settings are taken to be none
RELOAD_DELAY = 0.2  # seconds; a checkout of another branch changes many files at once
IDLE_BEFORE_IMPORT = 0.5  # seconds after the settings are known until pygls is imported without being asked for
CONFIGURATION_FILES = frozenset(("pyproject.toml", "ruff.toml", ".ruff.toml", "postil.toml", ".postil.yaml"))

_RARE_REQUESTS = frozenset(
    (
        "textDocument/hover",
        "textDocument/codeAction",
        "codeAction/resolve",
        "textDocument/prepareRename",
        "textDocument/rename",
    )
)


class App:
    """One running server."""

    def __init__(self, greeted: Greeted, stdio: Stdio, environment: Mapping[str, str]) -> None:
        self._stdio = stdio
        self.environment = environment
        self.connection = greeted.connection
        self.session = Session(greeted.capabilities)
        self.analysis = Worker("analysis", memory=ANALYSIS_MEMORY)
        self.names = Worker("names", memory=NAMES_MEMORY)
        self._configured = asyncio.Event()
        self.notices = Notices(self)
        self.pipeline = Pipeline(
            self.session, self.connection, self.analysis, self._plan, self._configured.is_set, self.notices.findings
        )
        self.notebooks = Notebooks(self.session, self.pipeline)
        self.renaming = Renaming(self)
        self.messages_shown: set[str] = set()
        self._project_changed = False
        self._features: asyncio.Task[Features] | None = None
        self._reload_timer: asyncio.TimerHandle | None = None
        self._loading = asyncio.Lock()
        self._tasks: set[asyncio.Task[Any]] = set()
        stdio.on_exit = self._end_children
        self._register()

    # -- registration

    def _register(self) -> None:
        connection = self.connection
        connection.on("initialized", None, self._initialized)
        connection.on("shutdown", None, self._shutdown)
        connection.on("textDocument/didOpen", wire.DidOpen, self._did_open)
        connection.on("textDocument/didChange", wire.DidChange, self._did_change)
        connection.on("textDocument/didClose", wire.DidClose, self._did_close)
        connection.on("textDocument/didSave", wire.DidClose, self._did_save)
        connection.on("notebookDocument/didOpen", wire.NotebookOpen, self.notebooks.open)
        connection.on("notebookDocument/didChange", wire.NotebookChange, self.notebooks.change)
        connection.on("notebookDocument/didClose", wire.NotebookClose, self.notebooks.close)
        connection.on("workspace/didChangeConfiguration", None, self._did_change_configuration)
        connection.on("workspace/didChangeWatchedFiles", None, self._did_change_watched_files)
        connection.on("workspace/didChangeWorkspaceFolders", None, self._did_change_folders)
        connection.on("$/setTrace", None, _ignore)
        connection.on("window/workDoneProgress/cancel", None, _ignore)
        connection.on_async("textDocument/diagnostic", wire.PullParams, self._pull)
        connection.on_async("workspace/diagnostic", wire.WorkspacePullParams, WorkspaceDiagnostics(self).pull)
        connection.on_async("workspace/executeCommand", wire.ExecuteCommandParams, self._execute_command)
        connection.fallback = self._rare_route
        connection.on_bad_notification = self._bad_notification
        connection.on_fed = self.pipeline.send_changes

    def _rare_route(self, method: str) -> Route | None:
        if method not in _RARE_REQUESTS:
            return None
        return Route(None, lambda params: self._rare(method, params), is_async=True)

    def _rare(self, method: str, params: Any) -> Coroutine[Any, Any, Any]:
        """Handle a request by pygls and lsprotocol, with the document as it is now."""
        identifier = params.get("textDocument") if isinstance(params, dict) else None
        uri = identifier.get("uri") if isinstance(identifier, dict) else None
        document = self.session.document(uri) if isinstance(uri, str) else None
        return self._run_rare(method, params, document)

    async def _run_rare(self, method: str, params: Any, document: Document | None) -> Any:
        features = await asyncio.shield(self.features())
        return await features.handle(method, params, document)

    def features(self) -> asyncio.Task[Features]:
        """Return the task that imports pygls and builds the rare features, started on first use."""
        if self._features is None:
            self._features = asyncio.get_running_loop().create_task(self._load_features())
        return self._features

    async def _load_features(self) -> Features:
        # Importing holds the GIL in slices; the shorter they are, the less the loop notices.
        interval = sys.getswitchinterval()
        sys.setswitchinterval(0.0005)
        try:
            module = await asyncio.to_thread(_import_lsp)
        finally:
            sys.setswitchinterval(interval)
        features: Features = module.Features(self)
        gc.collect()
        gc.freeze()
        return features

    # -- life cycle

    def start(self, params: dict[str, Any]) -> None:
        """Begin with what `initialize` said, which is answered already."""
        session = self.session
        process_id = params.get("processId")
        if type(process_id) is int and process_id > 0:
            self._stdio.watch_parent(process_id)
        for uri in _folder_uris(params):
            session.add_folder(uri)
        session.initialization_options = session.client_settings = params.get("initializationOptions")
        self._spawn(self._configure())
        self.connection.start(self._stdio.write, self._stdio.exit)

    def _initialized(self, _params: Any) -> None:
        self._spawn(self._register_dynamically())

    def _shutdown(self, _params: Any) -> None:
        self.connection.cancel_all()
        self.connection.state = State.SHUT_DOWN

    def _end_children(self) -> None:
        self.pipeline.shut_down()
        self.names.close()

    async def _register_dynamically(self) -> None:
        capabilities = self.session.capabilities
        registrations: list[dict[str, object]] = []
        if capabilities.watch_registration:
            watchers = [{"globPattern": f"**/{name}"} for name in sorted(CONFIGURATION_FILES)]
            registrations.append(
                {
                    "id": "postil-files",
                    "method": "workspace/didChangeWatchedFiles",
                    "registerOptions": {"watchers": watchers},
                }
            )
        if capabilities.configuration_registration:
            registrations.append(
                {
                    "id": "postil-settings",
                    "method": "workspace/didChangeConfiguration",
                    "registerOptions": {"section": "postil"},
                }
            )
        if registrations:
            try:
                await self.connection.request("client/registerCapability", {"registrations": registrations})
            except RpcError as error:
                log.info("the client refused a registration: %s", describe(error))

    # -- settings

    async def _configure(self) -> None:
        """Read the settings for the first time, then start to analyse what is open."""
        asking = asyncio.get_running_loop().create_task(self._ask_client())
        self._keep(asking)
        await asyncio.wait((asking,), timeout=CONFIGURATION_WAIT if self.session.capabilities.configuration else 0)
        answered = asking.done()  # an answer that comes while files are being read is too late for this reading
        try:
            await self._load_settings()
        except Exception as error:  # noqa: BLE001 - whatever it is, who waits must not wait for ever
            log.error("the settings cannot be read: %s", describe(error))  # noqa: TRY400 - the message may hold code
        self._configured.set()
        for document in list(self.session.documents.values()):
            self._follow(document)
        self.notebooks.follow_all()
        if not answered and await asking:
            await self._reload()
        await asyncio.sleep(IDLE_BEFORE_IMPORT)
        await asyncio.shield(self.features())

    async def _ask_client(self) -> bool:
        """Ask the client for its settings; return whether they differ from what was known."""
        if not self.session.capabilities.configuration:
            return False
        try:
            answer = await self.connection.request(
                "workspace/configuration", {"items": [{"section": "postil"}]}, CONFIGURATION_LIMIT
            )
        except RpcError as error:
            log.warning("the client's settings are taken to be none: %s", describe(error))
            return False
        settings = answer[0] if isinstance(answer, list) and answer else None
        if settings is None:
            settings = self.session.initialization_options
        if settings == self.session.client_settings:
            return False
        self.session.client_settings = settings
        return True

    async def _load_settings(self) -> None:
        """Read the settings of all folders, in a thread: files are read and pydantic may have to be imported.

        One reading at a time, so that the last one to begin is the last one to count.
        """
        async with self._loading:
            await self._load_settings_now()

    async def _load_settings_now(self) -> None:
        session = self.session
        folders = [*session.folders, Folder("", None)]  # others may come and go meanwhile
        loaded = await asyncio.to_thread(
            _load,
            [folder.path for folder in folders],
            session.client_settings,
            session.initialization_options,
            self.environment,
        )
        for folder, (settings, trusted) in zip(folders, loaded, strict=True):
            folder.settings, folder.trusted = settings, trusted
        session.unfiled = folders[-1]
        level = logging.getLevelName(loaded[0][0].settings.log_level.upper())
        logging.getLogger("postil").setLevel(min(level, logging.getLogger().level))
        self.notices.update(problem for settings, _ in loaded for problem in settings.problems)

    def reload_soon(self) -> None:
        """Read the settings again shortly; many causes in a row make one reload."""
        if self._reload_timer is None:
            self._reload_timer = asyncio.get_running_loop().call_later(RELOAD_DELAY, self._start_reload)

    def _start_reload(self) -> None:
        self._reload_timer = None
        self._spawn(self._reload())

    async def _reload(self) -> None:
        await self._load_settings()
        if self._project_changed:
            self._project_changed = False
            self.pipeline.project_files_changed()
        self.pipeline.reconfigure()
        self.notebooks.follow_all()

    def setting(self, document: Document, name: str) -> bool:
        """Return whether a feature (`hover`) is on for a document; it is while the settings are not known."""
        folder = self.session.folder_of(document.uri) or self.session.unfiled
        if folder is None or folder.settings is None:
            return True
        return bool(getattr(folder.settings.settings, name).enabled)

    def _plan(self, document: Document) -> Plan:
        """Decide how a document is analysed (`server.ledger.Plan`)."""
        from server.plans import plan

        return plan(document, self.session.folder_of(document.uri) or self.session.unfiled)

    # -- documents

    def _did_open(self, params: wire.DidOpen) -> None:
        self._follow(self.session.open(params.text_document))

    def _follow(self, document: Document) -> None:
        if self._configured.is_set():
            self.pipeline.open(document, notebook=self.notebooks.is_cell(document.uri))

    def _did_change(self, params: wire.DidChange) -> None:
        identifier = params.text_document
        changed = self.session.change(identifier.uri, identifier.version, params.content_changes)
        if changed is not None:
            self.pipeline.change(changed)

    def _did_close(self, params: wire.DidClose) -> None:
        uri = params.text_document.uri
        if self.session.close(uri):
            self.pipeline.close(uri)
            path = path_from_uri(uri)
            if path is not None:
                self.notices.publish_closed(path)

    def _did_save(self, params: wire.DidClose) -> None:
        name = params.text_document.uri.rpartition("/")[2]
        if name in CONFIGURATION_FILES:
            self._configuration_file_changed(name)

    def _bad_notification(self, method: str, params: bytes) -> None:
        """A change that could not be read was lost: the document waits for its full text."""
        if method == "textDocument/didChange":
            uri = wire.uri_of(params)
            if uri is not None:
                self.session.mark_broken(uri)
                self.show_once(
                    "broken", 2, "postil lost a change of a file that the editor sent; close and open the file again."
                )

    async def configured(self) -> None:
        """Wait until the settings are known and open documents are followed."""
        await self._configured.wait()

    async def _pull(self, params: wire.PullParams) -> Any:
        await self.configured()
        return await self.pipeline.pulled(params.text_document.uri, params.previous_result_id)

    async def _execute_command(self, params: wire.ExecuteCommandParams) -> Any:
        return await run_command(self, params.command, params.arguments or [], self.environment)

    # -- the workspace

    def _did_change_configuration(self, params: Any) -> None:
        settings = params.get("settings") if isinstance(params, dict) else None
        if self.session.capabilities.configuration:
            self._spawn(self._ask_again())
            return
        if isinstance(settings, dict) and "postil" in settings:
            settings = settings["postil"]
        if settings is not None:
            self.session.client_settings = settings
            self.reload_soon()

    async def _ask_again(self) -> None:
        if await self._ask_client():
            self.reload_soon()

    def _did_change_watched_files(self, params: Any) -> None:
        changes = params.get("changes") if isinstance(params, dict) else None
        for change in changes if isinstance(changes, list) else ():
            uri = change.get("uri") if isinstance(change, dict) else None
            name = uri.rpartition("/")[2] if isinstance(uri, str) else ""
            if name in CONFIGURATION_FILES:
                self._configuration_file_changed(name)

    def _configuration_file_changed(self, name: str) -> None:
        if name in ruff_configuration.FILE_NAMES:
            self._project_changed = True
        self.reload_soon()

    def _did_change_folders(self, params: Any) -> None:
        event = params.get("event") if isinstance(params, dict) else None
        if not isinstance(event, dict):
            return
        for uri in _uris(event.get("removed")):
            self.session.remove_folder(uri)
        for uri in _uris(event.get("added")):
            self.session.add_folder(uri)
        self.reload_soon()

    # -- telling the user

    def show_once(self, cause: str, kind: int, message: str) -> None:
        """Show a message, at most once per cause and run. `kind` is LSP's MessageType: 1 error, 2 warning, 3 info."""
        if cause not in self.messages_shown:
            self.messages_shown.add(cause)
            self.connection.notify("window/showMessage", {"type": kind, "message": message})

    # -- tasks

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        self._keep(asyncio.get_running_loop().create_task(_logged(work)))

    def _keep(self, task: asyncio.Task[Any]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _logged(work: Coroutine[Any, Any, Any]) -> None:
    try:
        await work
    except asyncio.CancelledError:
        raise
    except Exception as error:  # noqa: BLE001 - a task of ours must not die in silence
        log.error("a task failed: %s", describe(error))  # noqa: TRY400 - the message may hold code


def _load(
    roots: list[str | None], editor: object, options: object, environment: Mapping[str, str]
) -> list[tuple[Loaded, bool]]:
    from server.settings import load
    from server.settings_sources import client_word
    from server.trust import is_trusted

    word = client_word(options)
    result = []
    for root in roots:
        path = Path(root) if root is not None else None
        loaded = load(path, environment=environment, editor=editor, editor_tells_scopes=word.tells_scopes)
        result.append((loaded, path is not None and is_trusted(path, loaded.settings, client=word.trusted)))
    return result


def _import_lsp() -> Any:
    from server import lsp

    return lsp


def _folder_uris(params: dict[str, Any]) -> list[str]:
    uris = _uris(params.get("workspaceFolders"))
    if uris:
        return uris
    root = params.get("rootUri")
    if isinstance(root, str):
        return [root]
    path = params.get("rootPath")
    return [uri_from_path(path)] if isinstance(path, str) and os.path.isabs(path) else []


def _uris(folders: Any) -> list[str]:
    if not isinstance(folders, list):
        return []
    return [one["uri"] for one in folders if isinstance(one, dict) and isinstance(one.get("uri"), str)]


def _ignore(_params: Any) -> None:
    """Take a notification that asks for nothing."""


def _log_failure(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log what went wrong in a callback or a forgotten task; asyncio's own way writes the exception's message, perhaps code."""
    error = context.get("exception")
    log.error("a callback failed: %s", describe(error) if error is not None else context.get("message"))


async def serve_client(greeted: Greeted, streams: tuple[int, int], environment: Mapping[str, str]) -> None:
    """Serve the client that was greeted until it is gone; does not return, but ends the process."""
    asyncio.get_running_loop().set_exception_handler(_log_failure)
    stdio = Stdio(*streams)
    app = App(greeted, stdio, environment)
    await stdio.connect(app.connection.feed, app.connection.end_of_stream)
    app.start(greeted.params)
    await asyncio.Event().wait()
