"""The audio of one channel, and how far the speech model has scored it.

Whatever is decided about speech is decided at `scored_end_sample`, never at what was received or
when an answer came.
"""

from collections.abc import Callable
from functools import partial

from streaming.audio_buffer import AudioBuffer
from streaming.events import Samples
from streaming.snapshot import ChannelPoint
from streaming.speech_gate import WINDOW_SAMPLES, SpeechGate, SpeechPolicy

FORGET_STEP_SAMPLES = 16 * WINDOW_SAMPLES
"""Audio that is needed no more is looked for this often."""

MemoryAfter = Callable[[int], bytes]
"""What the speech model remembers after a window of its last answer; kept for resuming only."""


class HeardAudio:
    """Audio since the last one forgotten, and the speech gate that windows of it have passed.

    Args:
        policy: Tells speech from silence; replaced when options change.
        point: Where the channel goes on.
        start_sample: The first sample that will come.
    """

    def __init__(self, policy: SpeechPolicy, point: ChannelPoint, start_sample: int) -> None:
        self.buffer = AudioBuffer(start_sample)
        self.gate = SpeechGate(
            policy, is_in_speech=point.is_in_speech, run_windows=point.run_windows
        )
        self.scored_windows = point.scored_windows
        self.scored_end_sample = point.scored_windows * WINDOW_SAMPLES
        """End of the last scored window."""

        self._memory = point.memory
        self._newest_memory: Callable[[], bytes] | None = None
        self._forgot_at_sample = 0

    def unscored(self, max_windows: int) -> Samples | None:
        """Return the next whole windows to score, at most `max_windows`, or None."""
        start = self.scored_end_sample
        windows = min(max_windows, (self.buffer.end_sample - start) // WINDOW_SAMPLES)
        if windows <= 0:
            return None
        return self.buffer.read(start, start + windows * WINDOW_SAMPLES)

    def take_score(self, probability: float) -> bool:
        """Take the speech probability of the next window; return whether the window is speech."""
        self.scored_windows += 1
        self.scored_end_sample += WINDOW_SAMPLES
        return self.gate.push(probability)

    def note_memory(self, memory_after: MemoryAfter, num_windows: int) -> None:
        """Keep how to ask what the speech model remembers after an answer of so many windows."""
        self._newest_memory = partial(memory_after, num_windows - 1)

    @property
    def memory(self) -> bytes:
        """What the speech model remembers now; made when asked for, which is seldom."""
        if self._newest_memory is not None:
            self._memory, self._newest_memory = self._newest_memory(), None
        return self._memory

    @property
    def may_forget(self) -> bool:
        """Whether it is time again to look for audio that is needed no more."""
        return self.scored_end_sample - self._forgot_at_sample >= FORGET_STEP_SAMPLES

    def forget_before(self, sample: int) -> None:
        """Let go of what was heard before `sample`."""
        self._forgot_at_sample = self.scored_end_sample
        self.buffer.drop_before(sample)
