from dataclasses import replace

import numpy as np
import pytest

from streaming.effects import DecodeRequest, Purpose
from streaming.options import Task
from streaming.transcript import Word
from streaming.windows import (
    BUCKET_FRAMES,
    CHEAP_BEAM,
    ENCODED_STEP_FRAMES,
    FRAME_SAMPLES,
    FULL_FRAMES,
    INTERIM_FRAMES,
    MAX_NEW_TOKENS,
    MIN_PADDING_FRAMES,
    TIMESTAMPS_FROM_SAMPLES,
    Haste,
    beam_size,
    encoded_frames_of,
    frames_of,
    hastened,
    max_new_tokens,
    spared_long_window,
    wants_timestamps,
    window_frames,
)
from tests.support.engine_desk import request

pytestmark = pytest.mark.unit

LONGEST_PADDED = (FULL_FRAMES - MIN_PADDING_FRAMES) * FRAME_SAMPLES


@pytest.mark.parametrize("num_samples", [0, 1, 16_000, 100_000, 250_001, LONGEST_PADDED])
def test_a_window_is_the_smallest_bucket_with_room_for_the_padding(num_samples):
    frames = window_frames(num_samples, Purpose.FINAL)
    needed = num_samples / FRAME_SAMPLES + MIN_PADDING_FRAMES
    assert frames >= needed
    assert not any(needed <= bucket < frames for bucket in BUCKET_FRAMES)


@pytest.mark.parametrize("num_samples", [LONGEST_PADDED + 1, 30 * 16_000, 60 * 16_000])
def test_no_window_is_longer_than_whispers(num_samples):
    assert window_frames(num_samples, Purpose.FINAL) == FULL_FRAMES


@pytest.mark.parametrize("bucket", BUCKET_FRAMES)
def test_a_bucket_is_used_up_to_its_last_sample(bucket):
    fits = (bucket - MIN_PADDING_FRAMES) * FRAME_SAMPLES
    assert window_frames(fits, Purpose.FINAL) == bucket
    assert window_frames(fits + 1, Purpose.FINAL) == next(
        (b for b in BUCKET_FRAMES if b > bucket), FULL_FRAMES
    )


@pytest.mark.parametrize(
    ("seconds", "changes", "expected"),
    [
        (4, {}, 1000),
        (4, {"is_retry": True}, FULL_FRAMES),
        (4, {"is_cheap": True}, INTERIM_FRAMES),
        (4, {"is_cheap": True, "is_retry": True}, 1250),
        (12, {"is_cheap": True, "is_retry": True}, 2000),
        (28, {"is_cheap": True, "is_retry": True}, FULL_FRAMES),
    ],
)
def test_a_retry_has_the_full_window_and_a_cheap_one_a_longer_one(seconds, changes, expected):
    asked = replace(request(1), audio=np.zeros(seconds * 16_000, np.float32), **changes)
    assert frames_of(asked) == expected


@pytest.mark.parametrize("changes", [{}, {"purpose": Purpose.INTERIM}, {"is_cheap": True}])
@pytest.mark.parametrize("num_samples", [0, 16_000, 98_880, 98_881, 200_000, 450_000, 480_000])
def test_what_is_encoded_has_room_for_the_speech_and_its_padding_and_hardly_more(
    num_samples, changes
):
    asked = replace(request(1), audio=np.zeros(num_samples, np.float32), **changes)
    frames = encoded_frames_of(asked)
    needed = num_samples / FRAME_SAMPLES + MIN_PADDING_FRAMES
    assert min(needed, FULL_FRAMES) <= frames <= frames_of(asked)
    assert frames < max(needed + ENCODED_STEP_FRAMES, INTERIM_FRAMES + 1)


@pytest.mark.parametrize("changes", [{}, {"is_cheap": True}])
def test_the_whole_window_of_a_retry_is_encoded(changes):
    asked = replace(request(1), audio=np.zeros(64_000, np.float32), is_retry=True, **changes)
    assert encoded_frames_of(asked) == frames_of(asked)


def test_short_interims_have_a_shorter_window():
    second = 16_000
    assert window_frames(second, Purpose.INTERIM) == INTERIM_FRAMES
    assert window_frames(second, Purpose.CHECKPOINT) == window_frames(second, Purpose.FINAL)
    assert window_frames(8 * second, Purpose.INTERIM) == window_frames(8 * second, Purpose.FINAL)


def test_short_cheap_finals_have_a_shorter_window_and_a_narrower_beam():
    second = 16_000
    assert window_frames(second, Purpose.FINAL, is_cheap=True) == INTERIM_FRAMES
    assert window_frames(8 * second, Purpose.FINAL, is_cheap=True) == BUCKET_FRAMES[0]
    assert [beam_size(Purpose.FINAL, width, is_cheap=True) for width in (1, 3)] == [1, CHEAP_BEAM]
    assert [beam_size(purpose, 3) for purpose in Purpose] == [3, 3, 1, 3]


def test_no_bucket_is_mistaken_for_features_by_ctranslate2():
    assert not {2 * 80, 2 * 128} & {INTERIM_FRAMES, *BUCKET_FRAMES}


def test_more_speech_may_say_more_up_to_whispers_half():
    caps = [max_new_tokens(seconds * 16_000) for seconds in range(31)]
    assert caps[0] == 20
    assert caps[1] == 32
    assert caps == sorted(caps)
    assert caps[30] == MAX_NEW_TOKENS


def test_long_windows_ask_for_timestamps():
    assert not wants_timestamps(TIMESTAMPS_FROM_SAMPLES - 1, 1)
    assert wants_timestamps(TIMESTAMPS_FROM_SAMPLES, 1)
    assert not wants_timestamps(TIMESTAMPS_FROM_SAMPLES, 2)


def test_long_segments_of_files_have_timestamps_whatever_the_beam():
    assert wants_timestamps(TIMESTAMPS_FROM_SAMPLES, 3, Purpose.FILE)
    assert not wants_timestamps(TIMESTAMPS_FROM_SAMPLES - 1, 3, Purpose.FILE)


def final_after(context_s: float, own_s: float) -> DecodeRequest:
    """Return a final of `own_s` with a word of context for each half second before it."""
    own_start = 100 * 16_000
    starts = [own_start - index * 8_000 for index in range(int(2 * context_s), 0, -1)]
    words = tuple(Word(f" w{start}", start, start + 8_000, 0.9) for start in starts)
    audio = np.arange(int((context_s + own_s) * 16_000), dtype=np.float32)
    start = own_start - int(context_s * 16_000)
    return DecodeRequest(
        1, Purpose.FINAL, audio, start, "en", Task.TRANSCRIBE, True, "", (),
        context=words, num_context_samples=int(context_s * 16_000),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("own_s", "frames", "context_s"),
    [(2.0, INTERIM_FRAMES, 3.0), (5.0, INTERIM_FRAMES, 1.0), (6.1, INTERIM_FRAMES, 0.0),
     (6.5, 1000, 2.0), (8.0, 1000, 0.5)],
)  # fmt: skip
def test_a_hastened_final_has_as_much_context_as_its_own_window_has_room_for(
    own_s, frames, context_s
):
    asked = final_after(3.0, own_s)

    shorter = hastened(asked)

    assert shorter.is_cheap
    assert frames_of(shorter) == frames_of(replace(asked.without_context(), is_cheap=True))
    assert frames_of(shorter) == frames
    assert shorter.num_context_samples == context_s * 16_000
    assert shorter.num_own_samples == asked.num_own_samples
    assert shorter.start_sample == shorter.end_sample - len(shorter.audio)
    assert np.array_equal(shorter.audio, asked.audio[-len(shorter.audio) :])
    kept = asked.context[len(asked.context) - int(2 * context_s) :]
    assert shorter.context == kept


@pytest.mark.parametrize("words", [False, True])
def test_in_great_haste_words_have_times_only_for_a_client_that_asked_for_them(words):
    asked = replace(final_after(3.0, 2.0), words=words, gives_context=True)

    timed, untimed = hastened(asked), hastened(asked, Haste.UNTIMED)
    assert timed.has_times
    assert untimed.has_times is words
    assert hastened(timed, Haste.UNTIMED).has_times is words
    assert not hastened(untimed).gives_context
    assert (untimed.is_cheap, untimed.context) == (True, timed.context)


def test_context_whose_words_have_no_known_place_is_left_out():
    shorter = hastened(replace(final_after(3.0, 2.0), context=(Word(" w"),)))

    assert shorter.is_cheap
    assert (shorter.context, shorter.num_context_samples) == ((), 0)
    assert len(shorter.audio) == 2 * 16_000


def test_a_hastened_final_that_goes_on_from_its_own_words_keeps_them():
    said = (Word(" one", 90 * 16_000, 91 * 16_000),)
    asked = replace(final_after(3.0, 12.0), said=said)

    assert hastened(asked) == replace(asked, is_cheap=True)


@pytest.mark.parametrize(
    ("own_s", "frames", "context_s"),
    [(11.0, 1750, 3.0), (12.0, 1500, 1.5), (13.4, 1500, 0.0), (17.0, 2000, 1.5)],
)
def test_a_long_window_is_no_longer_for_context_a_shorter_one_is(own_s, frames, context_s):
    asked = final_after(3.0, own_s)

    spared = spared_long_window(asked)

    assert frames_of(spared) == frames
    assert spared.num_context_samples == context_s * 16_000
    assert not spared.is_cheap
    assert np.array_equal(spared.audio, asked.audio[-len(spared.audio) :])


def test_a_long_final_that_goes_on_from_its_own_words_keeps_them():
    said = (Word(" one", 90 * 16_000, 91 * 16_000),)
    asked = replace(final_after(3.0, 12.0), said=said)

    assert spared_long_window(asked) is asked
