"""This process among its like: its name, its heartbeat, and what it tells of its load."""

import asyncio
from collections.abc import Callable

import structlog

from server.journal import Journal
from server.stores.base import ReplicaLoad, SessionStore, StoreUnavailableError
from server.stores.keys import HEARTBEAT_S
from server.tenants import Tenants

log = structlog.get_logger()

CHECK_EVERY = 6
"""Heartbeats between two checks of all open sessions: half a minute."""


class Replica:
    """Beats while the server runs; finds sessions that others own now.

    Args:
        name: Unique among replicas.
        store: What all replicas share.
        journal: Told whether the store answers; knows which sessions are open here.
        tenants: Whose places are renewed.
        load: Tells the present load.
    """

    def __init__(
        self,
        name: str,
        store: SessionStore,
        journal: Journal,
        tenants: Tenants,
        load: Callable[[], ReplicaLoad],
    ) -> None:
        self.name = name
        self.others: tuple[ReplicaLoad, ...] = ()
        self._store = store
        self._journal = journal
        self._tenants = tenants
        self._load = load
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to beat."""
        self._task = asyncio.create_task(self._run(), name="heartbeat")

    async def close(self) -> None:
        """Take this replica off the list and stop."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        try:
            await self._store.retire(self.name)
        except StoreUnavailableError:
            log.debug("replica not retired", hint="it expires by itself")

    async def _run(self) -> None:
        beat = 0
        while True:
            beat += 1
            try:
                loads = await self._store.heartbeat(self._load())
                self.others = tuple(load for load in loads if load.replica != self.name)
                await self._tenants.renew()
                if self._journal.is_degraded or beat % CHECK_EVERY == 0:
                    await self._journal.check()
                self._journal.note_success()
            except StoreUnavailableError as error:
                self._journal.note_failure(str(error))
            await asyncio.sleep(HEARTBEAT_S)
