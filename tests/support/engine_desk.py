"""A dispatcher on a scripted engine, and its answers as they come."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from server.engine.dispatcher import EngineDispatcher
from server.engine.tickets import Ticket
from server.metrics import Metrics
from streaming.effects import DecodeRequest, Purpose
from streaming.options import Task
from streaming.transcript import Hypothesis
from tests.support.scripted_engine import ScriptedEngine
from tests.support.scripted_speech import speech

FINAL, INTERIM = Purpose.FINAL, Purpose.INTERIM


def request(
    number: int, purpose: Purpose = FINAL, prompt: str = "", **changes: Any
) -> DecodeRequest:
    audio = speech([number])
    asked = DecodeRequest(
        number, purpose, audio, 0, "en", Task.TRANSCRIBE, words=False, prompt=prompt, keyterms=()
    )
    return replace(asked, **changes)


@dataclass
class Desk:
    """A dispatcher, its engine, and the answers as they come."""

    dispatcher: EngineDispatcher
    engine: ScriptedEngine
    metrics: Metrics

    def submit(self, *args, **kwargs) -> asyncio.Future[Hypothesis | Exception]:
        return self.ticket(*args, **kwargs)[1]

    def ticket(self, *args, **kwargs) -> tuple[Ticket, asyncio.Future[Hypothesis | Exception]]:
        answer: asyncio.Future[Hypothesis | Exception] = asyncio.get_running_loop().create_future()
        return self.dispatcher.submit(request(*args, **kwargs), answer.set_result), answer

    async def started(self) -> None:
        await asyncio.to_thread(self.engine.wait_for_start)

    @property
    def ids(self) -> list[list[int]]:
        return [[row.id for row in batch] for batch in self.engine.batches]

    def count(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0.0


@asynccontextmanager
async def desk(
    num_workers: int = 1, max_batch: int = 4, max_interims: int | None = None
) -> AsyncIterator[Desk]:
    engine, metrics = ScriptedEngine(), Metrics()
    made = EngineDispatcher(
        engine,
        metrics,
        num_workers=num_workers,
        max_batch=max_batch,
        max_interims=max_interims,
    )
    try:
        yield Desk(made, engine, metrics)
    finally:
        engine.resume()
        await made.close()


async def text_of(answer: asyncio.Future[Hypothesis | Exception]) -> str:
    hypothesis = await answer
    assert isinstance(hypothesis, Hypothesis)
    return hypothesis.text
