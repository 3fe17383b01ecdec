"""What a store of sessions can do; `memory.py` and `redis.py` pass the same contract tests.

A session has a *state* (who owns it, how to go on) and a *log* (kept events by sequence number).
Only its owner writes, and every write shows the owner's *fencing token*: a claim makes the token
larger, so whoever held the session before can write no more, however late it notices.
Writes happen at commit points (a final, an ack, a change of options), never for audio or interims.

A store that fails over can lose its last writes. So an owner counts its commits and says with each
which one it believes was written before: a store that has not got that one says `BEHIND`.
"""

import hashlib
import hmac
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from streaming.event_log import LoggedEvent

MAX_EVENTS_PER_READ = 500


class StoreUnavailableError(Exception):
    """The store cannot be reached or does not answer; trying again later may help."""


@dataclass(frozen=True, slots=True)
class Ownership:
    """A replica's right to write one session."""

    session_id: str
    token: int
    owner: str


@dataclass(frozen=True, slots=True)
class Tenure:
    """What an owner begins with: its right to write, and the last number the log holds."""

    ownership: Ownership
    logged_seq: int = 0


@dataclass(frozen=True, slots=True)
class Identity:
    """What stays the same over a session's life: whose it is, and the hash of its secret."""

    tenant: str
    secret_digest: str

    @classmethod
    def of(cls, tenant: str, secret: str) -> "Identity":
        """Return the identity of a session with this secret, which is itself kept nowhere."""
        return cls(tenant, hashlib.sha256(secret.encode()).hexdigest())

    def has_secret(self, secret: str) -> bool:
        """Say, in constant time, whether this is the secret; an empty one never is."""
        digest = hashlib.sha256(secret.encode()).hexdigest()
        return hmac.compare_digest(digest, self.secret_digest) and bool(secret)


@dataclass(frozen=True, slots=True)
class Commit:
    """One write: events new to the log and the state after them, both or neither.

    `number` counts an owner's commits from 1; `after_number` is the one that must have been
    written before, 0 when it does not matter.
    """

    ownership: Ownership
    identity: Identity
    events: tuple[LoggedEvent, ...]
    snapshot: bytes
    is_closed: bool = False
    number: int = 1
    after_number: int = 0


class Standing(IntEnum):
    """How an owner stands with the store."""

    TAKEN = 0
    """Another owns the session now, or it was erased."""
    OWNED = 1
    BEHIND = 2
    """The store has lost a commit that it had taken."""


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A session as found; `last_seq` is the last number in its log, 0 for none."""

    ownership: Ownership
    identity: Identity
    snapshot: bytes
    last_seq: int
    is_closed: bool


@dataclass(frozen=True, slots=True)
class ReplicaLoad:
    """What a replica tells about itself with each heartbeat."""

    replica: str
    num_sessions: int
    max_sessions: int
    is_draining: bool


@dataclass(frozen=True, slots=True)
class StoredShare:
    """A share as found: the hash of its token, and how long it is still good."""

    token_digest: str
    expires_in_s: float


class SessionStore(Protocol):
    """Every method but `close` may raise `StoreUnavailableError`."""

    async def commit(self, commits: Sequence[Commit]) -> list[Standing]:
        """Write those whose owners stand as `OWNED`; return how each stands.

        Repeating a commit changes nothing: events at or below the log's last number are skipped.
        A session that the store does not know, or has lost, begins with what a commit holds that
        comes after none.
        """

    async def load(self, session_id: str) -> StoredSession | None:
        """Return the state without touching it; None when unknown, expired or erased."""

    async def claim(self, session_id: str, owner: str) -> StoredSession | None:
        """Make `owner` the only writer; a closed session is returned unchanged."""

    async def touch(self, written: Sequence[Commit]) -> list[Standing]:
        """Keep sessions from expiring, shown what their owners wrote last; say how each stands."""

    async def events_after(
        self, session_id: str, seq: int, limit: int = MAX_EVENTS_PER_READ
    ) -> list[LoggedEvent]:
        """Return up to `limit` events of the log with larger numbers, in order."""

    async def erase(self, session_id: str) -> bool:
        """Delete log, snapshot and shares and fence off the owner; say whether there was one."""

    async def add_share(self, session_id: str, token_digest: str, ttl_s: float) -> bool:
        """Keep the hash of a share's token for so long; False when `MAX_SHARES` are kept."""

    async def shares(self, session_id: str) -> list[StoredShare]:
        """Return the shares that are still good."""

    async def remove_share(self, session_id: str, token_digest: str) -> bool:
        """Forget a share; say whether there was such a one."""

    async def publish(self, topic: str, data: bytes) -> None:
        """Send to whoever listens to the topic now; nothing is kept.

        Each commit with events also publishes to the session's live topic, see `keys.py`.
        """

    def subscribe(self, topic: str) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Listen to a topic for the length of the block; the iterator ends with the connection.

        Bounded: a listener that falls `MAX_WAITING_MESSAGES` behind loses the oldest.
        """

    async def enter_tenant(self, tenant: str, session_id: str, limit: int) -> bool:
        """Take one of a tenant's `limit` places; a session that has one already keeps it."""

    async def renew_tenant(self, tenant: str, session_ids: Sequence[str]) -> None:
        """Keep these places from expiring; places of a replica that died come free by time."""

    async def leave_tenant(self, tenant: str, session_id: str) -> None:
        """Give a place back."""

    async def heartbeat(self, load: ReplicaLoad) -> list[ReplicaLoad]:
        """Tell that this replica lives; return all that do."""

    async def retire(self, replica: str) -> None:
        """Take a replica off the list."""

    async def close(self) -> None:
        """Let go of connections."""


MAX_WAITING_MESSAGES = 256

MAX_SHARES = 100
"""Shares of one session that are good at the same time."""
