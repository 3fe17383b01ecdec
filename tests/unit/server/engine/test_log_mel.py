"""The same features as faster-whisper's own extractor."""

import numpy as np
import pytest
from faster_whisper.feature_extractor import FeatureExtractor
from hypothesis import given
from hypothesis import strategies as st

from server.engine.log_mel import LogMel

EXTRACTOR = FeatureExtractor()
LOG_MEL = LogMel(EXTRACTOR)


def noise(num_samples: int, gain: float = 0.1) -> np.ndarray:
    numbers = np.random.default_rng(num_samples).standard_normal(num_samples)
    return (gain * numbers).astype(np.float32)


def assert_same_features(features: np.ndarray, expected: np.ndarray) -> None:
    """Compare amplitudes: single precision rounds by the loudest band of a frame.

    Where a band is far under it, the same rounding is any difference of logarithms.
    """
    amplitudes, wanted = (10.0 ** (2.0 * mel.astype(np.float64)) for mel in (features, expected))
    assert features.shape == expected.shape
    assert (np.abs(amplitudes - wanted) <= 5e-6 * wanted.max(axis=0)).all()


@given(num_samples=st.integers(1, 40_000), gain=st.floats(0.0, 2.0))
def test_any_audio_has_the_features_that_faster_whisper_gives_it(num_samples, gain):
    audio = noise(num_samples, gain)
    features = LOG_MEL.features(audio)
    assert_same_features(features, EXTRACTOR(audio))
    assert features.dtype == np.float32


def test_a_tone_beside_silence_has_them_too():
    seconds = np.arange(16_000, dtype=np.float32) / 16_000
    audio = np.concatenate([np.sin(2 * np.pi * 440 * seconds), np.zeros(8_000)]).astype(np.float32)
    assert_same_features(LOG_MEL.features(audio), EXTRACTOR(audio))


def test_models_with_more_bands_have_their_own_filters():
    extractor = FeatureExtractor(feature_size=128)
    audio = noise(16_000)
    features = LogMel(extractor).features(audio)
    assert_same_features(features, extractor(audio))
    assert features.shape == (128, 101)


@pytest.mark.parametrize("frames", [50, 101, 300])
def test_rows_are_cut_or_padded_with_zeros(frames):
    audios = [noise(16_000), noise(4_000)]
    batch = LOG_MEL.batch(audios, frames)
    assert batch.shape == (2, 80, frames)
    for row, audio in zip(batch, audios, strict=True):
        width = min(frames, 1 + len(audio) // 160)
        np.testing.assert_array_equal(row[:, :width], LOG_MEL.features(audio)[:, :width])
        assert not row[:, width:].any()
