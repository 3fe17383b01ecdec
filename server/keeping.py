"""Everything that keeps sessions beyond their connection, joined: store, journal, replica."""

import os
import secrets
from dataclasses import dataclass

from server.admission import Admission
from server.journal import Journal
from server.metrics import Metrics
from server.replica import Replica
from server.resuming import Resuming
from server.settings import Settings, SettingsError
from server.stores.base import ReplicaLoad, SessionStore
from server.stores.memory import MemoryStore
from server.stores.redis import RedisStore
from server.tenants import Tenants

LAST_WRITES_S = 5.0
"""How long a server that stops goes on trying to write."""


@dataclass(frozen=True, slots=True)
class Keeping:
    """What the sessions of one process share to be kept."""

    store: SessionStore
    journal: Journal
    tenants: Tenants
    replica: Replica
    resuming: Resuming
    is_shared: bool
    """Whether other replicas can go on with our sessions."""

    def start(self) -> None:
        """Begin to write and to beat."""
        self.journal.start()
        self.replica.start()

    async def close(self) -> None:
        """Write what waits and let go."""
        await self.journal.close(LAST_WRITES_S)
        await self.replica.close()
        await self.store.close()


def build_keeping(settings: Settings, metrics: Metrics, admission: Admission) -> Keeping:
    """Return what keeps sessions where the settings say.

    Raises:
        SettingsError: The Redis address is of no known form.
    """
    name = settings.replica_name or f"{os.uname().nodename}-{secrets.token_hex(4)}"
    store = _store(settings)
    journal = Journal(store, metrics, name)
    tenants = Tenants(store, settings.tenant_max_sessions)

    def load() -> ReplicaLoad:
        return ReplicaLoad(name, admission.num_open, admission.max_sessions, admission.is_closing)

    return Keeping(
        store=store,
        journal=journal,
        tenants=tenants,
        replica=Replica(name, store, journal, tenants, load),
        resuming=Resuming(store, journal, metrics, name),
        is_shared=settings.redis_url is not None,
    )


def _store(settings: Settings) -> SessionStore:
    if settings.redis_url is None:
        return MemoryStore(settings.session_ttl_s)
    try:
        return RedisStore(settings.redis_url.get_secret_value(), settings.session_ttl_s)
    except ValueError as error:
        raise SettingsError([f"redis_url: {error}"]) from None
