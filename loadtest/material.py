"""What is said in a load test: recordings of a manifest, or bare files."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from loadtest.manifest import Recording, read_manifest
from loadtest.recordings import duration_s, load_pcm
from loadtest.voices import Clip

MANIFEST_SUFFIX = ".tsv"

SPEECH_RMS = 32768 * 10 ** (-26 / 20)
"""Of 16-bit samples at -26 dB from full scale, the level of speech in ITU-T's tests (P.56)."""

RowT = TypeVar("RowT")


def load_clips(
    paths: Sequence[Path],
    *,
    language: str | None,
    kinds: frozenset[str],
    limit: int,
    longest_s: float = math.inf,
) -> list[Clip]:
    """Load recordings of speech, at most `limit`, spread evenly, none longer than `longest_s`.

    They are brought to one level, as they are said one after the other by one voice. Some are
    35 dB under others, which no voice is.

    Of a manifest those with a trusted text in `language` and of these kinds are taken (all kinds
    but `long` when none are named: a load test wants many utterances, not one long reading).

    Raises `ManifestError` for a manifest that cannot be used, `OSError` for a file that is no
    audio.
    """
    clips: list[Clip] = []
    manifests = [path for path in paths if path.suffix == MANIFEST_SUFFIX]
    spoken = language if language not in (None, "auto") else "en"
    for path in manifests:
        wanted = [row for row in read_manifest(path) if _is_wanted(row, str(spoken), kinds)]
        chosen = [row for row in wanted if duration_s(row.path) <= longest_s]
        clips += [_clip(row) for row in _spread(chosen, limit)]
    for path in paths:
        if path not in manifests and duration_s(path) <= longest_s:
            clips.append(Clip(str(path), at_speech_level(load_pcm(path)), None, str(spoken)))
    return list(_spread(clips, limit))


def _is_wanted(row: Recording, language: str, kinds: frozenset[str]) -> bool:
    is_kind = row.kind in kinds if kinds else row.kind != "long"
    return row.is_scored and row.language == language and is_kind


def _clip(row: Recording) -> Clip:
    return Clip(row.name, at_speech_level(load_pcm(row.path)), row.reference, row.language)


def at_speech_level(pcm: bytes) -> bytes:
    """Return 16-bit samples as loud as speech is on the whole; silence stays silence."""
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float64)
    rms = np.sqrt(np.square(samples).mean()) if len(samples) else 0.0
    if rms == 0.0:
        return pcm
    louder = np.rint(samples * (SPEECH_RMS / rms))
    return np.clip(louder, -32768, 32767).astype("<i2").tobytes()


def _spread(rows: Sequence[RowT], limit: int) -> Sequence[RowT]:
    if len(rows) <= limit:
        return rows
    return [rows[index * len(rows) // limit] for index in range(limit)]
