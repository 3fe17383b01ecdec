"""Sessions over every kind of Redis, and over one that has lost its last writes."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from loadtest.redis_processes import RedisGroup, until
from loadtest.replicas import ReplicaProcess
from server.stores.base import (
    Commit,
    Identity,
    Ownership,
    ReplicaLoad,
    Standing,
    StoreUnavailableError,
)
from server.stores.redis import RedisStore
from streaming.event_log import LoggedEvent
from tests.support.redis_server import redis_cluster, redis_sentinel, redis_server, redis_tls
from tests.support.viewed import Speaker, bearer, http_url, replicas, resumed, speaking

pytestmark = pytest.mark.integration


@contextmanager
def _tls() -> Iterator[str]:
    with redis_tls() as (url, ca):
        yield f"{url}?ssl_ca_certs={ca}"


async def transcript(server: ReplicaProcess, speaker: Speaker) -> list[str]:
    """Return the finals that the store has."""
    url = f"{http_url(server)}/v1/sessions/{speaker.session}/transcript.json"
    async with httpx.AsyncClient() as client:
        answer = await client.get(url, headers=bearer(speaker.secret))
    return [final["text"] for final in answer.json()["finals"]]


def finals(speaker: Speaker) -> list[str]:
    return [message["text"] for message in speaker.heard if message["type"] == "final"]


@pytest.mark.parametrize(
    "kind", [_tls, redis_cluster, redis_sentinel], ids=["TLS", "a Cluster", "Sentinel"]
)
async def test_a_session_goes_on_on_another_replica_over(kind):
    with kind() as url:
        async with (
            replicas(2, redis_url=url) as (first, second),
            speaking(first) as speaker,
        ):
            await speaker.utter(1)
            await first.kill()
            async with resumed(second, speaker):
                await speaker.utter(2)
                await speaker.stop()
            assert finals(speaker) == ["w1", "w2"]
            assert await transcript(second, speaker) == ["w1", "w2"]


async def test_what_redis_lost_is_there_again_when_the_replica_dies():
    with redis_server() as redis:
        async with (
            replicas(2, redis_url=redis.url) as (first, second),
            speaking(first) as speaker,
        ):
            await speaker.utter(1)
            redis.keep_copy()
            await speaker.utter(2)
            await speaker.utter(3)
            redis.go_back()
            await speaker.utter(4)
            await speaker.hear("ack")
            assert await transcript(second, speaker) == ["w1", "w2", "w3", "w4"]
            await first.kill()
            async with resumed(second, speaker):
                await speaker.utter(5)
                await speaker.stop()
            assert finals(speaker) == ["w1", "w2", "w3", "w4", "w5"]
            assert await transcript(second, speaker) == ["w1", "w2", "w3", "w4", "w5"]


async def test_what_redis_and_its_owner_lost_is_said_again_with_larger_numbers():
    with redis_server() as redis:
        async with (
            replicas(2, redis_url=redis.url) as (first, second),
            speaking(first) as speaker,
        ):
            await speaker.utter(1)
            redis.keep_copy()
            await speaker.utter(2)
            await first.kill()
            redis.go_back()
            async with resumed(second, speaker):
                await speaker.utter(3)
                await speaker.stop()
            assert finals(speaker) == ["w1", "w2", "w2", "w3"]
            seqs = [message["seq"] for message in speaker.heard]
            assert seqs == sorted(set(seqs))
            by_utterance = {
                m["utterance"]: m["text"] for m in speaker.heard if m["type"] == "final"
            }
            assert list(by_utterance.values()) == ["w1", "w2", "w3"]
            assert await transcript(second, speaker) == ["w1", "w2", "w3"]


async def test_a_write_counts_when_a_replica_of_redis_has_it():
    with tempfile.TemporaryDirectory() as folder:
        redis = RedisGroup(Path(folder), num_replicas=1, num_sentinels=1)
        await redis.start()
        store = RedisStore(redis.url, 60.0)
        try:
            await store.heartbeat(ReplicaLoad("r1", 0, 1, False))
            assert await store.commit([_commit(1)]) == [Standing.OWNED]
            primary, other = redis.nodes
            other.pause()
            with pytest.raises(StoreUnavailableError, match="no replica"):
                await store.commit([_commit(2)])
            await primary.kill()
            other.resume()
            await until(lambda: _is_written(store, _commit(2)))
            assert [event.seq for event in await store.events_after("s1", 0)] == [1, 2]
        finally:
            await store.close()
            await redis.stop()


async def _is_written(store: RedisStore, commit: Commit) -> bool:
    """Write again, as the journal does, while no primary is to be found."""
    try:
        return await store.commit([commit]) == [Standing.OWNED]
    except StoreUnavailableError:
        return False


def _commit(number: int) -> Commit:
    return Commit(
        Ownership("s1", 1, "r1"),
        Identity("t1", "d1"),
        (LoggedEvent(number, b"event"),),
        b"snapshot",
        number=number,
        after_number=number - 1,
    )
