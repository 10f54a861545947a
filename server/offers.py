"""What code actions and hovers are made of: findings as the editor shows them, offers, and edits of whole workspaces.

`server/actions.py` is the way in; the producers in `fixes.py`, `suppressing.py` and `refactorings.py` meet here.

Invariant: no LSP types, and places are code points of one document version. `server/lsp.py` turns these values into the
client's, and leaves out what the client did not announce.
Invariant: an offer is cheap. Its edit is computed when it is resolved, from the document as it is then.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from analyzers.document import Point, Span
from server.markdown import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from analyzers.document import Document, Edit
    from analyzers.finding import Fix, Severity
    from analyzers.ruff_wire import RuffData

QUICK_FIX = "quickfix"
FIX_ALL = "source.fixAll.postil"
ORGANIZE_IMPORTS = "source.organizeImports.postil"
EXTRACT = "refactor.extract"
INLINE = "refactor.inline"
_STATIC = frozenset(("ruff", "postil"))
KINDS = (QUICK_FIX, EXTRACT, INLINE, FIX_ALL, ORGANIZE_IMPORTS)  # what the server announces


class StaleAction(Exception):
    """The text, the finding or the document that an action was offered for is gone. LSP: ContentModified (-32801)."""


class ActionRefused(Exception):
    """The action cannot be done here; the message is a sentence for the user. LSP: RequestFailed (-32803)."""


class UnknownAction(Exception):
    """`data` of a code action that this server never made. LSP: InvalidParams (-32602)."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One diagnostic as it is shown, of a document's current version. `source` is `ruff` or `postil`, `rule` its code.

    `ruff` is what ruff sent with the diagnostic, whose ranges are in the client's encoding; `fixes` are those of our own
    findings, with offsets of the current version. `is_note`: it tells of the analysis and not of the code.
    """

    fingerprint: str
    source: str
    rule: str
    message: str
    start: Point
    end: Point
    severity: Severity
    fixes: tuple[Fix, ...] = ()
    ruff: RuffData | None = None
    url: str = ""
    is_note: bool = False

    def touches(self, start: Point, end: Point) -> bool:
        """Whether the finding and the range from `start` to `end` have a place in common; touching counts."""
        return self.start <= end and start <= self.end

    @property
    def is_fixable(self) -> bool:
        """Whether there is a fix, safe or not."""
        return bool(self.fixes) or (self.ruff is not None and bool(self.ruff.edits))

    @property
    def has_safe_fix(self) -> bool:
        """Whether there is a fix that cannot change what the program does."""
        if self.ruff is not None:
            return bool(self.ruff.edits) and self.ruff.is_preferred is True
        return any(fix.safe for fix in self.fixes)

    @property
    def is_static(self) -> bool:
        """Whether an analysis found it. What anybody else proposes is never preferred, nor applied in bulk."""
        return self.source in _STATIC

    @property
    def fix_title(self) -> str:
        """What the first fix does, as one line of plain text; empty where there is none."""
        if not self.is_fixable:
            return ""
        return one_line(self.ruff.title if self.ruff is not None else self.fixes[0].title)


@dataclass(frozen=True, slots=True)
class Request:
    """What the editor asks about: a range, the findings it shows there, and what it can do with an answer.

    `only`: kinds wanted, empty for all. `automatic`: asked because the cursor moved, not because the user wants to choose.
    `resolves`: an edit may come later. `shows_disabled`: an offer may be disabled with a reason.
    """

    uri: str
    start: Point
    end: Point
    fingerprints: frozenset[str] = frozenset()
    only: tuple[str, ...] = ()
    automatic: bool = False
    resolves: bool = True
    shows_disabled: bool = False

    def wants(self, kind: str) -> bool:
        """Whether `kind` is asked for: LSP kinds are hierarchical, so `source` asks for `source.fixAll.postil`."""
        return not self.only or any(not want or kind == want or kind.startswith(want + ".") for want in self.only)


@dataclass(frozen=True, slots=True)
class WorkspaceEdit:
    """Edits of open documents, by URI: the version they are for, and edits sorted and disjoint.

    `confirmation`: what the user should be asked before, where the client can ask; empty for no question.
    """

    changes: Mapping[str, tuple[int, tuple[Edit, ...]]]
    confirmation: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether nothing would change."""
        return not any(edits for _, edits in self.changes.values())


@dataclass(frozen=True, slots=True)
class Action:
    """One offer. `data` goes to the client and comes back to `resolved`; `disabled` is the reason why it cannot be chosen.

    `fingerprints`: the findings that it settles. `edit` is filled only for a client that cannot resolve.
    """

    title: str
    kind: str
    data: Mapping[str, str | int] = field(default_factory=dict)
    fingerprints: tuple[str, ...] = ()
    preferred: bool = False
    disabled: str = ""
    edit: WorkspaceEdit | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """What a producer has to say: an action before the table gave it its kind and data. `subject`: what `resolve` needs."""

    title: str
    subject: str = ""
    fingerprints: tuple[str, ...] = ()
    preferred: bool = False
    disabled: str = ""


class FileEdits(Protocol):
    """What the names worker answers for one file (`analyzers/names.py`): edits by lines and code-point columns."""

    @property
    def path(self) -> str:
        """The file."""

    @property
    def edits(self) -> Iterable[tuple[int, int, int, int, str]]:
        """Start line, start column, end line, end column, text."""


class State(Protocol):
    """What the session lends to actions."""

    @property
    def encoding(self) -> str:
        """The position encoding negotiated with the client, which is the one spoken with ruff."""

    def document(self, uri: str) -> Document | None:
        """Return the open document, in its current version."""

    def shown(self, uri: str) -> Sequence[Shown]:
        """Return the findings of the current version; none while they are not known yet."""

    async def ruff_request(self, uri: str, method: str, params: object) -> object:
        """Ask the ruff child that knows `uri`; return plain JSON. Raises RuffError."""

    async def ruff_fixed(self, document: Document, rule: str, *, unsafe: bool) -> str:
        """Return the text after ruff fixed all of one rule in it, under the document's configuration. Raises RuffError.

        One run of `ruff check --fix-only --select RULE` over stdin, with `--unsafe-fixes` where `unsafe`.
        """

    async def refactored(
        self, document: Document, refactoring: str, start: Point, end: Point, name: str
    ) -> Sequence[FileEdits]:
        """Ask the names worker for `extract_variable`, `extract_function` or `inline`. Raises ActionRefused."""


@dataclass(frozen=True, slots=True)
class Context:
    """A document, what is asked about it, and what can be asked for it, at one moment."""

    state: State
    document: Document
    request: Request
    shown: tuple[Shown, ...]  # what is shown in the range, the innermost first

    @property
    def selection(self) -> Span:
        """The range asked about."""
        return Span(self.document.offset(self.request.start), self.document.offset(self.request.end))

    @property
    def is_cell(self) -> bool:
        """Whether the document is a cell of a notebook, which ruff judges as a whole."""
        return self.document.uri.startswith("vscode-notebook-cell:") or ".ipynb" in self.document.uri

    def is_current(self) -> bool:
        """Whether the document is still the one that this was made for."""
        return self.state.document(self.document.uri) is self.document

    def edit(self, edits: tuple[Edit, ...], confirmation: str = "") -> WorkspaceEdit:
        """Return `edits` of the document as an edit of the workspace."""
        return WorkspaceEdit({self.document.uri: (self.document.version, edits)}, confirmation)

    def finding(self, fingerprint: str) -> Shown:
        """Return the finding with that identity. Raises StaleAction when it is gone."""
        for shown in self.state.shown(self.document.uri):
            if shown.fingerprint == fingerprint:
                return shown
        raise StaleAction
