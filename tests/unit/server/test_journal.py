"""The journal over a real store in memory that can be taken away."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from server.journal import Journal, Writer
from server.metrics import Metrics
from server.stores.base import Commit, Identity, Ownership, Standing, StoreUnavailableError
from server.stores.memory import MemoryStore
from streaming.event_log import LoggedEvent

pytestmark = pytest.mark.unit


class AwayStore(MemoryStore):
    """A store in memory that cannot be reached, or does not answer, while told so."""

    def __init__(self) -> None:
        super().__init__(60.0)
        self.is_away = False
        self.answers = asyncio.Event()
        self.answers.set()
        self.num_writes = 0

    async def commit(self, commits: Sequence[Commit]) -> list[Standing]:
        self.num_writes += 1
        await self.answers.wait()
        if self.is_away:
            raise StoreUnavailableError("away")
        return await super().commit(commits)

    def lose_writes(self, seqs: int) -> None:
        """Fail over to a store that has not got the last events of every session."""
        for session in self._sessions.values():
            del session.log[-seqs:]
            session.number -= seqs


class Session:
    def __init__(self, journal: Journal, session_id: str = "s1", token: int = 1) -> None:
        self.ownership = Ownership(session_id, token, "r1")
        self.written: list[int] = []
        self.is_taken = False
        self.changed = asyncio.Event()
        self._journal = journal
        self._writer = Writer(self.ownership, self._wrote, self._taken, self._change)
        journal.enroll(session_id, self._writer)

    def commit(self, number: int) -> None:
        event = LoggedEvent(number, b"event")
        snapshot = b"%d" % number
        commit = Commit(self.ownership, Identity("t", "d"), (event,), snapshot, number=number)
        self._journal.write(commit)

    def leave(self) -> None:
        self._journal.dismiss(self.ownership.session_id, self._writer)

    async def wrote(self, number: int) -> None:
        while number not in self.written:
            self.changed.clear()
            await self.changed.wait()

    def _wrote(self, number: int) -> None:
        self.written.append(number)
        self.changed.set()

    def _taken(self) -> None:
        self.is_taken = True
        self.changed.set()

    def _change(self) -> None:
        self.changed.set()


@asynccontextmanager
async def running() -> AsyncIterator[tuple[Journal, AwayStore]]:
    store = AwayStore()
    journal = Journal(store, Metrics(), "r1")
    journal.start()
    yield journal, store
    await journal.close(5.0)


async def numbers(store: AwayStore, session_id: str = "s1") -> list[int]:
    return [event.seq for event in await store.events_after(session_id, 0)]


async def test_commits_are_written_and_told():
    async with running() as (journal, store):
        session = Session(journal)
        session.commit(1)
        await session.wrote(1)
        assert await numbers(store) == [1]
        assert not journal.is_degraded


async def test_what_comes_while_a_write_is_under_way_goes_with_the_next_as_one():
    async with running() as (journal, store):
        session = Session(journal)
        store.answers.clear()
        session.commit(1)
        await asyncio.sleep(0)
        for number in (2, 3, 4):
            session.commit(number)
        store.answers.set()
        await session.wrote(4)
        assert await numbers(store) == [1, 2, 3, 4]
        assert store.num_writes == 2


async def test_an_unreachable_store_is_degraded_and_caught_up_with_in_order():
    async with running() as (journal, store):
        store.is_away = True
        session, other = Session(journal), Session(journal, "s2")
        session.commit(1)
        while not journal.is_degraded:
            await session.changed.wait()
            session.changed.clear()
        other.commit(1)
        session.commit(2)
        store.is_away = False
        await session.wrote(2)
        await other.wrote(1)
        while journal.is_degraded:
            session.changed.clear()
            await session.changed.wait()
        assert await numbers(store) == [1, 2]
        assert await numbers(store, "s2") == [1]


async def test_an_owner_that_lost_its_session_is_told():
    async with running() as (journal, store):
        session = Session(journal)
        session.commit(1)
        await session.wrote(1)
        await store.claim("s1", "r2")
        session.changed.clear()
        session.commit(2)
        await session.changed.wait()
        assert session.is_taken
        assert await numbers(store) == [1]


async def test_settling_stops_the_owner_and_waits_for_what_it_had_committed():
    async with running() as (journal, store):
        session = Session(journal)
        session.commit(1)
        await journal.settle("s1")
        assert session.is_taken
        assert await numbers(store) == [1]


async def test_what_a_store_lost_is_written_again_with_the_next_commit():
    async with running() as (journal, store):
        session = Session(journal)
        for number in (1, 2, 3):
            session.commit(number)
            await session.wrote(number)
        store.lose_writes(2)
        session.commit(4)
        await session.wrote(4)
        assert await numbers(store) == [1, 2, 3, 4]
        found = await store.load("s1")
        assert found is not None
        assert found.snapshot == b"4"


async def test_what_a_store_lost_of_a_quiet_session_is_written_again_when_it_is_back():
    async with running() as (journal, store):
        quiet, session = Session(journal, "s2"), Session(journal)
        for number in (1, 2):
            quiet.commit(number)
            await quiet.wrote(number)
        store.is_away = True
        session.commit(1)
        while not journal.is_degraded:
            await session.changed.wait()
            session.changed.clear()
        store.lose_writes(1)
        store.is_away = False
        await session.wrote(1)
        while journal.is_degraded:
            session.changed.clear()
            await session.changed.wait()
        assert await numbers(store, "s2") == [1, 2]


async def test_a_session_that_ended_while_the_store_was_behind_is_written_whole():
    async with running() as (journal, store):
        session = Session(journal)
        for number in (1, 2):
            session.commit(number)
            await session.wrote(number)
        store.lose_writes(1)
        session.commit(3)
        session.leave()
        await journal.close(5.0)
        assert await numbers(store) == [1, 2, 3]
