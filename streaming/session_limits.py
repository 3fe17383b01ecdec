"""How long, how idle and how far ahead a session may be."""

from dataclasses import dataclass

from streaming.errors import ErrorCode, StarlingError
from streaming.options import TARGET_RATE_HZ

LIVE_LEAD_S = 2.0
"""Audio further ahead of the wall clock than this is no live voice."""


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """Bounds on one session. Waiting times are seconds, backlog is 16 kHz samples.

    `max_lead_s` is how far the audio clock may run ahead of the wall clock: a recording may be
    sent faster than real time, but a runaway sender is told. `max_backlog_samples` and
    `max_pending_finals` are where the server stops reading for a while; nothing is lost there.
    """

    idle_timeout_s: float = 60.0
    max_session_s: float = 4 * 3600.0
    max_lead_s: float = 4 * 3600.0
    max_backlog_samples: int = 10 * TARGET_RATE_HZ
    max_pending_finals: int = 4


class SessionClock:
    """The waiting-time side of a session."""

    def __init__(self, limits: SessionLimits, now: float, started_at: float | None = None) -> None:
        self._limits = limits
        self._started_at = now if started_at is None else started_at
        self._heard_at = now
        self._was_ahead = False

    def touch(self, now: float) -> None:
        """Note that the client was heard."""
        self._heard_at = now

    def next_deadline(self) -> float:
        """Return the earliest instant at which a limit may be reached."""
        return min(
            self._heard_at + self._limits.idle_timeout_s,
            self._started_at + self._limits.max_session_s,
        )

    def check(self, now: float) -> StarlingError | None:
        """Return the limit that is reached, if any."""
        if now - self._started_at >= self._limits.max_session_s:
            return StarlingError(
                ErrorCode.SESSION_TOO_LONG,
                f"the session reached its longest length, {self._limits.max_session_s:.0f} s",
                "open a new session and go on there",
            )
        if now - self._heard_at >= self._limits.idle_timeout_s:
            return StarlingError(
                ErrorCode.IDLE_TIMEOUT,
                f"nothing was received for {self._limits.idle_timeout_s:.0f} s",
                'send audio, or {"type": "ping"} while there is none',
            )
        return None

    def is_ahead(self, received_samples: int, now: float) -> bool:
        """Say whether the client sends faster than anybody speaks; it then waits for itself.

        Once it did it does: a server that is slow stops reading, and so takes the lead away.
        """
        lead_s = received_samples / TARGET_RATE_HZ - (now - self._started_at)
        self._was_ahead = self._was_ahead or lead_s > LIVE_LEAD_S
        return self._was_ahead

    def check_lead(self, received_samples: int, now: float) -> StarlingError | None:
        """Return an error when the audio is further ahead of the wall clock than allowed."""
        lead_s = received_samples / TARGET_RATE_HZ - (now - self._started_at)
        if lead_s <= self._limits.max_lead_s:
            return None
        return StarlingError(
            ErrorCode.AUDIO_TOO_FAST,
            f"audio arrived {lead_s:.0f} s ahead of real time",
            f"stay within {self._limits.max_lead_s:.0f} s of the pace at which it was spoken",
        )
