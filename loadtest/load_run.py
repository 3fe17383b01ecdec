"""One run of many voices: starts their processes and reads the server's metrics meanwhile."""

import asyncio
import multiprocessing
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess

from loadtest.metric_readings import Reading
from loadtest.server_info import metrics_now
from loadtest.streamed import Target
from loadtest.voice_process import (
    PATIENCE_S,
    READY,
    SessionResult,
    VoiceJob,
    VoiceOutcome,
    run_voices,
)
from loadtest.voices import Clip, Voice

VOICES_PER_PROCESS = 128
MAX_READINGS = 600
MIN_READING_PERIOD_S = 1.0
LATEST_ANSWER_S = 2 * PATIENCE_S
"""A voice process that is silent so long after its last voice should have ended is broken."""

_POLL_S = 0.5


class LoadRunError(Exception):
    """A run could not be made; the message says why."""


@dataclass(frozen=True)
class LoadPlan:
    """What to run: voices over clips against a server."""

    target: Target
    clips: Sequence[Clip]
    voices: Sequence[Voice]
    language: str | None = None
    seed: int = 0

    @property
    def ends_s(self) -> float:
        """When the last voice should end, in seconds of the run."""
        return max(voice.ends_s for voice in self.voices)


@dataclass(frozen=True)
class LoadRun:
    """What came of it. Instants are monotonic seconds; `readings` may be empty."""

    begins_at: float
    results: Sequence[SessionResult]
    readings: Sequence[Reading]
    client_cpu_s: float
    client_lateness_p99_s: float

    def reading_at(self, run_s: float) -> Reading | None:
        """Find the reading nearest to a second of the run."""
        at = self.begins_at + run_s
        return min(self.readings, key=lambda reading: abs(reading.at - at), default=None)


OnReading = Callable[[float, Reading | None], None]
"""Called with the seconds of the run so far and the newest reading."""


async def run_load(plan: LoadPlan, on_reading: OnReading) -> LoadRun:
    """Run all voices to their ends.

    Raises `LoadRunError` when a voice process breaks.
    """
    num_processes = min(os.cpu_count() or 1, -(-len(plan.voices) // VOICES_PER_PROCESS))
    shares = [plan.voices[start::num_processes] for start in range(num_processes)]
    workers = [_start(plan, share) for share in shares]
    readings: list[Reading] = []
    try:
        await asyncio.gather(*(_answer(worker, LATEST_ANSWER_S) for worker in workers))
        begins_at = time.monotonic() + 0.2
        for worker in workers:
            worker.connection.send(begins_at)
        watch = asyncio.create_task(_watch(plan, begins_at, readings, on_reading))
        try:
            patience_s = plan.ends_s + LATEST_ANSWER_S + _longest_clip_s(plan)
            outcomes = await asyncio.gather(*(_answer(worker, patience_s) for worker in workers))
        finally:
            watch.cancel()
            await asyncio.gather(watch, return_exceptions=True)
    finally:
        for worker in workers:
            worker.end()
    return _pooled(begins_at, outcomes, readings)


@dataclass(frozen=True)
class _Worker:
    process: SpawnProcess
    connection: Connection

    def end(self) -> None:
        self.connection.close()
        self.process.terminate()
        self.process.join()


def _start(plan: LoadPlan, voices: Sequence[Voice]) -> _Worker:
    # Spawned, not forked: the parent has threads, and a clean process measures itself better.
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    job = VoiceJob(plan.target, plan.clips, voices, plan.language, plan.seed)
    process = context.Process(target=run_voices, args=(theirs, job), daemon=True)
    process.start()
    theirs.close()
    return _Worker(process, ours)


async def _answer(worker: _Worker, patience_s: float) -> VoiceOutcome | None:
    """Wait for the worker's next message; None is `READY`."""
    gives_up_at = time.monotonic() + patience_s
    try:
        # Short waits: a thread that waits for minutes would outlive Ctrl-C.
        while not await asyncio.to_thread(worker.connection.poll, _POLL_S):
            if time.monotonic() > gives_up_at:
                raise LoadRunError(f"a voice process said nothing for {patience_s:.0f} s")
        message = await asyncio.to_thread(worker.connection.recv)
    except (EOFError, OSError) as error:
        raise LoadRunError("a voice process broke; its last words are above") from error
    return None if message == READY else message


async def _watch(
    plan: LoadPlan, begins_at: float, readings: list[Reading], on_reading: OnReading
) -> None:
    """Read the metrics now and then; a server that hides them is measured without."""
    period_s = max(MIN_READING_PERIOD_S, plan.ends_s / MAX_READINGS)
    target = plan.target
    while True:
        newest = None
        try:
            newest = await asyncio.to_thread(metrics_now, target.url, target.api_key)
            readings.append(newest)
        except OSError:
            pass
        on_reading(time.monotonic() - begins_at, newest)
        await asyncio.sleep(period_s)


def _pooled(
    begins_at: float, outcomes: Sequence[VoiceOutcome | None], readings: Sequence[Reading]
) -> LoadRun:
    done = [outcome for outcome in outcomes if outcome is not None]
    return LoadRun(
        begins_at=begins_at,
        results=[result for outcome in done for result in outcome.results],
        readings=readings,
        client_cpu_s=sum(outcome.cpu_s for outcome in done),
        client_lateness_p99_s=max((outcome.lateness_p99_s for outcome in done), default=0.0),
    )


def _longest_clip_s(plan: LoadPlan) -> float:
    return 2 * max((clip.duration_s for clip in plan.clips), default=0.0)
