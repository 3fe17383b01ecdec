"""Speech probabilities to speech edges, one window of 512 samples at a time.

Silero's own recommendation (its `VADIterator`): speech begins at 0.5 and goes on down to 0.35.
A start needs several windows, so that a click opens nothing; the start is where they began.
"""

from dataclasses import dataclass

WINDOW_SAMPLES = 512
"""What Silero scores at 16 kHz: 32 ms."""

RELEASE_PROBABILITY = 0.35
MIN_RELEASE_PROBABILITY = 0.01

QUIET_WINDOWS = 31
"""After so many windows in a row (1 s) under `RELEASE_PROBABILITY` the speech model forgets what it
heard: it can be deaf to the next voice for seconds (docs/performance.md). Whatever threshold a
session chose, so that the same audio has the same scores."""

MAX_NOTICED_LATE_SAMPLES = 10 * WINDOW_SAMPLES
"""The gate notices soft beginnings late; a timed word may say by how much, up to this."""


@dataclass(frozen=True, slots=True)
class SpeechPolicy:
    """How sure the gate must be. Probabilities are 0 to 1; counts are windows of 32 ms."""

    onset_probability: float = 0.5
    release_probability: float = RELEASE_PROBABILITY
    min_start_windows: int = 3

    def at_threshold(self, onset_probability: float) -> "SpeechPolicy":
        """Return the policy with another onset; release stays as far below it as it was."""
        width = self.onset_probability - self.release_probability
        release = max(onset_probability - width, MIN_RELEASE_PROBABILITY)
        return SpeechPolicy(onset_probability, release, self.min_start_windows)


class SpeechGate:
    """Hysteresis over the speech probabilities of one channel."""

    def __init__(
        self, policy: SpeechPolicy, *, is_in_speech: bool = False, run_windows: int = 0
    ) -> None:
        self.policy = policy
        self.is_in_speech = is_in_speech
        self.run_windows = run_windows

    def push(self, probability: float) -> bool:
        """Take the next window's probability; return whether the window is speech."""
        threshold = (
            self.policy.release_probability if self.is_in_speech else self.policy.onset_probability
        )
        self.is_in_speech = probability >= threshold
        self.run_windows = self.run_windows + 1 if self.is_in_speech else 0
        return self.is_in_speech

    @property
    def started_windows_ago(self) -> int | None:
        """How many windows back the present run of speech began, once it is long enough."""
        if self.run_windows < self.policy.min_start_windows:
            return None
        return self.run_windows

    def reset(self) -> None:
        """Begin anew, as after a finalize: what follows must earn its own start."""
        self.is_in_speech = False
        self.run_windows = 0
