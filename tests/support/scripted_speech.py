"""Speech made of numbered bursts, with a scorer and an engine that read the numbers back.

One script drives both doubles: a word is a 300 ms burst whose level tells its number, so what is
"heard" depends on the samples alone, as with a real model, and a cut or lost burst shows.
"""

from collections.abc import Callable, Iterable

import numpy as np
import numpy.typing as npt

from streaming.effects import DecodeRequest
from streaming.events import Samples
from streaming.options import TARGET_RATE_HZ
from streaming.speech_gate import WINDOW_SAMPLES
from streaming.transcript import Hypothesis, Word

WORD_SAMPLES = 4800
GAP_SAMPLES = 800
LEVEL_STEP = 0.01


def silence(seconds: float) -> Samples:
    """Return that much of nothing."""
    return np.zeros(int(seconds * TARGET_RATE_HZ), dtype=np.float32)


def speech(numbers: Iterable[int]) -> Samples:
    """Return the words with these numbers (1 to 90), 50 ms apart."""
    parts = []
    for number in numbers:
        parts.append(np.full(WORD_SAMPLES, number * LEVEL_STEP, dtype=np.float32))
        parts.append(np.full(GAP_SAMPLES, LEVEL_STEP / 2, dtype=np.float32))
    return np.concatenate(parts) if parts else silence(0)


def said(*parts: list[int] | float) -> Samples:
    """Return speech (lists of numbers) and silence (seconds) in turn."""
    return np.concatenate([speech(p) if isinstance(p, list) else silence(p) for p in parts])


def score(audio: Samples) -> list[float]:
    """Return a speech probability a window: loud is speech."""
    windows = audio.reshape(-1, WINDOW_SAMPLES)
    return [0.9 if level > LEVEL_STEP / 4 else 0.05 for level in np.abs(windows).mean(axis=1)]


def transcribe(request: DecodeRequest) -> Hypothesis:
    """Return the words whose bursts are at least half inside the request's own audio.

    The confidence tells, in millionths, how long the context was, so that two finals are equal only
    when they had the same.
    """
    context = _words(request.audio[: request.num_context_samples], request.start_sample)
    assert "".join(word.text for word in context) == request.context_text
    own_audio = request.audio[request.num_context_samples :]
    confidence = 0.9 - len(request.context_text) / 1e6
    words = _words(own_audio, request.start_sample + request.num_context_samples)
    return Hypothesis(request.said + words, request.language or "en", 0.99, confidence)


def _words(audio: Samples, start_sample: int) -> tuple[Word, ...]:
    if not len(audio):
        return ()
    levels = np.round(audio / LEVEL_STEP).astype(int)
    edges = np.flatnonzero(np.diff(levels)) + 1
    words = []
    for run in np.split(np.arange(len(levels)), edges):
        number = int(levels[run[0]]) if len(run) else 0
        if number >= 1 and _is_said(run, len(levels)):
            start = start_sample + int(run[0])
            words.append(Word(f" w{number}", start, start + len(run), 0.9))
    return tuple(words)


def _is_said(run: npt.NDArray[np.intp], num_samples: int) -> bool:
    """Say whether a burst counts as a word; of one cut into equal halves the second does."""
    is_cut_in_half = 2 * len(run) == WORD_SAMPLES
    return 2 * len(run) > WORD_SAMPLES or (is_cut_in_half and int(run[-1]) + 1 < num_samples)


Engine = Callable[[DecodeRequest], Hypothesis]
