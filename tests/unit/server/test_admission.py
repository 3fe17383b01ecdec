import asyncio

import pytest

from server.admission import RETRY_AFTER_S, Admission
from streaming.errors import ErrorCode, StarlingError
from streaming.overload import Load, Rung

pytestmark = pytest.mark.unit


class OpenSession:
    """A session that leaves as soon as it is asked to finish, or stays."""

    def __init__(self, admission: Admission, *, leaves: bool = True) -> None:
        self._admission = admission
        self._leaves = leaves
        self.told: list[ErrorCode] = []

    def set_load(self, load: Load) -> None:
        self.load = load

    def finish(self, error: StarlingError) -> None:
        self.told.append(error.code)
        if self._leaves:
            self._admission.remove(self)
            self._admission.leave()


def refusal(admission: Admission) -> StarlingError:
    with pytest.raises(StarlingError) as refused:
        admission.enter()
    return refused.value


def test_sessions_beyond_the_limit_are_refused_until_one_leaves():
    admission = Admission(2)
    admission.enter()
    admission.enter()
    error = refusal(admission)
    assert error.code is ErrorCode.OVERLOADED
    assert error.retry_after_s == RETRY_AFTER_S
    assert "2 sessions" in error.message
    assert admission.num_open == 2
    admission.leave()
    admission.enter()


async def test_closing_asks_every_session_to_finish_and_waits_for_them():
    admission = Admission(2)
    sessions = [OpenSession(admission) for _ in range(2)]
    for session in sessions:
        admission.enter()
        admission.add(session)
    assert await admission.close(timeout_s=60) is True
    assert [session.told for session in sessions] == [[ErrorCode.GOING_AWAY]] * 2
    assert admission.is_closing
    assert refusal(admission).code is ErrorCode.GOING_AWAY


async def test_closing_an_idle_server_is_immediate():
    assert await Admission(1).close(timeout_s=0) is True


async def test_closing_gives_up_on_a_session_that_stays():
    admission = Admission(1)
    admission.enter()
    admission.add(OpenSession(admission, leaves=False))
    assert await admission.close(timeout_s=0) is False


async def test_a_session_that_starts_while_closing_is_ended_too():
    admission = Admission(1)
    admission.enter()
    closing = asyncio.create_task(admission.close(timeout_s=60))
    await asyncio.sleep(0)
    late = OpenSession(admission)
    admission.add(late)
    assert late.told == [ErrorCode.GOING_AWAY]
    assert await closing is True


async def test_a_session_that_has_ended_is_not_asked_again():
    admission = Admission(1)
    session = OpenSession(admission)
    admission.enter()
    admission.add(session)
    admission.remove(session)
    admission.leave()
    assert await admission.close(timeout_s=0) is True
    assert session.told == []


def test_a_server_that_refuses_says_how_late_it_is():
    admission = Admission(10)
    admission.set_load(Load(Rung.REFUSING, 6.0, 2.6))
    error = refusal(admission)
    assert (error.code, error.retry_after_s) == (ErrorCode.OVERLOADED, 5.0)
    assert "3 s late" in error.message
    admission.set_load(Load())
    admission.enter()


def test_sessions_old_and_new_are_told_the_load():
    admission = Admission(10)
    old, new = OpenSession(admission), OpenSession(admission)
    busy = Load(Rung.NO_INTERIMS, 6.0, 1.0)
    admission.add(old)
    admission.set_load(busy)
    admission.add(new)
    assert (old.load, new.load) == (busy, busy)
