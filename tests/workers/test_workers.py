"""A worker dies, hangs, floods and is killed; what waits for it does not."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from analyzers.finding import Finding
from server import workers
from server.workers import Worker, WorkerAway, WorkerDied, WorkerFailed, WorkerQuarantined, WorkerTimeout
from tests.workers.fake_worker import finding

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

FAKE = [sys.executable, "-I", str(Path(__file__).with_name("fake_worker.py"))]
GIB = 1 << 30
LONG = 20.0  # seconds; a limit that no test should come near

linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


@pytest.fixture
async def worker() -> AsyncIterator[Worker]:
    worker = Worker("fake", memory=GIB, command=FAKE)
    yield worker
    worker.close()


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    if sys.platform == "linux":
        with suppress(OSError):
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        return False
    return True


async def until(condition: Callable[[], bool], limit: float = 10.0) -> None:
    end = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < end, "it did not come to pass"
        await asyncio.sleep(0.005)


async def echo(worker: Worker, value: Any = 1) -> None:
    assert await worker.call("echo", value, timeout=LONG, result=type(value)) == value


# Values


@pytest.mark.parametrize("value", [1, "é🙂\u2028", [1, "two", None], {"a": [True]}, 1.5, "", "x" * 3_000_000])
async def test_values_come_back_as_they_were(worker: Worker, value: Any) -> None:
    await echo(worker, value)


async def test_findings_come_back_as_findings(worker: Worker) -> None:
    found = await worker.call("findings", timeout=LONG, result=list[Finding])
    assert found == [finding()]
    assert type(found[0].severity) is type(finding().severity)
    assert type(found[0].fixes[0].edits[0].span) is type(finding().span)


async def test_a_lone_surrogate_travels_as_one_character(worker: Worker) -> None:
    assert await worker.call("echo", ["a\ud800b", {"\udfff": 1}], timeout=LONG, result=list) == [
        "a\ufffdb",
        {"\ufffd": 1},
    ]


async def test_answers_come_in_order(worker: Worker) -> None:
    answers = await asyncio.gather(*(worker.call("echo", n, timeout=LONG, result=int) for n in range(500)))
    assert answers == list(range(500))


async def test_messages_and_calls_keep_their_order(worker: Worker) -> None:
    await echo(worker)
    for n in range(100):
        worker.tell("open", "a", str(n))
        assert await worker.call("text", "a", timeout=LONG, result=str) == str(n)


# Faults of a call


async def test_an_exception_tells_its_type_and_nothing_else(worker: Worker) -> None:
    with pytest.raises(WorkerFailed) as caught:
        await worker.call("fail", "secret", timeout=LONG, result=str)
    assert caught.value.args == ("LookupError",)
    await echo(worker)
    assert worker.deaths == 0


@pytest.mark.parametrize(
    ("method", "arguments", "error"),
    [
        ("overflow", (), "RecursionError"),
        ("unwritable", (), "TypeError"),
        ("no_such_method", (), "BadMessage"),
        ("__init__", (), "BadMessage"),
        ("text", (1,), "BadMessage"),
        ("text", (), "BadMessage"),
        ("text", ("a", "b"), "BadMessage"),
    ],
)
async def test_a_call_that_fails_leaves_the_worker_alive(
    worker: Worker, method: str, arguments: Any, error: str
) -> None:
    with pytest.raises(WorkerFailed, match=error):
        await worker.call(method, *arguments, timeout=LONG, result=str)
    await echo(worker)
    assert worker.deaths == 0


async def test_an_answer_of_another_type_is_an_error(worker: Worker) -> None:
    with pytest.raises(WorkerFailed, match="ValidationError"):
        await worker.call("echo", "text", timeout=LONG, result=int)
    await echo(worker)


async def test_printing_and_reading_do_not_disturb_the_pipe(worker: Worker) -> None:
    assert await worker.call("say", 500_000, timeout=LONG, result=str) == "said"
    assert await worker.call("ask", timeout=LONG, result=str) == ""
    await echo(worker)
    assert worker.deaths == 0


# Superseded work


async def test_only_the_newest_analysis_is_done(worker: Worker) -> None:
    await echo(worker)
    first = asyncio.ensure_future(worker.call("hang", 0.2, timeout=LONG, result=str))
    await asyncio.sleep(0)
    calls = []
    for n in range(20):
        worker.tell("open", "a", str(n))
        worker.tell("open", "b", str(n))
        calls.append(worker.call("analyse", "a", 0.0, timeout=LONG, result=str | None))
    answers = await asyncio.gather(first, *calls)
    assert answers == ["awake", *[None] * 19, "19"]
    assert await worker.call("count", timeout=LONG, result=int) == 1


async def test_another_document_does_not_supersede(worker: Worker) -> None:
    await echo(worker)
    worker.tell("open", "a", "text")
    calls = [worker.call("analyse", "a", 0.05, timeout=LONG, result=str | None)]
    worker.tell("open", "b", "other")
    calls.append(worker.call("analyse", "b", 0.0, timeout=LONG, result=str | None))
    assert await asyncio.gather(*calls) == ["text", "other"]


# Deaths


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("segfault", ()),
        ("abort", ()),
        ("leave", (0,)),
        ("fill_memory", ()),
        ("nonsense", ()),
        ("half_an_answer", ()),
        ("swell", ()),
    ],
)
async def test_a_child_that_breaks_costs_its_own_call(worker: Worker, method: str, arguments: Any) -> None:
    await echo(worker)
    broken = worker.call(method, *arguments, timeout=LONG, result=str, subject="poison")
    others = [worker.call("echo", n, timeout=LONG, result=int, subject=f"s{n}") for n in range(5)]
    answers = await asyncio.gather(broken, *others, return_exceptions=True)
    assert isinstance(answers[0], WorkerDied)
    assert [*answers[1:]] == [0, 1, 2, 3, 4]
    assert worker.deaths == 1


async def test_what_broke_the_child_is_not_sent_again(worker: Worker) -> None:
    with pytest.raises(WorkerDied):
        await worker.call("segfault", timeout=LONG, result=str, subject="poison")
    for _ in range(3):
        with pytest.raises(WorkerQuarantined):
            await worker.call("segfault", timeout=LONG, result=str, subject="poison")
    await worker.call("echo", 1, timeout=LONG, result=int, subject="healthy")
    assert worker.deaths == 1


async def test_several_poisons_in_one_line_spare_what_stands_between(worker: Worker) -> None:
    calls = []
    for n in range(4):
        calls.append(worker.call("segfault", timeout=LONG, result=str, subject=f"poison {n}"))
        calls.append(worker.call("echo", n, timeout=LONG, result=int))
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(one) for one in answers[::2]] == [WorkerDied] * 4
    assert answers[1::2] == [0, 1, 2, 3]  # type: ignore[comparison-overlap]
    assert worker.deaths == 4


async def test_a_message_with_a_subject_is_blamed_instead_of_the_call_behind_it(worker: Worker) -> None:
    def restarted() -> None:
        worker.tell("open", "healthy", "text", subject="healthy")
        worker.tell("open", "poison", "segfault", subject="poison")

    worker.on_restart = restarted
    assert await worker.call("text", "healthy", timeout=LONG, result=str) == "text"
    assert worker.deaths == 1
    assert worker.is_quarantined("poison")
    assert not worker.is_quarantined("healthy")
    assert not worker.tell("open", "poison", "segfault", subject="poison")


async def test_the_state_is_sent_before_the_calls_that_follow(worker: Worker) -> None:
    worker.on_restart = lambda: worker.tell("open", "a", "kept")
    assert await worker.call("text", "a", timeout=LONG, result=str) == "kept"
    broken = worker.call("segfault", timeout=LONG, result=str)
    behind = worker.call("text", "a", timeout=LONG, result=str)
    _, text = await asyncio.gather(broken, behind, return_exceptions=True)
    assert text == "kept"


async def test_nothing_is_told_to_a_child_that_does_not_run(worker: Worker) -> None:
    assert not worker.tell("open", "a", "lost")
    assert worker.pid is None
    assert await worker.call("text", "a", timeout=LONG, result=str | None) is None


async def test_a_fault_in_sending_the_state_does_not_stop_the_calls(worker: Worker) -> None:
    worker.on_restart = lambda: 1 / 0
    await echo(worker)


@pytest.mark.parametrize("kind", [signal.SIGKILL, signal.SIGTERM])
async def test_a_child_killed_from_outside_comes_back_always(worker: Worker, kind: int) -> None:
    await echo(worker)
    for round_ in range(20):
        await until(lambda: worker.pid is not None)
        assert worker.pid is not None
        call = asyncio.ensure_future(worker.call("hang", 0.05, timeout=LONG, result=str, subject=f"text {round_}"))
        await asyncio.sleep(0)
        began = time.monotonic()
        os.kill(worker.pid, kind)
        assert await call == "awake"
        assert time.monotonic() - began < 2.0
    assert worker.deaths == 20


async def test_a_child_killed_while_idle_is_there_for_the_next_call(worker: Worker) -> None:
    await echo(worker)
    pid = worker.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await until(lambda: worker.pid is None)
    await echo(worker)
    assert worker.pid not in (None, pid)


async def test_killed_from_outside_again_and_again_with_one_subject_is_the_subject(worker: Worker) -> None:
    await echo(worker)
    calls = [
        asyncio.ensure_future(worker.call("spin", timeout=LONG, result=str, subject="memory hog")) for _ in range(2)
    ]
    for deaths in range(3):
        await until(lambda: worker.is_working)
        assert worker.pid is not None
        os.kill(worker.pid, signal.SIGKILL)
        await until(lambda: worker.deaths > deaths)  # noqa: B023 - waited for here
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(one) for one in answers] == [WorkerDied] * 2
    assert worker.is_quarantined("memory hog")
    await echo(worker)


async def test_a_child_that_cannot_start_fails_the_calls_and_not_the_loop(tmp_path: Path) -> None:
    for command in (
        [*FAKE, "--dies-at-start"],
        [str(tmp_path / "nothing")],
        [sys.executable, "-c", "import sys; sys.exit(3)"],
    ):
        worker = Worker("fake", memory=GIB, command=command)
        with pytest.raises(WorkerDied):
            await worker.call("echo", 1, timeout=LONG, result=int)
        worker.close()


# Deadlines


@pytest.mark.parametrize("method", ["spin", "hang"])
async def test_a_late_call_is_killed_and_the_others_are_answered(worker: Worker, method: str) -> None:
    await echo(worker)
    pid = worker.pid
    assert pid is not None
    arguments = () if method == "spin" else (60.0,)
    began = time.monotonic()
    late = worker.call(method, *arguments, timeout=0.3, result=str, subject="endless")
    others = [worker.call("echo", n, timeout=0.3, result=int) for n in range(3)]
    answers = await asyncio.gather(late, *others, return_exceptions=True)
    assert isinstance(answers[0], WorkerTimeout)
    assert answers[1:] == [0, 1, 2]
    assert time.monotonic() - began < 5.0
    assert not alive(pid)
    with pytest.raises(WorkerQuarantined):
        await worker.call(method, *arguments, timeout=0.3, result=str, subject="endless")


async def test_the_clock_of_a_call_starts_when_its_turn_comes(worker: Worker) -> None:
    await echo(worker)
    calls = [worker.call("hang", 0.2, timeout=1.0, result=str) for _ in range(6)]
    assert await asyncio.gather(*calls) == ["awake"] * 6
    assert worker.deaths == 0


@linux
async def test_a_stopped_child_is_killed_at_the_deadline_and_its_text_is_not_blamed(worker: Worker) -> None:
    await echo(worker)
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGSTOP)
    with pytest.raises(WorkerTimeout):
        await worker.call("echo", 1, timeout=0.3, result=int, subject="healthy")
    assert await worker.call("echo", 2, timeout=LONG, result=int, subject="healthy") == 2


async def test_a_child_that_does_not_read_is_replaced(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "MAX_UNSENT", 2_000_000)
    worker.on_restart = lambda: worker.tell("open", "a", "anew")
    await echo(worker)
    pid = worker.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    text = "x" * 1_000_000
    for _ in range(10):
        worker.tell("open", "a", text)
    await until(lambda: not alive(pid))
    assert await worker.call("text", "a", timeout=LONG, result=str) == "anew"


async def test_the_line_is_bounded(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "MAX_WAITING", 5)
    answers = await asyncio.gather(
        *(worker.call("echo", n, timeout=LONG, result=int) for n in range(7)), return_exceptions=True
    )
    assert answers[:5] == [0, 1, 2, 3, 4]
    assert [type(one) for one in answers[5:]] == [WorkerAway] * 2


# Cancelling


async def test_cancelling_forgets_the_answer_and_keeps_the_child(worker: Worker) -> None:
    await echo(worker)
    pid = worker.pid
    call = asyncio.ensure_future(worker.call("hang", 0.1, timeout=LONG, result=str))
    await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await echo(worker)
    assert worker.pid == pid


async def test_a_cancelled_call_that_hangs_is_still_killed_at_its_deadline(worker: Worker) -> None:
    await echo(worker)
    call = asyncio.ensure_future(worker.call("spin", timeout=0.2, result=str))
    await asyncio.sleep(0)
    call.cancel()
    await echo(worker)
    assert worker.deaths == 1


async def test_cancel_kills_ends_the_child_at_once(worker: Worker) -> None:
    await echo(worker)
    pid = worker.pid
    assert pid is not None
    call = asyncio.ensure_future(worker.call("spin", timeout=LONG, result=str, subject="slow", cancel_kills=True))
    await asyncio.sleep(0)
    behind = asyncio.ensure_future(worker.call("echo", 5, timeout=LONG, result=int))
    await asyncio.sleep(0)
    call.cancel()
    assert await behind == 5
    assert not alive(pid)
    assert not worker.is_quarantined("slow")


async def test_cancelling_before_the_child_has_started(worker: Worker) -> None:
    call = asyncio.ensure_future(worker.call("spin", timeout=LONG, result=str))
    await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await echo(worker)
    assert worker.deaths == 0


# Ending


async def test_kill_fails_who_waits_and_the_next_call_works(worker: Worker) -> None:
    await echo(worker)
    call = asyncio.ensure_future(worker.call("spin", timeout=LONG, result=str, subject="mine"))
    await asyncio.sleep(0)
    worker.kill()
    with pytest.raises(WorkerDied):
        await call
    await echo(worker)
    assert not worker.is_quarantined("mine")


async def test_close_is_for_good_and_leaves_no_process() -> None:
    worker = Worker("fake", memory=GIB, command=FAKE)
    await echo(worker)
    pid = worker.pid
    assert pid is not None
    grandchild = await worker.call("child", timeout=LONG, result=int)
    call = asyncio.ensure_future(worker.call("spin", timeout=LONG, result=str))
    await asyncio.sleep(0)
    worker.close()
    with pytest.raises(WorkerDied):
        await call
    with pytest.raises(WorkerDied):
        await worker.call("echo", 1, timeout=LONG, result=int)
    assert not worker.tell("open", "a", "b")
    assert not alive(pid)
    await until(lambda: not alive(grandchild))


async def test_closing_while_starting_leaves_no_process() -> None:
    worker = Worker("fake", memory=GIB, command=FAKE)
    call = asyncio.ensure_future(worker.call("echo", 1, timeout=LONG, result=int))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    worker.close()
    with pytest.raises(WorkerDied):
        await call
    assert worker.pid is None


@linux
async def test_descriptors_and_tasks_do_not_grow(worker: Worker) -> None:
    await echo(worker)

    def open_files() -> int:
        return len(os.listdir("/proc/self/fd"))

    before = open_files()
    for n in range(10):
        with suppress(WorkerDied):
            await worker.call("leave", 1, timeout=LONG, result=str, subject=str(n))
        await echo(worker)
    await until(lambda: open_files() <= before)
    assert len(asyncio.all_tasks()) == 1


# The process


@linux
async def test_the_child_gets_little(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PYTHONPATH", "VIRTUAL_ENV", "LD_PRELOAD_NOT", "OPENAI_API_KEY", "GIT_DIR", "SECRET"):
        monkeypatch.setenv(name, "x")
    about = await worker.call("about", timeout=LONG, result=dict)
    assert about["cwd"] == "/"
    assert not {"PYTHONPATH", "VIRTUAL_ENV", "OPENAI_API_KEY", "GIT_DIR", "SECRET", "PATH"} & set(about["environment"])
    assert about["group"] == about["session"] == about["pid"] == worker.pid
    assert len(about["files"]) <= 6, "the three standard ones, two pipes, and the one that lists them"
    assert not about["asyncio"]


async def test_only_the_main_thread_starts_children() -> None:
    from analyzers.processes import spawn

    with pytest.raises(RuntimeError, match="main thread"):
        await asyncio.to_thread(spawn, ["/bin/true"])
    with pytest.raises(ValueError, match="absolute"):
        spawn(["true"])


def test_the_launcher_refuses_other_roles() -> None:
    root = Path(__file__).parents[2]
    for arguments in (["nonsense", "1", "0"], [], ["names"]):
        done = subprocess.run(
            [sys.executable, "-I", str(root / "postil" / "__main__.py"), "worker", *arguments],
            capture_output=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 2


SERVER = """
import asyncio, os, sys
sys.path.insert(0, {root!r})
from server.workers import Worker
async def main():
    worker = Worker("fake", memory=1 << 30, command={fake!r})
    await worker.call("echo", 1, timeout=20, result=int)
    busy = asyncio.ensure_future(worker.call("spin", timeout=60, result=str))
    await asyncio.sleep(0)
    print(worker.pid, flush=True)
    await busy
asyncio.run(main())
"""


@pytest.mark.parametrize("kind", [signal.SIGKILL, signal.SIGTERM])
def test_a_dead_server_leaves_no_busy_worker(kind: int) -> None:
    root = str(Path(__file__).parents[2])
    server = subprocess.Popen([sys.executable, "-c", SERVER.format(root=root, fake=FAKE)], stdout=subprocess.PIPE)
    assert server.stdout is not None
    pid = int(server.stdout.readline())
    assert alive(pid)
    server.send_signal(kind)
    server.wait(timeout=10)
    server.stdout.close()
    asyncio.run(until(lambda: not alive(pid), limit=5.0))
