"""The fixture that starts servers, and what happens when a test fails: its sessions go to files.

Invariant: no server outlives its test.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.lsp.raw_client import RawClient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.lsp.fixtures import StartServer

_FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Remember for the fixture that the test failed."""
    report: Any = yield
    if report.when == "call":
        item.stash[_FAILED] = report.failed
    return report


@pytest.fixture
def start(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[StartServer]:
    """Return a function that starts a server; the keywords are those of `RawClient`."""
    clients: list[RawClient] = []

    def start_one(**keywords: Any) -> RawClient:
        folder = tmp_path / f"server-{len(clients)}" if clients else tmp_path
        folder.mkdir(exist_ok=True)
        client = RawClient(folder, **keywords)
        clients.append(client)
        return client

    yield start_one
    for client in clients:
        client.stop()
    if request.node.stash.get(_FAILED, False):
        folder = Path(os.environ.get("POSTIL_SESSIONS", tmp_path))
        folder.mkdir(parents=True, exist_ok=True)
        for number, client in enumerate(clients):
            path = folder / f"{request.node.name.replace('/', '-')}-{number}.jsonl"
            client.write_session(path)
            print(f"session written to {path}")


@pytest.fixture
def ready(start: StartServer) -> Callable[..., RawClient]:
    """Return a function that starts a server and does the handshake with the given capabilities."""

    def start_ready(capabilities: Any = None, **more: Any) -> RawClient:
        client = start()
        client.initialize(capabilities, **more)
        return client

    return start_ready


@pytest.fixture
def client(ready: Callable[..., RawClient]) -> RawClient:
    """Return a client without capabilities, initialized."""
    return ready()
