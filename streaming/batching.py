"""Which waiting decodes run together, and next.

Work-conserving: whenever an engine worker is free it takes what waits, with no fixed window, so
batches grow by themselves under load and a lone request never waits. Finals and checkpoints, which
finals wait for, go before interims. Among those everybody's first final or checkpoint goes before
anybody's second, so that one session that sends faster than real time does not hold up the others,
and no final is put behind its own checkpoint; then the earliest deadline goes first. Rows of a
batch share a key (window, beam, prompt length, …); places left over are filled with later requests
of the same key. Where a batch takes about as long as its rows one by one, rows with long windows
are fewer, because what comes meanwhile waits for the batch to end; for that reason a batch of
interims should not take long on this machine, whatever the model (`BatchPace`). Segments of files
wait in a queue of their own (`file_turns.py`).
"""

from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from streaming.effects import Purpose

JobT = TypeVar("JobT", bound=Hashable)

INTERIM_BATCH_S = 0.25
"""How long a batch of interims should take: finals wait for it to end."""

PACE_WEIGHT = 0.1
"""Of the newest batch in what is known of their pace."""

SLACK_S = {Purpose.FINAL: 0.0, Purpose.CHECKPOINT: 1.0, Purpose.INTERIM: 0.0, Purpose.FILE: 0.0}
"""How much later an answer is still early: a checkpoint is needed by the final after it."""


@dataclass(frozen=True, slots=True)
class Waiting(Generic[JobT]):
    """A job of `owner` in the queue since `since`, monotonic seconds.

    One that is not live waits behind its own client's haste, not behind others.
    """

    job: JobT
    key: Hashable
    purpose: Purpose
    since: float
    owner: Hashable = None
    is_live: bool = True
    num_frames: int = 1

    @property
    def deadline(self) -> float:
        """The instant, monotonic seconds, that orders jobs of a class."""
        return self.since + SLACK_S[self.purpose]


class BatchPace:
    """How long batches of a kind take for each frame of their windows: a moving average."""

    def __init__(self) -> None:
        self._seconds_per_frame: float | None = None

    def note(self, num_frames: int, seconds: float) -> None:
        """Take in that a batch of so many frames took so long."""
        found = seconds / max(1, num_frames)
        before = found if self._seconds_per_frame is None else self._seconds_per_frame
        self._seconds_per_frame = before + PACE_WEIGHT * (found - before)

    def rows_within(self, seconds: float, num_frames: int) -> int:
        """Return how many rows of so many frames take no longer, one at least.

        While nothing is known, it is one.
        """
        if not self._seconds_per_frame:
            return 1
        return max(1, int(seconds / (self._seconds_per_frame * max(1, num_frames))))


class BatchPolicy(Generic[JobT]):
    """The queue in front of the engine.

    Bounded by its users: a session has at most one interim and a few finals waiting, and the
    number of sessions is limited at admission.

    Args:
        max_batch: Rows a batch.
        max_frames: Frames of all windows of a batch of several rows; None for any number.
    """

    def __init__(self, max_batch: int, max_frames: int | None = None) -> None:
        self._max_batch = max_batch
        self._max_frames = max_frames
        self._waiting: dict[JobT, Waiting[JobT]] = {}
        self.interim_pace = BatchPace()
        """To be told how long batches of interims took."""

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
        key = order[0].key
        max_rows = min(max_rows, self._rows_of(order[0]))
        batch = [waiting for waiting in order if waiting.key == key][:max_rows]
        for waiting in batch:
            del self._waiting[waiting.job]
        return batch

    def _rows_of(self, first: Waiting[JobT]) -> int:
        """Return how many rows a batch may have that begins with this one."""
        rows = self._max_batch
        if self._max_frames is not None:
            rows = min(rows, max(1, self._max_frames // first.num_frames))
        if first.purpose is Purpose.INTERIM:
            rows = min(rows, self.interim_pace.rows_within(INTERIM_BATCH_S, first.num_frames))
        return rows

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
