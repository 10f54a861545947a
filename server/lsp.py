"""The rare requests of LSP: one short feature per method, registered with pygls, in lsprotocol's types.

Each takes the document as it was when the request arrived (`server.protocol.snapshot`), asks an inner module that knows no
LSP, and turns the answer into what this client announced that it understands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from lsprotocol import types

from analyzers.document import Point
from analyzers.ranges import Position
from analyzers.rule_docs import RuleDocs
from server import actions
from server.convert import point_from_position, position_from_point
from server.hover import hover
from server.jsonrpc import Code, RpcError
from server.offers import ActionRefused, Request, StaleAction, UnknownAction, WorkspaceEdit
from server.protocol import new_server, snapshot
from server.state import AppState

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from analyzers.document import Document, Span
    from server.app import App
    from server.offers import Action
    from server.protocol import PostilProtocol

ANNOTATION = "postil"  # the one change annotation of an edit


class Features:
    """The features, and the pygls server that they are registered with."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._state = AppState(app)
        self._docs = RuleDocs()
        self.server = new_server()
        self._protocol = cast("PostilProtocol", self.server.protocol)
        for method, feature in (
            (types.TEXT_DOCUMENT_HOVER, self._hover),
            (types.TEXT_DOCUMENT_CODE_ACTION, self._code_action),
            (types.CODE_ACTION_RESOLVE, self._resolve),
            (types.TEXT_DOCUMENT_PREPARE_RENAME, self._prepare_rename),
            (types.TEXT_DOCUMENT_RENAME, self._rename),
        ):
            self.server.feature(method)(_function(feature))

    async def handle(self, method: str, params: object, document: Document | None) -> Any:
        """Answer a request; the result is plain JSON. Raises RpcError."""
        return await self._protocol.run(method, params, document)

    async def source_edit(self, document: Document, kind: str) -> Any:
        """Return the workspace edit, as plain JSON, of the one source action of `kind`; None where nothing would change."""
        nowhere = Point(0, 0)
        offered = await actions.offered(self._state, Request(document.uri, nowhere, nowhere, only=(kind,)))
        if not offered:
            return None
        edit = await self._resolved(dict(offered[0].data))
        return None if edit.is_empty else self._protocol.plain(self._workspace_edit(edit))

    async def _hover(self, params: types.HoverParams) -> types.Hover | None:
        document = snapshot.get()
        if document is None or not self._app.setting(document, "hover"):
            return None
        at = self._point(document, params.position)
        formats = self._app.session.capabilities.hover_formats
        markdown = (
            next((one for one in formats if one in ("markdown", "plaintext")), "") == "markdown"
        )  # its order counts
        text = await hover(self._state, self._docs, document.uri, at, markdown=markdown)
        if text is None:
            return None
        kind = types.MarkupKind.Markdown if text.markdown else types.MarkupKind.PlainText
        return types.Hover(types.MarkupContent(kind, text.text), self._range(document, text.start, text.end))

    async def _code_action(self, params: types.CodeActionParams) -> list[types.CodeAction] | None:
        document = snapshot.get()
        capabilities = self._app.session.capabilities
        if document is None or not capabilities.code_action_literals:
            return None
        context = params.context
        known = {
            one.data["fingerprint"]
            for one in context.diagnostics
            if isinstance(one.data, dict) and isinstance(one.data.get("fingerprint"), str)
        }
        request = Request(
            document.uri,
            self._point(document, params.range.start),
            self._point(document, params.range.end),
            frozenset(known),
            tuple(kind.value if isinstance(kind, types.CodeActionKind) else str(kind) for kind in context.only or ()),
            automatic=context.trigger_kind == types.CodeActionTriggerKind.Automatic,
            resolves="edit" in capabilities.code_action_resolve and capabilities.code_action_data,
            shows_disabled=capabilities.code_action_disabled,
        )
        offered = await actions.offered(self._state, request)
        by_fingerprint = {
            one.data["fingerprint"]: one
            for one in context.diagnostics
            if isinstance(one.data, dict) and isinstance(one.data.get("fingerprint"), str)
        }
        return [self._action(one, by_fingerprint) for one in offered]

    def _action(self, action: Action, diagnostics: dict[str, types.Diagnostic]) -> types.CodeAction:
        capabilities = self._app.session.capabilities
        about = [diagnostics[one] for one in action.fingerprints if one in diagnostics]
        return types.CodeAction(
            title=action.title,
            kind=action.kind,
            diagnostics=about or None,
            is_preferred=True if action.preferred and capabilities.code_action_preferred else None,
            disabled=types.CodeActionDisabled(action.disabled) if action.disabled else None,
            edit=self._workspace_edit(action.edit) if action.edit is not None else None,
            data=dict(action.data) if capabilities.code_action_data else None,
        )

    async def _resolve(self, action: types.CodeAction) -> types.CodeAction:
        edit = await self._resolved(action.data)
        action.edit = self._workspace_edit(edit)
        return action

    async def _resolved(self, data: object) -> WorkspaceEdit:
        try:
            return await actions.resolved(self._state, data)
        except StaleAction:
            raise RpcError(Code.CONTENT_MODIFIED, "the text has changed since the action was offered") from None
        except ActionRefused as refusal:
            raise RpcError(Code.REQUEST_FAILED, str(refusal)) from None
        except UnknownAction:
            raise RpcError(Code.INVALID_PARAMS, "unknown action") from None

    async def _prepare_rename(self, params: types.PrepareRenameParams) -> types.PrepareRenamePlaceholder | None:
        document = snapshot.get()
        if document is None:
            return None
        try:
            start, end, name = await self._app.renaming.prepare(document, self._point(document, params.position))
        except ActionRefused as refusal:
            raise RpcError(Code.REQUEST_FAILED, str(refusal)) from None
        return types.PrepareRenamePlaceholder(self._range(document, start, end), name)

    async def _rename(self, params: types.RenameParams) -> types.WorkspaceEdit | None:
        document = snapshot.get()
        if document is None:
            return None
        at = self._point(document, params.position)
        try:
            files = await self._app.renaming.rename(document, at, params.new_name)
        except StaleAction:
            raise RpcError(Code.CONTENT_MODIFIED, "the text has changed meanwhile") from None
        except ActionRefused as refusal:
            raise RpcError(Code.REQUEST_FAILED, str(refusal)) from None
        changes: dict[str, tuple[int | None, list[Any]]] = {}
        for file in files:
            texts = [types.TextEdit(self._span_range(file.document, span), text) for span, text in file.edits]
            changes[file.document.uri] = (file.version, texts)
        return self._edits(changes)

    # -- ours to LSP's

    def _point(self, document: Document, position: types.Position) -> Point:
        return point_from_position(
            document.lines, Position(position.line, position.character), self._app.session.capabilities.encoding
        )

    def _range(self, document: Document, start: Point, end: Point) -> types.Range:
        encoding = self._app.session.capabilities.encoding
        ends = [position_from_point(document.lines, point, encoding) for point in (start, end)]
        return types.Range(*(types.Position(one.line, one.character) for one in ends))

    def _span_range(self, document: Document, span: Span) -> types.Range:
        return self._range(document, document.point(span.start), document.point(span.end))

    def _workspace_edit(self, edit: WorkspaceEdit) -> types.WorkspaceEdit:
        """Return edits of open documents, versioned and annotated as far as the client knows these things."""
        capabilities = self._app.session.capabilities
        annotate = bool(edit.confirmation) and capabilities.change_annotations and capabilities.document_changes
        changes: dict[str, tuple[int | None, list[Any]]] = {}
        for uri, (version, edits) in edit.changes.items():
            document = self._app.session.document(uri)
            if document is None:
                raise RpcError(Code.CONTENT_MODIFIED, "the document was closed")
            texts: list[Any] = []
            for span, text in edits:
                place = self._span_range(document, span)
                texts.append(
                    types.AnnotatedTextEdit(ANNOTATION, place, text) if annotate else types.TextEdit(place, text)
                )
            changes[uri] = (version, texts)
        result = self._edits(changes)
        if annotate:
            result.change_annotations = {ANNOTATION: types.ChangeAnnotation(edit.confirmation, needs_confirmation=True)}
        return result

    def _edits(self, changes: dict[str, tuple[int | None, list[Any]]]) -> types.WorkspaceEdit:
        if self._app.session.capabilities.document_changes:
            return types.WorkspaceEdit(
                document_changes=[
                    types.TextDocumentEdit(types.OptionalVersionedTextDocumentIdentifier(uri, version), edits)
                    for uri, (version, edits) in changes.items()
                ]
            )
        return types.WorkspaceEdit(changes={uri: edits for uri, (_, edits) in changes.items()})


def _function(method: Callable[[Any], Coroutine[Any, Any, Any]]) -> Callable[[Any], Coroutine[Any, Any, Any]]:
    """Return a function that pygls can hang its marks on, as it cannot on a bound method."""

    async def feature(params: Any) -> Any:
        return await method(params)

    return feature
