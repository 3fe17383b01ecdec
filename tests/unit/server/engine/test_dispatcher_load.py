"""What the dispatcher knows of a busy engine, and does about it."""

import asyncio
import time

import pytest

from server.engine.tickets import FINAL_S_WEIGHT
from streaming import batching
from streaming.effects import Purpose
from streaming.overload import Load, Rung
from tests.support.engine_desk import FINAL, INTERIM, desk, request, text_of

pytestmark = pytest.mark.unit


async def test_finals_are_hastened_where_too_many_wait_while_the_load_asks_for_it(monkeypatch):
    monkeypatch.setattr(batching, "HASTEN_FROM_S", 0.0)
    async with desk(max_batch=1) as d:
        await text_of(d.submit(1))
        for load, ids in ((Load(), (2, 3, 4)), (Load(Rung.NO_INTERIMS), (5, 6, 7))):
            d.dispatcher.set_load(load)
            await asyncio.gather(*map(d.submit, ids))
        cheap = {row.id for (row,) in d.engine.batches if row.is_cheap}
        assert cheap == {6}, "of 5, 6 and 7 the first found a free worker, none waits for the last"
        assert d.count("starling_finals_hastened_total") == 1
        count = "starling_decode_audio_seconds_count"
        assert [d.count(count, purpose=p) for p in ("final", "cheap_final")] == [6, 1]


async def test_finals_behind_which_many_wait_have_no_times_but_those_their_client_asked_for(
    monkeypatch,
):
    monkeypatch.setattr(batching, "HASTEN_FROM_S", 0.0)
    monkeypatch.setattr(batching, "UNTIMED_FROM_S", 0.0)
    async with desk(max_batch=1) as d:
        await text_of(d.submit(1))
        d.dispatcher.set_load(Load(Rung.NO_INTERIMS))
        await asyncio.gather(*(d.submit(n, gives_context=True, words=n == 3) for n in (2, 3, 4, 5)))
        timed = {row.id: row.has_times for (row,) in d.engine.batches}
        assert timed == {1: False, 2: True, 3: True, 4: False, 5: True}


async def test_what_a_busy_server_decodes_again_gets_less_care():
    async with desk() as d:
        d.engine.repeats = True
        for load, number in ((Load(), 1), (Load(Rung.NO_INTERIMS), 2)):
            d.dispatcher.set_load(load)
            assert await text_of(d.submit(number)) == f"w{number}"
        retries = {row.id: row.is_cheap for (row,) in d.engine.batches if row.is_retry}
        assert retries == {1: False, 2: True}
        assert d.count("starling_finals_hastened_total") == 1


async def test_how_long_finals_take_is_known_from_live_ones():
    async with desk() as d:
        await asyncio.gather(d.submit(1, INTERIM), d.submit(2, Purpose.CHECKPOINT))
        hurried = asyncio.get_running_loop().create_future()
        d.dispatcher.submit(request(3), hurried.set_result, is_live=False)
        await hurried
        assert d.dispatcher.final_times.wait_s == 0.0
        d.engine.pause()
        answer = d.submit(4, slack_s=60.0)
        d.engine.resume()
        await answer
        assert 0.0 < d.dispatcher.final_times.wait_s < FINAL_S_WEIGHT * 60.0


@pytest.mark.parametrize(
    ("purpose", "is_live"), [(FINAL, False), (INTERIM, False), (Purpose.FILE, True)]
)
async def test_work_that_makes_way_for_live_voices_is_no_reason_to_leave_anything_out(
    purpose, is_live
):
    async with desk() as d:
        d.engine.pause()
        answer = asyncio.get_running_loop().create_future()
        d.dispatcher.submit(request(1, purpose), answer.set_result, is_live=is_live)
        await d.started()
        assert d.dispatcher.live_busy_s(time.monotonic() + 60.0) == 0.0
        d.engine.resume()
        await answer
        assert d.dispatcher.live_busy_s(time.monotonic()) == 0.0


async def test_the_time_that_batches_take_counts_while_they_run_and_after():
    async with desk() as d:
        assert d.dispatcher.live_busy_s(time.monotonic()) == 0.0
        d.engine.pause()
        answer = d.submit(1)
        await d.started()
        assert d.dispatcher.live_busy_s(time.monotonic() + 60.0) >= 60.0
        d.engine.resume()
        await answer
        assert 0.0 < d.dispatcher.live_busy_s(time.monotonic() + 60.0) < 60.0
