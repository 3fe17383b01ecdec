"""Feeds over the store of one process: who is dropped, and that feeds end with their viewers."""

import asyncio

import pytest

from server.metrics import Metrics
from server.stores.base import Commit, Identity, Ownership
from server.stores.memory import MemoryStore
from server.viewers.access import Reader
from server.viewers.feeds import Feeds
from streaming.errors import ErrorCode, StarlingError
from streaming.event_log import LoggedEvent, event_to_bytes
from streaming.events import Closed, Final
from streaming.fan_out import MAX_BEHIND
from streaming.transcript import Word

pytestmark = pytest.mark.unit

READER = Reader("s1")


def final(seq: int) -> LoggedEvent:
    said = Final(seq, 0, (Word(f"w{seq}"),), 0, 100, "en", 0.9)
    return LoggedEvent(seq, event_to_bytes(said))


def closed(seq: int) -> LoggedEvent:
    return LoggedEvent(seq, event_to_bytes(Closed("stop", 0, 0, 0, 0)))


async def say(store: MemoryStore, *events: LoggedEvent) -> None:
    await store.commit([Commit(Ownership("s1", 1, "r1"), Identity("t", "d"), events, b"snap")])


def feeds_over(store: MemoryStore, max_viewers: int = 10) -> Feeds:
    return Feeds(store, Metrics(), max_viewers)


async def test_a_viewer_hears_what_is_said_before_and_after_it_comes():
    store = MemoryStore(60.0)
    await say(store, final(1))
    async with feeds_over(store).watch(READER) as viewer:
        assert (await viewer.next()).seq == 1
        await say(store, final(2), closed(3))
        assert [(await viewer.next()).seq, (await viewer.next()).seq] == [2, 3]
        assert await viewer.next() is None


async def test_a_viewer_that_does_not_ask_is_dropped_and_the_others_are_not():
    store = MemoryStore(60.0)
    await say(store, final(1))
    feeds = feeds_over(store)
    async with feeds.watch(READER) as slow, feeds.watch(READER) as quick:
        await slow.next()
        await quick.next()
        for seq in range(2, MAX_BEHIND + 3):
            await say(store, final(seq))
            assert (await quick.next()).seq == seq
        with pytest.raises(StarlingError) as told:
            await slow.next()
        assert told.value.code is ErrorCode.SLOW_CONSUMER
        assert feeds._metrics.viewers_dropped._value.get() == 1


async def test_a_feed_lives_as_long_as_its_viewers():
    store = MemoryStore(60.0)
    await say(store, final(1))
    feeds = feeds_over(store)
    before = asyncio.all_tasks()
    async with feeds.watch(READER), feeds.watch(READER):
        assert len(feeds._watched) == 1
    assert feeds._watched == {}
    assert asyncio.all_tasks() == before


async def test_a_server_that_stops_sends_its_viewers_elsewhere():
    store = MemoryStore(60.0)
    await say(store)
    feeds = feeds_over(store)
    async with feeds.watch(READER) as viewer:
        feeds.close()
        with pytest.raises(StarlingError) as told:
            await viewer.next()
        assert told.value.code is ErrorCode.GOING_AWAY
    with pytest.raises(StarlingError) as refused:
        async with feeds.watch(READER):
            pass
    assert refused.value.code is ErrorCode.GOING_AWAY
