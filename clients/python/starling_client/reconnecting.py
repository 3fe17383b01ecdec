"""When to try again, and where."""

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from starling_client.link import Link

FIRST_PAUSE_S = 0.1
MAX_PAUSE_S = 5.0


@dataclass(frozen=True, slots=True)
class ReconnectPolicy:
    """How long a lost connection is tried to be replaced, and how much audio is kept for it.

    `timeout_s` of 0 gives up at once. `max_kept_bytes` is ten minutes of 16 kHz audio by default.
    """

    timeout_s: float = 60.0
    max_kept_bytes: int = 20 * 1024 * 1024


def pause_s(attempt: int, within_s: float) -> float:
    """Return how long to wait before a try, the first being 1.

    Random over the whole span ("full jitter"), so that the clients of a server that died do not
    come back all at once; `within_s` is the span that a stopping server asked for.
    """
    span_s = min(MAX_PAUSE_S, FIRST_PAUSE_S * 2 ** (attempt - 1))
    return random.uniform(0.0, max(span_s, within_s if attempt == 1 else 0.0))  # noqa: S311 # no secret


Route = Callable[[], Awaitable[Link]]
"""Opens a link to one server; raises `StarlingError` when it cannot."""


class Routes:
    """The servers to try, one after the other; the present one first."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._routes = tuple(routes)
        self._index = 0

    async def open(self) -> Link:
        """Open a link to the present server.

        Raises `StarlingError` when that cannot be done.
        """
        return await self._routes[self._index]()

    def turn(self) -> None:
        """Go on to the next server."""
        self._index = (self._index + 1) % len(self._routes)
