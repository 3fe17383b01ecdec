"""Decodes at fixed places of an utterance, the only ones that commit words.

Interims come when load allows, so words committed on them would differ from run to run, and with
them the finals. Checkpoints depend on the audio alone: one every three seconds of speech, never
skipped, applied in order, and a final waits for those before it. What is committed, and so every
final, is the same however busy the server is.

A busy server has no checkpoints but in long utterances, one at a time: decoded whole at its end, 27
s of speech would hold up everybody for a second (docs/performance.md). Such a lone checkpoint
commits its words without another that agrees, but for those of its last seconds.
"""

from collections import deque
from dataclasses import dataclass

from streaming.options import TARGET_RATE_HZ
from streaming.transcript import Hypothesis, Word

CHECKPOINT_SAMPLES = 3 * TARGET_RATE_HZ

LONE_FROM_SAMPLES = 31 * TARGET_RATE_HZ // 2
LONE_STEP_SAMPLES = 7 * TARGET_RATE_HZ
"""Where a busy server has lone checkpoints: one utterance in twenty is longer, and what they cost
is saved at its end."""

LONE_HELD_BACK_SAMPLES = 3 * TARGET_RATE_HZ
"""Words that end nearer to the end of a lone checkpoint are not committed."""


@dataclass(slots=True)
class Checkpoint:
    """One decode up to `end_sample`; answered with no hypothesis when it failed.

    Without `request_id` it is still to be asked for.
    """

    end_sample: int
    is_lone: bool = False
    request_id: int | None = None
    is_answered: bool = False
    hypothesis: Hypothesis | None = None

    @property
    def words(self) -> tuple[Word, ...]:
        """The words heard, none when they are not to be believed."""
        if self.hypothesis is None or self.hypothesis.is_degenerate:
            return ()
        return self.hypothesis.words

    @property
    def sure_until_sample(self) -> int:
        """Up to where words are committed that no other checkpoint agrees on."""
        return self.end_sample - LONE_HELD_BACK_SAMPLES if self.is_lone else 0


class Checkpoints:
    """Which checkpoints of an utterance are due, asked for and answered."""

    def __init__(self, start_sample: int) -> None:
        self._next_sample = start_sample + CHECKPOINT_SAMPLES
        self._next_lone_sample = start_sample + LONE_FROM_SAMPLES
        self._waiting: deque[Checkpoint] = deque()

    @property
    def is_idle(self) -> bool:
        """Whether none is still to be asked for or answered."""
        return not self._waiting

    @property
    def waiting_ids(self) -> list[int]:
        """The requests whose answers have not been applied."""
        return [w.request_id for w in self._waiting if w.request_id is not None]

    @property
    def unasked(self) -> list[Checkpoint]:
        """Those that are still to be asked for, in order."""
        return [waiting for waiting in self._waiting if waiting.request_id is None]

    def has_unanswered(self, end_sample: int) -> bool:
        """Say whether one up to this place is not answered."""
        return any(waiting.end_sample <= end_sample for waiting in self._waiting)

    def is_due(self, scored_end_sample: int) -> bool:
        """Say whether the next checkpoint is reached."""
        return scored_end_sample >= self._next_sample

    def is_lone_due(self, scored_end_sample: int) -> bool:
        """Say whether the next checkpoint of a busy server is reached."""
        return scored_end_sample >= self._next_lone_sample and self.is_idle

    def place(self, end_sample: int, *, is_lone: bool = False) -> None:
        """Note that there is a checkpoint at `end_sample`; the next is a step further."""
        self._waiting.append(Checkpoint(end_sample, is_lone))
        self._next_sample = end_sample + CHECKPOINT_SAMPLES
        self._next_lone_sample = max(self._next_lone_sample, end_sample + LONE_STEP_SAMPLES)

    def give_up(self) -> list[int]:
        """Wait for no more answers; return the requests that were waited for."""
        request_ids = self.waiting_ids
        self._waiting.clear()
        return request_ids

    def answer(self, request_id: int, hypothesis: Hypothesis | None) -> list[Checkpoint]:
        """Take an answer, None for a failure; return those whose turn it is now, in order."""
        for waiting in self._waiting:
            if waiting.request_id == request_id:
                waiting.is_answered, waiting.hypothesis = True, hypothesis
        ready: list[Checkpoint] = []
        while self._waiting and self._waiting[0].is_answered:
            ready.append(self._waiting.popleft())
        return ready
