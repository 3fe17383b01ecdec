"""The owner's side of live viewers: sends a session's interims while somebody watches it.

A session only leaves its newest interim here; a task of its own does the sending, so that no
session ever waits for a viewer or for Redis. Finals need nothing here: they go by the log.
"""

import asyncio
import time
from collections.abc import Callable

import structlog

from server.stores.base import SessionStore, StoreUnavailableError
from server.stores.keys import OWNERS_TOPIC, live_topic
from streaming.effects import Emit
from streaming.events import Interim, UtteranceEnded
from streaming.live_messages import InterimSaid, live_to_bytes

log = structlog.get_logger()

WATCH_EVERY_S = 4.0
"""A replica with viewers says so again after this."""

WATCHED_FOR_S = 3 * WATCH_EVERY_S
"""So long interims are sent after it was last said."""

RETRY_S = 1.0


class Broadcast:
    """Knows the open interims of the sessions here and which of them are watched.

    Bounded: one interim a channel of each open session; a newer one replaces the one that waits.

    Args:
        store: Where interims are published and requests come from.
        on_erase: Called with the id of a session that was erased on any replica.
    """

    def __init__(self, store: SessionStore, on_erase: Callable[[str], None]) -> None:
        self._store = store
        self._on_erase = on_erase
        self._open: dict[str, dict[int, Emit]] = {}
        self._watched_until: dict[str, float] = {}
        self._waiting: dict[tuple[str, int], InterimSaid] = {}
        self._changed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to listen and to send."""
        self._tasks = [
            asyncio.create_task(self._listen(), name="viewers' requests"),
            asyncio.create_task(self._send(), name="interims to viewers"),
        ]

    async def close(self) -> None:
        """Stop."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def begin(self, session_id: str) -> dict[int, Emit]:
        """Note that this replica runs a session; return what `end` wants to see."""
        interims: dict[int, Emit] = {}
        self._open[session_id] = interims
        return interims

    def end(self, session_id: str, interims: dict[int, Emit]) -> None:
        """Note that a run is over, unless the session has been resumed here meanwhile."""
        if self._open.get(session_id) is interims:
            del self._open[session_id]
            self._watched_until.pop(session_id, None)

    def said(self, session_id: str, emit: Emit) -> None:
        """Take an event of a session."""
        interims = self._open.get(session_id)
        if interims is None:
            return
        match emit.event:
            case Interim(channel=channel):
                interims[channel] = emit
                if session_id in self._watched_until:
                    self._queue(session_id, emit.seq, emit.event)
            case UtteranceEnded(channel=channel):
                interims.pop(channel, None)
            case _:
                pass

    def _queue(self, session_id: str, seq: int, interim: Interim) -> None:
        if self._watched_until[session_id] < time.monotonic():
            del self._watched_until[session_id]
            return
        self._waiting[session_id, interim.channel] = InterimSaid(seq, interim)
        self._changed.set()

    async def _send(self) -> None:
        while True:
            while not self._waiting:
                self._changed.clear()
                await self._changed.wait()
            (session_id, _), said = self._waiting.popitem()
            try:
                await self._store.publish(live_topic(session_id), live_to_bytes(said))
            except StoreUnavailableError:
                await asyncio.sleep(RETRY_S)

    async def _listen(self) -> None:
        while True:
            try:
                async with self._store.subscribe(OWNERS_TOPIC) as requests:
                    async for request in requests:
                        self._take(request)
            except StoreUnavailableError as error:
                log.debug("cannot hear viewers' requests", error=str(error))
            await asyncio.sleep(RETRY_S)

    def _take(self, request: bytes) -> None:
        word, _, name = request.partition(b" ")
        session_id = name.decode(errors="replace")
        if session_id not in self._open:
            return
        if word == b"watch":
            self._watched_until[session_id] = time.monotonic() + WATCHED_FOR_S
            # A viewer that has just come sees the utterance that is open now.
            for emit in self._open[session_id].values():
                if isinstance(emit.event, Interim):
                    self._queue(session_id, emit.seq, emit.event)
        elif word == b"erase":
            self._on_erase(session_id)
