"""Who may read a session, and who may share or erase it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from server.auth import Authenticator, credential_of
from server.stores.base import SessionStore, StoredSession
from server.viewers.shares import Shares, share_id_of
from streaming.errors import ErrorCode, StarlingError

HINT = (
    "send `Authorization: Bearer` with a share token, the session's secret or its API key; a "
    "WebSocket may send the subprotocols bearer, TOKEN"
)


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody who may read a session; by a share for as long as that is good."""

    session_id: str
    share_id: str | None = None
    expires_in_s: float | None = None


class Access:
    """Checks what a request shows against one session.

    A session is its owner's, who has its secret or the API key that it was opened with, and may
    be read with a share. Only a share may stand in an address (`?token=`): browsers' EventSource
    and OBS can send no header, and what leaks with an address is then short-lived, read-only, for
    one session, and can be revoked. Keys and secrets in an address are good for nothing.
    """

    def __init__(self, authenticator: Authenticator, store: SessionStore, shares: Shares) -> None:
        self._authenticator = authenticator
        self._store = store
        self._shares = shares

    async def owner(
        self, session_id: str, headers: Mapping[str, str], subprotocols: Sequence[str] = ()
    ) -> StoredSession:
        """Return the session of which the request comes from the owner.

        Raises:
            StarlingError: UNAUTHENTICATED or SESSION_NOT_FOUND.
        """
        shown = credential_of(headers, subprotocols)
        if shown is None:
            raise _nothing_shown()
        session = await self._find(session_id)
        if not self._is_owner(session, shown):
            raise _not_good()
        return session

    async def reader(
        self,
        session_id: str,
        headers: Mapping[str, str],
        subprotocols: Sequence[str] = (),
        token: str | None = None,
    ) -> Reader:
        """Return what the request may read; `token` is the one in the address.

        Raises:
            StarlingError: UNAUTHENTICATED or SESSION_NOT_FOUND.
        """
        shown = credential_of(headers, subprotocols)
        candidate = token or shown
        if candidate is None:
            raise _nothing_shown()
        session = await self._find(session_id)
        if shown is not None and self._is_owner(session, shown):
            return Reader(session_id)
        share = await self._shares.find(session_id, candidate)
        if share is None:
            raise _not_good()
        return Reader(session_id, share_id_of(share), share.expires_in_s)

    def _is_owner(self, session: StoredSession, shown: str) -> bool:
        is_of_tenant = self._authenticator.tenant_of(shown) == session.identity.tenant
        return session.identity.has_secret(shown) or is_of_tenant

    async def _find(self, session_id: str) -> StoredSession:
        session = await self._store.load(session_id)
        if session is None:
            raise session_not_found()
        return session


def session_not_found() -> StarlingError:
    """Return what is told of a session that is not there."""
    return StarlingError(
        ErrorCode.SESSION_NOT_FOUND,
        "there is no such session, or it is kept no longer",
        "check the session's id; session_ttl_s says how long a session is kept",
    )


def _nothing_shown() -> StarlingError:
    return StarlingError(
        ErrorCode.UNAUTHENTICATED, "no share token, secret or API key was sent", HINT
    )


def _not_good() -> StarlingError:
    return StarlingError(
        ErrorCode.UNAUTHENTICATED,
        "what was sent does not open this session: it is unknown, has expired or was revoked",
        HINT,
    )
