"""Children that die, hang or are made to die, while somebody types (RELIABILITY.md G9, G19)."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import pytest

from tests.lsp import capabilities
from tests.lsp.processes import Process
from tests.lsp.raw_client import RawClient

if TYPE_CHECKING:
    from tests.lsp.fixtures import ReadyServer, StartServer

KILLS = 20
# Overflows the stack of ruff 0.17.5 (astral-sh/ruff#24810): a unary operator nine thousand deep.
POISON = "-" * 9000 + "1\n"
COMPLEX = (
    "def g(a):\n"
    + "".join(f"    if a > {n} and a < {n + 100}:\n        a += {n}\n" for n in range(40))
    + "    return a\n"
)


def ruff_children(client: RawClient) -> list[Process]:
    """Return the living children that are ruff."""
    return [child for child in client.children() if "ruff" in child.command().split(" ")[0]]


def workers(client: RawClient) -> list[Process]:
    """Return the living children that are postil's own workers."""
    return [child for child in client.children() if " worker " in f"{child.command()} "]


def kill_while_typing(client: RawClient, victims: str, number: int) -> list[float]:
    """Type, kill a child, type on; return the seconds until the diagnostics were right again, for each kill."""
    uri = client.open(client.uri("a.py"), "import m1\n" + COMPLEX.replace("g", "g1", 1))
    version = 1
    client.diagnostics(uri, version=version, where=lambda found: len(found) >= 2)
    times = []
    for turn in range(1, KILLS + 1):
        living = ruff_children if victims == "ruff" else workers
        client.wait_until(lambda find=living: bool(find(client)), timeout=3, what=f"a {victims} before kill {turn}")  # type: ignore[misc]
        children = living(client)
        for key in range(3):
            version += 1
            # Both the import and the function get another name, so what was found before is not right any more.
            changes = []
            for line, column in ((0, 8), (1, 5)):
                start = {"line": line, "character": column}
                end = {"line": line, "character": column + len(str(version - 1))}
                changes.append({"range": {"start": start, "end": end}, "text": str(version)})
            client.change(uri, version, *changes)
            if key == 1:
                for child in children:
                    child.signal(number)
        begun = time.monotonic()

        def right(found: list[object], name: int = version) -> bool:
            return f"`m{name}` imported" in str(found) and f"`g{name}` is hard" in str(found)

        client.diagnostics(uri, version=version, where=right, timeout=12)
        times.append(time.monotonic() - begun)
    return times


@pytest.mark.slow
@pytest.mark.parametrize("victims", ["ruff", "worker"])
def test_killed_children_come_back(ready: ReadyServer, victims: str) -> None:
    """Twenty SIGKILLs while typing: each time the diagnostics are right again within 2 s."""
    client = ready(capabilities.push())
    times = kill_while_typing(client, victims, signal.SIGKILL)
    print(
        f"right again after a {victims} was killed: median {sorted(times)[KILLS // 2]:.2f} s, longest {max(times):.2f} s"
    )
    assert max(times) <= 2.0, [round(one, 2) for one in times]
    assert len(ruff_children(client)) == 1
    client.check_clean()


def test_children_that_fault(ready: ReadyServer) -> None:
    """SIGSEGV looks like a fault of ruff's own: the text it looked at is suspected, the next text is analysed."""
    client = ready(capabilities.push())
    uri = client.open(client.uri("a.py"), "import m1\n")
    healthy = client.open(client.uri("healthy.py"), "import h\n")
    client.diagnostics(uri, where=bool)
    client.diagnostics(healthy, where=bool)
    for version in range(2, 7):
        for child in ruff_children(client):
            child.signal(signal.SIGSEGV)
        client.change(uri, version, f"import m{version}\n")
        # The change after that is another text, so it is analysed whatever was thought of the one before; unless the signal
        # came so late that ruff looked at this one already.
        client.change(uri, version + 100, f"import n{version}\n")
        seen = client.diagnostics(uri, version=version + 100, where=bool, timeout=5)
        if "analysis-off" in str(seen):
            client.change(uri, version + 200, f"import o{version}\n")
            seen = client.diagnostics(uri, version=version + 200, where=bool, timeout=5)
        assert f"{version}`" in str(seen)
        client.close(uri)
        client.open(uri, "import m1\n", version=1)
    client.change(healthy, 2, "import hh\n")
    client.diagnostics(healthy, version=2, where=bool, timeout=5)
    client.check_clean()


@pytest.mark.slow
def test_a_stopped_ruff_is_noticed(ready: ReadyServer) -> None:
    """A child that is stopped looks alive: it is replaced after its time limit, and nothing else waits for it."""
    client = ready(capabilities.push())
    uri = client.open(client.uri("a.py"), "import m1\n" + COMPLEX)
    client.diagnostics(uri, where=lambda found: len(found) >= 2)
    (child,) = ruff_children(client)
    client.echo()
    child.signal(signal.SIGSTOP)
    client.change(uri, 2, "import m2\n" + COMPLEX)
    assert client.echo() < 0.5
    client.change(uri, 3, "import m3\n" + COMPLEX)
    client.wait_until(lambda: not child.is_alive(), timeout=25, what="the stopped child to be ended")
    client.change(uri, 4, "import m4\n" + COMPLEX)
    client.diagnostics(uri, version=4, where=lambda found: any("`m4`" in str(one) for one in found), timeout=5)
    client.check_clean()


def test_a_poison_document_kills_once(ready: ReadyServer) -> None:
    """A text that kills ruff does it once; healthy documents keep their diagnostics; another text is analysed again."""
    client = ready(capabilities.push())
    healthy = client.open(client.uri("healthy.py"), "import healthy\n")
    client.diagnostics(healthy, where=bool)
    known = {child.pid for child in ruff_children(client)}
    assert len(known) == 1
    poison = client.open(client.uri("poison.py"), POISON)
    client.wait_until(
        lambda: bool({child.pid for child in ruff_children(client)} - known), timeout=10, what="a new ruff"
    )
    known |= {child.pid for child in ruff_children(client)}
    assert len(known) == 2
    client.diagnostics(poison, where=lambda found: any("off" in one["message"] for one in found))
    for version in range(2, 8):  # the same text again and again: sent anew, re-opened, under another name
        client.change(healthy, version, f"import h{version}\n")
        client.diagnostics(healthy, version=version, where=lambda found, v=version: f"`h{v}`" in str(found))  # type: ignore[misc]
        client.change(poison, version, POISON)
        client.close(poison)
        client.open(poison, POISON)
    other = client.open(client.uri("poison2.py"), POISON)
    client.diagnostics(other, where=lambda found: any("off" in one["message"] for one in found))
    client.change(healthy, 20, "import last\n")
    client.diagnostics(healthy, version=20, where=lambda found: "`last`" in str(found))
    now = {child.pid for child in ruff_children(client)}
    assert now <= known, "the same text killed ruff again"
    client.change(poison, 50, "import fine\n")
    client.diagnostics(poison, version=50, where=lambda found: "`fine`" in str(found), timeout=5)
    assert {child.pid for child in ruff_children(client)} <= known
    client.check_clean()


def test_poison_while_typing_elsewhere(ready: ReadyServer) -> None:
    """Poison that arrives while another document is typed in takes nothing from it."""
    client = ready(capabilities.push())
    healthy = client.open(client.uri("healthy.py"), "import m1\n")
    client.diagnostics(healthy, where=bool)
    for version in range(2, 40):
        client.change(healthy, version, f"import m{version}\n")
        if version == 20:
            client.open(client.uri("poison.py"), POISON)
    client.diagnostics(healthy, version=39, where=lambda found: "`m39`" in str(found), timeout=5)
    client.check_clean()


def test_server_killed_leaves_nobody(start: StartServer) -> None:
    """SIGKILL of the server with all kinds of children at work: nobody is left after 10 s."""
    client = start()
    client.initialize(capabilities.push())
    uri = client.open(client.uri("a.py"), "import os\ndef f(first):\n    return first\n" + COMPLEX * 30)
    client.diagnostics(uri, where=bool)
    here = {"textDocument": {"uri": uri}, "position": {"line": 2, "character": 12}}
    client.begin("textDocument/rename", {**here, "newName": "second"})  # jedi's process too
    client.wait_until(lambda: len(client.children()) >= 3, timeout=10, what="three children")
    children = client.children()
    client.kill()
    client.wait_exit(timeout=2)
    client.wait_until(lambda: not any(child.is_alive() for child in children), timeout=10, what="the children to end")


def test_client_killed_leaves_nobody(start: StartServer) -> None:
    """A client's death shows as the end of both pipes: neither server nor child is left after 10 s."""
    client = start()
    client.initialize(capabilities.push())
    uri = client.open(client.uri("a.py"), "import os\n" + COMPLEX * 30)
    client.diagnostics(uri, where=bool)
    everyone = [Process.of(client.pid), *client.children()]
    client.close_stdout()
    client.close_stdin()
    client.wait_exit(timeout=10)
    client.wait_until(lambda: not any(one.is_alive() for one in everyone), timeout=10, what="all processes to end")


def test_no_zombies_are_left_by_restarts(ready: ReadyServer) -> None:
    """Children that died are collected: none stays as a zombie, no descriptor of theirs stays open."""
    from pathlib import Path

    client = ready(capabilities.push())
    uri = client.open(client.uri("a.py"), "import m1\n")
    client.diagnostics(uri, where=bool)

    def descriptors() -> int:
        return len(list(Path(f"/proc/{client.pid}/fd").iterdir()))

    def zombies() -> int:
        found = 0
        for status in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = status.read_text("utf-8", "replace").rpartition(")")[2].split()
            except OSError:
                continue
            found += fields[1] == str(client.pid) and fields[0] == "Z"
        return found

    before = descriptors()
    for version in range(2, 8):
        for child in client.children():
            child.kill()
        client.change(uri, version, f"import m{version}\n")
        client.diagnostics(uri, version=version, where=lambda found, v=version: f"`m{v}`" in str(found), timeout=5)  # type: ignore[misc]
    client.wait_until(lambda: zombies() == 0, timeout=5, what="the dead children to be collected")
    client.wait_until(lambda: descriptors() <= before + 2, timeout=5, what="their descriptors to be closed")
