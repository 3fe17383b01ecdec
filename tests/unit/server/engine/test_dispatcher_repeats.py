"""Decodes that fail, hang, or have to be done again."""

import asyncio
import time
from dataclasses import replace

import pytest

from server.engine import dispatcher as dispatcher_module
from server.engine.tickets import WithdrawnError
from streaming.transcript import Hypothesis, Word
from tests.support.engine_desk import INTERIM, desk, request, text_of
from tests.support.scripted_speech import speech

pytestmark = pytest.mark.unit


async def test_a_final_to_be_done_again_has_no_more_time():
    async with desk() as d:
        d.engine.repeats = True
        d.engine.pause()
        answers = [d.submit(1, slack_s=60.0), d.submit(2, INTERIM, prompt="another key")]
        d.engine.resume()
        assert [await text_of(answer) for answer in answers] == ["w1", "w2"]
        assert d.ids[:3] == [[1], [1], [2]]


async def test_what_nobody_needs_is_not_decoded_again():
    async with desk() as d:
        d.engine.repeats = True
        d.engine.pause()
        ticket, answer = d.ticket(1)
        await d.started()
        assert not d.dispatcher.withdraw(ticket)
        d.engine.resume()
        assert isinstance(await answer, WithdrawnError)
        assert d.ids == [[1]]
        assert d.count("starling_decode_retries_total") == 0


async def test_one_bad_row_gets_its_own_exception():
    async with desk() as d:
        answer = await d.submit(1, prompt="poison")
        assert isinstance(answer, ValueError)
        assert d.count("starling_decode_failures_total") == 1


async def test_an_engine_that_raises_fails_the_whole_batch_and_nothing_after_it():
    async with desk() as d:
        d.engine.pause()
        first = d.submit(1)
        await d.started()
        doomed = [d.submit(2, prompt="explode"), d.submit(3, prompt="explode")]
        later = d.submit(4, INTERIM)
        d.engine.resume()
        for answer in doomed:
            error = await answer
            assert isinstance(error, RuntimeError)
            assert "no room" in str(error)
        assert await text_of(first) == "w1"
        assert await text_of(later) == "w4"
        assert d.ids == [[1], [2, 3], [4]]


@pytest.mark.parametrize(
    ("limit_s", "is_stuck"), [(-1.0, True), (dispatcher_module.STUCK_AFTER_S, False)]
)
async def test_only_a_batch_that_runs_far_too_long_is_told(monkeypatch, limit_s, is_stuck):
    monkeypatch.setattr(dispatcher_module, "STUCK_AFTER_S", limit_s)
    async with desk() as d:
        assert not d.dispatcher.is_stuck()
        d.engine.pause()
        answer = d.submit(1)
        await d.started()
        assert d.dispatcher.is_stuck() is is_stuck
        d.engine.resume()
        await answer
        assert not d.dispatcher.is_stuck()


async def test_decodes_of_a_stuck_batch_fail_once_and_their_late_answers_are_ignored():
    async with desk() as d:
        d.engine.pause()
        answer = d.submit(1)
        await d.started()
        d.dispatcher.give_up_stuck(time.monotonic())
        assert not answer.done()
        for _ in range(2):
            d.dispatcher.give_up_stuck(time.monotonic() + 2 * dispatcher_module.STUCK_AFTER_S)
        assert isinstance(await answer, TimeoutError)
        waiting = d.submit(2)
        d.engine.resume()
        assert await text_of(waiting) == "w2"
        assert d.count("starling_decode_failures_total") == 1


async def test_a_decode_to_be_done_again_goes_back_into_the_queue():
    async with desk() as d:
        d.engine.repeats = True
        answer = d.submit(1)
        assert await text_of(answer) == "w1"
        assert [[row.is_retry for row in batch] for batch in d.engine.batches] == [[False], [True]]
        assert d.count("starling_decode_retries_total") == 1
        assert d.count("starling_decode_contexts_left_out_total") == 0


async def test_a_decode_to_be_done_again_keeps_its_place_in_the_queue():
    async with desk(max_batch=1) as d:
        d.engine.repeats = True
        d.engine.pause()
        first = d.submit(1)
        await d.started()
        second = d.submit(2)
        d.engine.resume()
        assert [await text_of(answer) for answer in (first, second)] == ["w1", "w2"]
        assert d.ids == [[1], [1], [2], [2]]


async def test_a_decode_to_be_done_again_without_its_context_is_no_retry():
    async with desk() as d:
        d.engine.refuses_context = True
        spoken = speech([9, 1])
        asked = replace(
            request(1), audio=spoken, context=(Word(" w9"),), num_context_samples=len(spoken) // 2
        )
        answer: asyncio.Future[Hypothesis | Exception] = asyncio.get_running_loop().create_future()
        d.dispatcher.submit(asked, answer.set_result)
        assert await text_of(answer) == "w1"
        assert [[row.context_text for row in batch] for batch in d.engine.batches] == [
            [" w9"],
            [""],
        ]
        assert d.count("starling_decode_retries_total") == 0
        assert d.count("starling_decode_contexts_left_out_total") == 1


async def test_a_final_that_stopped_early_goes_on_in_another_batch():
    async with desk() as d:
        d.engine.stops_early = True
        answer: asyncio.Future[Hypothesis | Exception] = asyncio.get_running_loop().create_future()
        d.dispatcher.submit(replace(request(1), audio=speech(range(1, 9))), answer.set_result)
        assert await text_of(answer) == " ".join(f"w{number}" for number in range(1, 9))
        first, rest = (row for batch in d.engine.batches for row in batch)
        assert (first.said, [word.text.strip() for word in rest.said]) == ((), ["w1"])
        assert d.count("starling_decodes_unfinished_total") == 1
        assert d.count("starling_decode_retries_total") == 0
        assert d.count("starling_decode_contexts_left_out_total") == 0
