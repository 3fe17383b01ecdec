"""Each recording alone, before there is load: which have words at all, and where in them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from loadtest.measures import finals
from loadtest.recordings import room_noise
from loadtest.streamed import Target, all_in_turn, stream
from loadtest.voices import GAP_S, Clip
from loadtest.word_delays import TimedWord, timed_words

_AT_A_TIME = 2


@dataclass(frozen=True)
class Alone:
    """A recording's text, and where in it each word ends."""

    text: str
    words: tuple[TimedWord, ...]


async def transcribe_alone(
    clips: Sequence[Clip], target: Target, language: str | None, on_done: Callable[[int], None]
) -> list[Alone]:
    """Transcribe each clip as fast as the server takes it, with word times.

    Calls `on_done` with the number done so far. Raises `StarlingError` when one fails: the server
    is then not fit for a load test.
    """
    num_done = 0

    async def one(clip: Clip) -> Alone:
        nonlocal num_done
        pcm = clip.pcm + room_noise(GAP_S)  # As under load.
        streamed = await stream(target, pcm, language=language, is_real_time=False, words=True)
        num_done += 1
        on_done(num_done)
        return Alone(streamed.text, tuple(timed_words(finals(streamed.seen))))

    return await all_in_turn([one(clip) for clip in clips], at_a_time=_AT_A_TIME)
