"""Recordings as the samples that are sent."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

SAMPLE_RATE_HZ = 16_000
BYTES_PER_S = 2 * SAMPLE_RATE_HZ
CHUNK_S = 0.1
_CHUNK_BYTES = BYTES_PER_S // 10
_ROOM_NOISE_LEVEL = 3
_AV_TIME_BASE = 1_000_000


def load_pcm(path: Path) -> bytes:
    """Decode a whole file to 16-bit mono samples at 16 kHz; stereo is mixed.

    Raises `OSError` when it is missing or no audio.
    """
    resampler = av.AudioResampler("s16", "mono", SAMPLE_RATE_HZ)
    with av.open(str(path)) as container:
        frames = [
            resampled
            for frame in container.decode(audio=0)
            for resampled in resampler.resample(frame)
        ]
    frames.extend(resampler.resample(None))
    return b"".join(frame.to_ndarray().tobytes() for frame in frames)


def duration_s(path: Path) -> float:
    """Read from a file's header how long it is; 0 when it does not say.

    Raises `OSError` when it is missing or no audio.
    """
    with av.open(str(path)) as container:
        return (container.duration or 0) / _AV_TIME_BASE


def silence(duration_s: float) -> bytes:
    """Make digital silence."""
    return bytes(2 * round(duration_s * SAMPLE_RATE_HZ))


def room_noise(duration_s: float) -> bytes:
    """Make the faint noise of a quiet room (about -80 dBFS), the same at every call.

    Zeros would be too easy: a server may notice that nothing at all comes.
    """
    rng = np.random.default_rng(0)
    noise = rng.integers(
        -_ROOM_NOISE_LEVEL, _ROOM_NOISE_LEVEL, round(duration_s * SAMPLE_RATE_HZ), endpoint=True
    )
    return noise.astype("<i2").tobytes()


def chunks(pcm: bytes) -> Iterator[bytes]:
    """Cut samples into the 0.1 s messages a live client would send."""
    for start in range(0, len(pcm), _CHUNK_BYTES):
        yield pcm[start : start + _CHUNK_BYTES]
