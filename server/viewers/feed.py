"""One session as this replica follows it: one subscription, however many viewers."""

import asyncio
from contextlib import suppress

import structlog

from server.metrics import Metrics
from server.stores.base import MAX_EVENTS_PER_READ, SessionStore, StoreUnavailableError
from server.stores.keys import OWNERS_TOPIC, live_topic
from server.viewers.broadcast import RETRY_S, WATCH_EVERY_S
from streaming.errors import ErrorCode, StarlingError
from streaming.event_log import KeptEvent, LoggedEvent
from streaming.fan_out import FeedLog, FeedMessage, ViewerCursor
from streaming.live_messages import (
    InterimSaid,
    LogGrown,
    SessionErased,
    ShareRevoked,
    live_from_bytes,
)

log = structlog.get_logger()

ENTER_TIMEOUT_S = 5.0
"""How long a viewer waits for the store's first answer."""


class Viewer:
    """One subscriber: asks for the next message, and holds up nobody when it is slow in asking."""

    def __init__(self, cursor: ViewerCursor, share_id: str | None) -> None:
        self.share_id = share_id
        self._cursor = cursor
        self._changed = asyncio.Event()
        self._error: StarlingError | None = None

    async def next(self) -> FeedMessage | None:
        """Return the next message, or None after the last.

        Raises:
            StarlingError: The viewer was dropped, or may not watch any longer.
        """
        while True:
            if self._error is not None:
                raise self._error
            message = self._cursor.next()
            if message is not None:
                return message
            if self._cursor.is_done:
                return None
            self._changed.clear()
            await self._changed.wait()

    def look(self) -> bool:
        """Look again for news; False when the viewer is so slow that it is dropped instead."""
        if self._cursor.is_too_slow:
            self.drop(_too_slow())
        self._changed.set()
        return self._error is None

    def drop(self, error: StarlingError) -> None:
        """End with this error."""
        self._error = self._error or error
        self._changed.set()


class Feed:
    """Follows one session while it has viewers.

    Bounded: holds what `FeedLog` holds, which is the transcript once.

    Args:
        session_id: Which.
        store: Where it is kept and published.
        metrics: Where dropped viewers are counted.
    """

    def __init__(self, session_id: str, store: SessionStore, metrics: Metrics) -> None:
        self._session_id = session_id
        self._store = store
        self._log = FeedLog()
        self._viewers: set[Viewer] = set()
        self._has_read = asyncio.Event()
        self._end: StarlingError | None = None
        self._metrics = metrics
        self._tasks = [
            asyncio.create_task(self._follow(), name=f"follow {session_id}"),
            asyncio.create_task(self._keep_asking(), name=f"watch {session_id}"),
        ]

    async def enter(self, after_seq: int, share_id: str | None) -> Viewer:
        """Let a viewer in who has seen everything up to `after_seq`.

        Raises:
            StarlingError: The session is kept no longer, or the store does not answer.
        """
        try:
            async with asyncio.timeout(ENTER_TIMEOUT_S):
                await self._has_read.wait()
        except TimeoutError:
            raise store_unavailable() from None
        if self._end is not None:
            raise self._end
        viewer = Viewer(ViewerCursor(self._log, after_seq), share_id)
        self._viewers.add(viewer)
        return viewer

    def leave(self, viewer: Viewer) -> None:
        """Let a viewer go."""
        self._viewers.discard(viewer)

    async def close(self) -> None:
        """Follow no more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _follow(self) -> None:
        while not self._is_over:
            try:
                async with self._store.subscribe(live_topic(self._session_id)) as messages:
                    # Subscribed first: what is committed after this read is told.
                    await self._read()
                    await self._ask()
                    if self._is_over:
                        return
                    async for data in messages:
                        await self._take(data)
                        if self._is_over:
                            return
            except StoreUnavailableError as error:
                log.debug("feed interrupted", session=self._session_id, error=str(error))
            await asyncio.sleep(RETRY_S)

    @property
    def _is_over(self) -> bool:
        return self._log.is_over or self._end is not None

    async def _keep_asking(self) -> None:
        """Tell the owner that it is watched, and mend what no notice came for."""
        while not self._is_over:
            await asyncio.sleep(WATCH_EVERY_S)
            with suppress(StoreUnavailableError):
                await self._ask()
                if await self._store.load(self._session_id) is None:
                    self._finish(_gone())
                await self._read()

    async def _ask(self) -> None:
        await self._store.publish(OWNERS_TOPIC, b"watch %b" % self._session_id.encode())

    async def _take(self, data: bytes) -> None:
        match live_from_bytes(data):
            case LogGrown(seq) if seq > self._log.last_seq:
                await self._read()
            case InterimSaid(seq, interim):
                if self._log.take_interim(seq, interim):
                    self._wake()
            case SessionErased():
                self._finish(_erased())
            case ShareRevoked(share_id):
                for viewer in [v for v in self._viewers if v.share_id == share_id]:
                    viewer.drop(_revoked())
            case _:
                pass

    async def _read(self) -> None:
        while True:
            events = await self._store.events_after(self._session_id, self._log.last_seq)
            for logged in events:
                self._log.take_logged(logged.seq, _event_of(logged))
            if len(events) < MAX_EVENTS_PER_READ:
                break
        self._has_read.set()
        self._wake()

    def _wake(self) -> None:
        for viewer in list(self._viewers):
            if not viewer.look():
                self._viewers.discard(viewer)
                self._metrics.viewers_dropped.inc()

    def _finish(self, error: StarlingError) -> None:
        self._end = error
        self._has_read.set()
        for viewer in self._viewers:
            viewer.drop(error)


def _event_of(logged: LoggedEvent) -> KeptEvent | None:
    """Return the event; None for one of a newer version, which viewers here do without."""
    try:
        return logged.event
    except ValueError:
        return None


def store_unavailable() -> StarlingError:
    """Return what a viewer is told while the store does not answer."""
    return StarlingError(
        ErrorCode.STORE_UNAVAILABLE,
        "the session store does not answer",
        "try again",
        retry_after_s=RETRY_S,
    )


def _too_slow() -> StarlingError:
    return StarlingError(
        ErrorCode.SLOW_CONSUMER,
        "this viewer has not read its messages",
        "connect again, with the last number you have seen",
    )


def _erased() -> StarlingError:
    return StarlingError(
        ErrorCode.SESSION_NOT_FOUND, "the session was erased", "nothing of it is kept"
    )


def _gone() -> StarlingError:
    return StarlingError(
        ErrorCode.SESSION_NOT_FOUND,
        "the session is kept no longer",
        "ask who runs the session for a new address",
    )


def _revoked() -> StarlingError:
    return StarlingError(
        ErrorCode.UNAUTHENTICATED, "this share was revoked", "ask who runs the session for another"
    )
