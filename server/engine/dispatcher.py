"""The queue in front of the engine and the threads that run it.

Lives on the event loop; only `Engine.decode` runs on a thread. CTranslate2's own queue is never
used: a batch is formed when a worker is free, from what waits at that moment.
"""

import asyncio
import time
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import structlog

from server.engine.base import Again, Answer, Engine
from server.metrics import Metrics
from streaming.batching import BatchPolicy, Waiting
from streaming.effects import DecodeRequest, Purpose
from streaming.file_turns import WorkerLoad, file_rows
from streaming.options import TARGET_RATE_HZ
from streaming.transcript import Hypothesis
from streaming.windows import frames_of

log = structlog.get_logger()

STUCK_AFTER_S = 60.0
"""A batch takes well under a second; one this late will not come back."""

OnAnswer = Callable[[Hypothesis | Exception], None]
Renew = Callable[[DecodeRequest], DecodeRequest]
"""Called when a request's turn has come; returns one of the same id and batch key."""


@dataclass(eq=False, slots=True)
class Ticket:
    """One submitted decode; `on_answer` is called on the event loop, unless cancelled."""

    request: DecodeRequest
    on_answer: OnAnswer | None = field(repr=False)
    owner: Hashable = None
    is_live: bool = True
    renew: Renew | None = field(default=None, repr=False)


@dataclass(eq=False, slots=True)
class _Running:
    """A batch on a worker since `since`, monotonic seconds."""

    tickets: list[Ticket]
    since: float
    is_given_up: bool = False


class EngineDispatcher:
    """Gives free workers the next batch: of live sessions first, of files with what is left.

    Args:
        engine: Runs the batches.
        metrics: Counts them.
        num_workers: Batches that run at once.
        max_batch: Rows a batch.
        max_batch_frames: Frames of all windows of a batch of several rows; None for any number.
        max_file_batch: Rows a batch of file segments, which fill the window; `max_batch` if None.
        has_live_session: Says whether a live session is open; files then hold back.
    """

    def __init__(
        self,
        engine: Engine,
        metrics: Metrics,
        *,
        num_workers: int,
        max_batch: int,
        max_batch_frames: int | None = None,
        max_file_batch: int | None = None,
        has_live_session: Callable[[], bool] = lambda: True,
    ) -> None:
        self.engine = engine
        self.max_file_batch = max_file_batch or max_batch
        self.num_workers = num_workers
        self._metrics = metrics
        self._has_live_session = has_live_session
        self._policy: BatchPolicy[Ticket] = BatchPolicy(max_batch, max_batch_frames)
        self._files: BatchPolicy[Ticket] = BatchPolicy(self.max_file_batch)
        self._num_file_batches = 0
        self._pool = ThreadPoolExecutor(num_workers, thread_name_prefix="engine")
        self._num_free = num_workers
        self._running: set[_Running] = set()
        self._is_closed = False

    def submit(
        self,
        request: DecodeRequest,
        on_answer: OnAnswer,
        *,
        owner: Hashable = None,
        is_live: bool = True,
        renew: Renew | None = None,
    ) -> Ticket:
        """Queue a request; the answer or an exception comes to `on_answer` later.

        Requests of one `owner` do not hold up those of others. Those that are not live, because
        their client sends faster than anybody speaks, say nothing about overload.
        """
        ticket = Ticket(request, on_answer, owner, is_live, renew)
        self._enqueue(ticket)
        self._pump()
        return ticket

    def _enqueue(self, ticket: Ticket) -> None:
        request = ticket.request
        key = self.engine.batch_key(request)
        now = time.monotonic()
        waiting = Waiting(
            ticket,
            key,
            request.purpose,
            now,
            owner=ticket.owner,
            is_live=ticket.is_live,
            num_frames=frames_of(request),
        )
        self._queue_of(request).submit(waiting)

    def cancel(self, ticket: Ticket) -> None:
        """Drop a request, or its answer when it runs already."""
        ticket.on_answer = None
        self._queue_of(ticket.request).cancel(ticket)

    def waits_s(self, now: float) -> tuple[float, float]:
        """Return how long the oldest live interim and the oldest other live decode have waited."""
        return self._policy.waits_s(now)

    def is_stuck(self) -> bool:
        """Say whether a batch has been running far too long."""
        now = time.monotonic()
        return any(now - running.since > STUCK_AFTER_S for running in self._running)

    def give_up_stuck(self, now: float) -> None:
        """Fail the decodes of batches that run far too long, so that their sessions can go on.

        Their workers stay taken until they come back, if they ever do.
        """
        for running in self._running:
            if now - running.since <= STUCK_AFTER_S or running.is_given_up:
                continue
            running.is_given_up = True
            log.error("engine stuck", rows=len(running.tickets))
            for ticket in running.tickets:
                self._take(ticket, TimeoutError(f"no answer in {STUCK_AFTER_S:.0f} s"))
                ticket.on_answer = None

    async def close(self) -> None:
        """Wait for running batches and end the threads."""
        self._is_closed = True
        await asyncio.to_thread(self._pool.shutdown, wait=True, cancel_futures=True)

    def _queue_of(self, request: DecodeRequest) -> BatchPolicy[Ticket]:
        return self._files if request.purpose is Purpose.FILE else self._policy

    def _pump(self) -> None:
        while self._num_free > 0 and not self._is_closed:
            batch = self._take_of_files() or self._policy.take()
            self._metrics.queue_length.set(len(self._policy) + len(self._files))
            if not batch:
                return
            self._start(batch)

    def _take_of_files(self) -> list[Waiting[Ticket]]:
        load = WorkerLoad(
            num_workers=self.num_workers,
            num_file_batches=self._num_file_batches,
            has_live_session=self._has_live_session(),
            is_live_waiting=len(self._policy) > 0,
            is_live_running=len(self._running) > self._num_file_batches,
        )
        wait_s = self._files.oldest_wait_s(time.monotonic())
        rows = file_rows(load, wait_s, self.max_file_batch)
        return self._files.take(rows) if rows else []

    def _start(self, batch: list[Waiting[Ticket]]) -> None:
        now = time.monotonic()
        self._num_free -= 1
        running = _Running([waiting.job for waiting in batch], now)
        self._running.add(running)
        is_of_files = batch[0].purpose is Purpose.FILE
        self._num_file_batches += is_of_files
        self._metrics.batch_size.observe(len(batch))
        for waiting in batch:
            if waiting.job.renew is not None:
                waiting.job.request = waiting.job.renew(waiting.job.request)
            purpose = waiting.purpose.name.lower()
            self._metrics.queue_seconds.labels(purpose).observe(now - waiting.since)
            self._metrics.decodes.labels(purpose).inc()
            if waiting.job.request.words:
                self._metrics.timed_decodes.labels(purpose).inc()
            audio_s = len(waiting.job.request.audio) / TARGET_RATE_HZ
            self._metrics.decode_audio_seconds.labels(purpose).observe(audio_s)
        requests = [waiting.job.request for waiting in batch]
        future = asyncio.get_running_loop().run_in_executor(
            self._pool, self.engine.decode, requests
        )
        future.add_done_callback(lambda done: self._finish(running, done))

    def _finish(self, running: "_Running", done: asyncio.Future[list[Answer]]) -> None:
        tickets = running.tickets
        self._num_free += 1
        self._num_file_batches -= tickets[0].request.purpose is Purpose.FILE
        self._running.discard(running)
        self._metrics.decode_seconds.observe(time.monotonic() - running.since)
        if done.cancelled():
            return
        error = done.exception()
        answers: list[Answer]
        if error is not None:
            answers = [RuntimeError(str(error)) for _ in tickets]
        else:
            answers = done.result()
        for ticket, answer in zip(tickets, answers, strict=True):
            self._take(ticket, answer)
        self._pump()

    def _take(self, ticket: Ticket, answer: Answer) -> None:
        if isinstance(answer, Again):
            is_retry = answer.request.is_retry
            (self._metrics.decode_retries if is_retry else self._metrics.contexts_left_out).inc()
            ticket.request = answer.request
            if ticket.on_answer is not None:
                self._enqueue(ticket)
            return
        if isinstance(answer, Exception):
            self._metrics.decode_failures.inc()
            log.error("decode failed", error=type(answer).__name__, detail=str(answer))
        if ticket.on_answer is not None:
            ticket.on_answer(answer)
