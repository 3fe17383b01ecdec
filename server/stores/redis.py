"""Sessions kept in Redis: replicas share them, and they outlive every process of ours."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any

from redis.exceptions import RedisError

from server.stores import keys
from server.stores import redis_scripts as lua
from server.stores.base import (
    MAX_EVENTS_PER_READ,
    MAX_SHARES,
    Commit,
    Identity,
    Ownership,
    ReplicaLoad,
    Standing,
    StoredSession,
    StoredShare,
)
from server.stores.redis_calls import Call, ScriptRunner, reach
from server.stores.redis_url import connect
from streaming.event_log import LoggedEvent


class RedisStore:
    """A `SessionStore` over one Redis server, a Sentinel group or a Cluster.

    Args:
        url: See `redis_url.py`.
        session_ttl_s: How long a session stays after its last write.

    Raises:
        ValueError: The address is of no known form.
    """

    def __init__(self, url: str, session_ttl_s: float) -> None:
        self._redis: Any = connect(url)
        self._scripts = ScriptRunner(self._redis)
        self._ttl_s = int(session_ttl_s)

    async def commit(self, commits: Sequence[Commit]) -> list[Standing]:
        """Write, in one trip, those whose owners stand as `OWNED`; return how each stands."""
        answers = await self._scripts.write_all([self._commit_call(commit) for commit in commits])
        return [Standing(answer) for answer in answers]

    def _commit_call(self, commit: Commit) -> Call:
        owned, identity = commit.ownership, commit.identity
        events = [part for event in commit.events for part in (event.seq, event.data)]
        arguments = [
            owned.token,
            commit.after_number,
            self._ttl_s,
            commit.number,
            owned.owner,
            identity.tenant,
            identity.secret_digest,
            int(commit.is_closed),
            commit.snapshot,
            keys.live_topic(owned.session_id),
            *events,
        ]
        return Call(lua.COMMIT, _session_keys(owned.session_id), arguments)

    async def load(self, session_id: str) -> StoredSession | None:
        """Return the state without touching it; None when unknown, expired or erased."""
        state = await reach(self._redis.hgetall(keys.state_key(session_id)))
        return _stored(session_id, state)

    async def claim(self, session_id: str, owner: str) -> StoredSession | None:
        """Make `owner` the only writer; a closed session is returned unchanged."""
        claim = Call(lua.CLAIM, _session_keys(session_id), [owner, self._ttl_s])
        flat = await self._scripts.write(claim)
        return _stored(session_id, dict(zip(flat[::2], flat[1::2], strict=True)))

    async def touch(self, written: Sequence[Commit]) -> list[Standing]:
        """Keep sessions from expiring, shown what their owners wrote last; say how each stands."""
        calls = [
            Call(
                lua.TOUCH,
                _session_keys(commit.ownership.session_id),
                [commit.ownership.token, commit.number, self._ttl_s],
            )
            for commit in written
        ]
        return [Standing(answer) for answer in await self._scripts.write_all(calls)]

    async def events_after(
        self, session_id: str, seq: int, limit: int = MAX_EVENTS_PER_READ
    ) -> list[LoggedEvent]:
        """Return up to `limit` events of the log with larger numbers, in order."""
        reading = self._redis.xrange(keys.log_key(session_id), min=f"({seq}-0", count=limit)
        entries = await reach(reading)
        return [LoggedEvent(int(name.split(b"-")[0]), fields[b"e"]) for name, fields in entries]

    async def erase(self, session_id: str) -> bool:
        """Delete log, snapshot and shares and fence off the owner; say whether there was one."""
        names = [*_session_keys(session_id), keys.shares_key(session_id)]
        return bool(await self._scripts.write(Call(lua.ERASE, names, [])))

    async def add_share(self, session_id: str, token_digest: str, ttl_s: float) -> bool:
        """Keep the hash of a share's token for so long; False when `MAX_SHARES` are kept."""
        arguments = [token_digest, int(ttl_s), MAX_SHARES]
        adding = Call(lua.ADD_SHARE, [keys.shares_key(session_id)], arguments)
        return bool(await self._scripts.write(adding))

    async def shares(self, session_id: str) -> list[StoredShare]:
        """Return the shares that are still good."""
        flat = await self._scripts.run(Call(lua.SHARES, [keys.shares_key(session_id)], []))
        pairs = zip(flat[::2], flat[1::2], strict=True)
        return [StoredShare(digest.decode(), float(left)) for digest, left in pairs]

    async def remove_share(self, session_id: str, token_digest: str) -> bool:
        """Forget a share; say whether there was such a one."""
        removing = Call(lua.REMOVE_SHARE, [keys.shares_key(session_id)], [token_digest])
        return bool(await self._scripts.write(removing))

    async def publish(self, topic: str, data: bytes) -> None:
        """Send to whoever listens to the topic now; nothing is kept."""
        await reach(self._redis.publish(topic, data))

    @asynccontextmanager
    async def subscribe(self, topic: str) -> AsyncIterator[AsyncIterator[bytes]]:
        """Listen to a topic for the length of the block."""
        pubsub = self._redis.pubsub(ignore_subscribe_messages=True)
        try:
            await reach(pubsub.subscribe(topic))
            # The subscription counts from the server's answer on, not from our request.
            await reach(pubsub.get_message(timeout=1.0))
            yield _messages(pubsub)
        finally:
            await pubsub.aclose()

    async def enter_tenant(self, tenant: str, session_id: str, limit: int) -> bool:
        """Take one of a tenant's `limit` places; a session that has one already keeps it."""
        arguments = [session_id, limit, keys.TENANT_PLACE_TTL_S]
        entering = Call(lua.ENTER_TENANT, [keys.tenant_key(tenant)], arguments)
        return bool(await self._scripts.run(entering))

    async def renew_tenant(self, tenant: str, session_ids: Sequence[str]) -> None:
        """Keep these places from expiring."""
        arguments = [keys.TENANT_PLACE_TTL_S, *session_ids]
        await self._scripts.run(Call(lua.RENEW_TENANT, [keys.tenant_key(tenant)], arguments))

    async def leave_tenant(self, tenant: str, session_id: str) -> None:
        """Give a place back."""
        await reach(self._redis.zrem(keys.tenant_key(tenant), session_id))

    async def heartbeat(self, load: ReplicaLoad) -> list[ReplicaLoad]:
        """Tell that this replica lives; return all that do."""
        arguments = [load.replica, json.dumps(asdict(load)), keys.REPLICA_TTL_S]
        names = [keys.REPLICAS_SEEN_KEY, keys.REPLICAS_LOAD_KEY]
        loads = await self._scripts.run(Call(lua.HEARTBEAT, names, arguments))
        await self._scripts.count_replicas()
        return [ReplicaLoad(**json.loads(text)) for text in loads]

    async def retire(self, replica: str) -> None:
        """Take a replica off the list."""
        await reach(self._redis.zrem(keys.REPLICAS_SEEN_KEY, replica))
        await reach(self._redis.hdel(keys.REPLICAS_LOAD_KEY, replica))

    async def close(self) -> None:
        """Close all connections."""
        await self._redis.aclose()


def _session_keys(session_id: str) -> list[str]:
    return [keys.state_key(session_id), keys.log_key(session_id)]


def _stored(session_id: str, state: dict[bytes, bytes]) -> StoredSession | None:
    if b"snapshot" not in state:
        return None
    return StoredSession(
        Ownership(session_id, int(state[b"token"]), state[b"owner"].decode()),
        Identity(state[b"tenant"].decode(), state[b"secret"].decode()),
        state[b"snapshot"],
        int(state[b"seq"]),
        state[b"closed"] == b"1",
    )


async def _messages(pubsub: Any) -> AsyncIterator[bytes]:
    while True:
        try:
            message = await pubsub.get_message(timeout=None)
        except (RedisError, OSError):
            return
        if message is not None and message["type"] == "message":
            yield message["data"]
