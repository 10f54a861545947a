"""Section B of the LSP check-list: from the first byte to the last process. Numbers as there."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from tests.lsp import capabilities
from tests.lsp.fixtures import ReadyServer, StartServer
from tests.lsp.processes import Process
from tests.lsp.raw_client import RawClient

BUSY_WORKERS = 12


def busy_server(ready: ReadyServer) -> RawClient:
    """Return a client whose server keeps twelve processes busy, and knows a document with findings."""
    client = ready(capabilities.push())
    client.open(client.uri("a.py"), "import os\n")
    client.diagnostics(client.uri("a.py"), where=bool)
    for number in range(BUSY_WORKERS):
        client.begin_command("postil.test.busy", 20, identity=f"busy-{number}")
    client.echo()
    client.wait_until(lambda: len(client.children()) >= BUSY_WORKERS, what="twelve busy children")
    return client


def test_lsp_18_requests_before_initialize(start: StartServer) -> None:
    """Requests before `initialize` are answered -32002 and not executed; notifications are dropped."""
    client = start()
    uri = client.uri("early.py")
    for method, params in (
        ("workspace/executeCommand", {"command": "postil.test.echo", "arguments": [1]}),
        ("textDocument/hover", {"textDocument": {"uri": uri}, "position": {"line": 0, "character": 0}}),
        ("shutdown", None),
        ("foo/bar", None),
    ):
        assert client.error(method, params)["code"] == -32002
    client.open(uri, "import os\n")
    client.notify("initialized", {})
    client.initialize(capabilities.push())
    assert client.server_text(uri) is None
    assert uri not in client.published
    client.check_clean()


def test_lsp_19_second_initialize(start: StartServer) -> None:
    """A second `initialize` is answered -32600 and changes nothing."""
    client = start()
    first = client.initialize({"general": {"positionEncodings": ["utf-8"]}})
    params = {"processId": None, "rootUri": None, "capabilities": {"general": {"positionEncodings": ["utf-32"]}}}
    assert client.error("initialize", params)["code"] == -32600
    uri = client.open(client.uri("a.txt"), "é\U0001f600x\n", language="plaintext")
    # Six bytes before the x: the encoding of the first initialize counts.
    here = {"line": 0, "character": 6}
    client.change(uri, 2, {"range": {"start": here, "end": here}, "text": "|"})
    assert first["capabilities"]["positionEncoding"] == "utf-8"
    assert client.server_text(uri) == "é\U0001f600|x\n"
    client.check_clean()


def test_lsp_20_silence_before_the_initialize_answer(start: StartServer) -> None:
    """Before its answer to `initialize` the server says nothing, before `initialized` it asks for nothing."""
    client = start()
    (client.workspace / "pyproject.toml").write_text("[tool.postil]\nno_such_setting = 1\n")
    params = {
        "processId": os.getpid(),
        "rootUri": client.workspace.as_uri(),
        "capabilities": capabilities.dynamic(capabilities.push()),
        "workspaceFolders": [{"uri": client.workspace.as_uri(), "name": "workspace"}],
        "workDoneToken": "start",
    }
    identity = client.begin("initialize", params)
    client.answer(identity)
    order = [one for one in client.received if one.get("method") != "$/progress"]
    assert order[0].get("id") == identity, order[:3]
    # After its answer the server may ask for settings, but it registers nothing before `initialized`.
    client.holds_for(lambda: not client.requests("client/registerCapability"), 0.5, what="no registration yet")
    client.notify("initialized", {})
    client.echo()
    for one in client.notifications("$/progress"):
        assert one["params"]["token"] == "start"
    client.check_clean()


def test_lsp_21_requests_after_shutdown(client: RawClient) -> None:
    """After `shutdown` every request is answered -32600, a second shutdown too; notifications do nothing."""
    assert client.result("shutdown") is None
    uri = client.uri("late.py")
    position = {"textDocument": {"uri": uri}, "position": {"line": 0, "character": 0}}
    for method, params in (("textDocument/hover", position), ("shutdown", None), ("initialize", {}), ("foo/bar", None)):
        assert client.error(method, params)["code"] == -32600
    client.open(uri, "import os\n")
    client.notify("exit")
    assert client.wait_exit(timeout=2) == 0
    client.check_clean()
    assert uri not in client.published


def test_lsp_22_shutdown_with_work_in_flight(ready: ReadyServer) -> None:
    """`shutdown` is answered null whatever runs, and what ran is answered once."""
    client = ready(capabilities.pull())
    uri = client.open(client.uri("a.py"), "import os\n" * 500)
    asleep = [client.begin_command("postil.test.sleep", 30) for _ in range(5)]
    asleep += [client.begin_command("postil.test.busy", 30) for _ in range(3)]
    asleep.append(client.begin("textDocument/diagnostic", {"textDocument": {"uri": uri}}))
    asleep.append(client.begin("workspace/diagnostic", {"previousResultIds": []}))
    assert client.result("shutdown", timeout=2) is None
    for identity in asleep:
        client.answer(identity, timeout=2)
    client.notify("exit")
    assert client.wait_exit(timeout=2) == 0
    client.check_clean()


def test_lsp_22_shutdown_takes_params_null(client: RawClient) -> None:
    """Clients send `params` null, empty, or not at all."""
    client.send_body(b'{"jsonrpc":"2.0","id":"s","method":"shutdown","params":null}')
    assert client.answer("s")["result"] is None
    client.send_body(b'{"jsonrpc":"2.0","method":"exit","params":null}')
    assert client.wait_exit(timeout=2) == 0


def test_lsp_23_exit_codes(start: StartServer) -> None:
    """0 after shutdown, 1 without, 1 before initialize."""
    orderly, hasty, early = start(), start(), start()
    for client in (orderly, hasty):
        client.initialize()
    assert orderly.shut_down() == 0
    hasty.notify("exit")
    early.notify("exit")
    assert hasty.wait_exit(timeout=3) == 1
    assert early.wait_exit(timeout=3) == 1
    for client in (orderly, hasty, early):
        assert "Traceback" not in client.stderr()


@pytest.mark.parametrize("orderly", [True, False], ids=["after shutdown", "without shutdown"])
def test_lsp_24_exit_at_once_with_busy_workers(ready: ReadyServer, orderly: bool) -> None:
    """With twelve busy workers `exit` takes at most a second, leaves little on stderr, and nobody behind."""
    client = busy_server(ready)
    children = client.children()
    if orderly:
        client.result("shutdown")
    begun = time.monotonic()
    client.notify("exit")
    assert client.wait_exit(timeout=5) == (0 if orderly else 1)
    assert time.monotonic() - begun <= 1
    assert client.stderr_path.stat().st_size < 10_000
    own = [child for child in children if "time.monotonic" not in child.command()]
    client.wait_until(lambda: not any(child.is_alive() for child in own), timeout=10, what="the children to end")


@pytest.mark.parametrize("moment", ["idle", "busy", "header", "body", "uninitialized", "shut down"])
def test_lsp_25_end_of_stdin(ready: ReadyServer, start: StartServer, moment: str) -> None:
    """The end of stdin ends the server, wherever the stream stands; 0 only after shutdown."""
    if moment == "uninitialized":
        client = start()
    else:
        client = busy_server(ready) if moment == "busy" else ready()
        client.echo()
    if moment == "header":
        client.send_bytes(b"Content-Le")
    if moment == "body":
        client.send_bytes(b'Content-Length: 100\r\n\r\n{"jsonrpc"')
    if moment == "shut down":
        client.result("shutdown")
    client.close_stdin()
    assert client.wait_exit(timeout=2) == (0 if moment == "shut down" else 1)
    assert "Traceback" not in client.stderr()
    assert client.stderr_path.stat().st_size < 10_000


def test_lsp_26_end_of_stdout(client: RawClient) -> None:
    """When nobody reads stdout any more the next output ends the server."""
    client.echo()
    client.close_stdout()
    for number in range(5):
        client.begin_command("postil.test.echo", number)
    client.wait_exit(timeout=3)
    assert "Traceback" not in client.stderr()
    assert client.stderr_path.stat().st_size < 10_000


def test_lsp_27_dead_parent(start: StartServer) -> None:
    """A parent that is gone, or a zombie, ends the server within 10 s; a parent of null is not watched."""
    gone = subprocess.Popen(["/bin/true"])
    gone.wait()
    zombie = subprocess.Popen(["/bin/true"])
    stat = Path(f"/proc/{zombie.pid}/stat")
    orphans = [start(), start()]
    free, owned = start(), start()
    free.initialize(process_id=None)
    owned.initialize()
    free.wait_until(lambda: stat.read_text().rpartition(")")[2].split()[0] == "Z", what="the zombie")
    for client, pid in zip(orphans, (gone.pid, zombie.pid), strict=True):
        client.initialize(process_id=pid)
        client.wait_exit(timeout=10)
    zombie.wait()
    free.echo()
    owned.echo()


def test_lsp_27_client_dies(start: StartServer, tmp_path: Path) -> None:
    """A client that is killed leaves no server and no child after 10 s, even where its pipes stay open."""
    client = start()
    parent = subprocess.Popen(["/bin/sleep", "600"])
    client.initialize(capabilities.push(), process_id=parent.pid)
    client.open(client.uri("a.py"), "import os\n")
    client.diagnostics(client.uri("a.py"), where=bool)
    everyone = [Process.of(client.pid), *client.children()]
    assert len(everyone) > 1
    parent.kill()
    parent.wait()
    client.wait_exit(timeout=10)
    client.wait_until(lambda: not any(one.is_alive() for one in everyone), timeout=10, what="all processes to end")


def test_lsp_28_children_die_with_a_killed_server(ready: ReadyServer) -> None:
    """After SIGKILL of the server no child is left after 10 s."""
    client = ready(capabilities.push())
    uri = client.open(client.uri("a.py"), "import os\n\ndef f(:\n")
    client.diagnostics(uri, where=bool)
    client.open(client.uri("a.js"), "function f( {\n", language="javascript")
    client.diagnostics(client.uri("a.js"), where=bool)
    children = client.children()
    assert children, "nothing to test: the server has no children"
    client.kill()
    client.wait_exit(timeout=2)
    client.wait_until(lambda: not any(child.is_alive() for child in children), timeout=10, what="the children to end")


@pytest.mark.parametrize(
    "arguments",
    [("--stdio",), ("--clientProcessId=1",), ("--stdio", "--clientProcessId", "1"), ("--no-such-option",), ("what",)],
)
def test_lsp_29_arguments_that_clients_add(start: StartServer, arguments: tuple[str, ...]) -> None:
    """The usual arguments are accepted, unknown ones do not stop the server."""
    client = start(arguments=arguments)
    client.initialize()
    client.echo()
    assert client.shut_down() == 0


@pytest.mark.parametrize("argument", ["--pipe=/tmp/x.sock", "--socket=7000", "--tcp"])
def test_lsp_29_transports_that_are_not_offered(start: StartServer, argument: str) -> None:
    """A transport that is not offered is refused in one clear line."""
    client = start(arguments=(argument,))
    assert client.wait_exit(timeout=5) == 2
    lines = client.stderr().strip().splitlines()
    assert len(lines) == 1, lines
    assert "stdin" in lines[0]
    assert not client.received


def test_lsp_29_client_process_id_argument_is_watched(start: StartServer) -> None:
    """`--clientProcessId` counts like `processId`."""
    gone = subprocess.Popen(["/bin/true"])
    gone.wait()
    client = start(arguments=(f"--clientProcessId={gone.pid}",))
    client.result("initialize", {"capabilities": {}})
    client.wait_exit(timeout=10)
