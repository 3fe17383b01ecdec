"""What waits, runs together and is cancelled."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from server.engine.tickets import Ticket, WithdrawnError
from streaming.effects import Purpose
from streaming.transcript import Hypothesis
from tests.support.engine_desk import INTERIM, Desk, desk, request, text_of
from tests.support.scripted_speech import speech

pytestmark = pytest.mark.unit


async def test_a_lone_request_runs_at_once():
    async with desk() as d:
        assert await text_of(d.submit(7)) == "w7"
        assert d.ids == [[7]]


async def test_what_waits_when_a_worker_is_free_runs_together_finals_first():
    async with desk(max_batch=3) as d:
        d.engine.pause()
        answers = [d.submit(1)]
        await d.started()
        answers += [d.submit(2, INTERIM), d.submit(3, INTERIM), d.submit(4), d.submit(5)]
        d.engine.resume()
        assert [await text_of(answer) for answer in answers] == ["w1", "w2", "w3", "w4", "w5"]
        assert d.ids == [[1], [4, 5, 2], [3]]
        assert d.count("starling_decodes_total", purpose="final") == 3
        assert d.count("starling_batch_size_sum") == 5


async def test_interims_have_batches_of_their_own_size():
    async with desk(max_batch=3, max_interims=2) as d:
        d.engine.pause()
        answers = [d.submit(1)]
        await d.started()
        answers += [d.submit(number, INTERIM) for number in (2, 3, 4)]
        d.engine.resume()
        assert [await text_of(answer) for answer in answers] == ["w1", "w2", "w3", "w4"]
        assert d.ids == [[1], [2, 3], [4]]


async def test_a_request_that_waited_may_be_renewed_when_its_turn_comes():
    async with desk() as d:
        d.engine.pause()
        first = d.submit(1)
        await d.started()
        newest = [2]
        answer: asyncio.Future[Hypothesis | Exception] = asyncio.get_running_loop().create_future()
        d.dispatcher.submit(
            request(2, INTERIM),
            answer.set_result,
            renew=lambda asked: replace(asked, audio=speech(newest)),
        )
        newest.append(3)
        d.engine.resume()
        assert await text_of(first) == "w1"
        assert await text_of(answer) == "w2 w3"


async def running_interims(d: Desk) -> list[asyncio.Future[Hypothesis | Exception]]:
    """Let a batch of three interims begin after a final, and not end; return all four answers."""
    d.engine.pause()
    answers = [d.submit(1)]
    await d.started()
    answers += [d.submit(number, INTERIM) for number in (2, 3, 4)]
    d.engine.let_one_end()
    await d.started()
    return answers


async def test_interims_that_are_not_begun_make_way_for_a_final_and_keep_their_place():
    async with desk() as d:
        answers = await running_interims(d)
        answers += [d.submit(5), d.submit(6, INTERIM)]
        d.engine.resume()
        assert [await text_of(answer) for answer in answers] == [f"w{n}" for n in range(1, 7)]
        assert d.ids == [[1], [2, 3, 4], [5, 3, 4, 6]]
        assert d.count("starling_decodes_total", purpose="interim") == 4
        assert d.count("starling_batch_size_sum") == 6


async def test_interims_make_no_way_for_a_final_that_still_has_time():
    async with desk() as d:
        answers = await running_interims(d)
        answers += [d.submit(5, slack_s=60.0), d.submit(6, INTERIM, prompt="another key")]
        d.engine.resume()
        assert [await text_of(answer) for answer in answers] == [f"w{n}" for n in range(1, 7)]
        assert d.ids == [[1], [2, 3, 4], [6], [5]]


async def test_several_workers_run_several_batches_at_once():
    async with desk(num_workers=2, max_batch=1) as d:
        d.engine.pause()
        answers = [d.submit(number) for number in (1, 2, 3)]
        await d.started()
        await d.started()
        assert sorted(d.ids) == [[1], [2]]
        d.engine.resume()
        assert [await text_of(answer) for answer in answers] == ["w1", "w2", "w3"]


async def test_requests_of_unlike_keys_never_share_a_batch():
    async with desk() as d:
        d.engine.pause()
        answers = [d.submit(1)]
        await d.started()
        answers += [d.submit(2, prompt="a"), d.submit(3, prompt="b"), d.submit(4, prompt="a")]
        d.engine.resume()
        await asyncio.gather(*answers)
        assert d.ids == [[1], [2, 4], [3]]


async def test_a_cancelled_request_that_waits_is_never_run():
    async with desk() as d:
        d.engine.pause()
        first = d.submit(1)
        await d.started()
        ticket, cancelled = d.ticket(2)
        last = d.submit(3)
        d.dispatcher.cancel(ticket)
        d.engine.resume()
        await asyncio.gather(first, last)
        assert d.ids == [[1], [3]]
        assert not cancelled.done()


async def test_the_answer_of_a_cancelled_request_that_runs_is_dropped():
    async with desk() as d:
        d.engine.pause()
        ticket, cancelled = d.ticket(1)
        await d.started()
        d.dispatcher.cancel(ticket)
        d.engine.resume()
        assert await text_of(d.submit(2)) == "w2"
        assert not cancelled.done()


async def test_a_request_that_is_withdrawn_while_it_runs_is_answered():
    async with desk() as d:
        d.engine.pause()
        running, answer = d.ticket(1)
        await d.started()
        waiting, unanswered = d.ticket(2)
        assert d.dispatcher.withdraw(waiting)
        assert not d.dispatcher.withdraw(running)
        d.engine.resume()
        assert await text_of(answer) == "w1"
        assert d.ids == [[1]]
        assert not unanswered.done()


async def test_a_withdrawn_request_whose_batch_leaves_it_for_later_is_not_run():
    async with desk() as d:
        d.engine.pause()
        answers = [d.submit(1)]
        await d.started()
        answers.append(d.submit(2, INTERIM))
        ticket, left_out = d.ticket(3, INTERIM)
        d.engine.let_one_end()
        await d.started()
        assert not d.dispatcher.withdraw(ticket)
        answers.append(d.submit(4))
        d.engine.resume()
        assert isinstance(await left_out, WithdrawnError)
        assert [await text_of(answer) for answer in answers] == ["w1", "w2", "w4"]
        assert d.ids == [[1], [2, 3], [4]]
        assert d.count("starling_decode_failures_total") == 0


async def test_closing_waits_for_what_runs_and_starts_nothing_new():
    async with desk(max_batch=1) as d:
        d.engine.pause()
        running, waiting = d.submit(1), d.submit(2)
        await d.started()
        closing = asyncio.create_task(d.dispatcher.close())
        d.engine.resume()
        await closing
        assert await text_of(running) == "w1"
        assert not waiting.done()
        assert d.ids == [[1]]


async def test_a_request_may_be_submitted_from_within_an_answer():
    async with desk() as d:
        second: asyncio.Future[Hypothesis | Exception] = asyncio.get_running_loop().create_future()
        submit: Callable[..., Ticket] = d.dispatcher.submit
        submit(request(1), lambda _: submit(request(2), second.set_result))
        assert await text_of(second) == "w2"


async def test_files_wait_for_live_decodes_and_then_run_beside_sessions_row_by_row():
    async with desk() as made:
        made.engine.pause()
        running = made.submit(1)
        await made.started()
        files = [made.submit(number, Purpose.FILE) for number in (2, 3)]
        live = made.submit(4)
        made.engine.resume()
        await asyncio.gather(running, live, *files)
        assert made.ids == [[1], [4], [2], [3]]


async def test_a_cancelled_file_is_not_decoded():
    async with desk() as made:
        made.engine.pause()
        running = made.submit(1)
        await made.started()
        ticket, _ = made.ticket(2, Purpose.FILE)
        made.dispatcher.cancel(ticket)
        made.engine.resume()
        await running
        assert made.ids == [[1]]
