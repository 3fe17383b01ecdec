"""Whether a decode is speech, silence made into words, or a loop.

Thresholds are OpenAI's (`transcribe.py`: no_speech 0.6, logprob -1.0, compression 2.4), which
faster-whisper uses too, but for one: what scores as non-speech must be surer (-0.5) to be believed.
On real noise and music Whisper says "Thank you." at -0.7 to -0.9 with no_speech above 0.7; of 144
utterances of real speech only "Hmm", "Um," and one "Thank you." did (docs/performance.md).
OpenAI's answer to trouble is a ladder of six temperatures; here it is one retry on the full window
with repetition made costly, because a batch waits for its slowest row.
"""

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

NO_SPEECH_PROBABILITY = 0.6
MIN_AVG_LOGPROB = -1.0
MIN_AVG_LOGPROB_OF_NO_SPEECH = -0.5
MIN_AVG_LOGPROB_OF_RETRY = -1.5
"""Mumbled speech stays below -1 on a second try too; its words are better than none."""

MIN_AVG_LOGPROB_OF_CONTINUATION = -0.4
"""With less context than there is a decode must be surer; one of twenty is not."""

MIN_AVG_LOGPROB_OF_LOOP = -0.3
"""What is said again and again gets likelier each time; loops of speech are above -0.25, those of
many voices below -0.5."""

MAX_COMPRESSION_RATIO = 2.4
MIN_LOOP_REPEATS = 4
MAX_LOOP_WORDS = 6
MIN_PHRASE_WORDS = 4

_STUCK = re.compile(r"(\S{2,24}?)\1{7}")
"""Two letters or more eight times: "'a'a'a'a'a'a'a'a", or a phrase of a language without spaces."""

MIN_LOOP_TOKENS = 4
"""Shorter phrases are said again and again in earnest: "no, no, no"."""


class Verdict(Enum):
    """What to do with a decode."""

    ACCEPT = auto()
    RETRY = auto()
    DROP = auto()


@dataclass(frozen=True, slots=True)
class DecodeSignals:
    """What the decoder tells about its own answer. Probabilities 0 to 1, log in nats."""

    text: str
    avg_logprob: float
    no_speech_probability: float
    has_hit_token_cap: bool


def judge(signals: DecodeSignals) -> Verdict:
    """Return whether to believe a first decode, repeat it, or take it for non-speech."""
    if is_invented(signals):
        return Verdict.DROP
    if signals.avg_logprob < MIN_AVG_LOGPROB or is_loop(signals) or is_stuck(signals.text):
        return Verdict.RETRY
    return Verdict.ACCEPT


def judge_continuation(signals: DecodeSignals) -> Verdict:
    """Return whether to believe a decode that went on from committed words, or decode it whole."""
    is_sure = signals.avg_logprob >= MIN_AVG_LOGPROB_OF_CONTINUATION
    return judge(signals) if is_sure else Verdict.RETRY


def judge_retry(signals: DecodeSignals) -> Verdict:
    """Return whether to believe a repeated decode; there is no third."""
    if is_invented(signals) or is_loop(signals):
        return Verdict.DROP
    if signals.avg_logprob < MIN_AVG_LOGPROB_OF_RETRY:
        return Verdict.DROP
    return Verdict.ACCEPT


def is_invented(signals: DecodeSignals) -> bool:
    """Say whether the text is what Whisper says when nobody speaks."""
    if not any(char.isalnum() for char in signals.text):
        return True
    return signals.avg_logprob < MIN_AVG_LOGPROB_OF_NO_SPEECH and (
        signals.no_speech_probability > NO_SPEECH_PROBABILITY or is_one_phrase(signals.text)
    )


def is_loop(signals: DecodeSignals) -> bool:
    """Say whether the text repeats itself or never ended."""
    return (
        signals.has_hit_token_cap
        or compression_ratio(signals.text) > MAX_COMPRESSION_RATIO
        or ends_in_cycle(signals.text)
    )


def is_one_phrase(text: str) -> bool:
    """Say whether the text is nothing but one phrase of four words or more, said again and again.

    So Whisper renders many voices at once.
    """
    words = text.casefold().split()
    return any(
        len(words) % period == 0 and words == words[:period] * (len(words) // period)
        for period in range(MIN_PHRASE_WORDS, len(words) // 2 + 1)
    )


def says_phrase_twice(words: list[str]) -> bool:
    """Say whether a phrase of four words or more is followed by itself."""
    return any(
        words[at : at + num] == words[at + num : at + 2 * num]
        for num in range(MIN_PHRASE_WORDS, len(words) // 2 + 1)
        for at in range(len(words) - 2 * num + 1)
    )


def compression_ratio(text: str) -> float:
    """Return how many times smaller zlib makes the text (OpenAI's definition)."""
    data = text.encode()
    return len(data) / len(zlib.compress(data)) if data else 0.0


def ends_in_cycle(text: str) -> bool:
    """Say whether the text ends in a phrase of up to six words said four times or more."""
    words = text.casefold().split()
    for period in range(1, MAX_LOOP_WORDS + 1):
        tail = words[-period * MIN_LOOP_REPEATS :]
        if len(tail) == period * MIN_LOOP_REPEATS and tail == tail[:period] * MIN_LOOP_REPEATS:
            return True
    return False


def is_stuck(text: str) -> bool:
    """Say whether letters are written eight times or more without a space between.

    Somebody may scream or sing like that, and the words around it are said: so a retry that is
    stuck as well is believed.
    """
    found = _STUCK.finditer(text.casefold())
    return any(any(char.isalpha() for char in match[1]) for match in found)


def without_loop(tokens: Sequence[int]) -> Sequence[int]:
    """Return tokens that end in a phrase three times or more with that phrase twice.

    The phrase has `MIN_LOOP_TOKENS` or more; a further time at the end may be cut off.
    """
    for period in range(MIN_LOOP_TOKENS, len(tokens) // 3 + 1):
        num_alike = 0
        while num_alike < len(tokens) - period and (
            tokens[-1 - num_alike] == tokens[-1 - num_alike - period]
        ):
            num_alike += 1
        if num_alike >= 2 * period:
            begin = len(tokens) - num_alike - period
            return tokens[: begin + 2 * period]
    return tokens
