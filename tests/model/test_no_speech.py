"""No words come out of what is not speech."""

import numpy as np
import pytest

from tests.support.recordings import pcm16
from tests.support.running_server import RunningServer, converse, pieces, with_query

pytestmark = pytest.mark.model

SECONDS = 60
RATE_HZ = 16_000


def noise(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def silence() -> np.ndarray:
    return np.zeros(SECONDS * RATE_HZ)


def comfort_noise() -> np.ndarray:
    return noise(1).normal(0, 0.001, SECONDS * RATE_HZ)


def white_noise() -> np.ndarray:
    return noise(2).normal(0, 0.1, SECONDS * RATE_HZ)


def pink_noise() -> np.ndarray:
    spectrum = np.fft.rfft(noise(3).normal(0, 1, SECONDS * RATE_HZ))
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    pink = np.fft.irfft(spectrum)
    return 0.2 * pink / np.abs(pink).max()


def clicks() -> np.ndarray:
    audio = np.zeros(SECONDS * RATE_HZ)
    audio[noise(4).integers(0, len(audio), 200)] = 0.9
    return audio


def music() -> np.ndarray:
    """Return chords with a beat: harmonics, vibrato and decay."""
    t = np.arange(SECONDS * RATE_HZ) / RATE_HZ
    audio = np.zeros_like(t)
    for bar, root in enumerate([220.0, 174.6, 261.6, 196.0] * 8):
        start, end = (int(bar * s * RATE_HZ) for s in (1.875, 1.875))
        end = start + int(1.875 * RATE_HZ)
        span = t[start:end] - bar * 1.875
        for ratio in (1, 1.26, 1.5, 2):
            for harmonic in range(1, 6):
                tone = np.sin(2 * np.pi * root * ratio * harmonic * span + 0.3 * np.sin(5 * span))
                audio[start:end] += tone * np.exp(-1.5 * span) / harmonic
    return 0.3 * audio / np.abs(audio).max()


@pytest.mark.parametrize("make", [silence, comfort_noise, white_noise, pink_noise, clicks, music])
async def test_a_minute_without_speech_gives_no_text(tiny_server: RunningServer, make):
    url = with_query(tiny_server.socket_url, encoding="pcm_s16le", sample_rate=RATE_HZ)
    heard = await converse(url, pieces(pcm16(make().astype(np.float32)), 32_000))
    assert heard.text == ""
    assert heard.of("interim") == []
    assert heard.messages[-1]["summary"]["audio_s"] == SECONDS
