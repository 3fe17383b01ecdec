import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest

from server.engine import dispatcher as dispatcher_module
from server.engine.dispatcher import FINAL_S_WEIGHT, EngineDispatcher, Ticket
from server.metrics import Metrics
from streaming import batching
from streaming.effects import DecodeRequest, Purpose
from streaming.options import Task
from streaming.overload import Load, Rung
from streaming.transcript import Hypothesis
from tests.support.scripted_engine import ScriptedEngine
from tests.support.scripted_speech import speech

pytestmark = pytest.mark.unit

FINAL, INTERIM = Purpose.FINAL, Purpose.INTERIM


def request(
    number: int, purpose: Purpose = FINAL, prompt: str = "", slack_s: float = 0.0
) -> DecodeRequest:
    audio = speech([number])
    asked = DecodeRequest(
        number, purpose, audio, 0, "en", Task.TRANSCRIBE, words=False, prompt=prompt, keyterms=()
    )
    return replace(asked, slack_s=slack_s)


@dataclass
class Desk:
    """A dispatcher, its engine, and the answers as they come."""

    dispatcher: EngineDispatcher
    engine: ScriptedEngine
    metrics: Metrics

    def submit(self, *args, **kwargs) -> asyncio.Future[Hypothesis | Exception]:
        return self.ticket(*args, **kwargs)[1]

    def ticket(self, *args, **kwargs) -> tuple[Ticket, asyncio.Future[Hypothesis | Exception]]:
        answer: asyncio.Future[Hypothesis | Exception] = asyncio.get_running_loop().create_future()
        return self.dispatcher.submit(request(*args, **kwargs), answer.set_result), answer

    async def started(self) -> None:
        await asyncio.to_thread(self.engine.wait_for_start)

    @property
    def ids(self) -> list[list[int]]:
        return [[row.id for row in batch] for batch in self.engine.batches]

    def count(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0.0


@asynccontextmanager
async def desk(num_workers: int = 1, max_batch: int = 4) -> AsyncIterator[Desk]:
    engine, metrics = ScriptedEngine(), Metrics()
    made = EngineDispatcher(engine, metrics, num_workers=num_workers, max_batch=max_batch)
    try:
        yield Desk(made, engine, metrics)
    finally:
        engine.resume()
        await made.close()


async def text_of(answer: asyncio.Future[Hypothesis | Exception]) -> str:
    hypothesis = await answer
    assert isinstance(hypothesis, Hypothesis)
    return hypothesis.text


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


async def test_how_long_finals_take_is_known_from_live_ones():
    async with desk() as d:
        await asyncio.gather(d.submit(1, INTERIM), d.submit(2, Purpose.CHECKPOINT))
        hurried = asyncio.get_running_loop().create_future()
        d.dispatcher.submit(request(3), hurried.set_result, is_live=False)
        await hurried
        assert d.dispatcher.final_s == 0.0
        d.engine.pause()
        answer = d.submit(4, slack_s=60.0)
        d.engine.resume()
        await answer
        assert 0.0 < d.dispatcher.final_s < FINAL_S_WEIGHT * 60.0


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


async def test_a_final_to_be_done_again_has_no_more_time():
    async with desk() as d:
        d.engine.repeats = True
        d.engine.pause()
        answers = [d.submit(1, slack_s=60.0), d.submit(2, INTERIM, prompt="another key")]
        d.engine.resume()
        assert [await text_of(answer) for answer in answers] == ["w1", "w2"]
        assert d.ids[:3] == [[1], [1], [2]]


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


async def test_a_batch_that_runs_far_too_long_is_told(monkeypatch):
    monkeypatch.setattr(dispatcher_module, "STUCK_AFTER_S", -1.0)
    async with desk() as d:
        assert not d.dispatcher.is_stuck()
        d.engine.pause()
        answer = d.submit(1)
        await d.started()
        assert d.dispatcher.is_stuck()
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


async def test_a_decode_to_be_done_again_without_its_context_is_no_retry():
    async with desk() as d:
        d.engine.refuses_context = True
        spoken = speech([9, 1])
        asked = replace(
            request(1), audio=spoken, context=" w9", num_context_samples=len(spoken) // 2
        )
        answer: asyncio.Future[Hypothesis | Exception] = asyncio.get_running_loop().create_future()
        d.dispatcher.submit(asked, answer.set_result)
        assert await text_of(answer) == "w1"
        assert [[row.context for row in batch] for batch in d.engine.batches] == [[" w9"], [""]]
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


async def test_a_running_batch_of_usual_length_is_not_stuck():
    async with desk() as d:
        d.engine.pause()
        answer = d.submit(1)
        await d.started()
        assert not d.dispatcher.is_stuck()
        d.engine.resume()
        await answer


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
