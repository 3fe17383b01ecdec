"""What a channel heard, and how far it is scored."""

from dataclasses import replace

import numpy as np
import pytest

from streaming.heard_audio import FORGET_STEP_SAMPLES, HeardAudio
from streaming.snapshot import FRESH
from streaming.speech_gate import WINDOW_SAMPLES, SpeechPolicy

pytestmark = pytest.mark.unit


def heard(num_samples):
    audio = HeardAudio(SpeechPolicy(), FRESH.point, 0)
    audio.buffer.append(np.arange(num_samples, dtype=np.float32))
    return audio


def test_only_whole_windows_are_given_to_be_scored():
    audio = heard(3 * WINDOW_SAMPLES - 1)

    assert audio.unscored(max_windows=9).tolist() == list(range(2 * WINDOW_SAMPLES))
    assert len(audio.unscored(max_windows=1)) == WINDOW_SAMPLES


def test_what_is_scored_is_not_scored_again():
    audio = heard(2 * WINDOW_SAMPLES)

    assert audio.take_score(0.9)
    assert audio.scored_end_sample == WINDOW_SAMPLES
    assert audio.unscored(max_windows=9)[0] == WINDOW_SAMPLES
    assert not audio.take_score(0.0)
    assert audio.unscored(max_windows=9) is None


def test_the_speech_models_memory_is_made_only_when_asked_for_and_once():
    asked = []

    def memory_after(window):
        asked.append(window)
        return bytes([window])

    audio = heard(0)
    audio.note_memory(memory_after, 3)
    assert asked == []

    assert (audio.memory, audio.memory) == (b"\x02", b"\x02")
    assert asked == [2]


def test_a_channel_that_goes_on_is_where_it_was():
    point = replace(FRESH.point, scored_windows=3, memory=b"so far", is_in_speech=True)
    audio = HeardAudio(SpeechPolicy(), point, 0)

    assert (audio.memory, audio.scored_end_sample) == (b"so far", 3 * WINDOW_SAMPLES)
    assert audio.take_score(SpeechPolicy().release_probability), "speech that had begun goes on"


def test_old_audio_is_looked_for_now_and_then():
    audio = heard(2 * FORGET_STEP_SAMPLES)
    num_windows = FORGET_STEP_SAMPLES // WINDOW_SAMPLES

    due = []
    for _ in range(num_windows):
        audio.take_score(0.0)
        due.append(audio.may_forget)
    audio.forget_before(WINDOW_SAMPLES)

    assert due == [False] * (num_windows - 1) + [True]
    assert audio.buffer.start_sample == WINDOW_SAMPLES
    assert not audio.may_forget
