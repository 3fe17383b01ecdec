"""What a busy server leaves out, and in which order.

    normal -> stretched -> no interims -> cheap finals -> refusing

Finals are never left out, and stay as exact as on an idle server while they are in time: when
interims come further apart, finals behind which too many wait are hastened (`batching.py`), and
only if finals still wait are all of them. Two waits tell how busy the engine is:
that of the oldest interim, which goes last, and that of the oldest final. Interims have what finals
leave of the engine, so by themselves they come further apart under load (`stretch`), and what costs
as much as finals is left out first. Finals that wait move the server up the rungs, one at a time.
On the way down every rung must stay quiet for a while, longer each time it did not last, and the
engine must have room for what the rung leaves out, so that the server does not swing between two.
"""

from dataclasses import dataclass, field
from enum import IntEnum

from streaming.events import Warned, WarningCode
from streaming.pacing import STEP_S

TICK_S = 0.25
"""How often the waits are looked at."""

MAX_STRETCH = 6.0
NO_CHECKPOINTS_STRETCH = 1.6
CHECKPOINTS_AGAIN_STRETCH = 1.1
"""Far below the other: everybody's checkpoints are due at once when they come again."""

STRETCH_UP = 1.25
STRETCH_DOWN = 0.9

UNNOTICED_INTERIM_WAIT_S = 0.1
STRETCHING_FINAL_WAIT_S = 0.3
BUSY_FINAL_WAIT_S = 0.5
CHEAP_FINAL_WAIT_S = 0.8
REFUSE_FINAL_WAIT_S = 2.5
QUIET_FINAL_WAIT_S = 0.15

CLIMB_AFTER_S = 1.0
DESCEND_AFTER_S = 3.0
MAX_DESCEND_AFTER_S = 12.0


class Rung(IntEnum):
    """What the server leaves out; each rung includes those below."""

    NORMAL = 0
    STRETCHED = 1
    NO_INTERIMS = 2
    CHEAP_FINALS = 3
    REFUSING = 4


@dataclass(frozen=True, slots=True)
class Load:
    """How busy the server is: its rung, the stretch of interims' steps, the wait of finals.

    With a stretch of 2 interims come about twice as far apart as on an idle server. From when a
    final is urgent, or begun, its decode takes `final_s` of late. `was_late` says that interims
    have been far apart and have not yet come again as on an idle server.
    """

    rung: Rung = Rung.NORMAL
    stretch: float = 1.0
    final_wait_s: float = 0.0
    final_s: float = 0.0
    was_late: bool = False
    has_interims: bool = field(init=False, repr=False, compare=False)
    """Whether interims are decoded."""

    has_checkpoints: bool = field(init=False, repr=False, compare=False)
    """Whether words are committed before the final; that costs as much as the finals do.

    Only then do decodes wait for the words before them. Later they take what words there are.
    """

    def __post_init__(self) -> None:
        """Settle what is asked for with every window of every session."""
        has_interims = self.rung < Rung.NO_INTERIMS
        is_near = self.stretch < NO_CHECKPOINTS_STRETCH and not self.was_late
        object.__setattr__(self, "has_interims", has_interims)
        object.__setattr__(self, "has_checkpoints", has_interims and is_near)

    @property
    def hastens_finals(self) -> bool:
        """Whether finals behind which too many wait are decoded with less care.

        From when on finals wait for no other, so long before all of them are.
        """
        return not self.has_checkpoints

    @property
    def has_exact_finals(self) -> bool:
        """Whether finals are decoded with all care but where too many wait behind them."""
        return self.rung < Rung.CHEAP_FINALS


BUSY_OVER_S = 3.0
"""How long a moving mean of the engine's business remembers."""

BUSY_TO_GIVE_BACK = {Rung.CHEAP_FINALS: 0.85, Rung.NO_INTERIMS: 0.75}
"""The most of the workers' time that decodes may take where a rung is left: interims fill what
finals leave. After cheap finals, late ones are hastened, so little room is enough."""

_FINAL_WAIT_TO_CLIMB = {
    Rung.STRETCHED: BUSY_FINAL_WAIT_S,
    Rung.NO_INTERIMS: CHEAP_FINAL_WAIT_S,
    Rung.CHEAP_FINALS: REFUSE_FINAL_WAIT_S,
}


class OverloadLadder:
    """Turns waits into a `Load`; instants are monotonic seconds."""

    def __init__(self) -> None:
        self._rung = Rung.STRETCHED
        self._stretch = 1.0
        self._busy_since: float | None = None
        self._quiet_since: float | None = None
        self._descended_at: float | None = None
        self._descend_after_s = DESCEND_AFTER_S
        self._busy = 0.0
        self._was_late = False

    def observe(self, interim_wait_s: float, final_wait_s: float, busy: float, now: float) -> Load:
        """Take how long the oldest interim and the oldest final have waited; once a tick.

        Also the share of the workers' time that live voices kept `busy` since the last tick.
        """
        self._busy += TICK_S / BUSY_OVER_S * (busy - self._busy)
        is_full = self._rung > Rung.STRETCHED or self._stretch >= MAX_STRETCH
        self._adapt_stretch(interim_wait_s, final_wait_s)
        if is_full and self._wants_up(final_wait_s):
            self._climb(now)
        elif self._rung > Rung.STRETCHED and final_wait_s < QUIET_FINAL_WAIT_S:
            self._descend(now)
        else:
            self._busy_since = self._quiet_since = None
        is_normal = self._rung is Rung.STRETCHED and self._stretch == 1.0
        rung = Rung.NORMAL if is_normal else self._rung
        limit = CHECKPOINTS_AGAIN_STRETCH if self._was_late else NO_CHECKPOINTS_STRETCH
        self._was_late = rung > Rung.STRETCHED or self._stretch >= limit
        return Load(rung, self._stretch, final_wait_s, was_late=self._was_late)

    def _adapt_stretch(self, interim_wait_s: float, final_wait_s: float) -> None:
        """Follow the waits, by a quarter a tick at most."""
        if self._rung > Rung.STRETCHED:
            return
        noticed_s = max(0.0, interim_wait_s - UNNOTICED_INTERIM_WAIT_S)
        wanted = min(MAX_STRETCH, 1.0 + noticed_s / STEP_S)
        if final_wait_s > STRETCHING_FINAL_WAIT_S:
            wanted = MAX_STRETCH
        if wanted > self._stretch:
            self._stretch = min(wanted, self._stretch * STRETCH_UP)
        else:
            self._stretch = max(wanted, self._stretch * STRETCH_DOWN)

    def _wants_up(self, final_wait_s: float) -> bool:
        limit_s = _FINAL_WAIT_TO_CLIMB.get(self._rung)
        return limit_s is not None and final_wait_s > limit_s

    def _climb(self, now: float) -> None:
        self._quiet_since = None
        self._busy_since = now if self._busy_since is None else self._busy_since
        if now - self._busy_since < CLIMB_AFTER_S:
            return
        did_not_last = self._descended_at is not None and (
            now - self._descended_at < self._descend_after_s
        )
        self._descend_after_s = (
            min(MAX_DESCEND_AFTER_S, 2 * self._descend_after_s) if did_not_last else DESCEND_AFTER_S
        )
        self._rung = Rung(self._rung + 1)
        self._busy_since = None

    def _descend(self, now: float) -> None:
        self._busy_since = None
        self._quiet_since = now if self._quiet_since is None else self._quiet_since
        has_room = self._busy <= BUSY_TO_GIVE_BACK.get(self._rung, 1.0)
        if now - self._quiet_since < self._descend_after_s or not has_room:
            return
        self._rung = Rung(self._rung - 1)
        self._quiet_since = None
        self._descended_at = now


def load_warning(load: Load) -> Warned:
    """Return what a client is told when the rung changes: what it misses, how late finals are."""
    late = f"finals wait {load.final_wait_s:.1f} s"
    if load.rung is Rung.NO_INTERIMS:
        return Warned(
            WarningCode.LAGGING,
            f"the server is overloaded ({late}): no interims until it has caught up, and "
            "some finals are less exact",
            "go on sending; every final will come",
        )
    if load.rung > Rung.NO_INTERIMS:
        return Warned(
            WarningCode.LAGGING,
            f"the server is overloaded ({late}): no interims, and finals are less exact",
            "go on sending; every final will come",
        )
    return Warned(
        WarningCode.RECOVERED,
        "the server has caught up: interims come again",
        "nothing needs to be done",
    )
