"""Which waiting decodes run together, and next.

Work-conserving: whenever an engine worker is free it takes what waits, with no fixed window, so
batches grow by themselves under load and a lone request never waits. Finals, and checkpoints that
finals wait for, go before interims; inside a class the oldest goes first. Rows of a batch share a
key (window, prompt length, …); places left over are filled with later requests of the same key,
interims among finals too. Segments of files wait in a queue of their own (`file_turns.py`).
"""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from streaming.effects import Purpose

JobT = TypeVar("JobT", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Waiting(Generic[JobT]):
    """A job in the queue since `since`, monotonic seconds."""

    job: JobT
    key: Hashable
    purpose: Purpose
    since: float


class BatchPolicy(Generic[JobT]):
    """The queue in front of the engine.

    Bounded by its users: a session has at most one interim and a few finals waiting, and the
    number of sessions is limited at admission.
    """

    def __init__(self, max_batch: int) -> None:
        self._max_batch = max_batch
        self._waiting: dict[JobT, Waiting[JobT]] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def submit(self, waiting: Waiting[JobT]) -> None:
        """Queue a job."""
        self._waiting[waiting.job] = waiting

    def cancel(self, job: JobT) -> bool:
        """Take a job out if it still waits; say whether it did."""
        return self._waiting.pop(job, None) is not None

    def oldest_wait_s(self, now: float) -> float:
        """Return how long the oldest job has waited."""
        return now - min((w.since for w in self._waiting.values()), default=now)

    def take(self, max_rows: int | None = None) -> list[Waiting[JobT]]:
        """Remove and return the next batch; empty when nothing waits."""
        max_rows = self._max_batch if max_rows is None else max_rows
        if not self._waiting:
            return []
        order = sorted(
            self._waiting.values(), key=lambda w: (w.purpose is Purpose.INTERIM, w.since)
        )
        key = order[0].key
        batch = [waiting for waiting in order if waiting.key == key][:max_rows]
        for waiting in batch:
            del self._waiting[waiting.job]
        return batch
