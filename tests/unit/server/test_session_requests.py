"""What comes back of the decodes that a session has asked for."""

from collections.abc import Callable

import pytest

from server.session_requests import Answering, SessionRequests
from server.vad.scorer import SpeechScorer
from streaming.effects import Decode, Effect
from tests.support.engine_desk import Desk, desk, request, text_of
from tests.support.scripted_engine import ScriptedVad
from tests.support.session_harness import SessionHarness

pytestmark = pytest.mark.unit


class Asking:
    """A session's requests on a desk whose engine is paused, and which answers came."""

    def __init__(self, made: Desk) -> None:
        self.answers: list[Callable[[], list[Effect]]] = []
        self.requests = SessionRequests(
            SessionHarness().session,
            "s1",
            SpeechScorer(ScriptedVad(), made.metrics),
            made.dispatcher,
            Answering(self.answers.append, self.fail),
        )
        made.engine.pause()

    def decode(self, number: int) -> None:
        self.requests.decode(Decode(request(number)))

    def fail(self, error: Exception) -> None:
        raise AssertionError from error


async def one_runs_and_one_waits(d: Desk) -> Asking:
    asking = Asking(d)
    asking.decode(1)
    await d.started()
    asking.decode(2)
    return asking


async def test_of_withdrawn_decodes_the_one_that_runs_is_answered():
    async with desk() as d:
        asking = await one_runs_and_one_waits(d)
        asking.requests.withdraw(1)
        asking.requests.withdraw(2)
        d.engine.resume()
        assert await text_of(d.submit(3)) == "w3"
        assert d.ids == [[1], [3]]
        assert len(asking.answers) == 1


async def test_nothing_comes_once_they_are_closed_withdrawn_or_not():
    async with desk() as d:
        asking = await one_runs_and_one_waits(d)
        asking.requests.withdraw(1)
        asking.requests.close()
        d.engine.resume()
        assert await text_of(d.submit(3)) == "w3"
        assert d.ids == [[1], [3]]
        assert not asking.answers
