"""Which voices are made louder for the engine, and what is left as it is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streaming.levels import (
    FRAME_SAMPLES,
    MAX_BELOW_DB,
    MAX_GAIN_DB,
    MIN_ABOVE_BACKGROUND_DB,
    levelled,
)
from tests.support.recordings import clip

pytestmark = pytest.mark.unit

SECOND = 16_000
BACKGROUND_DB = -60.0


def noise(seconds: float, level_db: float, seed: int = 1) -> np.ndarray:
    """Return noise of this loudness, as a voice and as background."""
    samples = np.random.default_rng(seed).normal(0.0, 1.0, int(seconds * SECOND))
    return (samples * 10 ** (level_db / 20)).astype(np.float32)


def scene(*voices: float, seconds: float = 2.0, pause_s: float = 1.0) -> np.ndarray:
    """Return voices of these loudnesses with background before, between and after."""
    parts = [noise(pause_s, BACKGROUND_DB)]
    for number, level_db in enumerate(voices):
        parts += [noise(seconds, level_db, number), noise(pause_s, BACKGROUND_DB)]
    return np.concatenate(parts)


def raised_db(audio: np.ndarray, start_s: float, end_s: float) -> float:
    span = slice(int(start_s * SECOND), int(end_s * SECOND))
    before, after = audio[span].astype(float), levelled(audio)[span].astype(float)
    return float(10 * np.log10((after**2).mean() / (before**2).mean()))


def test_voices_of_one_loudness_are_left_as_they_are():
    for audio in (scene(-20.0), scene(-20.0, -20.0 - MAX_BELOW_DB + 1.5), clip("0870")):
        assert levelled(audio) is audio


@pytest.mark.parametrize("order", [(-20.0, -45.0), (-45.0, -20.0)])
def test_a_quiet_voice_before_or_after_a_loud_one_is_raised_and_the_loud_one_is_not(order):
    audio = scene(*order)
    quiet_at, loud_at = (1.0, 4.0) if order[0] < order[1] else (4.0, 1.0)
    # It is 15 dB over the background, of which MIN_ABOVE_BACKGROUND_DB must stay.
    expected_db = -45.0 - BACKGROUND_DB - MIN_ABOVE_BACKGROUND_DB
    assert raised_db(audio, quiet_at + 0.5, quiet_at + 1.5) == pytest.approx(expected_db, abs=1.0)
    assert raised_db(audio, loud_at, loud_at + 2.0) == pytest.approx(0.0, abs=0.01)


def test_a_quiet_voice_far_over_the_background_is_raised_to_where_it_is_heard():
    audio = scene(-10.0, -30.0)
    assert raised_db(audio, 4.5, 5.5) == pytest.approx(20.0 - MAX_BELOW_DB, abs=1.0)


def test_nothing_is_raised_by_more_than_the_limit():
    audio = np.concatenate([noise(1.0, -100.0), scene(0.0, -50.0)[SECOND:]])
    audio[np.abs(audio) < 1e-3] *= 1e-3
    gain = levelled(audio)[np.abs(audio) > 0] / audio[np.abs(audio) > 0]
    assert gain.max() == pytest.approx(10 ** (MAX_GAIN_DB / 20), rel=0.02)


def test_background_is_no_voice():
    for audio in (scene(-20.0, BACKGROUND_DB), noise(3.0, -30.0), np.zeros(3 * SECOND, np.float32)):
        assert levelled(audio) is audio


def test_less_than_a_second_is_left_as_it_is():
    audio = scene(-20.0, -45.0, seconds=0.2, pause_s=0.1)
    assert len(audio) < SECOND
    assert levelled(audio) is audio


@given(
    st.lists(st.floats(-80.0, 0.0), min_size=2, max_size=5),
    st.floats(0.1, 1.5),
    st.integers(0, FRAME_SAMPLES - 1),
)
def test_no_sample_becomes_quieter_or_much_louder(voices, seconds, extra):
    audio = np.concatenate([scene(*voices, seconds=seconds), noise(1.0, -50.0)[:extra]])
    after = levelled(audio)
    assert (after.shape, after.dtype) == (audio.shape, np.float32)
    assert np.all(np.abs(after) >= np.abs(audio) * 0.9999)
    assert np.all(np.abs(after) <= np.abs(audio) * 10 ** (MAX_GAIN_DB / 20) * 1.0001)
