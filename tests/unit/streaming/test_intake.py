import av
import numpy as np
import pytest

from streaming.errors import ErrorCode, StarlingError
from streaming.intake import ChannelResampler, RawAudioIntake
from streaming.options import AudioFormat, ChannelMode, Encoding

pytestmark = pytest.mark.unit

ALL_INT16 = np.arange(-32768, 32768, dtype=np.int16)


def intake(encoding: Encoding, rate_hz: int = 16_000, channels: int = 1, mode="split"):
    return RawAudioIntake(AudioFormat(encoding, rate_hz, channels, ChannelMode(mode)))


def refusal(encoding: Encoding, *parts: bytes) -> StarlingError:
    taker = intake(encoding)
    with pytest.raises(StarlingError) as refused:
        list(map(taker.feed, parts))
    assert refused.value.code is ErrorCode.UNSUPPORTED_AUDIO
    return refused.value


def ffmpeg_decoded(data: bytes, codec: str) -> np.ndarray:
    """Return 16-bit samples of G.711 bytes as FFmpeg reads them."""
    context = av.CodecContext.create(codec, "r")
    context.sample_rate = 16_000
    context.layout = "mono"
    frames = context.decode(av.Packet(data))
    return np.concatenate([frame.to_ndarray().ravel() for frame in frames])


def ffmpeg_encoded(samples: np.ndarray, codec: str) -> bytes:
    context = av.CodecContext.create(codec, "w")
    context.sample_rate = 16_000
    context.layout = "mono"
    context.format = "s16"
    frame = av.AudioFrame.from_ndarray(samples[np.newaxis], "s16", "mono")
    frame.sample_rate = 16_000
    return b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)])


def test_16_bit_samples_are_scaled_to_one():
    audio = intake(Encoding.PCM_S16LE).feed(ALL_INT16.astype("<i2").tobytes())
    assert audio.shape == (1, 65536)
    assert audio.dtype == np.float32
    np.testing.assert_array_equal(audio[0], ALL_INT16 / 32768)


def test_float_samples_are_taken_as_they_are_and_clipped_to_one():
    samples = np.array([0.0, 0.25, -1.0, 1.0, 1.5, -63.0], dtype="<f4")
    audio = intake(Encoding.PCM_F32LE).feed(samples.tobytes())
    np.testing.assert_array_equal(audio[0], np.array([0.0, 0.25, -1.0, 1.0, 1.0, -1.0], np.float32))


@pytest.mark.parametrize(
    ("encoding", "codec"), [(Encoding.MULAW, "pcm_mulaw"), (Encoding.ALAW, "pcm_alaw")]
)
def test_all_g711_codes_mean_what_ffmpeg_says(encoding, codec):
    codes = bytes(range(256))
    audio = intake(encoding).feed(codes)
    np.testing.assert_array_equal(audio[0] * 32768, ffmpeg_decoded(codes, codec))


@pytest.mark.parametrize(
    ("encoding", "codec"), [(Encoding.MULAW, "pcm_mulaw"), (Encoding.ALAW, "pcm_alaw")]
)
def test_g711_coded_by_ffmpeg_comes_back_within_its_step(encoding, codec):
    audio = intake(encoding).feed(ffmpeg_encoded(ALL_INT16, codec))
    error = np.abs(audio[0] * 32768 - ALL_INT16)
    assert np.all(error <= np.maximum(np.abs(ALL_INT16.astype(int)) / 16, 17))


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 22_050, 44_100, 48_000])
def test_other_rates_are_resampled_without_loss_of_time_or_level(rate_hz):
    seconds = 2
    at = np.arange(seconds * rate_hz) / rate_hz
    tone = 0.5 * np.sin(2 * np.pi * 440 * at)
    taker = intake(Encoding.PCM_F32LE, rate_hz)
    data = tone.astype("<f4").tobytes()
    audio = np.concatenate([taker.feed(data), taker.flush()], axis=1)[0]
    assert abs(len(audio) - seconds * 16_000) <= 2
    want = 0.5 * np.sin(2 * np.pi * 440 * np.arange(len(audio)) / 16_000)
    np.testing.assert_allclose(audio[800:-800], want[800:-800], atol=2e-3)


def test_two_channels_are_kept_apart_or_mixed():
    samples = np.array([[100, -100], [200, 0], [300, 600]], dtype="<i2")
    split = intake(Encoding.PCM_S16LE, channels=2).feed(samples.tobytes())
    np.testing.assert_array_equal(split * 32768, samples.T)
    mixed = intake(Encoding.PCM_S16LE, channels=2, mode="mix").feed(samples.tobytes())
    np.testing.assert_array_equal(mixed * 32768, [[0, 100, 450]])


def test_resampled_channels_do_not_leak_into_each_other():
    left = np.sin(2 * np.pi * 300 * np.arange(8_000) / 8_000)
    stereo = np.stack([left, np.zeros_like(left)], axis=1).astype("<f4")
    taker = intake(Encoding.PCM_F32LE, 8_000, channels=2)
    audio = np.concatenate([taker.feed(stereo.tobytes()), taker.flush()], axis=1)
    assert np.abs(audio[0]).max() > 0.9
    assert not audio[1].any()


def test_a_sample_cut_in_two_is_completed_by_the_next_bytes_and_dropped_at_the_end():
    data = np.array([1000, 2000, 3000], dtype="<i2").tobytes()
    taker = intake(Encoding.PCM_S16LE)
    assert taker.feed(data[:3]).shape == (1, 1)
    np.testing.assert_array_equal(taker.feed(data[3:5]) * 32768, [[2000]])
    assert taker.flush().shape == (1, 0)


def test_no_bytes_give_no_audio():
    taker = intake(Encoding.ALAW, 8_000, channels=2)
    assert taker.feed(b"").shape == (2, 0)
    assert taker.flush().shape == (2, 0)


@pytest.mark.parametrize(
    "signature",
    [b"RIFF\x24\0\0\0WAVE", b"OggS\0\2", b"fLaC\0\0", b"\x1aE\xdf\xa3\x01", b"ID3\x04\0"],
)
def test_a_file_declared_raw_is_refused_however_it_is_split(signature):
    whole = refusal(Encoding.PCM_S16LE, signature)
    assert "encoding=container" in whole.hint
    single_bytes = [signature[at : at + 1] for at in range(len(signature))]
    assert refusal(Encoding.MULAW, *single_bytes).message == (
        "the audio is a file or container, not raw mulaw"
    )
    assert refusal(Encoding.PCM_S16LE, b"", signature[:2], signature[2:]).hint == whole.hint


def test_a_signature_later_in_the_stream_is_just_sound():
    assert intake(Encoding.MULAW).feed(b"\xff\xff\xff\xffRIFF").shape == (1, 8)


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), 65.0, -1e30])
def test_implausible_floats_are_refused(wrong):
    error = refusal(Encoding.PCM_F32LE, np.array([0.1, wrong], dtype="<f4").tobytes())
    assert "pcm_s16le" in error.hint


def test_16_bit_speech_declared_as_float_is_refused():
    noise = np.random.default_rng(1).integers(-3000, 3000, 1600)
    refusal(Encoding.PCM_F32LE, noise.astype("<i2").tobytes())


def test_raw_audio_without_a_rate_cannot_be_taken():
    with pytest.raises(ValueError, match="sample rate"):
        RawAudioIntake(AudioFormat())


def test_the_resampler_passes_16_khz_through_at_once():
    audio = np.random.default_rng(2).uniform(-1, 1, (777, 2)).astype(np.float32)
    resampler = ChannelResampler(16_000, 2, 2)
    np.testing.assert_array_equal(resampler.feed(audio), audio.T)
    assert resampler.flush().shape == (2, 0)
