"""All recordings of a manifest through a server, and scored."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from loadtest.manifest import Recording
from loadtest.measures import finals
from loadtest.recordings import BYTES_PER_S, load_pcm, room_noise
from loadtest.speech_map import SpeechMap, map_speech
from loadtest.streamed import Streamed, Target, stream
from loadtest.word_delays import TimedWord, timed_words
from starling_client import StarlingError

TRAILING_NOISE_S = 3.0
"""A quiet room after a recording sent in real time: longer than any sensible endpoint silence."""


@dataclass(frozen=True)
class Plan:
    """How the recordings are sent: `fallback_language` is for rows without speech."""

    target: Target
    fallback_language: str
    is_real_time: bool = False
    concurrency: int = 2

    def language_of(self, recording: Recording) -> str:
        """Say which language to ask for."""
        return recording.language if recording.has_speech else self.fallback_language


@dataclass(frozen=True)
class Outcome:
    """What became of one recording; `offline_text` is None when that was not asked for.

    A session that broke off has its `failure` and no text: all its words count as missed. Where
    the delays of words are to be measured, `spoken` tells where in the audio each word ends.
    """

    recording: Recording
    streamed: Streamed
    speech: SpeechMap
    spoken: tuple[TimedWord, ...] = ()
    failure: StarlingError | None = None
    offline_text: str | None = None


async def stream_all(recordings: Sequence[Recording], plan: Plan) -> AsyncIterator[Outcome]:
    """Send every recording, `concurrency` at a time; yield each as it is done.

    Raises `OSError` for a recording that cannot be read.
    """
    places = asyncio.Semaphore(plan.concurrency)

    async def one(recording: Recording) -> Outcome:
        async with places:
            return await _outcome(recording, plan)

    tasks = [asyncio.create_task(one(recording), name=recording.name) for recording in recordings]
    try:
        for done in asyncio.as_completed(tasks):
            yield await done
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _outcome(recording: Recording, plan: Plan) -> Outcome:
    pcm = await asyncio.to_thread(load_pcm, recording.path)
    speech = map_speech(pcm)
    language = plan.language_of(recording)
    spoken: tuple[TimedWord, ...] = ()
    try:
        if plan.is_real_time:
            # Word times cost the server work, so they come from a session of their own.
            timed = await stream(
                plan.target, pcm, language=language, is_real_time=False, words=True
            )
            spoken = tuple(timed_words(finals(timed.seen)))
            # A live microphone stays open: the server must find the end of the speech itself.
            pcm += room_noise(TRAILING_NOISE_S)
        streamed = await stream(plan.target, pcm, language=language, is_real_time=plan.is_real_time)
    except StarlingError as error:
        nothing = Streamed((), len(pcm) / BYTES_PER_S, 0.0, None)
        return Outcome(recording, nothing, speech, failure=error)
    return Outcome(recording, streamed, speech, spoken)
