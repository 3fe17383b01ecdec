"""The queue in front of the engine and the threads that run it.

Lives on the event loop; only `Engine.decode` runs on a thread. CTranslate2's own queue is never
used: a batch is formed when a worker is free, from what waits at that moment. A batch of interims
whose rows are not all begun when something more urgent comes leaves those for later.
"""

import asyncio
import math
import time
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import structlog

from server.engine.base import Again, Answer, Engine, Later, Why, never
from server.engine.tickets import FinalTimes, OnAnswer, Renew, RunningBatch, Ticket, WithdrawnError
from server.metrics import Metrics
from streaming.batching import BatchPolicy, Waiting
from streaming.effects import DecodeRequest, Purpose
from streaming.file_turns import WorkerLoad, file_rows
from streaming.options import TARGET_RATE_HZ
from streaming.overload import Load
from streaming.windows import Haste, frames_of, hastened

log = structlog.get_logger()

STUCK_AFTER_S = 60.0
"""A batch takes well under a second; one this late will not come back."""


class EngineDispatcher:
    """Gives free workers the next batch: of live sessions first, of files with what is left.

    Args:
        engine: Runs the batches.
        metrics: Counts them.
        num_workers: Batches that run at once.
        max_batch: Rows a batch.
        max_batch_frames: Frames of all windows of a batch of several rows; None for any number.
        max_interims: Rows a batch of interims; `max_batch` if None.
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
        max_interims: int | None = None,
        max_file_batch: int | None = None,
        has_live_session: Callable[[], bool] = lambda: True,
    ) -> None:
        self.engine = engine
        self.max_file_batch = max_file_batch or max_batch
        self.num_workers = num_workers
        self._metrics = metrics
        self._again_counts = {
            Why.DEGENERATE: metrics.decode_retries,
            Why.CONTEXT: metrics.contexts_left_out,
            Why.UNSAID: metrics.decodes_unfinished,
        }
        self._has_live_session = has_live_session
        self._policy: BatchPolicy[Ticket] = BatchPolicy(
            max_batch,
            max_batch_frames,
            renewed=self._renewed,
            hastened=self._hastened,
            num_workers=num_workers,
            max_interims=max_interims,
        )
        self._files: BatchPolicy[Ticket] = BatchPolicy(self.max_file_batch)
        self._num_file_batches = 0
        self._pool = ThreadPoolExecutor(num_workers, thread_name_prefix="engine")
        self._num_free = num_workers
        self._running: set[RunningBatch] = set()
        self._is_closed = False
        self._urgent_at = math.inf
        self._live_done_s = 0.0
        self.final_times = FinalTimes()

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
        ticket = Ticket(request, on_answer, time.monotonic(), owner, is_live, renew)
        self._enqueue(ticket)
        self._pump()
        return ticket

    def _enqueue(self, ticket: Ticket) -> None:
        request = ticket.request
        waiting = Waiting(
            ticket,
            self.engine.batch_key(request),
            request.purpose,
            ticket.since,
            owner=ticket.owner,
            is_live=ticket.is_live,
            num_frames=frames_of(request),
            slack_s=request.slack_s,
            place_at=ticket.place_at,
        )
        self._queue_of(request).submit(waiting)

    def _renewed(self, waiting: Waiting[Ticket]) -> Waiting[Ticket]:
        ticket = waiting.job
        if ticket.renew is None:
            return waiting
        request = ticket.request = ticket.renew(ticket.request)
        return replace(
            waiting,
            key=self.engine.batch_key(request),
            num_frames=frames_of(request),
            slack_s=request.slack_s,
        )

    def _hastened(self, waiting: Waiting[Ticket], haste: Haste) -> Waiting[Ticket]:
        ticket = waiting.job
        request = ticket.request = self._with_less_care(ticket.request, haste)
        return replace(waiting, key=self.engine.batch_key(request), num_frames=frames_of(request))

    def _with_less_care(self, request: DecodeRequest, haste: Haste) -> DecodeRequest:
        if not request.is_cheap:
            self._metrics.finals_hastened.inc()
        return hastened(request, haste)

    def set_load(self, load: Load) -> None:
        """Hasten finals where too many wait, or no longer."""
        self._policy.hastens = load.hastens_finals

    def cancel(self, ticket: Ticket) -> None:
        """Drop a request, or its answer when it runs already."""
        ticket.on_answer = None
        self._queue_of(ticket.request).cancel(ticket)

    def withdraw(self, ticket: Ticket) -> bool:
        """Drop a request that has not begun; return whether it has not.

        One that has is answered, with `WithdrawnError` where one decode is not enough.
        """
        ticket.is_withdrawn = True
        return self._queue_of(ticket.request).cancel(ticket)

    def waits_s(self, now: float) -> tuple[float, float]:
        """Return how long the oldest live interim has waited, and the longest other urgent one."""
        return self._policy.waits_s(now)

    def live_busy_s(self, now: float) -> float:
        """Return how many seconds of workers' time live voices have taken up to `now`.

        Files and clients that send faster than anybody speaks make way for them.
        """
        return self._live_done_s + sum(running.live_s(now) for running in self._running)

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
            self._policy.final_s = self.final_times.exact_s
            batch = self._take_of_files() or self._policy.take(time.monotonic())
            self._metrics.queue_length.set(len(self._policy) + len(self._files))
            if not batch:
                break
            self._start(batch)
        self._urgent_at = self._policy.urgent_at

    def _take_of_files(self) -> list[Waiting[Ticket]]:
        load = WorkerLoad(
            num_workers=self.num_workers,
            num_file_batches=self._num_file_batches,
            has_live_session=self._has_live_session(),
            is_live_waiting=len(self._policy) > 0,
            is_live_running=len(self._running) > self._num_file_batches,
        )
        now = time.monotonic()
        rows = file_rows(load, self._files.oldest_wait_s(now), self.max_file_batch)
        return self._files.take(now, rows) if rows else []

    def _start(self, batch: list[Waiting[Ticket]]) -> None:
        now = time.monotonic()
        self._num_free -= 1
        running = RunningBatch([waiting.job for waiting in batch], now)
        self._running.add(running)
        purpose = batch[0].purpose
        self._num_file_batches += purpose is Purpose.FILE
        requests = [waiting.job.request for waiting in batch]
        must_hurry = self._must_hurry if purpose is Purpose.INTERIM else never
        future = asyncio.get_running_loop().run_in_executor(
            self._pool, self.engine.decode, requests, must_hurry
        )
        future.add_done_callback(lambda done: self._finish(running, done))

    def _must_hurry(self) -> bool:
        """Say, on an engine's thread, whether something waits that interims make way for."""
        return time.monotonic() >= self._urgent_at

    def _finish(self, running: RunningBatch, done: asyncio.Future[list[Answer]]) -> None:
        tickets = running.tickets
        self._num_free += 1
        self._num_file_batches -= tickets[0].request.purpose is Purpose.FILE
        self._running.discard(running)
        now = time.monotonic()
        self._live_done_s += running.live_s(now)
        self.final_times.take_batch(running, now)
        self._metrics.decode_seconds.observe(now - running.since)
        if done.cancelled():
            return
        error = done.exception()
        answers: list[Answer]
        if error is not None:
            answers = [RuntimeError(str(error)) for _ in tickets]
        else:
            answers = done.result()
        self._metrics.batch_size.observe(sum(not isinstance(answer, Later) for answer in answers))
        for ticket, answer in zip(tickets, answers, strict=True):
            if not isinstance(answer, Later):
                self._count(ticket, running.since)
                self.final_times.take_answer(ticket, running.since, now)
            self._take(ticket, answer)
        self._pump()

    def _count(self, ticket: Ticket, began_at: float) -> None:
        request = ticket.request
        purpose = request.purpose.name.lower()
        self._metrics.queue_seconds.labels(purpose).observe(began_at - ticket.since)
        self._metrics.decodes.labels(purpose).inc()
        kind = "cheap_final" if request.is_cheap else purpose
        if request.has_times:
            self._metrics.timed_decodes.labels(kind).inc()
        audio_s = len(request.audio) / TARGET_RATE_HZ
        self._metrics.decode_audio_seconds.labels(kind).observe(audio_s)

    def _again(self, answer: Again) -> DecodeRequest:
        """Return what is decoded instead.

        On a busy server a degenerate final's retry gets a longer window instead of the full one,
        which takes a worker three times as long while others wait.
        """
        request = answer.request
        is_final = request.purpose is Purpose.FINAL and not request.is_cheap
        if is_final and answer.why is Why.DEGENERATE and self._policy.hastens:
            return self._with_less_care(request, Haste.TIMED)
        return request

    def _go_on(self, ticket: Ticket, answer: Again | Later) -> None:
        """Queue what is not decoded to its end once more, if somebody waits for it."""
        if ticket.on_answer is None:
            return
        if ticket.is_withdrawn:
            ticket.on_answer(WithdrawnError())
            return
        if isinstance(answer, Again):
            self._again_counts[answer.why].inc()
            ticket.decode_again(self._again(answer), time.monotonic())
        self._enqueue(ticket)

    def _take(self, ticket: Ticket, answer: Answer) -> None:
        if isinstance(answer, Again | Later):
            self._go_on(ticket, answer)
            return
        if isinstance(answer, Exception):
            self._metrics.decode_failures.inc()
            log.error("decode failed", error=type(answer).__name__, detail=str(answer))
        if ticket.on_answer is not None:
            ticket.on_answer(answer)
