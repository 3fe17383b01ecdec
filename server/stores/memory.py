"""Sessions kept in this process: the default, which needs no set-up and ends with the process."""

import asyncio
import time
from collections import OrderedDict, defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from server.stores.base import (
    MAX_EVENTS_PER_READ,
    MAX_SHARES,
    MAX_WAITING_MESSAGES,
    Commit,
    Identity,
    Ownership,
    ReplicaLoad,
    Standing,
    StoredSession,
    StoredShare,
)
from server.stores.keys import REPLICA_TTL_S, TENANT_PLACE_TTL_S, live_topic, log_notice
from streaming.event_log import LoggedEvent

MAX_BYTES = 64 * 1024 * 1024
"""Some thousand hours of speech; beyond it the session written longest ago is forgotten."""


@dataclass(slots=True)
class _Session:
    identity: Identity
    token: int
    owner: str
    snapshot: bytes = b""
    is_closed: bool = False
    is_erased: bool = False
    number: int = 0
    expires_at: float = 0.0
    log: list[LoggedEvent] = field(default_factory=list)
    shares: dict[str, float] = field(default_factory=dict)
    size_bytes: int = 0

    @property
    def last_seq(self) -> int:
        return self.log[-1].seq if self.log else 0


class MemoryStore:
    """A `SessionStore` over dictionaries; never unavailable.

    Bounded: holds `max_bytes` of logs and snapshots; then the oldest written session goes.

    Args:
        session_ttl_s: How long a session stays after its last write.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        session_ttl_s: float,
        *,
        max_bytes: int = MAX_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ttl_s = session_ttl_s
        self._max_bytes = max_bytes
        self._clock = clock
        self._sessions: OrderedDict[str, _Session] = OrderedDict()
        self._size_bytes = 0
        self._places: defaultdict[str, dict[str, float]] = defaultdict(dict)
        self._replicas: dict[str, tuple[float, ReplicaLoad]] = {}
        self._listeners: defaultdict[str, set[asyncio.Queue[bytes]]] = defaultdict(set)

    async def commit(self, commits: Sequence[Commit]) -> list[Standing]:
        """Write those whose owners stand as `OWNED`; return how each stands."""
        return [self._commit(commit) for commit in commits]

    def _commit(self, commit: Commit) -> Standing:
        owned = commit.ownership
        standing = self._standing(owned, commit.after_number)
        if standing is not Standing.OWNED:
            return standing
        session = self._find(owned.session_id)
        if session is None:
            session = _Session(commit.identity, owned.token, owned.owner)
            self._sessions[owned.session_id] = session
        session.token, session.owner, session.number = owned.token, owned.owner, commit.number
        fresh = [event for event in commit.events if event.seq > session.last_seq]
        session.log += fresh
        session.snapshot, session.is_closed = commit.snapshot, commit.is_closed
        self._weigh(session)
        self._keep(owned.session_id, session)
        if fresh:
            self._publish(live_topic(owned.session_id), log_notice(session.last_seq))
        return Standing.OWNED

    def _standing(self, owned: Ownership, number: int) -> Standing:
        session = self._find(owned.session_id)
        token = 0 if session is None else session.token
        if token > owned.token:
            return Standing.TAKEN
        written = session.number if session is not None and token == owned.token else 0
        return Standing.OWNED if written >= number else Standing.BEHIND

    async def load(self, session_id: str) -> StoredSession | None:
        """Return the state without touching it; None when unknown, expired or erased."""
        session = self._find(session_id)
        if session is None or session.is_erased:
            return None
        return StoredSession(
            Ownership(session_id, session.token, session.owner),
            session.identity,
            session.snapshot,
            session.last_seq,
            session.is_closed,
        )

    async def claim(self, session_id: str, owner: str) -> StoredSession | None:
        """Make `owner` the only writer; a closed session is returned unchanged."""
        session = self._find(session_id)
        if session is not None and not session.is_erased:
            if not session.is_closed:
                session.token, session.owner, session.number = session.token + 1, owner, 0
            self._keep(session_id, session)
        return await self.load(session_id)

    async def touch(self, written: Sequence[Commit]) -> list[Standing]:
        """Keep sessions from expiring, shown what their owners wrote last; say how each stands."""
        return [self._touch(commit.ownership, commit.number) for commit in written]

    def _touch(self, owned: Ownership, number: int) -> Standing:
        standing = self._standing(owned, number)
        session = self._find(owned.session_id)
        if session is not None and standing is not Standing.TAKEN:
            self._keep(owned.session_id, session)
        return standing

    async def events_after(
        self, session_id: str, seq: int, limit: int = MAX_EVENTS_PER_READ
    ) -> list[LoggedEvent]:
        """Return up to `limit` events of the log with larger numbers, in order."""
        session = self._find(session_id)
        events = [] if session is None else session.log
        return [event for event in events if event.seq > seq][:limit]

    async def erase(self, session_id: str) -> bool:
        """Delete log, snapshot and shares and fence off the owner; say whether there was one."""
        session = self._find(session_id)
        if session is None or session.is_erased:
            return False
        session.log, session.snapshot, session.is_erased = [], b"", True
        session.shares.clear()
        session.token += 1
        self._weigh(session)
        return True

    async def add_share(self, session_id: str, token_digest: str, ttl_s: float) -> bool:
        """Keep the hash of a share's token for so long; False when `MAX_SHARES` are kept."""
        session = self._find(session_id)
        if session is None or len(await self.shares(session_id)) >= MAX_SHARES:
            return False
        session.shares[token_digest] = self._clock() + ttl_s
        return True

    async def shares(self, session_id: str) -> list[StoredShare]:
        """Return the shares that are still good."""
        session, now = self._find(session_id), self._clock()
        if session is None:
            return []
        session.shares = {digest: at for digest, at in session.shares.items() if at > now}
        return [StoredShare(digest, at - now) for digest, at in session.shares.items()]

    async def remove_share(self, session_id: str, token_digest: str) -> bool:
        """Forget a share; say whether there was such a one."""
        session = self._find(session_id)
        return session is not None and session.shares.pop(token_digest, None) is not None

    async def publish(self, topic: str, data: bytes) -> None:
        """Send to whoever listens to the topic now; nothing is kept."""
        self._publish(topic, data)

    @asynccontextmanager
    async def subscribe(self, topic: str) -> AsyncIterator[AsyncIterator[bytes]]:
        """Listen to a topic for the length of the block."""
        queue: asyncio.Queue[bytes] = asyncio.Queue(MAX_WAITING_MESSAGES)
        self._listeners[topic].add(queue)
        try:
            yield _messages(queue)
        finally:
            self._listeners[topic].discard(queue)
            if not self._listeners[topic]:
                del self._listeners[topic]

    async def enter_tenant(self, tenant: str, session_id: str, limit: int) -> bool:
        """Take one of a tenant's `limit` places; a session that has one already keeps it."""
        now = self._clock()
        places = self._places[tenant]
        for other in [name for name, until in places.items() if until <= now]:
            del places[other]
        if session_id not in places and len(places) >= limit:
            return False
        places[session_id] = now + TENANT_PLACE_TTL_S
        return True

    async def renew_tenant(self, tenant: str, session_ids: Sequence[str]) -> None:
        """Keep these places from expiring."""
        until = self._clock() + TENANT_PLACE_TTL_S
        self._places[tenant].update(dict.fromkeys(session_ids, until))

    async def leave_tenant(self, tenant: str, session_id: str) -> None:
        """Give a place back."""
        self._places[tenant].pop(session_id, None)
        if not self._places[tenant]:
            del self._places[tenant]

    async def heartbeat(self, load: ReplicaLoad) -> list[ReplicaLoad]:
        """Tell that this replica lives; return all that do."""
        now = self._clock()
        self._replicas[load.replica] = (now, load)
        self._replicas = {
            name: seen for name, seen in self._replicas.items() if now - seen[0] < REPLICA_TTL_S
        }
        return [seen[1] for seen in self._replicas.values()]

    async def retire(self, replica: str) -> None:
        """Take a replica off the list."""
        self._replicas.pop(replica, None)

    async def close(self) -> None:
        """Nothing is held open."""

    def _find(self, session_id: str) -> _Session | None:
        session = self._sessions.get(session_id)
        if session is not None and session.expires_at <= self._clock() and session.expires_at:
            self._forget(session_id)
            return None
        return session

    def _weigh(self, session: _Session) -> None:
        size = len(session.snapshot) + sum(len(event.data) for event in session.log)
        self._size_bytes += size - session.size_bytes
        session.size_bytes = size

    def _keep(self, session_id: str, session: _Session) -> None:
        now = self._clock()
        session.expires_at = now + self._ttl_s
        self._sessions.move_to_end(session_id)
        while self._sessions:
            oldest_id, oldest = next(iter(self._sessions.items()))
            is_too_much = self._size_bytes > self._max_bytes and oldest_id != session_id
            if not is_too_much and oldest.expires_at > now:
                break
            self._forget(oldest_id)

    def _forget(self, session_id: str) -> None:
        self._size_bytes -= self._sessions.pop(session_id).size_bytes

    def _publish(self, topic: str, data: bytes) -> None:
        for queue in self._listeners.get(topic, ()):
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(data)


async def _messages(queue: asyncio.Queue[bytes]) -> AsyncIterator[bytes]:
    while True:
        yield await queue.get()
