"""Which waiting decodes run together, and next.

Work-conserving: whenever an engine worker is free it takes what waits, with no fixed window, so
batches grow by themselves under load and a lone request never waits. Finals and checkpoints, which
finals wait for, go before interims. Among those everybody's first final or checkpoint goes before
anybody's second, so that one session that sends faster than real time does not hold up the others,
and no final is put behind its own checkpoint; then the earliest deadline goes first, of finals with
long windows so much sooner as they take longer. Rows of a batch share a key (window, beam, prompt
length, …); places left over are filled with later requests of the same key. Whoever has just begun
to speak and has nothing to show yet goes before other interims. A final whose slack has not passed
is only such a row, or goes last: while interims keep the workers busy it waits for a batch, in
which it costs a fifth less. An interim hears what was said while it waited: it is renewed when its
turn has come, which may give it another key, and then it goes on waiting. Where a batch takes about
as long as its rows one by one, rows with long windows are fewer, because what comes meanwhile waits
for the batch to end; on a slow engine a final has company only where more wait than there are
workers. Where too many finals wait those that go next are hastened: decoded with less care, so that
those behind them wait less, and as many as there is time for stay exact; where far more wait they
are not timed for later decodes either. Segments of files wait in a queue of their own
(`file_turns.py`).
"""

import math
from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from enum import IntEnum
from typing import Generic, TypeVar

from streaming.effects import Purpose
from streaming.windows import BUCKET_FRAMES, Haste

JobT = TypeVar("JobT", bound=Hashable)

HASTEN_FROM_S = 0.2
"""A final is hastened where those behind it would keep the workers busy for longer."""

UNTIMED_FROM_S = 0.7
"""And its words have no times for later decodes where that is so for longer."""

LONG_BATCH_S = 0.4
"""Finals that would take a worker longer together are left to another, if one is soon free."""


class _Class(IntEnum):
    """In which order free workers take what waits."""

    URGENT = 0
    FIRST = 1
    INTERIM = 2
    EARLY = 3


@dataclass(frozen=True, slots=True)
class Waiting(Generic[JobT]):
    """A job of `owner` in the queue since `since`, monotonic seconds.

    One that is not live waits behind its own client's haste, not behind others. An answer `slack_s`
    later is still early. One that is decoded again keeps its place in the queue: `place_at` is the
    deadline it had at first.
    """

    job: JobT
    key: Hashable
    purpose: Purpose
    since: float
    owner: Hashable = None
    is_live: bool = True
    num_frames: int = 1
    slack_s: float = 0.0
    place_at: float = math.inf

    @property
    def deadline(self) -> float:
        """The instant, monotonic seconds, until which an answer is early."""
        return self.since + self.slack_s

    @property
    def order(self) -> float:
        """The instant, monotonic seconds, that orders jobs of a class."""
        return min(self.deadline, self.place_at)

    @property
    def is_first(self) -> bool:
        """Whether it is an interim of somebody who has just begun to speak: it has no slack."""
        return self.purpose is Purpose.INTERIM and self.slack_s == 0.0

    def is_due(self, now: float) -> bool:
        """Say whether it is a live final that somebody waits for."""
        return self.purpose is Purpose.FINAL and self.is_live and self.urgent_at <= now

    @property
    def urgent_at(self) -> float:
        """The instant from which on it goes before interims.

        At once for a checkpoint, which others wait for, and for a client that sends faster than
        anybody speaks, whose slack passes faster, too.
        """
        if self.purpose is Purpose.INTERIM:
            return math.inf
        may_wait = self.purpose is Purpose.FINAL and self.is_live
        return self.deadline if may_wait else self.since


class BatchPolicy(Generic[JobT]):
    """The queue in front of the engine.

    Bounded by its users: a session has at most one interim and a few finals waiting, and the
    number of sessions is limited at admission.

    Args:
        max_batch: Rows a batch.
        max_frames: Frames of all windows of a batch of several rows; None for any number.
        renewed: Called with an interim whose turn may have come; returns what it is now.
        hastened: Called with a final that holds up too many others; returns it as decoded with
            less care.
        num_workers: Batches that run at once.
        max_interims: Rows a batch of interims, whose answers come together; None for `max_batch`.
    """

    def __init__(
        self,
        max_batch: int,
        max_frames: int | None = None,
        *,
        renewed: Callable[[Waiting[JobT]], Waiting[JobT]] = lambda waiting: waiting,
        hastened: Callable[[Waiting[JobT], Haste], Waiting[JobT]] = lambda waiting, _: waiting,
        num_workers: int = 1,
        max_interims: int | None = None,
    ) -> None:
        self._max_batch = max_batch
        self._max_interims = max_batch if max_interims is None else max_interims
        self._max_frames = max_frames
        self._renewed = renewed
        self._hastened = hastened
        self._num_workers = num_workers
        self.final_s = 0.0
        """What an exact final takes a worker; 0 where that is not known."""
        self.hastens = False
        """Whether finals are hastened where too many wait."""
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
    def urgent_at(self) -> float:
        """The instant from which on something waits that interims make way for."""
        return min((w.urgent_at for w in self._waiting.values()), default=math.inf)

    def oldest_wait_s(self, now: float) -> float:
        """Return how long the oldest job has waited."""
        return now - min((w.since for w in self._waiting.values()), default=now)

    def waits_s(self, now: float) -> tuple[float, float]:
        """Return how long the oldest live interim has waited, and the longest other urgent one."""
        live = [waiting for waiting in self._waiting.values() if waiting.is_live]
        interims = [w.since for w in live if w.purpose is Purpose.INTERIM]
        urgent_at = min((w.urgent_at for w in live), default=now)
        return now - min(interims, default=now), max(0.0, now - urgent_at)

    def take(self, now: float, max_rows: int | None = None) -> list[Waiting[JobT]]:
        """Remove and return the next batch; empty when nothing waits."""
        max_rows = self._max_batch if max_rows is None else max_rows
        if not self._waiting:
            return []
        order = self._in_turn(now)
        num_due = sum(waiting.is_due(now) for waiting in order)
        max_rows = min(max_rows, self._max_alike(order[0], num_due))
        if self._hasten(order[:max_rows], num_due, now):
            order = self._in_turn(now)
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

    def _max_alike(self, first: Waiting[JobT], num_due: int) -> int:
        """Return how many jobs like the first go together where so many finals are due."""
        if first.purpose is Purpose.INTERIM:
            return self._max_interims
        if first.purpose is not Purpose.FINAL or not first.is_live or not self.final_s:
            return self._max_batch
        return max(1, int(LONG_BATCH_S / self.final_s), math.ceil(num_due / self._num_workers))

    def _hasten(self, nexts: list[Waiting[JobT]], num_due: int, now: float) -> bool:
        """Hasten the finals among what goes next if too many are due; say whether they are."""
        wait_s = (num_due - 1) * self.final_s / self._num_workers
        if not self.hastens or wait_s <= HASTEN_FROM_S:
            return False
        haste = Haste.UNTIMED if wait_s > UNTIMED_FROM_S else Haste.TIMED
        for waiting in nexts:
            if waiting.is_due(now):
                self._waiting[waiting.job] = self._hastened(waiting, haste)
        return True

    def _begun_by(self, waiting: Waiting[JobT]) -> float:
        """Return its place in the order; finals that take longer are begun as much sooner."""
        if waiting.purpose is not Purpose.FINAL:
            return waiting.order
        longer_s = self.final_s * (waiting.num_frames / BUCKET_FRAMES[0] - 1)
        return waiting.order - max(0.0, longer_s)

    def _in_turn(self, now: float) -> list[Waiting[JobT]]:
        turns: Counter[tuple[Hashable, Purpose]] = Counter()
        ranked: list[tuple[_Class, int, float, Waiting[JobT]]] = []
        for waiting in sorted(self._waiting.values(), key=self._begun_by):
            turn = turns[waiting.owner, waiting.purpose] if waiting.owner is not None else 0
            turns[waiting.owner, waiting.purpose] += 1
            ranked.append((_class_of(waiting, now), turn, self._begun_by(waiting), waiting))
        ranked.sort(key=lambda entry: entry[:3])
        return [entry[3] for entry in ranked]


def _class_of(waiting: Waiting[JobT], now: float) -> _Class:
    if waiting.purpose is Purpose.INTERIM:
        return _Class.FIRST if waiting.is_first else _Class.INTERIM
    return _Class.URGENT if waiting.urgent_at <= now else _Class.EARLY
