"""Damaged requests, notifications and frames in numbers (RELIABILITY.md G3; items 2, 7 and 16 of the check-list).

The change run takes the figures below; POSTIL_FUZZ multiplies them. A failure names its seed.
"""

from __future__ import annotations

import json
import os
import random

import pytest

from analyzers.framing import FrameReader, FramingError
from tests.lsp import capabilities, mutants
from tests.lsp.fixtures import ReadyServer
from tests.lsp.raw_client import MEBIBYTE, RawClient

TIMES = int(os.environ.get("POSTIL_FUZZ", "1"))
REQUESTS = 3000
NOTIFICATIONS = 3000
FRAMES_IN_MEMORY = 20_000
STREAMS = 12
GROWTH = 12 * MEBIBYTE


def warm(client: RawClient, uri: str) -> int:
    """Use each feature once, so that what is imported on first use is in; return the memory then, in bytes."""
    client.open(uri, "import os\nx = 1\n")
    for method, params in mutants.requests(uri):
        client.request(method, params, timeout=20)
    chance = random.Random(0)
    for number in range(300):
        method, params = chance.choice(mutants.requests(uri))
        client.begin(method, mutants.damaged(chance, params), identity=f"warm-{number}")
    for number in range(300):
        client.answer(f"warm-{number}", timeout=30)
    return client.memory()


@pytest.mark.parametrize("seed", [f"{number}" for number in range(TIMES)])
def test_lsp_07_damaged_requests(ready: ReadyServer, seed: str) -> None:
    """3,000 damaged requests: 3,000 answers, each id once, no pop-up, the process alive, its memory flat."""
    client = ready(capabilities.pull())
    uri = client.uri("fuzz.py")
    before = warm(client, uri)
    chance = random.Random(f"requests-{seed}")
    identities: list[object] = []
    for number in range(REQUESTS):
        method, params = chance.choice(mutants.requests(uri))
        identity = number + 10_000 if chance.random() < 0.7 else f"id-{number}"
        identities.append(client.begin(method, mutants.damaged(chance, params), identity=identity))
        if number % 250 == 249:
            for one in identities[-250:]:
                client.answer(one, timeout=30)
    for identity in identities:
        client.answer(identity, timeout=30)
    client.echo()
    client.check_clean()
    assert all(client.answer_count(identity) == 1 for identity in identities)
    assert client.is_running()
    codes = {answer[0]["error"]["code"] for answer in client.answers.values() if "error" in answer[0]}
    assert codes <= {-32602, -32601, -32600, -32803, -32802, -32801}, codes
    assert client.memory() - before <= GROWTH, f"grew by {(client.memory() - before) / MEBIBYTE:.1f} MiB"
    assert "Traceback" not in client.stderr()


@pytest.mark.parametrize("seed", [f"{number}" for number in range(TIMES)])
def test_lsp_07_damaged_notifications(ready: ReadyServer, seed: str) -> None:
    """3,000 damaged notifications: no answer, at most one message, and a document opened then is served right."""
    client = ready(capabilities.push())
    uri = client.uri("fuzz.py")
    client.open(uri, "import os\n")
    client.echo()
    chance = random.Random(f"notifications-{seed}")
    for number in range(NOTIFICATIONS):
        method, params = chance.choice(mutants.notifications(uri))
        client.notify(method, mutants.damaged(chance, params))
        if number % 100 == 99:
            client.echo(number, timeout=20)
    fresh = client.open(client.uri("fresh.py"), "import os\n")
    client.diagnostics(fresh, where=bool, timeout=20)
    client.close(uri)
    client.open(uri, "import re\n", version=5)
    client.change(
        uri, 6, {"range": {"start": {"line": 0, "character": 7}, "end": {"line": 0, "character": 9}}, "text": "abc"}
    )
    assert client.server_text(uri) == "import abc\n"
    client.diagnostics(uri, version=6, where=bool, timeout=20)
    assert len(client.pop_ups()) <= 1, [one["params"] for one in client.pop_ups()]
    assert not client.stream_fault
    assert client.is_running()
    assert "Traceback" not in client.stderr()


def test_lsp_02_damaged_frames_in_memory() -> None:
    """20,000 damaged frames in pieces: bodies or FramingError, nothing else, and memory bounded by what was sent."""
    good = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "postil/x", "params": {"text": "é\u2028" * 20}}).encode()
    for seed in range(FRAMES_IN_MEMORY * TIMES):
        chance = random.Random(f"frame-{seed}")
        reader = FrameReader()
        data = mutants.frame_mutant(chance, good) + b"Content-Length: 2\r\n\r\n{}"
        got = 0
        at = 0
        try:
            while at < len(data):
                step = chance.choice([1, 3, 7, 50, 10_000])
                got += sum(len(one) for one in reader.feed(data[at : at + step]))
                at += step
        except FramingError:
            continue
        assert got <= len(data), f"seed {seed}"


def test_lsp_02_a_frame_is_the_same_in_any_pieces() -> None:
    """However a stream is cut, the bodies are the same."""
    bodies = [b"{}", b"", "é\r\n\r\n".encode(), b"Content-Length: 5\r\n\r\n", b"x" * 3000]
    stream = b"".join(
        b"Content-Length: %d\r\n%b\r\n" % (len(one), b"Content-Type: a\r\n" * (n % 2)) + one
        for n, one in enumerate(bodies)
    )
    for seed in range(500):
        chance = random.Random(f"cut-{seed}")
        reader = FrameReader()
        got: list[bytes] = []
        at = 0
        while at < len(stream):
            step = chance.choice([1, 1, 2, 5, 40, 1000])
            got += reader.feed(stream[at : at + step])
            at += step
        assert got == bodies, f"seed {seed}"
        assert not reader.pending


@pytest.mark.parametrize("seed", [f"{number}" for number in range(STREAMS * TIMES)])
def test_lsp_02_damaged_frames_over_stdio(ready: ReadyServer, seed: str) -> None:
    """Damaged frames to a running server: it goes on and answers, or ends with code 1 and without a traceback."""
    client = ready(capabilities.nothing())
    chance = random.Random(f"stream-{seed}")
    content = json.dumps({"jsonrpc": "2.0", "id": 4, "method": "textDocument/hover", "params": {"a": "é"}}).encode()
    for _ in range(40):
        client.send_bytes(mutants.frame_mutant(chance, content))
    # Whatever length the last damaged header promised: enough bytes to end it.
    client.send_bytes(b" " * 1200)
    client.close_stdin()
    assert client.wait_exit(timeout=5) == 1
    assert "Traceback" not in client.stderr()
    assert client.stderr_path.stat().st_size < 20_000
    assert not client.stream_fault
    assert not client.pop_ups()
