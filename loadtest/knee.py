"""Finding the largest number of sessions a server carries: doubling, then halving the interval."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

COARSENESS = 16
"""The search ends when the interval is this small a part of the answer."""

MAX_SESSIONS = 4096


@dataclass(frozen=True)
class Limits:
    """What a run must keep to be carried."""

    final_p95_s: float = 1.5
    error_rate_rise: float = 0.005


@dataclass(frozen=True)
class Search:
    """Where the search stands: the most that was carried and the least that was not."""

    first: int
    carried: int = 0
    refused: int | None = None

    def next_try(self) -> int | None:
        """Say how many sessions to try next; None when the answer is `carried`."""
        if self.refused is None:
            wanted = 2 * self.carried or self.first
            return wanted if wanted <= MAX_SESSIONS else None
        if self.refused - self.carried <= max(1, self.carried // COARSENESS):
            return None
        return (self.carried + self.refused) // 2

    def after(self, num_sessions: int, *, is_carried: bool) -> "Search":
        """Take in how a try went."""
        if is_carried:
            return Search(self.first, max(self.carried, num_sessions), self.refused)
        refused = num_sessions if self.refused is None else min(self.refused, num_sessions)
        return Search(self.first, self.carried, refused)


def broken_limits(
    losses: Mapping[str, Any], timing: Mapping[str, Any], limits: Limits
) -> list[str]:
    """Say in words which limits a run broke; none means that the server carries the load."""
    final, rise = timing["final"], losses["error_rate_rise"]
    broken = []
    if losses["failures"]:
        broken.append(f"{sum(losses['failures'].values())} sessions failed")
    if losses["refused"]:
        broken.append(f"{losses['refused']} sessions refused")
    if losses["finals_lost"]:
        broken.append(f"{losses['finals_lost']} finals lost")
    if losses["broken_commitments"]:
        broken.append(f"{losses['broken_commitments']} committed texts changed")
    if final["p95_s"] is None:
        broken.append("no final came")
    elif final["p95_s"] > limits.final_p95_s:
        broken.append(f"final p95 {final['p95_s']:.2f} s > {limits.final_p95_s:g} s")
    if losses["clips"] and not losses["clips_compared"]:
        broken.append("no words could be compared")
    if rise is not None and rise > limits.error_rate_rise:
        broken.append(f"WER {100 * rise:+.2f} > {100 * limits.error_rate_rise:+.2f} points")
    return broken
