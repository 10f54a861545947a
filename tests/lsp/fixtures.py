"""Types of the fixtures of these tests, and the one way to say that an item does not apply yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from tests.lsp.raw_client import RawClient

Json = Any


class StartServer(Protocol):
    """Starts one server; the keywords are those of `RawClient`."""

    def __call__(self, **keywords: Any) -> RawClient:
        """Start it."""
        ...


class ReadyServer(Protocol):
    """Starts one server and does the handshake."""

    def __call__(self, capabilities: Json = None, **more: Any) -> RawClient:
        """Start it, announce `capabilities`; `more` goes into the params."""
        ...


def needs(announced: Json, path: str) -> Json:
    """Return the announced capability at a dotted path, or skip the test as not applicable yet."""
    value = announced
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    if value is None or value is False:
        pytest.skip(f"not applicable yet: {path} is not announced")
    return value
