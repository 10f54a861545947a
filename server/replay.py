"""Play a recorded session again: the same messages from the client, in the same order, to a fresh server.

The order is kept, not the pace: where the recording shows an answer or a publication, the replay waits for its counterpart
before it goes on. What differs is printed: answers by id, and the last diagnostics of each document.

Invariant: only `postil serve` of this installation is started, and nothing is written.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any, Self

from analyzers.framing import FrameReader, frame
from analyzers.processes import kill_group, spawn
from server.terminal import term_safe
from server.workers import launcher

if TYPE_CHECKING:
    from collections.abc import Iterator

ANSWER_LIMIT = 20.0  # seconds to wait for an answer that the recording shows
NEWS_LIMIT = 5.0  # seconds to wait for a publication that the recording shows
USAGE = "usage: postil replay FILE\n\nPlay a session that `postil serve --record FILE` wrote, and print what differs.\n"


class ReplayError(Exception):
    """The recording cannot be played. The message says why."""


def replay_command(arguments: list[str]) -> int:
    """Run `postil replay FILE`; 0: the same, 1: something differs, 2: it cannot be played."""
    if len(arguments) != 1 or arguments[0].startswith("-"):
        helped = arguments[:1] in (["-h"], ["--help"])
        (sys.stdout if helped else sys.stderr).write(USAGE)
        return 0 if helped else 2
    try:
        recording = list(recorded(arguments[0]))
        with Player() as player:
            differences = player.play(recording)
    except (OSError, ReplayError) as error:
        reason = f"{arguments[0]}: {error.strerror}" if isinstance(error, OSError) and error.filename else str(error)
        sys.stderr.write(f"postil: {term_safe(reason)}\n")
        return 2
    for difference in differences:
        sys.stdout.write("\n".join(map(term_safe, difference.split("\n"))) + "\n")
    count = sum(one["direction"] == "in" for one in recording)
    sys.stdout.write(f"{count} messages played, {len(differences)} differences\n")
    return 1 if differences else 0


def recorded(path: str) -> Iterator[dict[str, Any]]:
    """Yield the entries of a recording. Raises OSError, and ReplayError for a line that is none."""
    with open(path, "rb") as file:
        for number, line in enumerate(file, 1):
            try:
                entry = json.loads(line)
                known = entry["direction"] in ("in", "out") and isinstance(entry["message"], dict | None)
            except (ValueError, KeyError, TypeError, RecursionError):
                known = False
            if not known:
                message = f"{path}:{number}: not a line of a recording"
                raise ReplayError(message)
            if entry["message"] is not None:
                yield entry


class Player:
    """A fresh server, and what it has said so far."""

    def __init__(self) -> None:
        self._answers: dict[object, Any] = {}
        self._published: dict[str, Any] = {}
        self._reader = FrameReader()

    def __enter__(self) -> Self:
        """Start the server."""
        command = [sys.executable, "-I", launcher(), "serve"]
        self._child = spawn(command, stderr=subprocess.DEVNULL)
        return self

    def __exit__(self, *_: object) -> None:
        """End it, whatever it does."""
        kill_group(self._child)
        self._child.wait()

    def play(self, recording: list[dict[str, Any]]) -> list[str]:
        """Send what the client sent, and return one line for each difference. Raises ReplayError when the server ends."""
        expected: dict[str, Any] = {}
        answers: dict[object, Any] = {}
        for entry in recording:
            message = entry["message"]
            if entry["direction"] == "in":
                self._send(message)
            elif "method" not in message and "id" in message:
                identity = repr(message["id"])
                answers[identity] = message
                self._wait(lambda wanted=identity: wanted in self._answers, ANSWER_LIMIT)
            elif message.get("method") == "textDocument/publishDiagnostics":
                uri = message["params"]["uri"]
                expected[uri] = message["params"]["diagnostics"]
                self._wait(lambda one=uri: self._published.get(one) == expected[one], NEWS_LIMIT)
        return [
            *(
                _difference(f"answer {one}", wanted, self._answers.get(one))
                for one, wanted in answers.items()
                if _comparable(wanted) != _comparable(self._answers.get(one))
            ),
            *(
                _difference(uri, wanted, self._published.get(uri))
                for uri, wanted in expected.items()
                if wanted != self._published.get(uri)
            ),
        ]

    def _send(self, message: object) -> None:
        if self._child.stdin is None:
            return
        if isinstance(message, dict) and message.get("method") == "initialize":
            # The recorded client is not there any more; a server that watches it would end.
            message = {**message, "params": {**message.get("params", {}), "processId": None}}
        data = memoryview(frame(json.dumps(message).encode()))
        try:
            while data:
                data = data[os.write(self._child.stdin.fileno(), data) :]
        except BrokenPipeError:
            return

    def _wait(self, reached: Any, limit: float) -> None:
        deadline = time.monotonic() + limit
        while not reached() and (left := deadline - time.monotonic()) > 0:
            self._read(left)

    def _read(self, limit: float) -> None:
        if self._child.stdout is None:
            return
        descriptor = self._child.stdout.fileno()
        if not select.select([descriptor], [], [], limit)[0]:
            return
        data = os.read(descriptor, 1 << 18)
        if not data:
            message = "the server ended before the recording did"
            raise ReplayError(message)
        for body in self._reader.feed(data):
            message = json.loads(body)
            if message.get("method") == "textDocument/publishDiagnostics":
                self._published[message["params"]["uri"]] = message["params"]["diagnostics"]
            elif "method" not in message:
                self._answers[repr(message.get("id"))] = message


def _comparable(message: Any) -> object:
    """Return an answer without what may differ between two runs: the server's version."""
    if isinstance(message, dict) and isinstance(message.get("result"), dict) and "serverInfo" in message["result"]:
        return message["result"].get("capabilities")
    return message


def _difference(what: str, wanted: object, got: object) -> str:
    return f"{what}\n  recorded: {_short(wanted)}\n  now:      {_short(got)}"


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 300 else text[:300] + " …"
