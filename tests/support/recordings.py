"""The bundled recordings, decoded, re-encoded and scored."""

import csv
import io
import re
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import numpy as np
import soxr

FIXTURES = Path(__file__).parent.parent / "fixtures"


@cache
def references() -> dict[str, str]:
    """Return the reference text of each clip by its number, such as `0870`."""
    with (FIXTURES / "manifest.tsv").open(encoding="utf-8") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return {row["file"].split("-")[-1].split(".")[0]: row["reference"] for row in rows}


def clip_path(number: str) -> Path:
    return FIXTURES / f"sense-and-sensibility-01-{number}.flac"


@cache
def clip(number: str) -> np.ndarray:
    """Return a clip as float32 at 16 kHz."""
    with av.open(str(clip_path(number))) as container:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=16_000)
        parts = [
            ready.to_ndarray()[0]
            for frame in [*container.decode(audio=0), None]
            for ready in resampler.resample(frame)
        ]
    return np.concatenate(parts)


def silence(seconds: float, rate_hz: int = 16_000) -> np.ndarray:
    return np.zeros(int(seconds * rate_hz), dtype=np.float32)


def resampled(audio: np.ndarray, rate_hz: int) -> np.ndarray:
    return audio if rate_hz == 16_000 else soxr.resample(audio, 16_000, rate_hz)


def pcm16(audio: np.ndarray) -> bytes:
    return (np.clip(audio, -1, 1) * 32767).round().astype("<i2").tobytes()


def encoded(audio: np.ndarray, encoding: str, rate_hz: int) -> bytes:
    """Return mono audio in a raw encoding at a rate; G.711 is coded by FFmpeg, not by us."""
    samples = resampled(audio, rate_hz)
    if encoding == "pcm_s16le":
        return pcm16(samples)
    if encoding == "pcm_f32le":
        return samples.astype("<f4").tobytes()
    return contained(
        samples, {"mulaw": "mulaw", "alaw": "alaw"}[encoding], f"pcm_{encoding}", rate_hz
    )


def contained(audio: np.ndarray, container: str, codec: str, rate_hz: int = 16_000) -> bytes:
    """Return mono audio at `rate_hz` inside a container."""
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        stream = output.add_stream(codec, rate=rate_hz, layout="mono")
        frame = av.AudioFrame.from_ndarray(
            (np.clip(audio, -1, 1) * 32767).astype(np.int16)[np.newaxis], "s16", "mono"
        )
        frame.sample_rate = rate_hz
        frame.time_base = Fraction(1, rate_hz)
        fifo = av.AudioResampler(
            format=stream.format, layout="mono", rate=rate_hz, frame_size=stream.frame_size or 1024
        )
        for ready in [*fifo.resample(frame), *fifo.resample(None)]:
            output.mux(stream.encode(ready))
        output.mux(stream.encode(None))
    return file.getvalue()


def spoken(text: str) -> list[str]:
    """Return the words of a text as spoken, for comparison."""
    plain = re.sub(r"[^a-z' ]", " ", text.lower().replace("mr.", "mister").replace("-", " "))
    return plain.split()


def word_errors(reference: str, text: str) -> int:
    """Return the number of wrong, missing and extra words."""
    said, heard = spoken(reference), spoken(text)
    row = list(range(len(heard) + 1))
    for i, want in enumerate(said, start=1):
        previous, row = row, [i]
        for j, got in enumerate(heard, start=1):
            row.append(min(previous[j - 1] + (want != got), previous[j] + 1, row[j - 1] + 1))
    return row[-1]
