"""Many live voices at once: N sessions in real time over recordings.

Each session plays the recordings in an order of its own, a second of silence after each, and
starts at a random moment, so that the utterances of the sessions do not end together. Times come
from the pace at which audio was to be spoken, not from when the socket took it: a server that
stops reading shows as latency. Each recording is first sent alone, to compare texts.
"""

import asyncio
import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from loadtest.measures import Seen
from loadtest.recordings import BYTES_PER_S, SAMPLE_RATE_HZ, chunks, silence
from loadtest.streamed import Target, stream
from starling_client import RealTime, SessionOptions, StarlingClient, StarlingError

GAP_S = 1.0
"""Silence after each recording: longer than any sensible endpoint silence."""

MAX_PHASE_S = 8.0
"""Sessions start within this time: about the length of an utterance and its gap."""


@dataclass(frozen=True)
class Clip:
    """A recording as 16 kHz mono samples."""

    name: str
    pcm: bytes

    @property
    def duration_s(self) -> float:
        """Its length."""
        return len(self.pcm) / BYTES_PER_S


@dataclass(frozen=True)
class LoadPlan:
    """How many sessions, for how many seconds of audio each; `seed` fixes orders and phases."""

    target: Target
    num_sessions: int
    duration_s: float
    language: str | None = None
    seed: int = 0


@dataclass(frozen=True)
class Placement:
    """A clip's place in a session's audio, in seconds."""

    clip: Clip
    start_s: float

    @property
    def end_s(self) -> float:
        """Where its silence begins."""
        return self.start_s + self.clip.duration_s


@dataclass(frozen=True)
class SessionResult:
    """What one session sent and saw; `failure` is the code of the error that ended it."""

    placements: tuple[Placement, ...]
    seen: tuple[Seen, ...]
    started_at: float | None
    failure: str | None


async def texts_alone(clips: Sequence[Clip], plan: LoadPlan) -> dict[str, str]:
    """Transcribe each clip in a session of its own, one at a time.

    Raises `StarlingError` when one fails: the server is then not fit for a load test.
    """
    texts = {}
    for clip in clips:
        pcm = clip.pcm + silence(GAP_S)
        streamed = await stream(plan.target, pcm, language=plan.language, is_real_time=False)
        texts[clip.name] = streamed.text
    return texts


async def run_sessions(clips: Sequence[Clip], plan: LoadPlan) -> list[SessionResult]:
    """Run all sessions at once, to their ends; a failing one does not disturb the others."""
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(_run_session(clips, plan, index), name=f"session-{index}")
            for index in range(plan.num_sessions)
        ]
    return [task.result() for task in tasks]


def place_clips(
    clips: Sequence[Clip], duration_s: float, rng: random.Random
) -> tuple[Placement, ...]:
    """Lay clips one after the other, in random order, until `duration_s` is filled."""
    order = rng.sample(list(clips), len(clips))
    placements: list[Placement] = []
    at_s = 0.0
    for clip in itertools.cycle(order):
        if placements and at_s + clip.duration_s + GAP_S > duration_s:
            return tuple(placements)
        placements.append(Placement(clip, at_s))
        at_s += clip.duration_s + GAP_S
    return tuple(placements)


async def _run_session(clips: Sequence[Clip], plan: LoadPlan, index: int) -> SessionResult:
    rng = random.Random(f"{plan.seed}/{index}")  # noqa: S311 - repeatable, not secret
    placements = place_clips(clips, plan.duration_s, rng)
    await asyncio.sleep(rng.uniform(0.0, MAX_PHASE_S) if plan.num_sessions > 1 else 0.0)
    live = RealTime(_audio(placements), BYTES_PER_S)
    seen: list[Seen] = []
    failure = None
    try:
        await _collect(plan, live, seen)
    except StarlingError as error:
        failure = error.code
    return SessionResult(placements, tuple(seen), live.started_at, failure)


async def _collect(plan: LoadPlan, live: RealTime, seen: list[Seen]) -> None:
    options = SessionOptions(
        encoding="pcm_s16le",
        sample_rate=SAMPLE_RATE_HZ,
        language=plan.language,
        model=plan.target.model,
    )
    loop = asyncio.get_running_loop()
    client = StarlingClient(plan.target.url, plan.target.api_key)
    async with client.stream(options) as session:
        session.feed(live)
        async for event in session:
            # One by one: what came before a failure counts.
            seen.append(Seen(loop.time(), event))  # noqa: PERF401


def _audio(placements: Sequence[Placement]) -> Iterator[bytes]:
    gap = silence(GAP_S)
    for placement in placements:
        yield from chunks(placement.clip.pcm + gap)
