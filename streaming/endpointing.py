"""When an utterance is over, and where to cut one that does not end.

Rules are tried in order; the first that holds gives the reason. All lengths are 16 kHz samples of
audio, so a recording is cut at the same places however fast it arrives.
"""

from dataclasses import dataclass

import numpy as np

from streaming.events import EndReason, Samples
from streaming.options import TARGET_RATE_HZ
from streaming.speech_gate import WINDOW_SAMPLES

SOFT_PAUSE_AFTER_S = 15.0
"""Past this length a shorter pause is end enough: long windows cost more and show later."""

SOFT_PAUSE_S = 0.4
RELEASE_LAG_SAMPLES = 4 * WINDOW_SAMPLES
"""How much later than the voice Silero lets go: silence is counted from the end of the voice."""

CUT_SEARCH_S = 3.0
"""How far back from the longest allowed utterance the quietest place is looked for."""

_CUT_FRAME_SAMPLES = 320
_CUT_SMOOTH_FRAMES = 5


@dataclass(frozen=True, slots=True)
class EndpointRule:
    """Over when this much silence follows an utterance at least this long."""

    reason: EndReason
    min_silence_samples: int
    min_utterance_samples: int = 0


def endpoint_rules(endpoint_silence_ms: int) -> tuple[EndpointRule, ...]:
    """Return the rules for a session that wants `endpoint_silence_ms` of silence."""
    asked = endpoint_silence_ms * TARGET_RATE_HZ // 1000
    silence = max(WINDOW_SAMPLES, asked - RELEASE_LAG_SAMPLES)
    pause = min(silence, int(SOFT_PAUSE_S * TARGET_RATE_HZ))
    return (
        EndpointRule(EndReason.SILENCE, silence),
        EndpointRule(EndReason.PAUSE, pause, int(SOFT_PAUSE_AFTER_S * TARGET_RATE_HZ)),
    )


def endpoint_reason(
    rules: tuple[EndpointRule, ...], utterance_samples: int, silence_samples: int
) -> EndReason | None:
    """Return why the utterance is over, or None while it is not."""
    for rule in rules:
        if (
            silence_samples >= rule.min_silence_samples
            and utterance_samples >= rule.min_utterance_samples
        ):
            return rule.reason
    return None


def quietest_sample(audio: Samples) -> int:
    """Return where in `audio` to cut: the middle of its quietest 100 ms.

    Energy is summed over 20 ms frames and smoothed over five; audio shorter than that is cut at
    its end. Of equally quiet places the latest wins.
    """
    num_frames = len(audio) // _CUT_FRAME_SAMPLES
    if num_frames < _CUT_SMOOTH_FRAMES:
        return len(audio)
    frames = audio[: num_frames * _CUT_FRAME_SAMPLES].reshape(num_frames, _CUT_FRAME_SAMPLES)
    energy = np.square(frames, dtype=np.float64).sum(axis=1)
    smooth = np.convolve(energy, np.ones(_CUT_SMOOTH_FRAMES), mode="valid")
    latest = len(smooth) - 1 - int(np.argmin(smooth[::-1]))
    return (latest * 2 + _CUT_SMOOTH_FRAMES) * _CUT_FRAME_SAMPLES // 2
