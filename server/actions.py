"""Code actions: what can be done about the findings and the code at a place.

The table below is all there is: a producer offers, and later computes the edit of one of its offers. `offered` answers
textDocument/codeAction, `resolved` answers codeAction/resolve.

Invariant: a producer that fails costs its own offers and one log line.
Invariant: an edit is computed when asked for, from the current document, and carries that document's version. An action
offered for another version, or for another text of the same version (a file closed and opened again), is stale.
Invariant: nothing slow happens because the cursor moved: for an automatic request the offers for findings in the range
are made, and nothing else.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from analyzers.document import Point
from server import fixes, refactorings, suppressing
from server.offers import (
    EXTRACT,
    FIX_ALL,
    INLINE,
    KINDS,
    ORGANIZE_IMPORTS,
    QUICK_FIX,
    Action,
    ActionRefused,
    Context,
    FileEdits,
    Offer,
    Request,
    Shown,
    StaleAction,
    State,
    UnknownAction,
    WorkspaceEdit,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from analyzers.document import Document

__all__ = [
    "KINDS",
    "PRODUCERS",
    "Action",
    "ActionRefused",
    "FileEdits",
    "Request",
    "Shown",
    "StaleAction",
    "State",
    "UnknownAction",
    "WorkspaceEdit",
    "offered",
    "resolved",
]

log = logging.getLogger("postil.actions")

IMPATIENCE = 1.0  # seconds for all edits of a client that wants them with the offers


class Producer(NamedTuple):
    """One source of actions. `automatic`: also asked when the cursor moved."""

    name: str
    kind: str
    offer: Callable[[Context], Iterable[Offer]]
    resolve: Callable[[Context, str], Awaitable[WorkspaceEdit]]
    automatic: bool = False


# In the order in which the offers are shown.
PRODUCERS: tuple[Producer, ...] = (
    Producer("fix", QUICK_FIX, fixes.offer_fixes, fixes.fix, automatic=True),
    Producer("fixAllOfKind", QUICK_FIX, fixes.offer_all_of_kind, fixes.fix_all_of_kind),
    Producer("suppressLine", QUICK_FIX, suppressing.offer_line, suppressing.suppress_line, automatic=True),
    Producer("suppressFile", QUICK_FIX, suppressing.offer_file, suppressing.suppress_file),
    Producer("extractVariable", EXTRACT, refactorings.offer_extract_variable, refactorings.extract_variable),
    Producer("extractFunction", EXTRACT, refactorings.offer_extract_function, refactorings.extract_function),
    Producer("inline", INLINE, refactorings.offer_inline, refactorings.inline),
    Producer("fixAll", FIX_ALL, fixes.offer_fix_all, fixes.fix_all),
    Producer("organizeImports", ORGANIZE_IMPORTS, fixes.offer_organized_imports, fixes.organize_imports),
)


class _Data(msgspec.Struct, forbid_unknown_fields=True):
    """What comes back with an action to be resolved. It was in the client's hands, so it is checked."""

    action: str
    uri: str
    version: int
    digest: str
    subject: str


async def offered(state: State, request: Request) -> list[Action]:
    """Return what can be done in the range. Everything is looked up before the first await."""
    document = state.document(request.uri)
    if document is None:
        return []
    context = Context(state, document, request, _shown_in(state, request))
    actions = []
    for producer in PRODUCERS:
        # A kind that was asked for by name was asked for by somebody: saving, a key.
        if request.wants(producer.kind) and (producer.automatic or not request.automatic or request.only):
            actions += _offers_of(producer, context)
    if request.resolves:
        return actions
    complete = await asyncio.gather(*(_complete(context, action) for action in actions))
    return [action for action in complete if action is not None]


async def resolved(state: State, data: object) -> WorkspaceEdit:
    """Return the edit of the action that `data` was made for.

    Raises StaleAction, ActionRefused with a reason, or UnknownAction.
    """
    try:
        known = msgspec.convert(data, _Data)
    except (msgspec.ValidationError, UnicodeError):  # the latter for a name that holds a lone surrogate
        raise UnknownAction from None
    producer = next((one for one in PRODUCERS if one.name == known.action), None)
    if producer is None:
        raise UnknownAction
    document = state.document(known.uri)
    if document is None or (document.version, _digest(document)) != (known.version, known.digest):
        raise StaleAction
    nowhere = Point(0, 0)
    context = Context(state, document, Request(known.uri, nowhere, nowhere), ())
    return await producer.resolve(context, known.subject)


def _offers_of(producer: Producer, context: Context) -> list[Action]:
    request = context.request
    try:
        offers = [one for one in producer.offer(context) if not one.disabled or _may_be_disabled(request)]
    except Exception as error:  # noqa: BLE001 - one producer's bug is not the others'
        log.error("code actions: %s failed: %s", producer.name, type(error).__name__)  # noqa: TRY400 - no code in logs
        return []
    return [
        Action(
            title=offer.title,
            kind=producer.kind,
            data=_data(producer, context.document, offer),
            fingerprints=offer.fingerprints,
            preferred=offer.preferred,
            disabled=offer.disabled,
        )
        for offer in offers
    ]


def _may_be_disabled(request: Request) -> bool:
    return request.shows_disabled and not request.automatic


async def _complete(context: Context, action: Action) -> Action | None:
    """Return `action` with its edit, for a client that cannot ask for it later; None where there is none to be had soon."""
    if action.disabled:
        return action
    producer = next(one for one in PRODUCERS if one.name == action.data["action"])
    try:
        async with asyncio.timeout(IMPATIENCE):
            edit = await producer.resolve(context, str(action.data["subject"]))
    except (StaleAction, ActionRefused, TimeoutError):
        return None
    except Exception as error:  # noqa: BLE001 - as above
        log.error("code actions: %s failed: %s", producer.name, type(error).__name__)  # noqa: TRY400 - no code in logs
        return None
    return replace(action, edit=edit)


def _data(producer: Producer, document: Document, offer: Offer) -> dict[str, str | int]:
    return {
        "action": producer.name,
        "uri": document.uri,
        "version": document.version,
        "digest": _digest(document),
        "subject": offer.subject,
    }


def _digest(document: Document) -> str:
    return document.digest[:16]


def _shown_in(state: State, request: Request) -> tuple[Shown, ...]:
    """Return the findings in the range, and those that the client says are there, the smallest first.

    A client may send the findings of the whole line with a range that is only the cursor.
    """
    found = [
        shown
        for shown in state.shown(request.uri)
        if shown.touches(request.start, request.end) or shown.fingerprint in request.fingerprints
    ]
    return tuple(sorted(found, key=lambda one: (one.end.line - one.start.line, one.severity, one.start)))
