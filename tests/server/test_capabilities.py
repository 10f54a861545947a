"""What we announce by hand is what pygls would build from the features that are registered."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from lsprotocol import types
from lsprotocol.converters import get_converter
from pygls.capabilities import ServerCapabilitiesBuilder
from pytest_lsp import client_capabilities

from server.app import App
from server.capabilities import Capabilities, negotiated, server_capabilities
from server.lsp import Features

CONVERTER = get_converter()


def registered_methods() -> set[str]:
    """Return the methods that the rare features and the hot routes handle."""

    class NoStdio:
        on_exit: Any = None

    class NoConnection:
        def __getattr__(self, name: str) -> Any:
            return lambda *_: None

    async def collect() -> set[str]:
        greeted: Any = type(
            "Greeted", (), {"connection": NoConnection(), "capabilities": Capabilities(None), "params": {}}
        )
        no_stdio: Any = NoStdio()
        app = App(greeted, no_stdio, {})
        return set(Features(app).server.protocol.fm.features)

    hot = {types.TEXT_DOCUMENT_DID_OPEN, types.TEXT_DOCUMENT_DID_CHANGE, types.TEXT_DOCUMENT_DID_CLOSE}
    return (
        asyncio.run(collect())
        | hot
        | {types.TEXT_DOCUMENT_DID_SAVE, types.TEXT_DOCUMENT_DIAGNOSTIC, types.WORKSPACE_EXECUTE_COMMAND}
    )


@pytest.mark.parametrize("client", ["neovim", "visual_studio_code", "emacs"])
def test_capabilities_are_those_that_pygls_builds(client: str) -> None:
    """Every feature that we announce is registered, and every registered feature is announced."""
    known = client_capabilities(client)
    ours = server_capabilities(Capabilities(CONVERTER.unstructure(known)), {})
    structured = CONVERTER.structure(ours, types.ServerCapabilities)
    built = ServerCapabilitiesBuilder(
        known,
        registered_methods(),
        {},
        list(structured.execute_command_provider.commands if structured.execute_command_provider else []),
        types.TextDocumentSyncKind.Incremental,
        None,
        structured.position_encoding or types.PositionEncodingKind.Utf16,
    ).build()
    for name in ("hover_provider", "code_action_provider", "rename_provider", "execute_command_provider"):
        assert bool(getattr(structured, name)) == bool(getattr(built, name)), name
    if Capabilities(CONVERTER.unstructure(known)).pull:
        assert structured.diagnostic_provider is not None
    else:
        assert structured.diagnostic_provider is None
    fields = [field.name for field in types.ServerCapabilities.__attrs_attrs__]  # type: ignore[attr-defined]
    extra = {name for name in fields if getattr(structured, name) and not getattr(built, name)}
    assert extra <= {"notebook_document_sync", "workspace"}, "announced, but nothing handles it"


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (None, "utf-16"),
        ([], "utf-16"),
        (["utf-32", "utf-8"], "utf-32"),
        (["utf-7", "utf-8"], "utf-8"),
        ("utf-8", "utf-16"),
        ([8, None], "utf-16"),
    ],
)
def test_position_encoding_is_the_clients_first_choice(offered: object, chosen: str) -> None:
    assert negotiated(offered) == chosen


@pytest.mark.parametrize(
    "raw", [None, [], 3, {"textDocument": 5}, {"textDocument": {"publishDiagnostics": []}, "general": "x"}]
)
def test_malformed_capabilities_are_none(raw: object) -> None:
    capabilities = Capabilities(raw)
    assert not capabilities.pull
    assert capabilities.encoding == "utf-16"
    assert not capabilities.tags
