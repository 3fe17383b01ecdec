import asyncio
import io
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import numpy as np
import pytest

from server.container_decoder import MAX_PIPE_BYTES, ContainerDecoder, container_format
from streaming.errors import ErrorCode, StarlingError
from streaming.options import AudioFormat, ChannelMode
from tests.support.recordings import contained
from tests.support.running_server import pieces

pytestmark = pytest.mark.unit

RATE_HZ = 16_000


def tone(hz: int, rate_hz: int = RATE_HZ) -> np.ndarray:
    """Return a second of a tone."""
    return 0.5 * np.sin(2 * np.pi * hz * np.arange(rate_hz) / rate_hz)


TONE = tone(440)


def wav(*channels: np.ndarray, rate_hz: int = RATE_HZ) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as output:
        output.setnchannels(len(channels))
        output.setsampwidth(2)
        output.setframerate(rate_hz)
        output.writeframes((np.stack(channels, axis=1) * 32767).astype("<i2").tobytes())
    return file.getvalue()


@dataclass
class Heard:
    """A decoder and what came out of it."""

    decoder: ContainerDecoder = field(init=False)
    parts: list[np.ndarray] = field(default_factory=list)
    errors: list[StarlingError] = field(default_factory=list)
    may_take: asyncio.Event = field(default_factory=asyncio.Event)
    was_given: asyncio.Event = field(default_factory=asyncio.Event)

    async def deliver(self, audio: np.ndarray) -> None:
        self.was_given.set()
        await self.may_take.wait()
        self.parts.append(audio)

    @property
    def audio(self) -> np.ndarray:
        return np.concatenate(self.parts, axis=1)

    async def take(self, data: bytes, size: int = 997) -> None:
        for piece in pieces(data, size):
            await self.decoder.feed(piece)
        await self.decoder.finish()


@asynccontextmanager
async def decoding(audio: AudioFormat | None = None, *, blocked: bool = False) -> AsyncIterator:
    heard = Heard()
    if not blocked:
        heard.may_take.set()
    heard.decoder = ContainerDecoder(audio or AudioFormat(), heard.deliver, heard.errors.append)
    try:
        yield heard
    finally:
        heard.decoder.close()
        heard.may_take.set()
        await asyncio.to_thread(heard.decoder._thread.join, 30)
        assert not heard.decoder._thread.is_alive()


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"\x1aE\xdf\xa3\x01\0\0\0\0\0\0\0", "matroska"),
        (b"OggS\0\2\0\0\0\0\0\0", "ogg"),
        (b"fLaC\0\0\0\x22\x10\0\x10\0", "flac"),
        (b"RIFF\x24\0\0\0WAVE", "wav"),
        (b"RIFF\x24\0\0\0AVI ", None),
        (b"ID3\x04\0\0\0\0\0\0\0\0", "mp3"),
        (b"\xff\xfb\x90\0", "mp3"),
        (b"\xff\xf3\x90\0", "mp3"),
        (b"\xff\xf1\x50\x80", None),
        (b"\xff", None),
        (b"#EXTM3U\nhttp", None),
        (b"\0\0\0\x20ftypisom", None),
        (b"", None),
    ],
)
def test_only_listed_containers_are_taken(head, name):
    assert container_format(head) == name


@pytest.mark.parametrize(
    ("container", "codec", "rate_hz", "slack"),
    [
        ("webm", "libopus", 48_000, 700),
        ("ogg", "libopus", 48_000, 700),
        ("mp3", "libmp3lame", 16_000, 2_500),
        ("flac", "flac", 16_000, 0),
        ("wav", "pcm_s16le", 8_000, 32),
    ],
)
async def test_each_container_is_heard_whole_however_it_is_split(container, codec, rate_hz, slack):
    data = contained(tone(440, rate_hz), container, codec, rate_hz)
    async with decoding() as whole, decoding() as split:
        await whole.take(data, len(data))
        await split.take(data, 101)
        assert whole.errors == split.errors == []
        np.testing.assert_array_equal(split.audio, whole.audio)
        assert abs(whole.audio.shape[1] - RATE_HZ) <= slack
        middle = whole.audio[0, 4_000:12_000]
        assert np.abs(np.fft.rfft(middle)).argmax() == 220


async def test_two_channels_are_kept_apart_or_mixed():
    data = wav(TONE, tone(880))
    async with decoding(AudioFormat(num_channels=2)) as split:
        await split.take(data)
        np.testing.assert_allclose(split.audio, [TONE, tone(880)], atol=1e-4)
    async with decoding(AudioFormat(num_channels=2, channel_mode=ChannelMode.MIX)) as mixed:
        await mixed.take(data)
        (heard,) = mixed.audio
        spectrum = np.abs(np.fft.rfft(heard))
        assert set(np.argsort(spectrum)[-2:]) == {440, 880}
        assert spectrum[440] == pytest.approx(spectrum[880], rel=0.01)


async def test_audio_is_heard_before_seconds_of_it_have_come():
    data = contained(np.tile(TONE, 10), "mp3", "libmp3lame")
    async with decoding() as heard:
        await heard.decoder.feed(data[: len(data) // 10])
        await heard.was_given.wait()


async def test_two_declared_channels_in_a_container_of_one_are_told():
    async with decoding(AudioFormat(num_channels=2)) as heard:
        await heard.take(wav(TONE))
        (error,) = heard.errors
        assert error.code is ErrorCode.UNSUPPORTED_AUDIO
        assert "the container has one" in error.message
        assert "leave `channels` out" in error.hint
        assert heard.parts == []


async def test_a_cut_off_file_gives_what_came_before_the_cut():
    data = contained(np.tile(TONE, 4), "flac", "flac")
    async with decoding() as heard:
        await heard.take(data[: len(data) // 2])
        assert heard.errors == []
        assert RATE_HZ <= heard.audio.shape[1] <= 3 * RATE_HZ


@pytest.mark.parametrize(
    "data",
    [
        b"%PDF-1.7 " * 100,
        b"OggS",
        b"OggS" + bytes(5_000),
        b"\x1aE\xdf\xa3" + b"\x55" * 5_000,
        b"RIFF\x24\0\0\0WAVEfmt ",
        b"#EXTM3U\nhttp://127.0.0.1:1/secret\n",
        b"x",
    ],
    ids=lambda data: repr(data[:8]),
)
async def test_what_is_no_audio_is_told_once_and_the_rest_ignored(data):
    async with decoding() as heard:
        await heard.take(data)
        await heard.decoder.feed(b"more")
        (error,) = heard.errors
        assert error.code is ErrorCode.UNSUPPORTED_AUDIO
        assert "WebM, Ogg, MP3, FLAC or WAV" in error.hint
        assert heard.parts == []


async def test_no_bytes_at_all_are_no_error():
    async with decoding() as heard:
        await heard.decoder.finish()
        assert heard.errors == []
        assert heard.parts == []


async def test_feeding_waits_while_the_session_takes_nothing():
    data = wav(np.tile(TONE, 20))
    async with decoding(blocked=True) as heard:
        await heard.decoder.feed(data[:100_000])
        await heard.was_given.wait()
        feeding = asyncio.create_task(heard.decoder.feed(data[100_000:]))
        await asyncio.sleep(0)
        assert not feeding.done()
        heard.may_take.set()
        await feeding
        await heard.decoder.finish()
        assert heard.audio.shape[1] == 20 * RATE_HZ


async def test_feeding_goes_on_only_when_there_is_room_again():
    data = wav(np.tile(TONE, 60))
    assert len(data) > 6 * MAX_PIPE_BYTES
    async with decoding() as heard:
        await heard.decoder.feed(data)
        assert len(heard.decoder._pipe._data) < MAX_PIPE_BYTES
        await heard.decoder.finish()


async def test_closing_ends_the_thread_that_waits_for_bytes():
    async with decoding() as heard:
        await heard.decoder.feed(wav(np.tile(TONE, 4))[:100_000])
        await heard.was_given.wait()
    assert heard.errors == []


async def test_closing_frees_a_feeder_that_waits_for_room():
    async with decoding(blocked=True) as heard:
        feeding = asyncio.create_task(heard.decoder.feed(wav(np.tile(TONE, 60))))
        await heard.was_given.wait()
        heard.decoder.close()
        heard.may_take.set()
        await feeding


async def test_closing_before_the_first_byte_ends_the_thread():
    async with decoding():
        pass
