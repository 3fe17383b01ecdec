"""Any split of the same bytes is the same audio, bit by bit."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streaming.intake import RawAudioIntake
from streaming.options import AudioFormat, ChannelMode, Encoding

pytestmark = pytest.mark.property

SAMPLE_BYTES = {
    Encoding.PCM_S16LE: 2,
    Encoding.PCM_F32LE: 4,
    Encoding.MULAW: 1,
    Encoding.ALAW: 1,
}
FORMATS = st.builds(
    AudioFormat,
    st.sampled_from(list(SAMPLE_BYTES)),
    st.sampled_from([8_000, 11_025, 12_345, 16_000, 22_050, 44_100, 48_000]),
    st.sampled_from([1, 2]),
    st.sampled_from(list(ChannelMode)),
)


def sound(audio: AudioFormat, seed: int, num_bytes: int) -> bytes:
    """Return noise in the format, with a first byte that begins no file."""
    noise = np.random.default_rng(seed)
    if audio.encoding is Encoding.PCM_F32LE:
        return noise.uniform(-1, 1, num_bytes // 4 + 1).astype("<f4").tobytes()[:num_bytes]
    return (b"\x01" + noise.bytes(num_bytes))[:num_bytes]


def heard(audio: AudioFormat, parts: list[bytes]) -> np.ndarray:
    intake = RawAudioIntake(audio)
    return np.concatenate([*(intake.feed(part) for part in parts), intake.flush()], axis=1)


@given(FORMATS, st.integers(0, 9), st.integers(0, 30_000), st.lists(st.integers(0, 30_000)))
@settings(max_examples=200, deadline=None)
def test_any_split_of_the_bytes_gives_bit_identical_audio(audio, seed, num_bytes, cuts):
    data = sound(audio, seed, num_bytes)
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    parts = [data[start:end] for start, end in pairwise(edges)]
    whole, split = heard(audio, [data]), heard(audio, parts)
    assert whole.shape[0] == audio.num_transcripts
    np.testing.assert_array_equal(split, whole)


@given(FORMATS, st.integers(0, 9), st.integers(0, 700))
@settings(max_examples=60, deadline=None)
def test_bytes_one_by_one_give_bit_identical_audio(audio, seed, num_bytes):
    data = sound(audio, seed, num_bytes)
    single = [data[at : at + 1] for at in range(len(data))]
    np.testing.assert_array_equal(heard(audio, single), heard(audio, [data]))


@given(FORMATS, st.integers(0, 9), st.integers(0, 30_000))
@settings(max_examples=100, deadline=None)
def test_audio_keeps_its_length_in_time(audio, seed, num_bytes):
    data = sound(audio, seed, num_bytes)
    assert audio.sample_rate_hz is not None
    frames = num_bytes // (SAMPLE_BYTES[audio.encoding] * audio.num_channels)
    got = heard(audio, [data]).shape[1]
    assert abs(got - frames * 16_000 / audio.sample_rate_hz) <= 1
