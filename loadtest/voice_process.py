"""Many voices in a process of their own, so that listening does not disturb what is measured.

The parent sends a `VoiceJob`, gets `READY`, sends the monotonic instant at which the run begins,
and gets a `VoiceOutcome`. Times come from the pace at which audio was to be spoken, not from when
the socket took it: a server that stops reading shows as latency.
"""

import asyncio
import gc
import random
import resource
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection

from loadtest.measures import Seen, percentile
from loadtest.recordings import SAMPLE_RATE_HZ, chunks
from loadtest.streamed import Pace, Target
from loadtest.voices import Clip, Placement, Script, Style, Voice, write_script
from starling_client import SessionOptions, StarlingError

READY = "ready"
REFUSED_CODES = frozenset({"overloaded", "server_closing"})
RETRY_AFTER_S = 5.0
"""What a refused voice waits when the server does not say how long."""

PATIENCE_S = 120.0
"""How long after its audio a session may take to end; then it counts as failed with `GAVE_UP`."""

GAVE_UP = "gave_up_waiting"


@dataclass(frozen=True)
class VoiceJob:
    """The voices of one process; `seed` fixes what they say."""

    target: Target
    clips: Sequence[Clip]
    voices: Sequence[Voice]
    language: str | None
    seed: int


@dataclass(frozen=True)
class SessionResult:
    """What one session sent and saw; `failure` is the code of the error that ended it."""

    voice: int
    style: Style
    placements: tuple[Placement, ...]
    duration_s: float
    seen: tuple[Seen, ...]
    started_at: float | None
    failure: str | None = None

    @property
    def is_refused(self) -> bool:
        """Whether the server said honestly that it takes no more."""
        return self.failure in REFUSED_CODES and self.started_at is None


@dataclass(frozen=True)
class VoiceOutcome:
    """All sessions of a process, their CPU seconds, and how late they sent: 99th percentile."""

    results: Sequence[SessionResult]
    cpu_s: float
    lateness_p99_s: float


def run_voices(connection: Connection, job: VoiceJob) -> None:
    """Be the process: run all voices to their ends; one that fails does not disturb the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then ends us.
    connection.send(READY)
    begins_at: float = connection.recv()
    used_before_s = _used_s()
    lateness_s: list[float] = []
    gc.freeze()  # What is loaded by now stays, so there is no need to look through it again.
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        results = runner.run(_run_all(job, begins_at, lateness_s))
    late_s = percentile(lateness_s, 0.99) or 0.0
    connection.send(VoiceOutcome(results, _used_s() - used_before_s, late_s))
    connection.close()


def _used_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return uvloop's where it is installed: it takes a tenth less CPU from what is measured."""
    try:
        import uvloop  # noqa: PLC0415 - there is none for Windows
    except ImportError:
        return None
    return uvloop.new_event_loop


async def _run_all(job: VoiceJob, begins_at: float, lateness_s: list[float]) -> list[SessionResult]:
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(_speak(job, voice, begins_at, lateness_s)) for voice in job.voices
        ]
    return [result for task in tasks for result in task.result()]


async def _speak(
    job: VoiceJob, voice: Voice, begins_at: float, lateness_s: list[float]
) -> list[SessionResult]:
    """Hold one session after the other until the voice's time is over."""
    rng = random.Random(f"{job.seed}/{voice.number}")  # noqa: S311 - repeatable, not secret
    ends_at = begins_at + voice.ends_s
    results: list[SessionResult] = []
    await asyncio.sleep(begins_at + voice.starts_s - time.monotonic())
    while not results or time.monotonic() < ends_at - 1.0:
        duration_s = max(1.0, min(voice.session_s, ends_at - time.monotonic()))
        script = write_script(job.clips, voice.style, duration_s, rng)
        result, retry_after_s = await _hold_session(job, voice, script, lateness_s)
        results.append(result)
        if result.failure is not None:
            await asyncio.sleep(retry_after_s)
    return results


async def _hold_session(
    job: VoiceJob, voice: Voice, script: Script, lateness_s: list[float]
) -> tuple[SessionResult, float]:
    pace = Pace(chunks(script.pcm(job.clips)))
    seen: list[Seen] = []
    failure, retry_after_s = None, RETRY_AFTER_S
    try:
        async with asyncio.timeout(script.duration_s + PATIENCE_S):
            await _collect(job, pace, seen)
    except TimeoutError:
        failure = GAVE_UP
    except StarlingError as error:
        failure = error.code
        retry_after_s = error.retry_after_s or RETRY_AFTER_S
    lateness_s += pace.lateness_s
    result = SessionResult(
        voice=voice.number,
        style=voice.style,
        placements=script.placements,
        duration_s=script.duration_s,
        seen=tuple(seen),
        started_at=pace.started_at,
        failure=failure,
    )
    return result, retry_after_s


async def _collect(job: VoiceJob, pace: Pace, seen: list[Seen]) -> None:
    options = SessionOptions(
        encoding="pcm_s16le",
        sample_rate=SAMPLE_RATE_HZ,
        language=job.language,
        model=job.target.model,
    )
    async with job.target.client(open_timeout_s=30.0).stream(options) as session:
        session.feed(pace)
        async for event in session:
            # One by one: what came before a failure counts.
            seen.append(Seen(time.monotonic(), event))  # noqa: PERF401
