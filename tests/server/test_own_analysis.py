"""What becomes of a text whose analysis is lost, superseded or refused, with a scripted worker process."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from analyzers.document import Document
from analyzers.options import Options
from server import own_analysis
from server.ledger import Plan, Tracked
from server.own_analysis import OFF, OwnAnalysis
from server.workers import WorkerAway, WorkerDied, WorkerError, WorkerTimeout


class ScriptedWorker:
    """Gives the answers of a list, in turn, when it is let go; notes what it is told."""

    def __init__(self, *answers: list[Any] | WorkerError | None) -> None:
        self.answers = list(answers)
        self.told: list[tuple[object, ...]] = []
        self.go = asyncio.Event()
        self.go.set()
        self.on_restart = lambda: None

    def tell(self, *message: object) -> bool:
        self.told.append(message)
        return True

    async def call(self, *_: object, **__: object) -> Any:
        await self.go.wait()
        answer = self.answers.pop(0)
        if isinstance(answer, WorkerError):
            raise answer
        return answer

    def kill(self) -> None:
        self.answers.insert(0, WorkerAway())
        self.go.set()


class Scene:
    """One document, the analysis under test, and what it answered."""

    def __init__(self, *answers: list[Any] | WorkerError | None) -> None:
        self.worker = ScriptedWorker(*answers)
        self.tracked = Tracked("file:///a.rs", Document("file:///a.rs", 1, "rust", "fn"), Plan(None, Options()))
        self.tracked.own_active = True
        self.answered: list[str] = []
        self.own = OwnAnalysis(
            self.worker,  # type: ignore[arg-type]
            lambda: [self.tracked],
            lambda one: self.answered.append(one.own_off),
        )

    async def until_answered(self, times: int = 1) -> None:
        async with asyncio.timeout(5):
            while len(self.answered) < times:  # noqa: ASYNC110 - the code under test knows no events
                await asyncio.sleep(0)


@pytest.mark.parametrize("error", [WorkerDied(is_fault=True), WorkerTimeout(is_fault=True)])
def test_a_text_at_fault_is_off(error: WorkerError) -> None:
    async def run() -> None:
        scene = Scene(error)
        scene.own.ask(scene.tracked)
        await scene.until_answered()
        assert scene.answered == [OFF]
        scene.tracked.own_off, scene.tracked.own_seen = "", None
        scene.own.ask(scene.tracked)  # and who waits for it hears so
        assert scene.answered == [OFF, OFF]

    asyncio.run(run())


@pytest.mark.parametrize("error", [WorkerDied(), WorkerAway(), WorkerTimeout()])
def test_an_innocent_text_is_asked_about_again(error: WorkerError, monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        monkeypatch.setattr(own_analysis, "PAUSE", 0.0)
        scene = Scene(error, [])
        scene.own.ask(scene.tracked)
        await scene.until_answered(2)
        assert scene.answered == ["", ""]
        assert scene.worker.answers == []

    asyncio.run(run())


def test_a_restart_accuses_nobody() -> None:
    async def run() -> None:
        scene = Scene([])
        scene.worker.go.clear()
        scene.own.ask(scene.tracked)
        await asyncio.sleep(0)
        scene.own.restart()
        await scene.until_answered()
        assert scene.answered == [""]

    asyncio.run(run())


def test_a_closed_document_is_not_opened_again() -> None:
    """The answer to a superseded question is null, and another document may have that URI by then."""

    async def run() -> None:
        scene = Scene(None)
        scene.worker.go.clear()
        scene.own.ask(scene.tracked)
        await asyncio.sleep(0)
        scene.own.close(scene.tracked)
        scene.worker.go.set()
        await scene.until_answered()
        assert scene.worker.told == [("close", scene.tracked.uri)]

    asyncio.run(run())
