"""Each recording in a session of its own: what load is compared with."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from loadtest.measures import finals
from loadtest.recordings import room_noise
from loadtest.streamed import Target, stream
from loadtest.voices import GAP_S, Clip
from loadtest.word_delays import TimedWord, timed_words

_AT_A_TIME = 2


@dataclass(frozen=True)
class Alone:
    """A recording's text without load, and where in it each word ends."""

    text: str
    words: tuple[TimedWord, ...]


async def transcribe_alone(
    clips: Sequence[Clip], target: Target, language: str | None, on_done: Callable[[int], None]
) -> list[Alone]:
    """Transcribe each clip as fast as the server takes it, with word times.

    Calls `on_done` with the number done so far. Raises `StarlingError` when one fails: the server
    is then not fit for a load test.
    """
    places = asyncio.Semaphore(_AT_A_TIME)
    num_done = 0

    async def one(clip: Clip) -> Alone:
        nonlocal num_done
        async with places:
            # As under load: the same faint noise before and after.
            pcm = room_noise(GAP_S) + clip.pcm + room_noise(GAP_S)
            streamed = await stream(target, pcm, language=language, is_real_time=False, words=True)
        num_done += 1
        on_done(num_done)
        return Alone(streamed.text, tuple(timed_words(finals(streamed.seen), -GAP_S)))

    tasks = [asyncio.create_task(one(clip), name=clip.name) for clip in clips]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
