"""Everything that viewers need, joined."""

from dataclasses import dataclass

from server.auth import Authenticator
from server.keeping import Keeping
from server.metrics import Metrics
from server.settings import Settings
from server.stores.base import MAX_EVENTS_PER_READ, SessionStore
from server.stores.keys import OWNERS_TOPIC, live_topic
from server.viewers.access import Access
from server.viewers.broadcast import Broadcast
from server.viewers.feeds import Feeds
from server.viewers.shares import Shares
from streaming.event_log import LoggedEvent
from streaming.live_messages import SessionErased, live_to_bytes


@dataclass(frozen=True, slots=True)
class Viewing:
    """What the viewers of one replica share."""

    store: SessionStore
    access: Access
    shares: Shares
    feeds: Feeds
    broadcast: Broadcast

    def start(self) -> None:
        """Begin to listen to other replicas."""
        self.broadcast.start()

    async def close(self) -> None:
        """Stop listening."""
        await self.broadcast.close()

    async def erase(self, session_id: str) -> None:
        """Delete a session everywhere: kept, running and watched."""
        await self.store.erase(session_id)
        await self.store.publish(live_topic(session_id), live_to_bytes(SessionErased()))
        await self.store.publish(OWNERS_TOPIC, b"erase %b" % session_id.encode())

    async def whole_log(self, session_id: str) -> list[LoggedEvent]:
        """Return all kept events of a session."""
        events: list[LoggedEvent] = []
        while True:
            after = events[-1].seq if events else 0
            piece = await self.store.events_after(session_id, after)
            events += piece
            if len(piece) < MAX_EVENTS_PER_READ:
                return events


def build_viewing(
    settings: Settings, metrics: Metrics, keeping: Keeping, authenticator: Authenticator
) -> Viewing:
    """Return what viewers need, over what keeps the sessions."""
    store = keeping.store
    shares = Shares(store)
    return Viewing(
        store=store,
        access=Access(authenticator, store, shares),
        shares=shares,
        feeds=Feeds(store, metrics, settings.max_viewers),
        broadcast=Broadcast(store, keeping.journal.lose),
    )
