"""What every store must do: in process, and real Redis alone, by TLS, as Cluster, by Sentinel."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from server.stores.base import (
    MAX_SHARES,
    Commit,
    Identity,
    Ownership,
    ReplicaLoad,
    SessionStore,
    Standing,
)
from server.stores.keys import live_topic
from server.stores.memory import MemoryStore
from server.stores.redis import RedisStore
from streaming.event_log import LoggedEvent
from tests.support.redis_server import redis_cluster, redis_sentinel, redis_server, redis_tls

pytestmark = pytest.mark.integration

IDENTITY = Identity("t1", "d1")
TAKEN, OWNED, BEHIND = Standing


@pytest.fixture(scope="module")
def addresses() -> Iterator[dict[str, str]]:
    """Every kind of Redis that an address can name."""
    with (
        redis_server() as one,
        redis_tls() as (tls, ca),
        redis_cluster() as cluster,
        redis_sentinel() as sentinel,
    ):
        yield {
            "redis": one.url,
            "tls": f"{tls}?ssl_ca_certs={ca}",
            "cluster": cluster,
            "sentinel": sentinel,
        }


@pytest.fixture(params=["memory", "redis", "tls", "cluster", "sentinel"])
async def store(request, addresses) -> AsyncIterator[SessionStore]:
    if request.param == "memory":
        yield MemoryStore(60.0)
        return
    kept = RedisStore(addresses[request.param], 60.0)
    await kept._redis.flushall()
    # As a replica's first heartbeat does: from here on writes wait for the replicas there are.
    await kept.heartbeat(ReplicaLoad("this one", 0, 1, False))
    await kept.retire("this one")
    yield kept
    await kept.close()


def commit(*seqs: int, session: str = "s1", token: int = 1, **more) -> Commit:
    events = tuple(LoggedEvent(seq, b"event %d" % seq) for seq in seqs)
    fields = {"snapshot": b"snap %d" % max(seqs, default=0), **more}
    return Commit(Ownership(session, token, "r1"), IDENTITY, events, **fields)


async def seqs(store: SessionStore, session: str = "s1", after: int = 0) -> list[int]:
    return [event.seq for event in await store.events_after(session, after)]


async def test_a_commit_keeps_events_and_state(store):
    assert await store.commit([commit(3, 4)]) == [OWNED]
    found = await store.load("s1")
    assert found is not None
    assert (found.ownership, found.identity) == (Ownership("s1", 1, "r1"), IDENTITY)
    assert (found.snapshot, found.last_seq, found.is_closed) == (b"snap 4", 4, False)
    assert await store.events_after("s1", 3) == [LoggedEvent(4, b"event 4")]


async def test_an_unknown_session_is_none(store):
    assert await store.load("nobody") is None
    assert await store.claim("nobody", "r2") is None
    assert await store.events_after("nobody", 0) == []


async def test_a_commit_may_hold_no_event(store):
    assert await store.commit([commit()]) == [OWNED]
    found = await store.load("s1")
    assert found is not None
    assert found.last_seq == 0


async def test_a_repeated_commit_doubles_nothing(store):
    await store.commit([commit(3, 4)])
    assert await store.commit([commit(3, 4), commit(4, 5)]) == [OWNED, OWNED]
    assert await seqs(store) == [3, 4, 5]


async def test_events_are_read_in_pieces(store):
    await store.commit([commit(1, 2, 3, 10, 11)])
    assert [e.seq for e in await store.events_after("s1", 1, limit=2)] == [2, 3]
    assert await seqs(store, after=3) == [10, 11]


async def test_a_claim_fences_off_the_owner_before(store):
    await store.commit([commit(1)])
    claimed = await store.claim("s1", "r2")
    assert claimed is not None
    assert claimed.ownership == Ownership("s1", 2, "r2")
    assert await store.commit([commit(2, token=1)]) == [TAKEN]
    assert await store.commit([commit(2, token=2)]) == [OWNED]
    assert await store.touch([commit(token=1), commit(token=2)]) == [TAKEN, OWNED]
    assert await seqs(store) == [1, 2]


async def test_only_one_of_two_owners_may_write_after_two_claims(store):
    await store.commit([commit(1)])
    claims = await asyncio.gather(*(store.claim("s1", f"r{i}") for i in range(8)))
    tokens = [claim.ownership.token for claim in claims if claim is not None]
    assert sorted(tokens) == list(range(2, 10))
    written = await store.commit([commit(i, token=i) for i in tokens])
    assert [token for token, s in zip(tokens, written, strict=True) if s is OWNED][-1] == 9


async def test_a_commit_brings_back_a_session_that_the_store_lost(store):
    assert await store.commit([commit(7, token=3, number=9)]) == [OWNED]
    found = await store.load("s1")
    assert found is not None
    assert (found.ownership.token, found.last_seq) == (3, 7)


async def test_an_owner_hears_that_the_store_has_lost_its_last_commit(store):
    unknown = commit(2, session="s2", number=2, after_number=1)
    assert await store.commit([commit(1, number=1), unknown]) == [OWNED, BEHIND]
    assert await store.commit([commit(3, number=3, after_number=2)]) == [BEHIND]
    assert await store.touch([commit(number=1), commit(number=2)]) == [OWNED, BEHIND]
    assert await store.touch([commit(session="s2")]) == [BEHIND]
    assert await seqs(store) == [1]
    assert await store.load("s2") is None
    assert await store.commit([commit(2, 3, number=3)]) == [OWNED]
    assert await seqs(store) == [1, 2, 3]


async def test_an_owner_whose_claim_was_lost_writes_anew(store):
    await store.commit([commit(1, number=5)])
    claimed_elsewhere = commit(2, token=2, number=2, after_number=1)
    assert await store.commit([claimed_elsewhere]) == [BEHIND]
    assert await store.touch([claimed_elsewhere]) == [BEHIND]
    assert await store.commit([commit(2, token=2, number=2)]) == [OWNED]
    assert await store.commit([commit(3, number=6, after_number=5)]) == [TAKEN]


async def test_numbers_begin_anew_with_a_claim(store):
    await store.commit([commit(1, number=5)])
    await store.claim("s1", "r2")
    assert await store.commit([commit(2, token=2, number=1)]) == [OWNED]
    assert await store.commit([commit(3, token=2, number=2, after_number=1)]) == [OWNED]


async def test_a_closed_session_keeps_its_owner_when_claimed(store):
    await store.commit([commit(1, is_closed=True)])
    claimed = await store.claim("s1", "r2")
    assert claimed is not None
    assert (claimed.ownership.owner, claimed.is_closed) == ("r1", True)


async def test_an_erased_session_is_gone_and_its_owner_is_fenced_off(store):
    await store.commit([commit(1)])
    assert await store.erase("s1")
    assert not await store.erase("s1")
    assert await store.load("s1") is None
    assert await store.claim("s1", "r2") is None
    assert await seqs(store) == []
    assert await store.commit([commit(2)]) == [TAKEN]


async def test_followers_hear_how_far_the_log_goes_and_what_is_published(store):
    async with store.subscribe(live_topic("s1")) as messages:
        await store.commit([commit(1, 2)])
        await store.commit([commit(1, 2)])
        await store.publish(live_topic("s1"), b"interim")
        heard = [await anext(messages), await anext(messages)]
    assert heard == [b"log 2", b"interim"]


async def test_a_tenant_has_so_many_places(store):
    entered = [await store.enter_tenant("t1", f"s{i}", 2) for i in range(3)]
    assert entered == [True, True, False]
    assert await store.enter_tenant("t1", "s0", 2), "a resumed session keeps its place"
    assert await store.enter_tenant("t2", "s2", 2)
    await store.renew_tenant("t1", ["s0", "s1"])
    await store.leave_tenant("t1", "s1")
    assert await store.enter_tenant("t1", "s2", 2)


async def test_places_are_taken_atomically(store):
    entering = [store.enter_tenant("t1", f"s{i}", 5) for i in range(20)]
    assert sum(await asyncio.gather(*entering)) == 5


async def test_replicas_know_of_each_other(store):
    first, second = ReplicaLoad("r1", 3, 100, False), ReplicaLoad("r2", 0, 50, True)
    await store.heartbeat(first)
    loads = await store.heartbeat(second)
    assert sorted(loads, key=lambda load: load.replica) == [first, second]
    await store.retire("r1")
    assert await store.heartbeat(second) == [second]


async def test_shares_are_found_until_they_are_removed(store):
    await store.commit([commit(1)])
    assert await store.add_share("s1", "d1", 100)
    assert await store.add_share("s1", "d2", 200)
    found = {share.token_digest: share.expires_in_s for share in await store.shares("s1")}
    assert set(found) == {"d1", "d2"}
    assert 98 <= found["d1"] <= 100
    assert await store.remove_share("s1", "d1")
    assert not await store.remove_share("s1", "d1")
    assert [share.token_digest for share in await store.shares("s1")] == ["d2"]
    assert await store.shares("s2") == []


async def test_a_session_has_so_many_shares(store):
    await store.commit([commit(1)])
    made = [await store.add_share("s1", f"d{n}", 100) for n in range(MAX_SHARES + 1)]
    assert made == [True] * MAX_SHARES + [False]


async def test_shares_go_with_an_erased_session(store):
    await store.commit([commit(1)])
    await store.add_share("s1", "d1", 100)
    await store.erase("s1")
    assert await store.shares("s1") == []
