"""How many sessions a tenant (an API key) may have open, over all replicas together."""

import structlog

from server.stores.base import SessionStore, StoreUnavailableError
from streaming.errors import ErrorCode, StarlingError

log = structlog.get_logger()

RETRY_AFTER_S = 5.0


class Tenants:
    """Takes and gives back places in the store; without it, counts this replica's own.

    Args:
        store: Where all replicas count.
        limit: Sessions a tenant may have open; None for any number.
    """

    def __init__(self, store: SessionStore, limit: int | None) -> None:
        self._store = store
        self._limit = limit
        self._open: dict[str, set[str]] = {}

    async def enter(self, tenant: str, session_id: str) -> None:
        """Take a place for a session that opens or is resumed here.

        Raises:
            StarlingError: TENANT_LIMIT.
        """
        if self._limit is None:
            return
        own = self._open.setdefault(tenant, set())
        try:
            has_place = await self._store.enter_tenant(tenant, session_id, self._limit)
        except StoreUnavailableError:
            has_place = session_id in own or len(own) < self._limit
        if not has_place:
            raise StarlingError(
                ErrorCode.TENANT_LIMIT,
                f"all {self._limit} sessions of this key are taken",
                "end one, or ask the operator to raise tenant_max_sessions",
                retry_after_s=RETRY_AFTER_S,
            )
        own.add(session_id)

    async def leave(self, tenant: str, session_id: str, *, keeps_place: bool) -> None:
        """Forget a session; one that goes on elsewhere keeps its place until it expires."""
        own = self._open.get(tenant, set())
        own.discard(session_id)
        if not own:
            self._open.pop(tenant, None)
        if self._limit is None or keeps_place:
            return
        try:
            await self._store.leave_tenant(tenant, session_id)
        except StoreUnavailableError:
            log.debug("place not given back", hint="it expires by itself")

    async def renew(self) -> None:
        """Keep the places of open sessions.

        Raises:
            StoreUnavailableError: They may expire.
        """
        for tenant, session_ids in list(self._open.items()):
            if session_ids:
                await self._store.renew_tenant(tenant, sorted(session_ids))
