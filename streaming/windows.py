"""How much of Whisper's 30 s window a decode gets, and how many tokens it may say.

Whisper was trained on windows padded to 3000 frames of 10 ms. Padding past the speech is what
tells it to stop, so windows shrink to a bucket that leaves at least `MIN_PADDING_FRAMES` of it;
docs/performance.md has the measurements. A degenerate decode is repeated on the full window, a
cheap one on a longer window. Buckets, because rows of one batch must be equally long (CTranslate2
has no audio mask).
"""

from dataclasses import replace
from enum import Enum, auto

from streaming.effects import DecodeRequest, Purpose
from streaming.options import TARGET_RATE_HZ

FULL_FRAMES = 3000
FRAME_SAMPLES = 160
MIN_PADDING_FRAMES = 150
BUCKET_FRAMES = (1000, 1250, 1500, 1750, 2000, 2500, FULL_FRAMES)
"""None is twice a model's number of mel bands (80 or 128): CTranslate2 takes such an encoded
window for raw features."""

INTERIM_FRAMES = 768
"""Interims and cheap finals may have a shorter window: a third cheaper, a little less exact."""

LONG_FRAMES = 1500
"""From here on a busy server's finals have no longer windows for context."""

ENCODED_STEP_FRAMES = 32

CHEAP_RETRY_SAMPLES = 5 * TARGET_RATE_HZ
"""More padding for the retry of a cheap final: the full window takes a CPU three times as long."""

BASE_TOKENS = 20
TOKENS_PER_SECOND = 12
MAX_NEW_TOKENS = 224
"""Half of Whisper's 448 text positions, as in OpenAI's decoder."""


def window_frames(num_samples: int, purpose: Purpose, *, is_cheap: bool = False) -> int:
    """Return the smallest bucket with room for the audio and its padding."""
    needed = _padded_frames(num_samples)
    may_be_short = is_cheap or purpose is Purpose.INTERIM
    buckets = (INTERIM_FRAMES, *BUCKET_FRAMES) if may_be_short else BUCKET_FRAMES
    return next((frames for frames in buckets if frames >= needed), FULL_FRAMES)


def frames_of(request: DecodeRequest) -> int:
    """Return the window a request gets; a retry has the full one, a cheap one a longer one."""
    num_samples = len(request.audio)
    if not request.is_retry:
        return window_frames(num_samples, request.purpose, is_cheap=request.is_cheap)
    if not request.is_cheap:
        return FULL_FRAMES
    return window_frames(num_samples + CHEAP_RETRY_SAMPLES, request.purpose)


def encoded_frames_of(request: DecodeRequest) -> int:
    """Return how much of its window has to be encoded; the rest of its padding is the same again.

    On a CPU encoding takes a third less for 768 frames than for 1000, and as exact are the words
    (docs/performance.md, "Padding is not encoded"); windows that begin shorter have more words that
    nobody said. A retry is to be unlike the first decode, so its whole window is.
    """
    frames = frames_of(request)
    if request.is_retry:
        return frames
    steps = -(-_padded_frames(len(request.audio)) // ENCODED_STEP_FRAMES)
    return min(frames, max(INTERIM_FRAMES, steps * ENCODED_STEP_FRAMES))


def _padded_frames(num_samples: int) -> int:
    return -(-num_samples // FRAME_SAMPLES) + MIN_PADDING_FRAMES


class Haste(Enum):
    """Whether a final with less care is still timed for the decodes after it."""

    TIMED = auto()
    UNTIMED = auto()


def hastened(request: DecodeRequest, haste: Haste = Haste.TIMED) -> DecodeRequest:
    """Return a final's request with less care: a narrower beam, and context where it costs nothing.

    That is as much as the window has room for that its own speech needs. A final that goes on from
    its utterance's words is shorter with them than without. In great haste no later decode begins
    at its words, so they have times only for a client that asked for them.
    """
    gives_context = request.gives_context and haste is Haste.TIMED
    cheap = replace(request, is_cheap=True, gives_context=gives_context)
    return cheap if request.said else _with_fitting_context(cheap)


def spared_long_window(request: DecodeRequest) -> DecodeRequest:
    """Return a final's request without context that makes a long window longer.

    There it costs most: on a CPU encoding takes 3.5 times as long with 2500 frames as with 1500
    (docs/performance.md).
    """
    is_long = frames_of(request.without_context()) >= LONG_FRAMES
    return _with_fitting_context(request) if is_long and not request.said else request


def _with_fitting_context(request: DecodeRequest) -> DecodeRequest:
    room = (frames_of(request.without_context()) - MIN_PADDING_FRAMES) * FRAME_SAMPLES
    return request.with_context_within(room)


def max_new_tokens(num_samples: int) -> int:
    """Return how many tokens this much speech can say; more is a loop.

    Fast English is about 5 tokens a second, dense scripts (Japanese, Thai) about 10.
    """
    tokens = BASE_TOKENS + TOKENS_PER_SECOND * num_samples // TARGET_RATE_HZ
    return min(tokens, MAX_NEW_TOKENS)


CHEAP_BEAM = 2
"""Of an overloaded server's finals; a beam of 1 would stop at the first long pause."""


def beam_size(purpose: Purpose, final_beam: int, *, is_cheap: bool = False) -> int:
    """Return how many hypotheses a decode follows, on a server whose finals have `final_beam`."""
    if not purpose.has_beam:
        return 1
    return min(CHEAP_BEAM, final_beam) if is_cheap else final_beam


TIMESTAMPS_FROM_SAMPLES = 7 * TARGET_RATE_HZ
"""From this length on a greedy decode asks Whisper for timestamps. Without them it stops at the
first long pause of a window as if the rest were not there; a beam does not, and is more exact
without them. On short windows they only cost tokens."""

TIMESTAMP_SAMPLES = 320
"""Whisper's timestamps count 20 ms."""

MIN_UNHEARD_SAMPLES = 3 * TARGET_RATE_HZ // 2
"""Speech after the last timestamp that is worth a decode of its own."""


def wants_timestamps(num_samples: int, beam_size: int, purpose: Purpose = Purpose.FINAL) -> bool:
    """Say whether a window this long is decoded with timestamps.

    Segments of files are, whatever the beam: they are up to 28 s long and hold many pauses (5 min
    of joined recordings, tiny.en, beam 3: 14.8 % word errors with timestamps, 26.7 % without).
    """
    is_prone_to_stop = beam_size == 1 or purpose is Purpose.FILE
    return is_prone_to_stop and num_samples >= TIMESTAMPS_FROM_SAMPLES
