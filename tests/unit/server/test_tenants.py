import pytest

from server.stores.base import StoreUnavailableError
from server.stores.memory import MemoryStore
from server.tenants import Tenants
from streaming.errors import ErrorCode, StarlingError

pytestmark = pytest.mark.unit


class AwayStore(MemoryStore):
    """A store that cannot be reached."""

    async def enter_tenant(self, tenant: str, session_id: str, limit: int) -> bool:
        raise StoreUnavailableError("away")

    async def leave_tenant(self, tenant: str, session_id: str) -> None:
        raise StoreUnavailableError("away")


async def refused(tenants: Tenants, session_id: str) -> StarlingError:
    with pytest.raises(StarlingError) as error:
        await tenants.enter("t", session_id)
    return error.value


@pytest.mark.parametrize("store", [MemoryStore(60.0), AwayStore(60.0)], ids=["there", "away"])
async def test_a_tenant_may_have_so_many_also_while_the_store_is_away(store):
    tenants = Tenants(store, 2)
    await tenants.enter("t", "s1")
    await tenants.enter("t", "s2")
    error = await refused(tenants, "s3")
    assert (error.code, error.is_retryable) == (ErrorCode.TENANT_LIMIT, True)
    await tenants.enter("t", "s1")
    await tenants.leave("t", "s1", keeps_place=False)
    await tenants.enter("t", "s3")


async def test_replicas_count_together_and_a_session_that_moves_keeps_its_place():
    store = MemoryStore(60.0)
    here, there = Tenants(store, 1), Tenants(store, 1)
    await here.enter("t", "s1")
    await refused(there, "s2")
    await here.leave("t", "s1", keeps_place=True)
    await refused(there, "s2")
    await there.enter("t", "s1")


async def test_without_a_limit_nothing_is_counted():
    tenants = Tenants(AwayStore(60.0), None)
    for number in range(50):
        await tenants.enter("t", f"s{number}")
    await tenants.leave("t", "s1", keeps_place=False)
    await tenants.renew()
