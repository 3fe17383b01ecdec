"""Speech scoring for all sessions: what came in since the last tick goes as one batch.

Scoring runs on the event loop, in blocks of at most `MAX_WINDOWS` windows (some 2 ms), with other
work let in between. That is cheaper than a thread: a block is a few dozen short NumPy calls, and a
thread would have to win the interpreter's lock back from the busy loop after each of them. The
event loop lag in `/metrics` shows that it stays small.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog

from server.metrics import Metrics
from server.vad.state import VadState
from streaming.events import Samples
from streaming.speech_gate import WINDOW_SAMPLES

log = structlog.get_logger()

OnScores = Callable[[list[float] | Exception], None]

TICK_S = 0.032
"""A window: sooner gives smaller batches, which cost more per window. After a pause the next
request is scored at once."""

MAX_WINDOWS = 128
"""Bounds a block, and so how long other work waits; larger ones are not cheaper per window."""


class SpeechModel(Protocol):
    """Scores windows of several channels."""

    def score(self, work: Sequence[tuple[VadState, Samples]]) -> list[list[float]]:
        """Return the probabilities per channel."""


class SpeechScorer:
    """The queue in front of the speech model.

    Bounded by its users: a channel has one request waiting at most.
    """

    def __init__(self, model: SpeechModel, metrics: Metrics) -> None:
        self._model = model
        self._metrics = metrics
        self._waiting: deque[tuple[VadState, Samples, OnScores]] = deque()
        self._tick: asyncio.Handle | None = None
        self._last_tick_at = 0.0

    def submit(self, state: VadState, samples: Samples, on_scores: OnScores) -> None:
        """Queue whole windows; `on_scores` is called later, never from here."""
        self._waiting.append((state, samples, on_scores))
        if self._tick is None:
            delay_s = self._last_tick_at + TICK_S - time.monotonic()
            loop = asyncio.get_running_loop()
            self._tick = (
                loop.call_later(delay_s, self._score)
                if delay_s > 0
                else loop.call_soon(self._score)
            )

    def close(self) -> None:
        """Score nothing more."""
        self._waiting.clear()
        if self._tick is not None:
            self._tick.cancel()

    def _score(self) -> None:
        """Score a block; the rest of the tick follows when the loop has seen to others."""
        self._tick = None
        self._last_tick_at = started_at = time.monotonic()
        block = self._next_block()
        if not block:
            return
        if self._waiting:
            # Before the answers: what sessions ask for in theirs would otherwise put it off a tick,
            # and a server that is once behind would never catch up.
            self._tick = asyncio.get_running_loop().call_soon(self._score)
        try:
            scores = self._model.score([(state, samples) for state, samples, _ in block])
        except Exception as error:  # the sessions are told; others go on
            log.exception("speech scoring failed")
            for _, _, on_scores in block:
                on_scores(RuntimeError(str(error)))
        else:
            self._metrics.vad_batch_size.observe(len(block))
            self._metrics.vad_seconds.observe(time.monotonic() - started_at)
            for (_, _, on_scores), probabilities in zip(block, scores, strict=True):
                on_scores(probabilities)

    def _next_block(self) -> list[tuple[VadState, Samples, OnScores]]:
        block: list[tuple[VadState, Samples, OnScores]] = []
        num_windows = 0
        while self._waiting and num_windows < MAX_WINDOWS:
            request = self._waiting.popleft()
            num_windows += len(request[1]) // WINDOW_SAMPLES
            block.append(request)
        return block
