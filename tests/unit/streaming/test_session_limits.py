import pytest

from streaming.errors import ErrorCode
from streaming.session_limits import SessionClock, SessionLimits

pytestmark = pytest.mark.unit

LIMITS = SessionLimits(idle_timeout_s=10.0, max_session_s=100.0, max_lead_s=5.0)
START = 1_000.0


def test_a_silent_client_reaches_the_idle_limit():
    clock = SessionClock(LIMITS, START)
    assert clock.next_deadline() == START + 10
    assert clock.check(START + 9.99) is None
    error = clock.check(START + 10)
    assert error is not None
    assert error.code is ErrorCode.IDLE_TIMEOUT
    assert error.is_retryable
    assert "10 s" in error.message
    assert "ping" in error.hint


def test_hearing_the_client_moves_the_idle_limit():
    clock = SessionClock(LIMITS, START)
    clock.touch(START + 8)
    assert clock.next_deadline() == START + 18
    assert clock.check(START + 17) is None
    assert clock.check(START + 18) is not None


def test_an_active_session_reaches_its_longest_length():
    clock = SessionClock(LIMITS, START)
    clock.touch(START + 95)
    assert clock.next_deadline() == START + 100
    assert clock.check(START + 99.9) is None
    error = clock.check(START + 100)
    assert error is not None
    assert error.code is ErrorCode.SESSION_TOO_LONG
    assert not error.is_retryable
    assert "new session" in error.hint


def test_the_length_is_told_rather_than_the_idling():
    error = SessionClock(LIMITS, START).check(START + 100)
    assert error is not None
    assert error.code is ErrorCode.SESSION_TOO_LONG


def test_audio_may_lead_the_wall_clock_only_so_far():
    clock = SessionClock(LIMITS, START)
    assert clock.check_lead(5 * 16_000, START) is None
    assert clock.check_lead(12 * 16_000, START + 7) is None
    error = clock.check_lead(12 * 16_000 + 1, START + 7)
    assert error is not None
    assert error.code is ErrorCode.AUDIO_TOO_FAST
    assert "5 s" in error.hint


def test_audio_behind_the_wall_clock_is_no_matter():
    assert SessionClock(LIMITS, START).check_lead(16_000, START + 99) is None


def test_audio_ahead_of_the_wall_clock_is_no_live_voice():
    clock = SessionClock(SessionLimits(), 100.0)
    assert not clock.is_ahead(3 * 16_000, 101.5)
    assert clock.is_ahead(4 * 16_000, 101.5)


def test_who_was_ahead_is_no_live_voice_however_slowly_the_server_reads():
    clock = SessionClock(SessionLimits(), 100.0)
    assert clock.is_ahead(10 * 16_000, 100.5)
    assert clock.is_ahead(11 * 16_000, 130.0)
