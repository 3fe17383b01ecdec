"""The sessions that are watched on this replica; one feed each, shared by its viewers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from server.admission import going_away
from server.metrics import Metrics
from server.stores.base import SessionStore
from server.viewers.access import Reader
from server.viewers.feed import Feed, Viewer
from streaming.errors import ErrorCode, StarlingError

RETRY_AFTER_S = 5.0


@dataclass(slots=True)
class _Watched:
    feed: Feed
    num_viewers: int = 0


class Feeds:
    """Opens a feed for the first viewer of a session and closes it after the last.

    Bounded: `max_viewers` in all; beyond that viewers are refused.
    """

    def __init__(self, store: SessionStore, metrics: Metrics, max_viewers: int) -> None:
        self._store = store
        self._metrics = metrics
        self._max_viewers = max_viewers
        self._num_viewers = 0
        self._watched: dict[str, _Watched] = {}
        self._viewers: set[Viewer] = set()
        self._is_closing = False

    @asynccontextmanager
    async def watch(self, reader: Reader, after_seq: int = 0) -> AsyncIterator[Viewer]:
        """Be a viewer for the length of the block.

        Raises:
            StarlingError: OVERLOADED, GOING_AWAY, SESSION_NOT_FOUND or STORE_UNAVAILABLE.
        """
        self._check_room()
        self._count(+1)
        watched = self._watched.get(reader.session_id)
        if watched is None:
            watched = _Watched(Feed(reader.session_id, self._store, self._metrics))
            self._watched[reader.session_id] = watched
        watched.num_viewers += 1
        try:
            viewer = await watched.feed.enter(after_seq, reader.share_id)
            async with self._present(viewer, reader):
                yield viewer
            watched.feed.leave(viewer)
        finally:
            self._count(-1)
            watched.num_viewers -= 1
            if watched.num_viewers == 0:
                del self._watched[reader.session_id]
                await watched.feed.close()

    @asynccontextmanager
    async def _present(self, viewer: Viewer, reader: Reader) -> AsyncIterator[None]:
        self._viewers.add(viewer)
        expiry: asyncio.TimerHandle | None = None
        if reader.expires_in_s is not None:
            loop = asyncio.get_running_loop()
            expiry = loop.call_later(reader.expires_in_s, viewer.drop, _expired())
        try:
            yield
        finally:
            self._viewers.discard(viewer)
            if expiry is not None:
                expiry.cancel()

    def close(self) -> None:
        """Send all viewers elsewhere and take no more."""
        self._is_closing = True
        for viewer in self._viewers:
            viewer.drop(going_away())

    def _check_room(self) -> None:
        if self._is_closing:
            raise going_away()
        if self._num_viewers >= self._max_viewers:
            raise StarlingError(
                ErrorCode.OVERLOADED,
                f"all {self._max_viewers} viewers' places are taken",
                "try again later, or ask the operator to raise max_viewers",
                retry_after_s=RETRY_AFTER_S,
            )

    def _count(self, change: int) -> None:
        self._num_viewers += change
        self._metrics.viewers.set(self._num_viewers)


def _expired() -> StarlingError:
    return StarlingError(
        ErrorCode.UNAUTHENTICATED, "this share has expired", "ask who runs the session for another"
    )
