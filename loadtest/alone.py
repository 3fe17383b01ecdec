"""Each recording without load: what load is compared with.

The two recordings before it are in its session too, because the server recognises speech together
with what was said just before, and that in turn. In a conversation pauses are mostly too long for
that, so there texts without load and at load may differ a little more.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from math import inf

from loadtest.measures import finals, texts_of
from loadtest.recordings import room_noise
from loadtest.streamed import Target, stream
from loadtest.voices import GAP_S, Clip
from loadtest.word_delays import TimedWord, timed_words

_AT_A_TIME = 2
_NUM_BEFORE = 2


@dataclass(frozen=True)
class Alone:
    """A recording's text without load, and where in it each word ends.

    `early_texts` are what it gives as the first and the second of its session, with less before it.
    """

    text: str
    words: tuple[TimedWord, ...]
    early_texts: tuple[str, ...] = ()

    def text_as(self, position: int) -> str:
        """Return its text as number `position` of a session, counted from 0."""
        return self.early_texts[position] if position < len(self.early_texts) else self.text


async def transcribe_alone(
    clips: Sequence[Clip], target: Target, language: str | None, on_done: Callable[[int], None]
) -> list[Alone]:
    """Transcribe each clip as fast as the server takes it, with word times.

    Calls `on_done` with the number done so far. Raises `StarlingError` when one fails: the server
    is then not fit for a load test.
    """
    places = asyncio.Semaphore(_AT_A_TIME)
    num_done = 0

    async def one(index: int) -> _Heard:
        nonlocal num_done
        said = [clips[(index - back) % len(clips)] for back in range(_NUM_BEFORE, -1, -1)]
        noise = room_noise(GAP_S)  # As under load.
        async with places:
            pcm = noise.join(clip.pcm for clip in said) + noise
            streamed = await stream(target, pcm, language=language, is_real_time=False, words=True)
        num_done += 1
        on_done(num_done)
        starts_s = list(accumulate((c.duration_s + GAP_S for c in said[:-1]), initial=0.0))
        spans_s = pairwise([*(start_s - GAP_S / 2 for start_s in starts_s), inf])
        words = timed_words(finals(streamed.seen), -starts_s[-1])
        near = tuple(word for word in words if word.end_s > -GAP_S / 2)
        return _Heard(texts_of(streamed.seen, spans_s), near)

    tasks = [asyncio.create_task(one(index), name=clip.name) for index, clip in enumerate(clips)]
    try:
        heard = await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return [_alone(index, heard) for index in range(len(clips))]


@dataclass(frozen=True)
class _Heard:
    """The texts of a clip's session, of those before it and its own, and its own words."""

    texts: Sequence[str]
    words: tuple[TimedWord, ...]


def _alone(index: int, heard: Sequence[_Heard]) -> Alone:
    """Return what clip `index` gave in its own session and as an earlier one of the next two."""
    early = [
        heard[(index + _NUM_BEFORE - position) % len(heard)].texts[position]
        for position in range(_NUM_BEFORE)
    ]
    return Alone(heard[index].texts[-1], heard[index].words, tuple(early))
