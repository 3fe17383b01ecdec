"""Shares: tokens that let people read one session, for a while, until they are revoked."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass

from server.stores.base import MAX_SHARES, SessionStore, StoredShare
from server.stores.keys import live_topic
from streaming.errors import ErrorCode, StarlingError
from streaming.live_messages import ShareRevoked, live_to_bytes

TOKEN_BYTES = 18
ID_CHARACTERS = 16


@dataclass(frozen=True, slots=True)
class Share:
    """A share as its maker is told; the token is kept nowhere, only its hash."""

    share_id: str
    token: str
    expires_in_s: float


class Shares:
    """Makes, finds and revokes shares; the same on every replica."""

    def __init__(self, store: SessionStore) -> None:
        self._store = store

    async def create(self, session_id: str, ttl_s: float) -> Share:
        """Make a share that is good for so long.

        Raises:
            StarlingError: OVERLOADED when the session has too many.
        """
        token = secrets.token_urlsafe(TOKEN_BYTES)
        digest = _digest(token)
        if not await self._store.add_share(session_id, digest, ttl_s):
            raise StarlingError(
                ErrorCode.OVERLOADED,
                f"the session has {MAX_SHARES} shares that are still good",
                "revoke some, or let several people use one",
            )
        return Share(digest[:ID_CHARACTERS], token, ttl_s)

    async def find(self, session_id: str, token: str) -> StoredShare | None:
        """Return the share of this token, if it is still good."""
        digest = _digest(token)
        found = None
        # Every share is compared, so that time does not tell which one came close.
        for share in await self._store.shares(session_id):
            if hmac.compare_digest(share.token_digest, digest):
                found = share
        return found

    async def revoke(self, session_id: str, share_id: str) -> bool:
        """Make a share good for nothing and send its viewers away; False when there is none."""
        for share in await self._store.shares(session_id):
            if share.token_digest[:ID_CHARACTERS] == share_id:
                await self._store.remove_share(session_id, share.token_digest)
                revoked = live_to_bytes(ShareRevoked(share_id))
                await self._store.publish(live_topic(session_id), revoked)
                return True
        return False


def share_id_of(share: StoredShare) -> str:
    """Return the name that a share is revoked by."""
    return share.token_digest[:ID_CHARACTERS]


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
