"""A raw LSP client: bytes on a server's stdin and stdout, nothing between.

The check-list's tests use it because a client built on a framework repairs, hides or refuses the very faults they look for:
headers, ids, answers given twice or never, text that got into the stream. It frames and parses by itself, and strictly:
what it cannot follow is a fault of the server and ends the reading (`stream_fault`).

Everything that passes is recorded. A wait that fails prints the session; `write_session` keeps it in a file.

Invariant: knows nothing of postil's code, of pygls or of lsprotocol. Nothing sleeps: waits end when their predicate holds.
Units: seconds, bytes and, where named so, MiB.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import select
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.lsp.processes import Process, descendants

REPOSITORY = Path(__file__).resolve().parents[2]
MEBIBYTE = 1024 * 1024
# One factor for every time limit that is about "not for ever", so that a slow machine can be told so.
PATIENCE = float(os.environ.get("POSTIL_TEST_PATIENCE", "1"))

Json = Any
Message = dict[str, Json]


class Refused(Exception):
    """Raised by a handler of a server's request to answer it with an error."""

    def __init__(self, code: int = -32601, message: str = "not offered by this client") -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Silence(Exception):
    """Raised by a handler of a server's request to give no answer at all."""


def server_command() -> list[str]:
    """Return the command that starts the server under test: POSTIL_SERVE, or this checkout's."""
    given = os.environ.get("POSTIL_SERVE")
    if given:
        return shlex.split(given)
    return [sys.executable, "-I", str(REPOSITORY / "postil" / "__main__.py"), "serve"]


def frame(body: bytes) -> bytes:
    """Return `body` behind the usual header."""
    return b"Content-Length: %d\r\n\r\n" % len(body) + body


def encode(message: Json) -> bytes:
    """Return `message` as a frame. Lone surrogates are written as escapes, as JavaScript does."""
    return frame(json.dumps(message, separators=(",", ":")).encode("ascii"))


def is_notification(method: str) -> Callable[[Message], bool]:
    """Return a predicate for notifications (and requests) of `method`."""
    return lambda message: message.get("method") == method


def _no_constant(name: str) -> Json:
    raise ValueError(f"{name} is not JSON")


def _key(identity: Json) -> tuple[str, Json]:
    """Ids compare with their type: 5 is not "5", and 1 is not true."""
    return (type(identity).__name__, identity if isinstance(identity, (str, int, float)) else repr(identity))


class RawClient:
    """One server process and all that was said to it and by it."""

    def __init__(
        self,
        folder: Path,
        *,
        command: list[str] | None = None,
        arguments: tuple[str, ...] = (),
        environment: Mapping[str, str] | None = None,
        keep_messages: bool = True,
    ) -> None:
        """Start the server in `folder`, which also takes its home, its state and its stderr.

        `keep_messages` off: notifications of the server are not kept (for floods).
        """
        self.folder = folder
        self.workspace = folder / "workspace"
        home = folder / "home"
        self.workspace.mkdir(exist_ok=True)
        home.mkdir(exist_ok=True)
        self.stderr_path = folder / f"stderr-{time.monotonic_ns()}.txt"
        surroundings = {
            **os.environ,
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home / "config"),
            "XDG_STATE_HOME": str(home / "state"),
            "XDG_CACHE_HOME": str(home / "cache"),
            "XDG_DATA_HOME": str(home / "data"),
            "POSTIL_TEST_COMMANDS": "1",
            **(environment or {}),
        }
        self.received: list[Message] = []
        self.answers: dict[tuple[str, Json], list[Message]] = {}
        self.answered_at: dict[tuple[str, Json], float] = {}
        self.published: dict[str, Message] = {}
        self.counts: dict[str, int] = {}
        self.stream_fault = ""
        self.at_end_of_stdout = False
        self.handlers: dict[str, Callable[[Json], Json]] = dict(_default_handlers())
        self.exit_code: int | None = None
        self.peak_memory = 0  # bytes, known after the exit; includes that of the process that spawned it
        self._keep = keep_messages
        self._record: list[tuple[float, str, Json]] = []
        self._started = time.monotonic()
        self._next_id = 0
        self._changed = threading.Condition()
        self._outbox: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._pending_bytes = 0
        self._wake = (
            os.pipe()
        )  # a byte in it tells the reader to close stdout: while it sits in read(), nobody else can
        with self.stderr_path.open("wb") as stderr:
            self.process = subprocess.Popen(
                [*(command or server_command()), *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                cwd=self.workspace,
                env=surroundings,
                bufsize=0,
                start_new_session=True,
            )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.stdin, self.stdout = self.process.stdin, self.process.stdout
        self.pid = self.process.pid
        self._threads = [threading.Thread(target=target, daemon=True) for target in (self._read, self._write)]
        for thread in self._threads:
            thread.start()

    # ------------------------------------------------------------------ sending

    def send_bytes(self, data: bytes) -> None:
        """Queue raw bytes for the server's stdin. Returns at once; order is kept."""
        with self._changed:
            self._pending_bytes += len(data)
        self._outbox.put(data)

    def send_body(self, body: bytes) -> None:
        """Send any bytes as the body of a well-formed frame."""
        self._note("client", body if len(body) < 300 else body[:200] + b"...")
        self.send_bytes(frame(body))

    def send(self, message: Json) -> None:
        """Send one message as JSON."""
        if self._keep:
            self._note("client", message)
        self.send_bytes(encode(message))

    def notify(self, method: str, params: Json = None) -> None:
        """Send a notification; no member `params` where `params` is None."""
        message: Message = {"jsonrpc": "2.0", "method": method}
        if params is not None:
            message["params"] = params
        self.send(message)

    def begin(self, method: str, params: Json = None, *, identity: Json = None) -> Json:
        """Send a request and return its id without waiting."""
        if identity is None:
            self._next_id += 1
            identity = self._next_id
        message: Message = {"jsonrpc": "2.0", "id": identity, "method": method}
        if params is not None:
            message["params"] = params
        self.send(message)
        return identity

    def answer(self, identity: Json, *, timeout: float = 10, nth: int = 1) -> Message:
        """Wait for the `nth` answer with this id and return it."""
        key = _key(identity)
        what = f"answer {nth} to request {identity!r}"
        self.wait_until(
            lambda: len(self.answers.get(key, ())) >= nth or self.at_end_of_stdout, timeout=timeout, what=what
        )
        if len(self.answers.get(key, ())) < nth:
            self.fail(f"the stream ended before {what}")
        return self.answers[key][nth - 1]

    def answer_count(self, identity: Json) -> int:
        """Return how many answers came for this id."""
        return len(self.answers.get(_key(identity), ()))

    def request(self, method: str, params: Json = None, *, timeout: float = 10, identity: Json = None) -> Message:
        """Send a request, wait for its answer, return the whole answer."""
        return self.answer(self.begin(method, params, identity=identity), timeout=timeout)

    def result(self, method: str, params: Json = None, *, timeout: float = 10) -> Json:
        """Send a request and return its result; an error answer fails the test."""
        message = self.request(method, params, timeout=timeout)
        if "error" in message:
            self.fail(f"{method} was answered with an error: {message['error']}")
        return message["result"]

    def error(self, method: str, params: Json = None, *, timeout: float = 10) -> Message:
        """Send a request and return the error of its answer; a result fails the test."""
        message = self.request(method, params, timeout=timeout)
        if "error" not in message:
            self.fail(f"{method} was answered with a result: {str(message)[:300]}")
        return dict(message["error"])

    def command(self, name: str, *arguments: Json, timeout: float = 10) -> Message:
        """Run a server command and return the whole answer."""
        return self.request(
            "workspace/executeCommand", {"command": name, "arguments": list(arguments)}, timeout=timeout
        )

    def begin_command(self, name: str, *arguments: Json, identity: Json = None) -> Json:
        """Start a server command and return its id."""
        params = {"command": name, "arguments": list(arguments)}
        return self.begin("workspace/executeCommand", params, identity=identity)

    def cancel(self, identity: Json) -> None:
        """Send `$/cancelRequest`."""
        self.notify("$/cancelRequest", {"id": identity})

    def echo(self, value: Json = "ping", *, timeout: float = 10) -> float:
        """Run `postil.test.echo`, check what comes back, and return the seconds it took."""
        begun = time.monotonic()
        identity = self.begin_command("postil.test.echo", value)
        message = self.answer(identity, timeout=timeout)
        if "error" in message or message["result"] != value:
            self.fail(f"echo of {value!r} came back as {message}")
        return self.answered_at[_key(identity)] - begun

    def drain(self, *, timeout: float = 30) -> None:
        """Wait until everything queued was written to the pipe."""
        self.wait_until(
            lambda: self._pending_bytes == 0 or not self.is_running(), timeout=timeout, what="stdin to take all"
        )

    # ------------------------------------------------------------------ the usual session

    def initialize(
        self, capabilities: Json = None, *, process_id: Json = "own", timeout: float = 10, **more: Json
    ) -> Message:
        """Do the initialize handshake and return the result. `more` goes into the params."""
        params: Message = {
            "processId": os.getpid() if process_id == "own" else process_id,
            "rootUri": self.workspace.as_uri(),
            "workspaceFolders": [{"uri": self.workspace.as_uri(), "name": "workspace"}],
            "capabilities": {} if capabilities is None else capabilities,
            **more,
        }
        result = self.result("initialize", params, timeout=timeout)
        self.notify("initialized", {})
        return dict(result)

    def uri(self, name: str) -> str:
        """Return the URI of a file of the workspace."""
        return (self.workspace / name).as_uri()

    def open(self, uri: str, text: str, *, version: int = 1, language: str = "python") -> str:
        """Send didOpen and return the URI."""
        document = {"uri": uri, "languageId": language, "version": version, "text": text}
        self.notify("textDocument/didOpen", {"textDocument": document})
        return uri

    def change(self, uri: str, version: int, *changes: Json) -> None:
        """Send didChange. A change that is a string replaces the whole text."""
        content = [{"text": change} if isinstance(change, str) else change for change in changes]
        self.notify(
            "textDocument/didChange", {"textDocument": {"uri": uri, "version": version}, "contentChanges": content}
        )

    def close(self, uri: str) -> None:
        """Send didClose."""
        self.notify("textDocument/didClose", {"textDocument": {"uri": uri}})

    def server_text(self, uri: str, *, timeout: float = 10) -> Json:
        """Return the server's text of a document, None where it knows none."""
        held = self.held(uri, timeout=timeout)
        return None if held is None else held["text"]

    def held(self, uri: str, *, timeout: float = 10) -> Json:
        """Return what the server holds of a document: text, version, digest."""
        message = self.command("postil.test.text", uri, timeout=timeout)
        if "error" in message:
            self.fail(f"postil.test.text failed: {message}")
        return message["result"]

    def diagnostics(
        self,
        uri: str,
        *,
        version: int | None = None,
        where: Callable[[list[Json]], bool] | None = None,
        timeout: float = 10,
    ) -> list[Json]:
        """Wait for pushed diagnostics of `version` (any, if None) that satisfy `where`, and return them."""

        def found() -> bool:
            params = self.published.get(uri)
            return (
                params is not None
                and (version is None or params.get("version") == version)
                and (where is None or where(params["diagnostics"]))
            )

        self.wait_until(found, timeout=timeout, what=f"diagnostics of {uri} for version {version}")
        return list(self.published[uri]["diagnostics"])

    def pull(self, uri: str, previous: str | None = None, *, timeout: float = 10) -> Json:
        """Ask for the diagnostics of one document and return the report."""
        params: Message = {"textDocument": {"uri": uri}}
        if previous is not None:
            params["previousResultId"] = previous
        return self.result("textDocument/diagnostic", params, timeout=timeout)

    def shut_down(self, *, timeout: float = 10) -> int:
        """Do shutdown and exit, and return the exit code."""
        assert self.result("shutdown", timeout=timeout) is None
        self.notify("exit")
        return self.wait_exit(timeout=timeout)

    # ------------------------------------------------------------------ waiting

    def wait(
        self, predicate: Callable[[Message], bool], *, timeout: float = 10, since: int = 0, what: str = ""
    ) -> Message:
        """Wait for a recorded message, from number `since` on, for which `predicate` holds, and return it."""
        at = since
        found: list[Message] = []

        def scan() -> bool:
            nonlocal at
            while at < len(self.received):
                message = self.received[at]
                at += 1
                if predicate(message):
                    found.append(message)
                    return True
            return False

        self.wait_until(scan, timeout=timeout, what=what or "a message")
        return found[0]

    def wait_until(self, condition: Callable[[], bool], *, timeout: float = 10, what: str = "") -> None:
        """Wait until `condition` holds; looked at after each message and each 20 ms."""
        deadline = time.monotonic() + timeout * PATIENCE
        with self._changed:
            while not condition():
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(min(left, 0.02))
            else:
                return
        self.fail(f"waited {timeout * PATIENCE:.1f} s for {what or 'a condition'}")

    def holds_for(self, condition: Callable[[], bool], seconds: float, *, what: str = "") -> None:
        """Check that `condition` holds during `seconds`: for what must not happen."""
        deadline = time.monotonic() + seconds
        with self._changed:
            while condition():
                left = deadline - time.monotonic()
                if left <= 0:
                    return
                self._changed.wait(min(left, 0.02))
        self.fail(f"did not hold for {seconds} s: {what or 'a condition'}")

    def wait_exit(self, *, timeout: float = 10) -> int:
        """Wait until the process has ended and return its code (negative: the signal)."""
        self.wait_until(lambda: not self.is_running(), timeout=timeout, what="the server to end")
        assert self.exit_code is not None
        return self.exit_code

    def is_running(self) -> bool:
        """Whether the process lives. Fills `exit_code` and `peak_memory` when it does not."""
        if self.exit_code is not None:
            return False
        with self._changed:
            if self.exit_code is not None:
                return False
            try:
                pid, status, usage = os.wait4(self.pid, os.WNOHANG)
            except ChildProcessError:
                self.exit_code = self.process.returncode if self.process.returncode is not None else -255
                return False
            if pid == 0:
                return True
            self.exit_code = self.process.returncode = os.waitstatus_to_exitcode(status)
            self.peak_memory = usage.ru_maxrss * 1024
        return False

    # ------------------------------------------------------------------ what was seen

    def requests(self, method: str) -> list[Message]:
        """Return the server's requests of `method` so far."""
        return [one for one in list(self.received) if one.get("method") == method and "id" in one]

    def notifications(self, method: str) -> list[Message]:
        """Return the server's notifications of `method` so far."""
        return [one for one in list(self.received) if one.get("method") == method and "id" not in one]

    def pop_ups(self) -> list[Message]:
        """Return the messages that an editor would show to its user so far."""
        return [one for one in list(self.received) if str(one.get("method", "")).startswith("window/showMessage")]

    def check_clean(self) -> None:
        """Check what holds at any time: the stream can be followed, nothing was answered twice, nothing popped up."""
        if self.stream_fault:
            self.fail(f"the stream cannot be followed: {self.stream_fault}")
        twice = {
            key: len(answers) for key, answers in self.answers.items() if len(answers) > 1 and key[0] != "NoneType"
        }
        if twice:
            self.fail(f"answered more than once: {twice}")
        if self.pop_ups():
            self.fail(f"the user was shown {[one.get('params', {}).get('message') for one in self.pop_ups()]}")

    def stderr(self) -> str:
        """Return the server's stderr so far."""
        return self.stderr_path.read_text("utf-8", "replace")

    def children(self) -> list[Process]:
        """Return the living processes that descend from the server."""
        return descendants(self.pid)

    def memory(self) -> int:
        """Return the resident memory of the server process, in bytes; 0 when it is gone."""
        return Process.of(self.pid).memory()

    # ------------------------------------------------------------------ leaving

    def close_stdin(self) -> None:
        """Close the server's stdin, after all that is queued."""
        self._outbox.put(None)

    def close_stdout(self) -> None:
        """Close the read end of the server's stdout."""
        os.write(self._wake[1], b"x")
        self._threads[0].join(5)

    def kill(self) -> None:
        """SIGKILL the server, alone."""
        if self.is_running():
            os.kill(self.pid, signal.SIGKILL)

    def stop(self) -> None:
        """End whatever is left of the server and of its children. For the end of a test."""
        left = self.children() if self.is_running() else []
        self.close_stdin()
        with contextlib.suppress(AssertionError):
            self.wait_exit(timeout=3)
        self.kill()
        for process in left:
            process.kill()
        if self.exit_code is None:
            self.wait_exit(timeout=5)
        for thread in self._threads:
            thread.join(2)
        for end in self._wake:
            os.close(end)

    def fail(self, reason: str) -> None:
        """Fail the test, with the whole session in the message."""
        state = "running" if self.exit_code is None else f"ended with {self.exit_code}"
        fault = f"\nstream fault: {self.stream_fault}" if self.stream_fault else ""
        raise AssertionError(
            f"{reason}\nserver {state}{fault}\n--- session\n{self.transcript(80)}\n--- stderr\n{self.stderr()[-3000:]}"
        )

    def transcript(self, last: int = 0, width: int = 400) -> str:
        """Return the session, or its `last` messages, one a line."""
        record = list(self._record)
        lines = []
        for at, who, message in record[-last:] if last else record:
            text = message.decode("latin-1") if isinstance(message, bytes) else json.dumps(message)
            lines.append(f"{at:8.3f} {'->' if who == 'client' else '<-'} {text[:width]}")
        left_out = len(record) - len(lines)
        return "\n".join([f"(the first {left_out} left out)"] * (left_out > 0) + lines)

    def write_session(self, path: Path) -> None:
        """Write the recorded session, one JSON object a line: seconds, who spoke, the message."""
        with path.open("w", encoding="ascii") as file:
            for at, who, message in list(self._record):
                said = {"bytes": message.decode("latin-1")} if isinstance(message, bytes) else {"message": message}
                file.write(json.dumps({"at": round(at, 4), "from": who, **said}) + "\n")

    # ------------------------------------------------------------------ threads

    def _note(self, who: str, message: Json) -> None:
        self._record.append((time.monotonic() - self._started, who, message))

    def _write(self) -> None:
        while True:
            data = self._outbox.get()
            if data is None:
                with contextlib.suppress(OSError):
                    self.stdin.close()
                return
            view = memoryview(data)
            with contextlib.suppress(OSError, ValueError):  # the server is gone: tests see that by other means
                while view:
                    view = view[os.write(self.stdin.fileno(), view[:MEBIBYTE]) :]
            with self._changed:
                self._pending_bytes -= len(data)
                self._changed.notify_all()

    def _read(self) -> None:
        buffer = bytearray()
        stdout = self.stdout.fileno()
        poll = select.poll()
        poll.register(stdout, select.POLLIN)
        poll.register(self._wake[0], select.POLLIN)
        closed = False
        try:
            while True:
                closed = any(one == self._wake[0] for one, _ in poll.poll())
                data = b"" if closed else os.read(stdout, 65536)
                if not data:
                    break
                buffer += data
                while (body := _take(buffer)) is not None:
                    self._receive(body)
        except (ValueError, OSError) as error:
            self.stream_fault = f"{error}; at {bytes(buffer[:200])!r}"
        else:
            if buffer and not closed:
                self.stream_fault = f"the stream ends inside a message: {bytes(buffer[:200])!r}"
        self.stdout.close()
        with self._changed:
            self.at_end_of_stdout = True
            self._changed.notify_all()

    def _receive(self, body: bytes) -> None:
        message = json.loads(body.decode("utf-8"), parse_constant=_no_constant)
        if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
            raise ValueError(f"not a JSON-RPC message: {body[:200]!r}")
        method = message.get("method")
        if method is None and ("id" not in message or ("result" in message) == ("error" in message)):
            raise ValueError(f"not an answer: {body[:200]!r}")
        with self._changed:
            if self._keep or method is None:
                self._note("server", message)
            if method is None:
                key = _key(message["id"])
                self.answers.setdefault(key, []).append(message)
                self.answered_at[key] = time.monotonic()
            else:
                self.counts[method] = self.counts.get(method, 0) + 1
                if method == "textDocument/publishDiagnostics":
                    self.published[message["params"]["uri"]] = message["params"]
            if self._keep or str(method).startswith("window/"):
                self.received.append(message)
            self._changed.notify_all()
        if method is not None and "id" in message:
            self._answer_server(message)

    def _answer_server(self, message: Message) -> None:
        reply: Message = {"jsonrpc": "2.0", "id": message["id"]}
        handler = self.handlers.get(message["method"], _refuse)
        try:
            reply["result"] = handler(message.get("params"))
        except Silence:
            return
        except Refused as refusal:
            reply["error"] = {"code": refusal.code, "message": refusal.message}
        self.send(reply)


def _take(buffer: bytearray) -> bytes | None:
    """Cut the first whole message from `buffer` and return its body. Raises ValueError on anything but a plain frame."""
    end = buffer.find(b"\r\n\r\n")
    if end < 0:
        if len(buffer) > 200 or (buffer and not b"Content-Length: ".startswith(bytes(buffer[:16]))):
            raise ValueError("no header where a message must begin")
        return None
    length = -1
    for line in bytes(buffer[:end]).split(b"\r\n"):
        name, _, value = line.partition(b": ")
        if name == b"Content-Length":
            length = int(value)
        elif name != b"Content-Type":
            raise ValueError(f"unknown header line {line!r}")
    if length < 0:
        raise ValueError("no Content-Length")
    if len(buffer) < end + 4 + length:
        return None
    body = bytes(buffer[end + 4 : end + 4 + length])
    del buffer[: end + 4 + length]
    return body


def _refuse(_: Json) -> Json:
    raise Refused


def _default_handlers() -> Mapping[str, Callable[[Json], Json]]:
    return {
        "workspace/configuration": lambda params: [None] * len(params["items"]),
        "workspace/workspaceFolders": lambda _: None,
        "workspace/applyEdit": lambda _: {"applied": True},
        "workspace/diagnostic/refresh": lambda _: None,
        "workspace/codeLens/refresh": lambda _: None,
        "client/registerCapability": lambda _: None,
        "client/unregisterCapability": lambda _: None,
        "window/workDoneProgress/create": lambda _: None,
        "window/showMessageRequest": lambda _: None,
        "window/showDocument": lambda _: {"success": True},
    }
