"""Decodes on their way through the dispatcher, and how long finals of late have taken."""

import math
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace

from streaming.effects import DecodeRequest, Purpose
from streaming.transcript import Hypothesis

FINAL_S_WEIGHT = 0.1
"""Of the last final in the means of how long they take."""

OnAnswer = Callable[[Hypothesis | Exception], None]
Renew = Callable[[DecodeRequest], DecodeRequest]
"""Called when a request's turn may have come; returns one of the same id and purpose."""


class WithdrawnError(Exception):
    """A request that nobody needs was not decoded to its end."""


@dataclass(eq=False, slots=True)
class Ticket:
    """A decode submitted at `since`, monotonic seconds.

    `on_answer` is called on the event loop, unless cancelled. Where one decode was not enough,
    `place_at` is the first one's deadline; there is no other for one that `is_withdrawn`.
    """

    request: DecodeRequest
    on_answer: OnAnswer | None = field(repr=False)
    since: float
    owner: Hashable = None
    is_live: bool = True
    renew: Renew | None = field(default=None, repr=False)
    place_at: float = math.inf
    is_withdrawn: bool = False

    def decode_again(self, request: DecodeRequest, now: float) -> None:
        """Ask for another decode in place of the first, in its place in the queue."""
        self.place_at = min(self.place_at, self.since + self.request.slack_s)
        self.request, self.since = replace(request, slack_s=0.0), now


@dataclass(eq=False, slots=True)
class RunningBatch:
    """A batch on a worker since `since`, monotonic seconds."""

    tickets: list[Ticket]
    since: float
    is_given_up: bool = False

    def live_s(self, now: float) -> float:
        """Return how much of its time up to `now` its rows of live voices have had."""
        num_live = sum(t.is_live and t.request.purpose is not Purpose.FILE for t in self.tickets)
        return (now - self.since) * num_live / len(self.tickets)


@dataclass(slots=True)
class FinalTimes:
    """Moving means, in seconds.

    `wait_s` goes from when a live final was urgent, or begun, to its answer; `exact_s` is what a
    worker takes for one that is not cheap.
    """

    wait_s: float = 0.0
    exact_s: float = 0.0

    def take_answer(self, ticket: Ticket, began_at: float, now: float) -> None:
        """Note an answer that came at `now` from a batch begun at `began_at`."""
        if ticket.request.purpose is Purpose.FINAL and ticket.is_live:
            since = min(ticket.since + ticket.request.slack_s, began_at)
            self.wait_s += FINAL_S_WEIGHT * (now - since - self.wait_s)

    def take_batch(self, batch: RunningBatch, now: float) -> None:
        """Note a batch that ended at `now`."""
        requests = [ticket.request for ticket in batch.tickets]
        if all(request.purpose is Purpose.FINAL and not request.is_cheap for request in requests):
            final_s = (now - batch.since) / len(requests)
            self.exact_s += FINAL_S_WEIGHT * (final_s - self.exact_s)
