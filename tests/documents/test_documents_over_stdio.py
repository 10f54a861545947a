"""The same comparison through the whole server: didChange messages over stdio, the server's text asked for and compared."""

from __future__ import annotations

import hashlib
import os
import random
from typing import TYPE_CHECKING

import pytest

from tests.documents import oracle
from tests.lsp import capabilities
from tests.lsp.conftest import start  # noqa: F401 - the fixtures
from tests.lsp.raw_client import MEBIBYTE

if TYPE_CHECKING:
    from tests.lsp.fixtures import StartServer

TIMES = int(os.environ.get("POSTIL_FUZZ", "1"))
MESSAGES = 1500  # for each encoding


def utf16(text: str) -> bytes:
    """Return the text as JavaScript holds it, so that two halves of a character equal the character."""
    return text.encode("utf-16-le", "surrogatepass")


def joined(text: str) -> str:
    """Return the text as it comes out of JSON, where two halves of a character side by side are the character."""
    return utf16(text).decode("utf-16-le", "surrogatepass")


@pytest.mark.parametrize("encoding", oracle.ENCODINGS)
def test_the_servers_text_is_the_editors(start: StartServer, encoding: str) -> None:  # noqa: F811
    """Thousands of didChange messages of one to four changes: no divergence of text, version or digest."""
    server = start(keep_messages=False)
    offered = capabilities.push()
    offered["general"]["positionEncodings"] = [encoding]
    server.initialize(offered)
    for seed in range(TIMES):
        chance = random.Random(f"stdio-{encoding}-{seed}")
        text = joined(oracle.random_text(chance, 40))
        uri = server.open(server.uri(f"fuzz{seed}.py"), text, language="python" if seed % 2 == 0 else "plaintext")
        for version in range(2, MESSAGES + 2):
            changes = []
            for _ in range(chance.choice([1, 1, 1, 2, 4])):
                change = oracle.random_change(chance, text, encoding)
                change["text"] = joined(change["text"])
                text = oracle.applied(text, change, encoding)
                changes.append(change)
            server.change(uri, version, *changes)
            if version % 25 == 0:
                held = server.held(uri)
                assert utf16(held["text"]) == utf16(text), f"seed stdio-{encoding}-{seed}, version {version}"
                assert held["version"] == version
        held = server.held(uri)
        assert utf16(held["text"]) == utf16(text)
        # The text as code points, whole and half characters apart: what JSON's escapes cannot tell, the digest can.
        assert held["digest"] == hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest() or any(
            "\ud800" <= character <= "\udfff" for character in text
        )
    server.echo(timeout=20)
    server.check_clean()
    assert "Traceback" not in server.stderr()


def type_over(server: object, uri: str, count: int, first_version: int) -> None:
    """Send `count` edits of one character in a text of a few hundred lines, in bursts of 200."""
    from tests.lsp.raw_client import RawClient

    assert isinstance(server, RawClient)
    for number in range(count):
        line = number // 2 * 7 % 300
        here = {"line": line, "character": 0}
        there = {"line": line, "character": 1}
        ends = {"start": here, "end": here if number % 2 == 0 else there}
        server.change(uri, first_version + number, {"range": ends, "text": "x" if number % 2 == 0 else ""})
        if number % 200 == 199:
            server.echo(number, timeout=60)


@pytest.mark.parametrize(
    ("count", "limit"), [(10_000, 5), pytest.param(60_000, 5, marks=pytest.mark.slow)], ids=["10,000", "60,000"]
)
def test_memory_does_not_grow_with_edits(start: StartServer, count: int, limit: int) -> None:  # noqa: F811
    """After a warm-up, so many edits over stdio: the server's memory grows by at most 5 MiB."""
    server = start(keep_messages=False)
    server.initialize(capabilities.push())
    text = "".join(f"def f{n}(a):\n    return a + {n}\n\n" for n in range(100))
    uri = server.open(server.uri("a.py"), text)
    server.echo()
    server.holds_for(lambda: True, 1.5)  # what the server puts off until it is idle is in
    type_over(server, uri, 3_000, 2)
    before = server.memory()
    children = {child: child.memory() for child in server.children()}
    type_over(server, uri, count, 10_000)
    grown = server.memory() - before
    print(f"{count} edits: {before / MEBIBYTE:.1f} MiB, grown by {grown / MEBIBYTE:.2f} MiB")
    assert server.held(uri)["text"] == text
    assert grown <= limit * MEBIBYTE, f"grew by {grown / MEBIBYTE:.1f} MiB in {count} edits"
    for child, memory in children.items():
        assert child.is_alive(), f"{child.command()} died"
        assert child.memory() - memory <= 30 * MEBIBYTE, child.command()
    server.check_clean()
