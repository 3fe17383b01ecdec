"""Recordings as the samples that are sent."""

from collections.abc import Iterator
from pathlib import Path

import av

SAMPLE_RATE_HZ = 16_000
BYTES_PER_S = 2 * SAMPLE_RATE_HZ
_CHUNK_BYTES = BYTES_PER_S // 10


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


def silence(duration_s: float) -> bytes:
    """Make digital silence."""
    return bytes(2 * round(duration_s * SAMPLE_RATE_HZ))


def chunks(pcm: bytes) -> Iterator[bytes]:
    """Cut samples into the 0.1 s messages a live client would send."""
    for start in range(0, len(pcm), _CHUNK_BYTES):
        yield pcm[start : start + _CHUNK_BYTES]
