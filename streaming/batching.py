"""Which waiting decodes run together, and next.

Work-conserving: whenever an engine worker is free it takes what waits, with no fixed window, so
batches grow by themselves under load and a lone request never waits. Finals and checkpoints, which
finals wait for, go before interims. Among those everybody's first final or checkpoint goes before
anybody's second, so that one session that sends faster than real time does not hold up the others,
and no final is put behind its own checkpoint; then the earliest deadline goes first. Rows of a
batch share a key (window, beam, prompt length, …); places left over are filled with later requests
of the same key. An interim hears what was said while it waited: it is renewed when its turn has
come, which may give it another key, and then it goes on waiting. Where a batch takes about as long
as its rows one by one, rows with long windows are fewer, because what comes meanwhile waits for the
batch to end. Segments of files wait in a queue of their own (`file_turns.py`).
"""

from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from streaming.effects import Purpose

JobT = TypeVar("JobT", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Waiting(Generic[JobT]):
    """A job of `owner` in the queue since `since`, monotonic seconds.

    One that is not live waits behind its own client's haste, not behind others. An answer `slack_s`
    later is still early.
    """

    job: JobT
    key: Hashable
    purpose: Purpose
    since: float
    owner: Hashable = None
    is_live: bool = True
    num_frames: int = 1
    slack_s: float = 0.0

    @property
    def deadline(self) -> float:
        """The instant, monotonic seconds, that orders jobs of a class."""
        return self.since + self.slack_s


class BatchPolicy(Generic[JobT]):
    """The queue in front of the engine.

    Bounded by its users: a session has at most one interim and a few finals waiting, and the
    number of sessions is limited at admission.

    Args:
        max_batch: Rows a batch.
        max_frames: Frames of all windows of a batch of several rows; None for any number.
        renewed: Called with an interim whose turn may have come; returns what it is now.
    """

    def __init__(
        self,
        max_batch: int,
        max_frames: int | None = None,
        renewed: Callable[[Waiting[JobT]], Waiting[JobT]] = lambda waiting: waiting,
    ) -> None:
        self._max_batch = max_batch
        self._max_frames = max_frames
        self._renewed = renewed
        self._waiting: dict[JobT, Waiting[JobT]] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def submit(self, waiting: Waiting[JobT]) -> None:
        """Queue a job."""
        self._waiting[waiting.job] = waiting

    def cancel(self, job: JobT) -> bool:
        """Take a job out if it still waits; say whether it did."""
        return self._waiting.pop(job, None) is not None

    @property
    def has_urgent(self) -> bool:
        """Whether anything waits that interims make way for."""
        return any(w.purpose is not Purpose.INTERIM for w in self._waiting.values())

    def oldest_wait_s(self, now: float) -> float:
        """Return how long the oldest job has waited."""
        return now - min((w.since for w in self._waiting.values()), default=now)

    def waits_s(self, now: float) -> tuple[float, float]:
        """Return how long the oldest live interim and the oldest other live job have waited."""
        live = [waiting for waiting in self._waiting.values() if waiting.is_live]
        interims = [w.since for w in live if w.purpose is Purpose.INTERIM]
        others = [w.since for w in live if w.purpose is not Purpose.INTERIM]
        return now - min(interims, default=now), now - min(others, default=now)

    def take(self, max_rows: int | None = None) -> list[Waiting[JobT]]:
        """Remove and return the next batch; empty when nothing waits."""
        max_rows = self._max_batch if max_rows is None else max_rows
        if not self._waiting:
            return []
        order = self._in_turn()
        first = self._as_now(order[0])
        if self._max_frames is not None:
            max_rows = min(max_rows, max(1, self._max_frames // first.num_frames))
        batch = [first]
        for waiting in order[1:]:
            if len(batch) == max_rows:
                break
            if waiting.key != first.key and first.purpose is not Purpose.INTERIM:
                continue
            row = self._as_now(waiting)
            if row.key == first.key:
                batch.append(row)
        for row in batch:
            del self._waiting[row.job]
        return batch

    def _as_now(self, waiting: Waiting[JobT]) -> Waiting[JobT]:
        """Renew it in the queue if it is an interim."""
        if waiting.purpose is not Purpose.INTERIM:
            return waiting
        row = self._waiting[waiting.job] = self._renewed(waiting)
        return row

    def _in_turn(self) -> list[Waiting[JobT]]:
        turns: Counter[tuple[Hashable, Purpose]] = Counter()
        ranked: list[tuple[bool, int, float, Waiting[JobT]]] = []
        for waiting in sorted(self._waiting.values(), key=lambda w: w.deadline):
            is_interim = waiting.purpose is Purpose.INTERIM
            turn = turns[waiting.owner, waiting.purpose] if waiting.owner is not None else 0
            turns[waiting.owner, waiting.purpose] += 1
            ranked.append((is_interim, turn, waiting.deadline, waiting))
        ranked.sort(key=lambda entry: entry[:3])
        return [entry[3] for entry in ranked]
