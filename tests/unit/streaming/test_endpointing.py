import numpy as np
import pytest

from streaming.endpointing import (
    RELEASE_LAG_SAMPLES,
    SOFT_PAUSE_AFTER_S,
    SOFT_PAUSE_S,
    endpoint_reason,
    endpoint_rules,
    quietest_sample,
)
from streaming.events import EndReason
from streaming.speech_gate import WINDOW_SAMPLES

pytestmark = pytest.mark.unit

SHORT = 16_000
LONG = int(SOFT_PAUSE_AFTER_S * 16_000)
PAUSE = int(SOFT_PAUSE_S * 16_000)


@pytest.mark.parametrize("silence_ms", [100, 700, 5_000])
def test_the_asked_silence_ends_an_utterance_of_any_length(silence_ms):
    rules = endpoint_rules(silence_ms)
    silence = max(WINDOW_SAMPLES, silence_ms * 16 - RELEASE_LAG_SAMPLES)
    assert endpoint_reason(rules, 1, silence - 1) is None
    assert endpoint_reason(rules, 1, silence) is EndReason.SILENCE
    assert endpoint_reason(rules, LONG, silence) is EndReason.SILENCE


def test_past_fifteen_seconds_a_shorter_pause_is_end_enough():
    rules = endpoint_rules(700)
    assert endpoint_reason(rules, LONG - 1, PAUSE) is None
    assert endpoint_reason(rules, LONG, PAUSE - 1) is None
    assert endpoint_reason(rules, LONG, PAUSE) is EndReason.PAUSE


def test_a_silence_shorter_than_the_pause_keeps_its_own_length():
    rules = endpoint_rules(200)
    silence = 3_200 - RELEASE_LAG_SAMPLES
    assert endpoint_reason(rules, LONG, silence - 1) is None
    assert endpoint_reason(rules, LONG, silence) is EndReason.SILENCE


def test_without_silence_nothing_ends():
    assert endpoint_reason(endpoint_rules(100), 100 * LONG, 0) is None


def loud(num_samples: int) -> np.ndarray:
    return np.random.default_rng(1).normal(0, 0.2, num_samples).astype(np.float32)


@pytest.mark.parametrize("pause_at", [3_200, 16_000, 40_000])
def test_the_cut_is_in_the_middle_of_the_quietest_100_ms(pause_at):
    audio = loud(48_000)
    audio[pause_at : pause_at + 1_600] = 0
    assert quietest_sample(audio) == pause_at + 800


def test_of_equally_quiet_places_the_latest_wins():
    audio = loud(48_000)
    audio[8_000:9_600] = 0
    audio[32_000:33_600] = 0
    assert quietest_sample(audio) == 32_800
    assert quietest_sample(np.zeros(16_000, dtype=np.float32)) == 16_000 - 800


def test_a_long_dip_beats_a_deeper_short_one():
    audio = loud(48_000)
    audio[8_000:9_600] *= 0.1
    audio[32_000:32_320] = 0
    assert quietest_sample(audio) == 8_800


@pytest.mark.parametrize("num_samples", [0, 1, 1_599])
def test_audio_shorter_than_100_ms_is_cut_at_its_end(num_samples):
    assert quietest_sample(loud(num_samples)) == num_samples


def test_loud_audio_does_not_overflow():
    audio = np.ones(48_000, dtype=np.float32)
    audio[16_000:17_600] = 0.999
    assert quietest_sample(audio) == 16_800
