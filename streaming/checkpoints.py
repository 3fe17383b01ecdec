"""Decodes at fixed places of an utterance, the only ones that commit words.

Interims come when load allows, so words committed on them would differ from run to run, and with
them the finals. Checkpoints depend on the audio alone: one every three seconds of speech, never
skipped, applied in order, and a final waits for those before it. What is committed, and so every
final, is the same however busy the server is.
"""

from collections import deque
from dataclasses import dataclass

from streaming.options import TARGET_RATE_HZ
from streaming.transcript import Hypothesis, Word

CHECKPOINT_SAMPLES = 3 * TARGET_RATE_HZ


@dataclass(slots=True)
class Checkpoint:
    """One decode up to `end_sample`; answered with no hypothesis when it failed."""

    request_id: int
    end_sample: int
    is_answered: bool = False
    hypothesis: Hypothesis | None = None

    @property
    def words(self) -> tuple[Word, ...]:
        """The words heard, none when they are not to be believed."""
        if self.hypothesis is None or self.hypothesis.is_degenerate:
            return ()
        return self.hypothesis.words


class Checkpoints:
    """Which checkpoints of an utterance are due, asked for and answered."""

    def __init__(self, start_sample: int) -> None:
        self._next_sample = start_sample + CHECKPOINT_SAMPLES
        self._waiting: deque[Checkpoint] = deque()

    @property
    def waiting_ids(self) -> list[int]:
        """The requests whose answers have not been applied."""
        return [waiting.request_id for waiting in self._waiting]

    def is_due(self, scored_end_sample: int) -> bool:
        """Say whether the next checkpoint is reached."""
        return scored_end_sample >= self._next_sample

    def ask(self, request_id: int, end_sample: int) -> None:
        """Note that the checkpoint at `end_sample` was asked for; the next is a step further."""
        self._waiting.append(Checkpoint(request_id, end_sample))
        self._next_sample = end_sample + CHECKPOINT_SAMPLES

    def answer(self, request_id: int, hypothesis: Hypothesis | None) -> list[Checkpoint]:
        """Take an answer, None for a failure; return those whose turn it is now, in order."""
        for waiting in self._waiting:
            if waiting.request_id == request_id:
                waiting.is_answered, waiting.hypothesis = True, hypothesis
        ready: list[Checkpoint] = []
        while self._waiting and self._waiting[0].is_answered:
            ready.append(self._waiting.popleft())
        return ready
