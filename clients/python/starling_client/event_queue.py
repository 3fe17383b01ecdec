"""The bounded queue between the socket and the program's `async for`."""

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from starling_client.events import Event


class EventQueue:
    """Events in arrival order; never drops one.

    When `limit` events wait, `room` blocks the reader of the socket, so TCP slows the server
    down. While a call waits for the server's answer (`lifted`), the limit does not hold: a
    program that does one thing after the other cannot lock itself out of its own answer.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._events: deque[Event] = deque()
        self._num_lifts = 0
        self._has_ended = False
        self._has_room = asyncio.Event()
        self._has_room.set()
        self._has_news = asyncio.Event()

    async def room(self) -> None:
        """Wait until another event may be read from the socket."""
        await self._has_room.wait()

    def put(self, event: Event) -> None:
        """Add an event; await `room` first."""
        self._events.append(event)
        self._note_change()

    def end(self) -> None:
        """Say that no more events will come."""
        self._has_ended = True
        self._note_change()

    async def get(self) -> Event | None:
        """Wait for the oldest event; None after the last one."""
        while not self._events:
            if self._has_ended:
                return None
            self._has_news.clear()
            await self._has_news.wait()
        event = self._events.popleft()
        self._note_change()
        return event

    @contextmanager
    def lifted(self) -> Iterator[None]:
        """Let the queue grow past its limit inside this block."""
        self._num_lifts += 1
        self._note_change()
        try:
            yield
        finally:
            self._num_lifts -= 1
            self._note_change()

    def _note_change(self) -> None:
        self._has_news.set()
        if self._num_lifts or len(self._events) < self._limit:
            self._has_room.set()
        else:
            self._has_room.clear()
