"""What Silero carries on of a channel from one call to the next, and to another server."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from streaming.events import Samples
from streaming.speech_gate import WINDOW_SAMPLES

Matrix = npt.NDArray[np.float32]
Counts = npt.NDArray[np.int64]

CONTEXT_SAMPLES = 64
NUM_UNITS = 128
"""Width of the LSTM."""


def _memory(lstm: Matrix, context: Samples, num_quiet: int) -> bytes:
    numbers = np.concatenate([lstm.ravel(), context, [num_quiet]])
    return numbers.astype("<f4").tobytes()


@dataclass(eq=False, slots=True)
class VadState:
    """What Silero remembers of one channel: LSTM state (2, 128) and the last 64 samples.

    And how many windows were quiet up to now. A channel nobody has heard yet has no LSTM state.
    """

    lstm: Matrix | None = None
    context: Samples = field(default_factory=lambda: np.zeros(CONTEXT_SAMPLES, dtype=np.float32))
    num_quiet: int = 0
    memory_after: Callable[[int], bytes] | None = None
    """What `to_bytes` would have said after each window of the last call; costs nothing unasked."""

    def to_bytes(self) -> bytes:
        """Return what to go on from elsewhere: 1,284 bytes, or none for a fresh state."""
        return b"" if self.lstm is None else _memory(self.lstm, self.context, self.num_quiet)

    @classmethod
    def from_bytes(cls, memory: bytes) -> "VadState":
        """Return the state of these bytes; none are a fresh state.

        Raises:
            ValueError: The bytes are of another size.
        """
        if not memory:
            return cls()
        numbers = np.frombuffer(memory, dtype="<f4").astype(np.float32)
        if len(numbers) != 2 * NUM_UNITS + CONTEXT_SAMPLES + 1:
            raise ValueError("not the memory of this speech model")
        lstm, rest = np.split(numbers, [2 * NUM_UNITS])
        return cls(lstm.reshape(2, NUM_UNITS), rest[:-1], int(rest[-1]))


def memory_after(
    steps: list[tuple[Matrix, Counts]], row: int, samples: Samples, window: int
) -> bytes:
    """Return what a row's `to_bytes` would have said after a window of a call's `samples`.

    `steps` are the LSTM states (2, rows, 128) and counts of quiet windows (rows,) after each.
    """
    lstm, num_quiet = steps[window]
    end = (window + 1) * WINDOW_SAMPLES
    return _memory(lstm[:, row], samples[end - CONTEXT_SAMPLES : end], int(num_quiet[row]))
