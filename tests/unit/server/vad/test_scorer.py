import asyncio

import numpy as np
import pytest

from server.metrics import Metrics
from server.vad.scorer import MAX_WINDOWS, SpeechScorer
from server.vad.state import VadState
from tests.support.scripted_engine import ScriptedVad
from tests.support.scripted_speech import silence, speech

pytestmark = pytest.mark.unit

LOUD = speech([50])[:1024]
QUIET = silence(1.0)[:512]


@pytest.fixture
async def scorer():
    made = SpeechScorer(ScriptedVad(), Metrics())
    yield made
    made.close()


def submit(scorer: SpeechScorer, audio: np.ndarray) -> asyncio.Future[list[float] | Exception]:
    answer: asyncio.Future[list[float] | Exception] = asyncio.get_running_loop().create_future()
    scorer.submit(VadState(), audio, answer.set_result)
    return answer


async def test_each_channel_gets_its_own_scores(scorer):
    answers = [submit(scorer, audio) for audio in (LOUD, QUIET, LOUD)]
    assert await asyncio.gather(*answers) == [[0.9, 0.9], [0.05], [0.9, 0.9]]


async def test_no_answer_comes_before_submit_returns(scorer):
    assert not submit(scorer, QUIET).done()


async def test_what_waits_goes_as_blocks_of_bounded_windows(scorer):
    answers = [submit(scorer, QUIET) for _ in range(MAX_WINDOWS + 6)]
    await asyncio.gather(*answers)
    assert scorer._model.batch_sizes == [MAX_WINDOWS, 6]


async def test_other_work_gets_its_turn_between_blocks(scorer):
    answers = [submit(scorer, LOUD) for _ in range(MAX_WINDOWS)]
    batches_seen = []
    asyncio.get_running_loop().call_soon(
        lambda: batches_seen.append(len(scorer._model.batch_sizes))
    )
    await asyncio.gather(*answers)
    assert (batches_seen, len(scorer._model.batch_sizes)) == ([1], 2)


async def test_what_is_asked_for_in_an_answer_is_scored_at_the_next_tick(scorer):
    second: asyncio.Future[list[float] | Exception] = asyncio.get_running_loop().create_future()
    scorer.submit(VadState(), QUIET, lambda _: scorer.submit(VadState(), LOUD, second.set_result))
    assert await second == [0.9, 0.9]


async def test_what_is_asked_for_in_an_answer_does_not_put_off_what_waits(scorer):
    scorer.submit(VadState(), QUIET, lambda _: submit(scorer, QUIET))
    answers = [submit(scorer, QUIET) for _ in range(MAX_WINDOWS)]
    await asyncio.sleep(0)  # a turn of the loop for each block
    await asyncio.sleep(0)
    assert scorer._model.batch_sizes == [MAX_WINDOWS, 2]
    assert all(answer.done() for answer in answers)


async def test_a_failing_model_is_told_to_each_channel_and_the_next_batch_runs(scorer):
    scorer._model.is_broken = True
    first, second, third = (submit(scorer, QUIET) for _ in range(3))
    for answer in (await first, await second, await third):
        assert isinstance(answer, RuntimeError)
        assert "the graph is broken" in str(answer)
    scorer._model.is_broken = False
    assert await submit(scorer, QUIET) == [0.05]


async def test_nothing_is_scored_after_closing(scorer):
    answer = submit(scorer, QUIET)
    scorer.close()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert not answer.done()
