"""Where a recording is loud enough to be speech, told without the server under test.

Delays count from when somebody really began or stopped to speak. The file's own end says little
(most recordings end in silence) and the server's word on it would be its own judge. So speech is
where 10 ms frames stand out: at most `LOUDEST_DROP_DB` under the recording's loud frames and at
least `NOISE_RISE_DB` over its quiet ones, for three frames in a row.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from loadtest.recordings import SAMPLE_RATE_HZ

FRAMES_PER_S = 100
LOUDEST_DROP_DB = 32.0
NOISE_RISE_DB = 8.0
MIN_RUN_FRAMES = 3
SEARCH_S = 0.3
"""How far from where the server heard an edge the real one may be."""

_FRAME_SAMPLES = SAMPLE_RATE_HZ // FRAMES_PER_S
_LOUD_SHARE, _QUIET_SHARE = 95, 10
_MIN_CONTRAST_DB = 6.0


@dataclass(frozen=True)
class SpeechMap:
    """A flag for every 10 ms: loud or not."""

    is_loud: npt.NDArray[np.bool_]

    @cached_property
    def _loud_frames(self) -> npt.NDArray[np.intp]:
        return np.flatnonzero(self.is_loud)

    def onset_s(self, heard_start_s: float, not_before_s: float) -> float:
        """Find where speech really began that the server heard from `heard_start_s` on."""
        first = max(not_before_s, heard_start_s - SEARCH_S)
        loud = self._loud_frames
        index = int(np.searchsorted(loud, round(first * FRAMES_PER_S)))
        if index == len(loud) or loud[index] > (heard_start_s + 2 * SEARCH_S) * FRAMES_PER_S:
            return heard_start_s
        return float(loud[index]) / FRAMES_PER_S

    def end_s(self, heard_start_s: float, heard_end_s: float, not_after_s: float) -> float:
        """Find where speech really ended that the server heard up to `heard_end_s`."""
        last = min(not_after_s, heard_end_s + SEARCH_S)
        loud = self._loud_frames
        index = int(np.searchsorted(loud, round(last * FRAMES_PER_S))) - 1
        if index < 0 or loud[index] < heard_start_s * FRAMES_PER_S:
            return heard_end_s
        return float(loud[index] + 1) / FRAMES_PER_S


def map_speech(pcm: bytes) -> SpeechMap:
    """Map a recording of 16-bit samples at 16 kHz."""
    samples = np.frombuffer(pcm, dtype="<i2").astype(np.float32)
    num_frames = len(samples) // _FRAME_SAMPLES
    frames = samples[: num_frames * _FRAME_SAMPLES].reshape(num_frames, _FRAME_SAMPLES)
    if num_frames == 0:
        return SpeechMap(np.zeros(0, dtype=np.bool_))
    level_db = 10 * np.log10(np.mean(frames * frames, axis=1) + 1.0)
    loud_db, quiet_db = np.percentile(level_db, [_LOUD_SHARE, _QUIET_SHARE])
    floor_db = max(loud_db - LOUDEST_DROP_DB, quiet_db + NOISE_RISE_DB)
    floor_db = min(floor_db, loud_db - _MIN_CONTRAST_DB)
    return SpeechMap(_without_clicks(level_db >= floor_db))


def joined(parts: Iterable[tuple[float, SpeechMap]], duration_s: float) -> SpeechMap:
    """Lay maps at their places (seconds) in a longer stretch of audio."""
    is_loud = np.zeros(round(duration_s * FRAMES_PER_S), dtype=np.bool_)
    for start_s, part in parts:
        at = round(start_s * FRAMES_PER_S)
        room = is_loud[at : at + len(part.is_loud)]
        room[:] = part.is_loud[: len(room)]
    return SpeechMap(is_loud)


def _without_clicks(is_loud: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    edges = np.flatnonzero(np.diff(np.concatenate(([0], is_loud.astype(np.int8), [0]))))
    kept = np.zeros_like(is_loud)
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        if end - start >= MIN_RUN_FRAMES:
            kept[start:end] = True
    return kept
