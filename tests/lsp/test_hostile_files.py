"""Files that nobody wrote: huge, binary, endless, nested (RELIABILITY.md G13, G14).

While each is open an echo takes at most 300 ms (the time to take in the message that carries the text apart), healthy
documents keep their diagnostics, and where analysis is off the user is told so on the file itself.
"""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING, Any

import pytest

from tests.lsp import capabilities
from tests.lsp.raw_client import MEBIBYTE, RawClient

if TYPE_CHECKING:
    from tests.lsp.fixtures import ReadyServer

LIMIT = 0.3  # seconds


def texts() -> dict[str, tuple[str, bool]]:
    """Return hostile texts by name, and whether the user must be told that analysis is off."""
    chance = random.Random(13)
    binary = "".join(chr(chance.randrange(256)) for _ in range(300_000))
    return {
        "10 MB in one line": ("x = '" + "a" * (10 * MEBIBYTE) + "'\n", True),
        "10 MB in one line, not ASCII": ("x = '" + "é" * (5 * MEBIBYTE) + "'\n", True),
        "binary": ("\x7fELF\x00\x01\x02" + binary, True),
        "zeros": ("\x00" * 100_000, True),
        "control characters": ("\x01" * 100_000, False),
        "a syntax error a line": ("'\n" * 30_000, False),
        "50,000 (": ("(" * 50_000, True),
        "50,000 [ nested in f()": ("f([" * 25_000 + "\n", True),
        "20,000 nested if": ("".join(" " * n + "if a:\n" for n in range(1500)), False),
        "long addition": ("x = " + "1+" * 20_000 + "1\n", False),
        "attribute chain": ("x" + ".a" * 30_000 + "\n", False),
        "3 MB of f-strings": ('f"{' * MEBIBYTE, True),
        "1 MB of quotes": ('"' * MEBIBYTE, False),
        "carriage returns": ("x = 1\r" * 50_000, False),
        "lone surrogates": ("x = '\ud800'\n" * 100, False),
        "a byte order mark": ("\ufeffimport os\n", False),
        "empty": ("", False),
        "no line end": ("import os", False),
    }


def check_alive(client: RawClient, healthy: str, version: int, times: list[float]) -> None:
    """Check that an echo is quick and that the healthy document is analysed."""
    times.append(client.echo(timeout=20))
    client.change(healthy, version, f"import h{version}\n")
    client.diagnostics(
        healthy, version=version, where=lambda found: any(f"`h{version}`" in str(one) for one in found), timeout=12
    )
    times.append(client.echo(timeout=20))


@pytest.fixture
def prepared(ready: ReadyServer) -> tuple[RawClient, str]:
    """Return a client past its start-up, and the URI of a healthy document."""
    client = ready(capabilities.push())
    healthy = client.open(client.uri("healthy.py"), "import h1\n")
    client.diagnostics(healthy, where=bool)
    client.echo()
    return client, healthy


def notes(client: RawClient, uri: str) -> list[Any]:
    """Return what is shown of a document about its analysis being off."""
    found = client.published.get(uri, {}).get("diagnostics", [])
    return [one for one in found if one["source"] == "postil" and " off" in one["message"]]


@pytest.mark.parametrize("name", list(texts()))
def test_hostile_text(prepared: tuple[RawClient, str], name: str) -> None:
    """Opened and typed in: echo within 300 ms, a healthy document analysed, a note where analysis is off."""
    client, healthy = prepared
    text, off = texts()[name]
    uri = client.open(client.uri("hostile.py"), text)
    client.server_text("file:///none", timeout=20)  # the message itself has been taken in
    times: list[float] = []
    for version in range(2, 6):
        check_alive(client, healthy, version, times)
        here = {"line": 0, "character": min(version, len(text))}
        client.change(uri, version, {"range": {"start": here, "end": here}, "text": "x"})
    assert max(times) <= LIMIT, [round(one, 3) for one in times]
    if off:
        client.wait_until(lambda: bool(notes(client, uri)), timeout=12, what="a note that analysis is off")
        assert len(notes(client, uri)) == 1
    client.change(uri, 50, "import fine\n")
    client.diagnostics(uri, version=50, where=lambda found: "`fine`" in str(found), timeout=12)
    assert not notes(client, uri)
    client.check_clean()


def test_100_megabytes(prepared: tuple[RawClient, str]) -> None:
    """100 MB of code: opened, edited, right in the server's text; the editor stays responsive and is told."""
    client, healthy = prepared
    line = "value = 'some text that fills a line of code as it is often seen'\n"
    text = line * (100 * MEBIBYTE // len(line))
    uri = client.open(client.uri("big.py"), text)
    client.drain(timeout=60)
    client.command("postil.test.echo", timeout=60)
    times: list[float] = []
    here = {"line": 1_000_000, "character": 3}
    for version in range(2, 12):
        client.change(uri, version, {"range": {"start": here, "end": here}, "text": "x"})
        times.append(client.echo(timeout=20))
    check_alive(client, healthy, 2, times)
    assert max(times) <= LIMIT, [round(one, 3) for one in times]
    client.wait_until(lambda: bool(notes(client, uri)), timeout=10, what="a note that analysis is off")
    held = client.held(uri, timeout=60)
    at = 1_000_000 * len(line) + 3
    assert held["text"] == text[:at] + "x" * 10 + text[at:]
    client.close(uri)
    client.diagnostics(uri, where=lambda found: not found)
    client.check_clean()


def test_a_fifo_in_the_workspace(prepared: tuple[RawClient, str]) -> None:
    """FIFOs under names that matter hold nobody up, and may be opened as documents."""
    client, healthy = prepared
    for name in ("pipe.py", "ruff.toml", "postil.toml", ".postil.yaml", "pyproject.toml"):
        os.mkfifo(client.workspace / name)
        client.notify("workspace/didChangeWatchedFiles", {"changes": [{"uri": client.uri(name), "type": 1}]})
    times: list[float] = []
    for version in range(2, 6):
        check_alive(client, healthy, version, times)
    uri = client.open(client.uri("pipe.py"), "import fifo\n")
    client.diagnostics(uri, where=lambda found: "`fifo`" in str(found))
    check_alive(client, healthy, 7, times)
    assert max(times) <= LIMIT, times
    client.check_clean()
