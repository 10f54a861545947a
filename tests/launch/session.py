"""A raw LSP session in a few blocking lines: enough to make a server load everything that it has.

Invariant: knows nothing of postil but its methods; every wait has a limit and says what was seen until then.
"""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import time
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

LIMIT = 30.0  # seconds for one answer, on a busy machine


class Session:
    """One server process and the messages that it sent."""

    def __init__(self, command: Sequence[str | Path], *, cwd: Path, environment: Mapping[str, str]) -> None:
        self.process = subprocess.Popen(
            [os.fspath(one) for one in command],
            cwd=cwd,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.seen: list[dict[str, Any]] = []
        self._buffer = b""
        self._last = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def send(self, method: str, params: object = None, **more: object) -> None:
        self._write({"jsonrpc": "2.0", "method": method, "params": params, **more})

    def ask(self, method: str, params: object = None) -> Any:
        """Send a request and return its result; AssertionError when it is answered with an error."""
        self._last += 1
        number = self._last
        self.send(method, params, id=number)
        answer = self.wait(
            lambda message: message.get("id") == number and "method" not in message, f"an answer to {method}"
        )
        assert "error" not in answer, (method, answer["error"])
        return answer.get("result")

    def wait(self, wanted: Callable[[dict[str, Any]], bool], what: str) -> dict[str, Any]:
        """Return the first message, of those seen and to come, that is `wanted`."""
        at = 0
        deadline = time.monotonic() + LIMIT
        while True:
            while at < len(self.seen):
                if wanted(self.seen[at]):
                    return self.seen[at]
                at += 1
            if not self._read(deadline):
                self.process.kill()
                errors = self.process.communicate()[1].decode(errors="replace")
                raise AssertionError(f"no {what}; seen {self.seen}; stderr: {errors}")

    def _write(self, message: dict[str, Any]) -> None:
        body = json.dumps(message).encode()
        assert self.process.stdin
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        self.process.stdin.flush()

    def _read(self, deadline: float) -> bool:
        """Take what comes next; False at the end of the stream or of the time."""
        assert self.process.stdout
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            if not selector.select(max(0.0, deadline - time.monotonic())):
                return False
        data = os.read(self.process.stdout.fileno(), 1 << 16)
        self._buffer += data
        while b"\r\n\r\n" in self._buffer:
            header, _, rest = self._buffer.partition(b"\r\n\r\n")
            length = int(header.lower().partition(b"content-length:")[2].split()[0])
            if len(rest) < length:
                break
            message, self._buffer = json.loads(rest[:length]), rest[length:]
            self.seen.append(message)
            if "method" in message and "id" in message:  # what the server asks is answered with nothing
                empty = (
                    [None] * len(message["params"]["items"]) if message["method"] == "workspace/configuration" else None
                )
                self._write({"jsonrpc": "2.0", "id": message["id"], "result": empty})
        return bool(data)


def review(session: Session, folder: Path, name: str) -> list[dict[str, Any]]:
    """Open `name`, use the server as an author would, stop it, and return the diagnostics that were shown."""
    uri = (folder / name).as_uri()
    text = (folder / name).read_text(encoding="utf-8")
    session.ask(
        "initialize",
        {
            "processId": os.getpid(),
            "rootUri": folder.as_uri(),
            "workspaceFolders": [{"uri": folder.as_uri(), "name": "here"}],
            "capabilities": {
                "textDocument": {
                    "publishDiagnostics": {"versionSupport": True},
                    "codeAction": {"codeActionLiteralSupport": {"codeActionKind": {"valueSet": ["quickfix"]}}},
                    "hover": {"contentFormat": ["markdown"]},
                }
            },
        },
    )
    session.send("initialized", {})
    session.send(
        "textDocument/didOpen", {"textDocument": {"uri": uri, "languageId": "python", "version": 1, "text": text}}
    )
    shown = session.wait(
        lambda message: (
            message.get("method") == "textDocument/publishDiagnostics"
            and message["params"]["uri"] == uri
            and bool(message["params"]["diagnostics"])
        ),
        "diagnostics",
    )["params"]["diagnostics"]
    place = shown[0]["range"]
    document = {"textDocument": {"uri": uri}}
    session.ask("textDocument/hover", {**document, "position": place["start"]})
    session.ask("textDocument/codeAction", {**document, "range": place, "context": {"diagnostics": shown}})
    session.ask("textDocument/rename", {**document, "position": {"line": 2, "character": 4}, "newName": "renamed"})
    session.ask("shutdown")
    session.send("exit")
    assert session.process.wait(LIMIT) == 0
    return shown
