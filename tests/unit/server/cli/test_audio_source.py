"""Files and pipes are decoded to 16 kHz samples bit by bit."""

import io
import types
import wave

import av
import numpy as np
import pytest

from server.cli import audio_source
from server.cli.audio_source import open_audio
from server.cli.failures import CommandError

pytestmark = pytest.mark.unit


def samples_of(path, *, split=False):
    with open_audio(str(path), split=split) as audio:
        return np.frombuffer(b"".join(audio.chunks()), np.int16)


def write_wav(path, samples, rate_hz=16_000):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1 if samples.ndim == 1 else samples.shape[1])
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(samples.astype("<i2").tobytes())
    return path


def test_samples_of_a_16_khz_file_are_kept_as_they_are(recording):
    with av.open(str(recording)) as container:
        expected = np.concatenate([f.to_ndarray()[0] for f in container.decode(audio=0)])

    with open_audio(str(recording), split=False) as audio:
        chunks = list(audio.chunks())
        assert audio.duration_s == pytest.approx(len(expected) / 16_000, abs=0.01)

    assert np.array_equal(np.frombuffer(b"".join(chunks), np.int16), expected)
    assert {len(chunk) for chunk in chunks[:-1]} == {3200}


def test_other_rates_are_resampled_to_16_khz(tmp_path):
    path = write_wav(tmp_path / "a.wav", np.zeros(44_100, np.int16), 44_100)

    assert len(samples_of(path)) == pytest.approx(16_000, abs=20)


def test_stereo_is_mixed_or_kept_apart(tmp_path):
    stereo = np.stack([np.full(3200, 1000), np.full(3200, 3000)], axis=1)
    path = write_wav(tmp_path / "a.wav", stereo)

    mixed, split = samples_of(path), samples_of(path, split=True)

    assert np.all(np.abs(mixed - 2000) <= 1)
    assert np.array_equal(split.reshape(-1, 2), stereo)


def test_mono_has_nothing_to_split(recording):
    with open_audio(str(recording), split=True) as audio:
        assert audio.num_channels == 1


def test_a_pipe_is_read_without_seeking_and_bit_by_bit(recording, monkeypatch):
    file = recording.open("rb")
    pipe = types.SimpleNamespace(read1=file.read)
    monkeypatch.setattr(audio_source.sys, "stdin", types.SimpleNamespace(buffer=pipe))

    with file, open_audio("-", split=False) as audio:
        next(iter(audio.chunks()))
        assert file.tell() < recording.stat().st_size


def test_a_damaged_packet_costs_only_itself(recording, tmp_path):
    content = bytearray(recording.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 200] = bytes(200)
    path = tmp_path / "damaged.flac"
    path.write_bytes(content)

    assert len(samples_of(path)) > 0.7 * len(samples_of(recording))


def test_a_cut_off_file_gives_what_is_there(recording, tmp_path):
    path = tmp_path / "cut.flac"
    path.write_bytes(recording.read_bytes()[: recording.stat().st_size // 2])

    assert 0.3 < len(samples_of(path)) / len(samples_of(recording)) < 0.7


def test_a_picture_is_no_audio(tmp_path):
    path = tmp_path / "picture.png"
    with av.open(str(path), "w", format="image2") as container:
        stream = container.add_stream("png", rate=1)
        stream.width = stream.height = 16
        stream.pix_fmt = "rgb24"
        frame = av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8))
        container.mux(stream.encode(frame))

    with pytest.raises(CommandError, match="no audio"), open_audio(str(path), split=False):
        pass


def test_an_empty_file_is_no_audio(tmp_path):
    path = tmp_path / "empty.wav"
    path.write_bytes(b"")

    with pytest.raises(CommandError, match="no audio"):
        samples_of(path)


def test_a_header_without_samples_is_no_audio(tmp_path):
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
    path = tmp_path / "header.wav"
    path.write_bytes(buffer.getvalue())

    with pytest.raises(CommandError, match="no audio"):
        samples_of(path)
