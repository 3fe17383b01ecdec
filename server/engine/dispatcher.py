"""The queue in front of the engine and the threads that run it.

Lives on the event loop; only `Engine.decode` runs on a thread. CTranslate2's own queue is never
used: a batch is formed when a worker is free, from what waits at that moment.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import structlog

from server.engine.base import BatchReport, Engine
from server.metrics import Metrics
from streaming.batching import BatchPolicy, Waiting
from streaming.effects import DecodeRequest
from streaming.options import TARGET_RATE_HZ
from streaming.transcript import Hypothesis

log = structlog.get_logger()

STUCK_AFTER_S = 60.0
"""A batch takes well under a second; one this late will not come back."""

OnAnswer = Callable[[Hypothesis | Exception], None]


@dataclass(eq=False, slots=True)
class Ticket:
    """One submitted decode; `on_answer` is called on the event loop, unless cancelled."""

    request: DecodeRequest
    on_answer: OnAnswer | None = field(repr=False)


class EngineDispatcher:
    """Gives free workers the next batch."""

    def __init__(
        self, engine: Engine, metrics: Metrics, *, num_workers: int, max_batch: int
    ) -> None:
        self.engine = engine
        self._metrics = metrics
        self._policy: BatchPolicy[Ticket] = BatchPolicy(max_batch)
        self._pool = ThreadPoolExecutor(num_workers, thread_name_prefix="engine")
        self._num_free = num_workers
        self._running_since: dict[int, float] = {}
        self._num_batches = 0
        self._is_closed = False

    def submit(self, request: DecodeRequest, on_answer: OnAnswer) -> Ticket:
        """Queue a request; the answer or an exception comes to `on_answer` later."""
        ticket = Ticket(request, on_answer)
        key = self.engine.batch_key(request)
        self._policy.submit(Waiting(ticket, key, request.purpose, time.monotonic()))
        self._pump()
        return ticket

    def cancel(self, ticket: Ticket) -> None:
        """Drop a request, or its answer when it runs already."""
        ticket.on_answer = None
        self._policy.cancel(ticket)

    def is_stuck(self) -> bool:
        """Say whether a batch has been running far too long."""
        now = time.monotonic()
        return any(now - since > STUCK_AFTER_S for since in self._running_since.values())

    async def close(self) -> None:
        """Wait for running batches and end the threads."""
        self._is_closed = True
        await asyncio.to_thread(self._pool.shutdown, wait=True, cancel_futures=True)

    def _pump(self) -> None:
        while self._num_free > 0 and not self._is_closed:
            batch = self._policy.take()
            self._metrics.queue_length.set(len(self._policy))
            if not batch:
                return
            self._start(batch)

    def _start(self, batch: list[Waiting[Ticket]]) -> None:
        now = time.monotonic()
        self._num_free -= 1
        self._num_batches += 1
        number = self._num_batches
        self._running_since[number] = now
        self._metrics.batch_size.observe(len(batch))
        for waiting in batch:
            purpose = waiting.purpose.name.lower()
            self._metrics.queue_seconds.labels(purpose).observe(now - waiting.since)
            self._metrics.decodes.labels(purpose).inc()
            audio_s = len(waiting.job.request.audio) / TARGET_RATE_HZ
            self._metrics.decode_audio_seconds.labels(purpose).observe(audio_s)
        requests = [waiting.job.request for waiting in batch]
        future = asyncio.get_running_loop().run_in_executor(
            self._pool, self.engine.decode, requests
        )
        tickets = [waiting.job for waiting in batch]
        future.add_done_callback(lambda done: self._finish(number, tickets, done))

    def _finish(
        self, number: int, tickets: list[Ticket], done: asyncio.Future[BatchReport]
    ) -> None:
        self._num_free += 1
        since = self._running_since.pop(number)
        self._metrics.decode_seconds.observe(time.monotonic() - since)
        if done.cancelled():
            return
        error = done.exception()
        answers: tuple[Hypothesis | Exception, ...]
        if error is not None:
            answers = tuple(RuntimeError(str(error)) for _ in tickets)
        else:
            answers = done.result().answers
            self._metrics.decode_retries.inc(done.result().num_retries)
        for ticket, answer in zip(tickets, answers, strict=True):
            if isinstance(answer, Exception):
                self._metrics.decode_failures.inc()
                log.error("decode failed", error=type(answer).__name__, detail=str(answer))
            if ticket.on_answer is not None:
                ticket.on_answer(answer)
        self._pump()
