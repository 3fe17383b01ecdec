"""Some of a run's sessions again without load: what their texts at load are compared with.

The same samples give the same text, however fast they come, so every word that differs is the
load's doing. Recordings alone would not do: where they fall among windows, and what was said
before them, decides toss-ups.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from loadtest.measures import texts_of
from loadtest.server_info import metrics_now
from loadtest.streamed import Target, all_in_turn, stream
from loadtest.voice_process import SessionResult
from loadtest.voices import Clip, Placement, Script, clip_spans_s
from starling_client import StarlingError

REPLAYED_S = 1800.0
"""How much audio of a run is said again: some 4,000 words, of which half a percent are twenty, and
one to three minutes on two cores."""

MIN_SESSIONS = 4

CALM_WITHIN_S = 120
"""A server that still leaves something out so long after its load is compared as it is."""

_AT_A_TIME = 2


@dataclass(frozen=True)
class SaidTwice:
    """A clip's text at load, and in the same session without."""

    placement: Placement
    at_load: str
    without: str


def sessions_to_replay(results: Sequence[SessionResult], enough_s: float) -> list[SessionResult]:
    """Choose sessions in which something was said and nothing failed, spread over all of them.

    About as many as have `enough_s` seconds of audio together, and a few in any case.
    """
    whole = [result for result in results if result.placements and result.failure is None]
    if not whole:
        return []
    mean_s = sum(result.duration_s for result in whole) / len(whole)
    num_wanted = min(len(whole), max(MIN_SESSIONS, round(enough_s / mean_s)))
    return [whole[index * len(whole) // num_wanted] for index in range(num_wanted)]


async def replay(
    results: Sequence[SessionResult],
    clips: Sequence[Clip],
    target: Target,
    language: str | None,
    on_done: Callable[[float, float], None],
) -> list[SaidTwice]:
    """Stream some sessions once more, as fast as the server takes them, when it is calm again.

    Calls `on_done` with the seconds of audio done and in all. One that fails is not compared: what
    is known of a long run is worth more than its words.
    """
    chosen = sessions_to_replay(results, REPLAYED_S)
    all_s = sum(result.duration_s for result in chosen)
    done_s = 0.0

    async def one(result: SessionResult) -> list[SaidTwice]:
        nonlocal done_s
        pcm = Script(result.placements, result.duration_s).pcm(clips)
        try:
            again = await stream(target, pcm, language=language, is_real_time=False)
        except StarlingError:
            return []
        done_s += result.duration_s
        on_done(done_s, all_s)
        spans_s = clip_spans_s(result.placements)
        return [
            SaidTwice(*said)
            for said in zip(
                result.placements,
                texts_of(result.seen, spans_s),
                texts_of(again.seen, spans_s),
                strict=True,
            )
        ]

    if chosen:
        await _until_calm(target)
        on_done(done_s, all_s)
    found = await all_in_turn([one(result) for result in chosen], at_a_time=_AT_A_TIME)
    return [said for clips_said in found for said in clips_said]


async def _until_calm(target: Target) -> None:
    """Wait until the server leaves nothing out any more; one that hides its metrics, not at all."""
    for _ in range(CALM_WITHIN_S):
        try:
            reading = await asyncio.to_thread(metrics_now, target.url, target.api_key)
        except OSError:
            return
        if not reading.total("starling_overload_rung"):
            return
        await asyncio.sleep(1.0)
