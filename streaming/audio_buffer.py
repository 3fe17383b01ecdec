"""Recent audio of one channel, addressed by its place in the session."""

import numpy as np

from streaming.events import Samples

_INITIAL_SAMPLES = 32_768


class AudioBuffer:
    """A growing window over one channel's 16 kHz samples.

    Samples keep their number from the session's start for ever; old ones are dropped when nothing
    can ask for them again, so memory follows the longest open utterance, not the session. What is
    written is never written over, so readers share it.
    """

    def __init__(self, start_sample: int = 0) -> None:
        self._data = np.empty(_INITIAL_SAMPLES, dtype=np.float32)
        self._offset = 0
        self.start_sample = start_sample
        self.end_sample = start_sample

    def append(self, samples: Samples) -> None:
        """Add `samples` at the end."""
        used = self.end_sample - self.start_sample
        needed = used + len(samples)
        if self._offset + needed > len(self._data):
            self._make_room(used, needed)
        at = self._offset + used
        self._data[at : at + len(samples)] = samples
        self.end_sample += len(samples)

    def read(self, start_sample: int, end_sample: int) -> Samples:
        """Return the samples from `start_sample` up to `end_sample`, not to be written to.

        Raises:
            ValueError: Part of the span was dropped or has not arrived.
        """
        if not self.start_sample <= start_sample <= end_sample <= self.end_sample:
            held = f"{self.start_sample}..{self.end_sample}"
            raise ValueError(f"samples {start_sample}..{end_sample} are not held ({held} are)")
        at = self._offset - self.start_sample
        samples = self._data[at + start_sample : at + end_sample]
        samples.flags.writeable = False
        return samples

    def drop_before(self, sample: int) -> None:
        """Forget everything before `sample`."""
        dropped = min(sample, self.end_sample) - self.start_sample
        if dropped > 0:
            self._offset += dropped
            self.start_sample += dropped

    def _make_room(self, used: int, needed: int) -> None:
        size = len(self._data)
        while size < 2 * needed:
            size *= 2
        if size > 4 * needed and size > _INITIAL_SAMPLES:
            size = max(_INITIAL_SAMPLES, size // 2)
        fresh = np.empty(size, dtype=np.float32)
        fresh[:used] = self._data[self._offset : self._offset + used]
        self._data, self._offset = fresh, 0
