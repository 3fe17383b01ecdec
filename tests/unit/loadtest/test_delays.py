"""Delays summed up."""

import pytest

from loadtest.delays import QUANTITIES, curve, pooled, summary
from loadtest.measures import Delay

pytestmark = pytest.mark.unit


def delays(*values):
    return [Delay(0.0, value) for value in values]


def test_a_summary_has_mean_and_percentiles():
    found = summary(delays(*range(1, 101)))

    assert (found["count"], found["mean_s"], found["max_s"]) == (100, 50.5, 100)
    assert (found["p50_s"], found["p95_s"], found["p99_s"]) == (50, 95, 99)


def test_nothing_is_summed_up_as_nothing():
    assert summary([])["p95_s"] is None
    assert curve([]) == []


def test_a_curve_runs_from_the_least_to_the_most():
    found = curve(delays(3.0, 1.0, 2.0))

    assert (found[0], found[25], found[-1]) == (1.0, 2.0, 3.0)
    assert found == sorted(found)


def test_sessions_are_pooled_by_quantity():
    found = pooled([{"final": delays(1.0)}, {"final": delays(2.0), "shown": delays(3.0)}])

    assert [delay.delay_s for delay in found["final"]] == [1.0, 2.0]
    assert set(found) == set(QUANTITIES)
