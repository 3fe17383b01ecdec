"""Every encoding, rate and container says the same words."""

import itertools

import numpy as np
import pytest

from tests.support.recordings import (
    clip,
    clip_path,
    contained,
    encoded,
    pcm16,
    references,
    resampled,
    silence,
    spoken,
    word_errors,
)
from tests.support.running_server import RunningServer, converse, pieces, with_query

pytestmark = pytest.mark.model

CLIP = "0930"
WORDS = spoken(references()[CLIP])
RAW = list(itertools.product(["pcm_s16le", "pcm_f32le"], [8000, 11025, 16000, 22050, 44100, 48000]))
RAW += list(itertools.product(["mulaw", "alaw"], [8000, 16000]))
CONTAINERS = {
    "webm-opus": ("webm", "libopus", 48_000),
    "ogg-opus": ("ogg", "libopus", 48_000),
    "mp3": ("mp3", "libmp3lame", 44_100),
    "flac": ("flac", "flac", 16_000),
    "wav": ("wav", "pcm_s16le", 8_000),
    "wav-mulaw": ("wav", "pcm_mulaw", 8_000),
}


@pytest.mark.parametrize(("encoding", "rate_hz"), RAW)
async def test_raw_encodings_say_the_same_words(tiny_server: RunningServer, encoding, rate_hz):
    data = encoded(clip(CLIP), encoding, rate_hz)
    url = with_query(tiny_server.socket_url, encoding=encoding, sample_rate=rate_hz)
    heard = await converse(url, pieces(data, 4001))
    assert spoken(heard.text) == WORDS


@pytest.mark.parametrize("name", CONTAINERS)
async def test_containers_say_the_same_words(tiny_server: RunningServer, name):
    container, codec, rate_hz = CONTAINERS[name]
    data = contained(resampled(clip(CLIP), rate_hz), container, codec, rate_hz)
    heard = await converse(tiny_server.socket_url, ['{"type": "start"}', *pieces(data, 997)])
    assert spoken(heard.text) == WORDS
    assert heard.close_code == 1000


async def test_audio_may_come_first_without_any_options(tiny_server: RunningServer):
    heard = await converse(tiny_server.socket_url, pieces(clip_path(CLIP).read_bytes(), 8192))
    assert spoken(heard.text) == WORDS


async def test_cut_off_file_gives_the_words_before_the_cut(tiny_server: RunningServer):
    data = contained(clip("0870"), "ogg", "libopus", 16_000)
    heard = await converse(tiny_server.socket_url, pieces(data[: len(data) // 2], 1000))
    said = spoken(heard.text)
    assert heard.error_code is None
    assert word_errors(" ".join(spoken(references()["0870"])[: len(said)]), heard.text) <= 2
    assert len(said) >= 6


async def test_one_byte_messages_say_the_same_words(tiny_server: RunningServer):
    audio = encoded(clip(CLIP)[:48_000], "mulaw", 8000)
    url = with_query(tiny_server.socket_url, encoding="mulaw", sample_rate=8000)
    whole = await converse(url, [audio])
    byte_by_byte = await converse(url, pieces(audio, 1))
    assert byte_by_byte.of("final") == [
        {**final, "seq": seen["seq"]}
        for final, seen in zip(whole.of("final"), byte_by_byte.of("final"), strict=True)
    ]


async def test_two_channels_get_a_transcript_each(tiny_server: RunningServer):
    first, second = clip("0930"), clip("0880")
    length = max(len(first), len(second))
    stereo = np.stack([np.pad(a, (0, length - len(a))) for a in (first, second)], axis=1)
    url = with_query(tiny_server.socket_url, encoding="pcm_s16le", sample_rate=16000, channels=2)
    heard = await converse(url, pieces(pcm16(stereo), 6400))
    texts = {
        channel: " ".join(f["text"] for f in heard.of("final") if f["channel"] == channel)
        for channel in (0, 1)
    }
    assert spoken(texts[0]) == WORDS
    assert word_errors(references()["0880"], texts[1]) <= 3


async def test_two_channels_can_be_mixed(tiny_server: RunningServer):
    audio = np.concatenate([clip(CLIP), silence(0.5)])
    stereo = np.stack([audio, np.zeros_like(audio)], axis=1)
    url = with_query(
        tiny_server.socket_url,
        encoding="pcm_s16le",
        sample_rate=16000,
        channels=2,
        channel_mode="mix",
    )
    heard = await converse(url, pieces(pcm16(stereo), 6400))
    assert spoken(heard.text) == WORDS
    assert {final["channel"] for final in heard.of("final")} == {0}
