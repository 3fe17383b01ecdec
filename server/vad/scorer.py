"""Speech scoring for all sessions: what waits when the thread is free goes as one batch."""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import structlog

from server.metrics import Metrics
from server.vad.silero import VadState
from streaming.events import Samples

log = structlog.get_logger()

OnScores = Callable[[list[float] | Exception], None]

MAX_CHANNELS = 64
"""Rows per call: larger ones gain nothing and make everybody wait longer."""


class SpeechModel(Protocol):
    """Scores windows of several channels."""

    def score(self, work: Sequence[tuple[VadState, Samples]]) -> list[list[float]]:
        """Return the probabilities per channel."""


class SpeechScorer:
    """The queue in front of the speech model and its one thread.

    Bounded by its users: a channel has one request waiting at most.
    """

    def __init__(self, model: SpeechModel, metrics: Metrics) -> None:
        self._model = model
        self._metrics = metrics
        self._waiting: list[tuple[VadState, Samples, OnScores]] = []
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="vad")
        self._is_running = False
        self._is_closed = False

    def submit(self, state: VadState, samples: Samples, on_scores: OnScores) -> None:
        """Queue whole windows; `on_scores` is called on the event loop."""
        self._waiting.append((state, samples, on_scores))
        self._pump()

    async def close(self) -> None:
        """Wait for the running batch and end the thread."""
        self._is_closed = True
        await asyncio.to_thread(self._pool.shutdown, wait=True, cancel_futures=True)

    def _pump(self) -> None:
        if self._is_running or self._is_closed or not self._waiting:
            return
        self._is_running = True
        batch, self._waiting = self._waiting[:MAX_CHANNELS], self._waiting[MAX_CHANNELS:]
        self._metrics.vad_batch_size.observe(len(batch))
        work = [(state, samples) for state, samples, _ in batch]
        started_at = time.monotonic()
        future = asyncio.get_running_loop().run_in_executor(self._pool, self._model.score, work)
        callbacks = [on_scores for _, _, on_scores in batch]
        future.add_done_callback(lambda done: self._finish(callbacks, started_at, done))

    def _finish(
        self,
        callbacks: list[OnScores],
        started_at: float,
        done: asyncio.Future[list[list[float]]],
    ) -> None:
        self._is_running = False
        self._metrics.vad_seconds.observe(time.monotonic() - started_at)
        if not done.cancelled():
            error = done.exception()
            if error is not None:
                log.error("speech scoring failed", error=type(error).__name__, detail=str(error))
            for index, on_scores in enumerate(callbacks):
                on_scores(RuntimeError(str(error)) if error else done.result()[index])
        self._pump()
