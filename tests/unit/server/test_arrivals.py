import pytest

from server.arrivals import MAX_MARKS, Arrivals

pytestmark = pytest.mark.unit


def test_before_any_audio_nothing_is_known():
    assert Arrivals().delay_s(0, 5.0) is None


def test_a_delay_is_measured_from_when_the_sample_had_arrived():
    arrivals = Arrivals()
    for number in range(5):
        arrivals.add(1_600, 100.0 + number)
    assert arrivals.delay_s(1_600, 110.0) == 10.0
    assert arrivals.delay_s(1_601, 110.0) == 9.0
    assert arrivals.delay_s(8_000, 110.0) == 6.0


def test_padding_past_the_end_counts_from_the_last_arrival():
    arrivals = Arrivals()
    arrivals.add(1_600, 1.0)
    arrivals.add(1_600, 2.0)
    assert arrivals.delay_s(99_999, 3.0) == 1.0
    assert arrivals.delay_s(99_999, 4.0) == 2.0


def test_only_recent_arrivals_are_remembered():
    arrivals = Arrivals()
    for number in range(2 * MAX_MARKS):
        arrivals.add(1, float(number))
    assert len(arrivals._marks) == MAX_MARKS
    assert arrivals.delay_s(2 * MAX_MARKS, 2.0 * MAX_MARKS) == 1.0
