"""Quiet voices made louder, so that the engine hears them beside loud ones.

Whisper writes what a voice 20 to 30 dB under another says only by chance: it takes the quiet one
for background, as if nobody spoke. So what lies far under the loudest speech of the same audio is
raised to `MAX_BELOW_DB` under it. Depends on the audio alone.
"""

import numpy as np
import numpy.typing as npt

from streaming.events import Samples

MAX_BELOW_DB = 12.0
"""Voices nearer than this to the loudest stay as they are; Whisper hears them."""

MAX_GAIN_DB = 20.0
MIN_ABOVE_BACKGROUND_DB = 12.0
"""Nothing nearer to the background is a voice, and nothing is raised by more than it is above."""

MIN_GAIN_DB = 1.0
"""Audio that needs less is left as it is."""

FRAME_SAMPLES = 160
MIN_FRAMES = 100
"""In less, loudest and background cannot be told apart."""

_SMOOTH_FRAMES = 2
"""On either side, for a frame's loudness: a period of the deepest voice is one frame."""

_REACH_FRAMES = 30
"""On either side, for a voice's loudness: stops and gaps between words are no quiet voice."""

_FADE_FRAMES = 15
"""On either side, so that gain comes and goes over 0.3 s."""

_LOUDEST_PERCENTILE = 97
_BACKGROUND_PERCENTILE = 10


def levelled(audio: Samples) -> Samples:
    """Return 16 kHz mono audio with its quiet voices raised, the same array where there are none.

    As long as before, float32; audio under a second is left as it is. Takes 1 to 2 ms for 10 s.
    """
    num_frames = len(audio) // FRAME_SAMPLES
    if num_frames < MIN_FRAMES:
        return audio
    whole, rest = np.split(audio, [num_frames * FRAME_SAMPLES])
    frames = whole.reshape(num_frames, FRAME_SAMPLES)
    gain_db = gains_db(frames)
    if gain_db.max() < MIN_GAIN_DB:
        return audio
    gains = np.power(10.0, np.pad(gain_db, 1, mode="edge") / 20.0).astype(np.float32)
    edges = (gains[:-1] + gains[1:]) / 2
    rises = np.outer(np.diff(edges), np.arange(FRAME_SAMPLES, dtype=np.float32) / FRAME_SAMPLES)
    raised = frames * (edges[:-1, None] + rises.astype(np.float32))
    return np.concatenate([raised.ravel(), rest * edges[-1]])


def gains_db(frames: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return how much each frame of 10 ms is raised; `frames` is frames by samples."""
    power = np.einsum("fs,fs->f", frames, frames).astype(np.float64) / frames.shape[1]
    loudness_db = 10.0 * np.log10(_smooth(power, np.ones(2 * _SMOOTH_FRAMES + 1)) + 1e-10)
    loudest_db, background_db = np.percentile(
        loudness_db, (_LOUDEST_PERCENTILE, _BACKGROUND_PERCENTILE)
    )
    voice_db = _padded(loudness_db, _REACH_FRAMES).max(axis=1)
    wanted_db = np.clip(loudest_db - MAX_BELOW_DB - voice_db, 0.0, MAX_GAIN_DB)
    allowed_db = np.maximum(voice_db - background_db - MIN_ABOVE_BACKGROUND_DB, 0.0)
    return _smooth(np.minimum(wanted_db, allowed_db), np.hanning(2 * _FADE_FRAMES + 3)[1:-1])


def _padded(values: npt.NDArray[np.float64], reach: int) -> npt.NDArray[np.float64]:
    """Return for each value those within `reach` on either side, the edges' ones repeated."""
    padded = np.pad(values, reach, mode="edge")
    return np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1)


def _smooth(
    values: npt.NDArray[np.float64], weights: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    return np.asarray(_padded(values, len(weights) // 2) @ (weights / weights.sum()))
