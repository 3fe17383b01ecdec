"""Decodes of a long utterance go on from its committed words.

What is committed never changes, so its audio need not be decoded again: the decode begins a few
seconds before the first word that is not committed, and the words of those seconds are forced on
the decoder, like the context of an utterance (`left_context.py`). So a decode costs the same
however long somebody speaks without a pause.

Whisper sometimes takes a window for over at a change of speakers or a pause, and leaves out whole
sentences after it. A final whose last word ends long before its audio is gone on with in the same
way, from all words that it has. One without a beam, or a segment of a file, has timestamps: where
the last of them is early, what follows it is decoded alone.
"""

from dataclasses import replace

from streaming.effects import DecodeRequest, Purpose
from streaming.left_context import REACH_SAMPLES, reaching_back
from streaming.options import TARGET_RATE_HZ
from streaming.transcript import Hypothesis, Word
from streaming.windows import (
    BUCKET_FRAMES,
    FRAME_SAMPLES,
    INTERIM_FRAMES,
    MIN_PADDING_FRAMES,
    MIN_UNHEARD_SAMPLES,
    window_frames,
)

LAG_SAMPLES = 4 * TARGET_RATE_HZ
"""Only words committed this long before a decode's end count, so that it seldom has to wait for
the checkpoints that commit them. The window holds them anyway."""

FILLED_FRAMES = 1500
"""The window that a continuation fills with context; with 1000 base is less exact
(docs/performance.md)."""

MIN_UNSAID_SAMPLES = 7 * TARGET_RATE_HZ // 4
"""Audio after a final's last word that cannot all be silence: at most 0.22 s of it is. Of 93
recordings of telephone, conversations and meetings all finals end 1.3 s or less after their last
word but those that leave out 3 to 5 s of speech (docs/performance.md)."""


def may_go_on(num_samples: int, purpose: Purpose) -> bool:
    """Say whether a decode of this much audio is long enough to go on from committed words."""
    return num_samples > _samples_in(_filled_frames(purpose))


def going_on_from(committed: tuple[Word, ...], whole: DecodeRequest) -> DecodeRequest:
    """Return the decode of what follows the committed words, or `whole` if that is as cheap.

    Where words without times end is not known, and too few words are no context.
    """
    return _going_on(committed, whole, _filled_frames(whole.purpose))


def going_on_from_pause(heard: tuple[Word, ...], whole: DecodeRequest) -> DecodeRequest:
    """Return the decode of what follows words heard up to a pause, or `whole` if that is as cheap.

    A busy server's: what it spares counts, so context fills the shortest window of a final only.
    """
    return _going_on(heard, whole, BUCKET_FRAMES[0])


def _going_on(said: tuple[Word, ...], whole: DecodeRequest, filled_frames: int) -> DecodeRequest:
    if not said or any(word.start_sample is None or word.end_sample is None for word in said):
        return whole
    if len(whole.audio) <= _samples_in(filled_frames):
        return whole
    said_end = said[-1].end_sample or 0
    if said_end - (said[0].start_sample or 0) < REACH_SAMPLES:
        return whole
    room = _samples_in(filled_frames) - (whole.end_sample - said_end)
    context = reaching_back(said, max(REACH_SAMPLES, room))
    start = context[0].start_sample or 0
    if _frames(whole, start) >= _frames(whole, whole.start_sample):
        return whole
    return replace(
        whole,
        audio=whole.audio[start - whole.start_sample :],
        start_sample=start,
        context=context,
        num_context_samples=said_end - start,
        said=said,
        whole=None if whole.purpose is Purpose.INTERIM else whole,
    )


def going_on_after(words: tuple[Word, ...], request: DecodeRequest) -> DecodeRequest | None:
    """Return the decode of the speech that a final's words leave out at its end, if they do.

    `words` are the whole answer to `request`. None too where they have no times, and where the
    answer is no longer than the words the request began with.
    """
    if request.purpose is not Purpose.FINAL or len(words) <= len(request.said):
        return None
    said_end = words[-1].end_sample
    if said_end is None or request.end_sample - said_end < MIN_UNSAID_SAMPLES:
        return None
    return replace(
        request,
        context=request.context + words[len(request.said) :],
        num_context_samples=said_end - request.start_sample,
        said=words,
        whole=None,
    )


def going_on_at(
    heard_samples: int, answer: Hypothesis, request: DecodeRequest
) -> DecodeRequest | None:
    """Return the decode of the speech that follows an answer's last timestamp, if that is early.

    A greedy final's or a file segment's timestamps end after `heard_samples` of its audio. None too
    where they end at its begin: the next decode would be the same.
    """
    unheard_samples = len(request.audio) - heard_samples
    if not request.purpose.is_for_good or min(heard_samples, unheard_samples) < MIN_UNHEARD_SAMPLES:
        return None
    return replace(
        request,
        audio=request.audio[heard_samples:],
        start_sample=request.start_sample + heard_samples,
        language=answer.language,
        said=tuple(
            word if word.confidence is not None else replace(word, confidence=answer.confidence)
            for word in answer.words
        ),
    )


def _filled_frames(purpose: Purpose) -> int:
    return INTERIM_FRAMES if purpose is Purpose.INTERIM else FILLED_FRAMES


def _samples_in(frames: int) -> int:
    return (frames - MIN_PADDING_FRAMES) * FRAME_SAMPLES


def _frames(request: DecodeRequest, start_sample: int) -> int:
    return window_frames(request.end_sample - start_sample, request.purpose)
