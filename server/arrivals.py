"""When audio arrived, to tell how late a caption is."""

from collections import deque

MAX_MARKS = 4_096
"""Seven minutes of 100 ms messages; older marks belong to audio captioned long ago."""


class Arrivals:
    """Remembers at which monotonic instant each part of the audio had arrived."""

    def __init__(self, start_sample: int = 0) -> None:
        self._marks: deque[tuple[int, float]] = deque(maxlen=MAX_MARKS)
        self._received_samples = start_sample

    def add(self, num_samples: int, now: float) -> None:
        """Note that so many more samples are here."""
        self._received_samples += num_samples
        self._marks.append((self._received_samples, now))

    def delay_s(self, sample: int, now: float) -> float | None:
        """Return how long ago `sample` arrived; marks before it are forgotten."""
        while len(self._marks) > 1 and self._marks[0][0] < sample:
            self._marks.popleft()
        return now - self._marks[0][1] if self._marks else None
