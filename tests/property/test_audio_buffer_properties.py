"""The audio buffer against a plain list of all samples that ever came."""

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from streaming.audio_buffer import AudioBuffer

pytestmark = pytest.mark.property


class BufferAgainstList(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.buffer = AudioBuffer()
        self.samples: list[float] = []
        self.start = 0

    @rule(size=st.one_of(st.integers(0, 50), st.integers(0, 60_000)))
    def append(self, size):
        fresh = np.arange(len(self.samples), len(self.samples) + size, dtype=np.float32)
        self.buffer.append(fresh)
        self.samples += fresh.tolist()

    @rule(share=st.floats(-0.1, 1.2))
    def drop_before(self, share):
        sample = self.start + int((len(self.samples) - self.start) * share)
        self.buffer.drop_before(sample)
        self.start = max(self.start, min(sample, len(self.samples)))

    @rule(first=st.floats(0, 1), second=st.floats(0, 1))
    def read(self, first, second):
        held = len(self.samples) - self.start
        low, high = sorted((self.start + int(held * first), self.start + int(held * second)))
        assert self.buffer.read(low, high).tolist() == self.samples[low:high]

    @rule(reach=st.integers(1, 1_000))
    def read_outside(self, reach):
        for span in [(self.start - reach, self.start), (self.start, len(self.samples) + reach)]:
            with pytest.raises(ValueError, match="not held"):
                self.buffer.read(*span)

    @invariant()
    def bounds_agree(self):
        assert self.buffer.start_sample == self.start
        assert self.buffer.end_sample == len(self.samples)


TestAudioBuffer = BufferAgainstList.TestCase
TestAudioBuffer.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
