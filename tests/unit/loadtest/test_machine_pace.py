"""The pace between two instants, and rates at another's pace."""

import pytest

from loadtest.machine_pace import MachinePace, at_pace

pytestmark = pytest.mark.unit


def test_only_samples_between_the_instants_count():
    pace = MachinePace([(1.0, 9.0), (2.0, 0.1), (3.0, 0.3), (4.0, 9.0)])

    assert pace.mean_s(2.0, 4.0) == pytest.approx(0.2)
    assert pace.mean_s(5.0, 6.0) is None


def test_a_rate_measured_on_a_machine_twice_as_slow_counts_twice():
    assert at_pace(10.0, own_s=0.2, others_s=0.1) == pytest.approx(20.0)


@pytest.mark.parametrize(("own_s", "others_s"), [(None, 0.1), (0.1, None)])
def test_where_a_pace_is_not_known_rates_stay(own_s, others_s):
    assert at_pace(10.0, own_s, others_s) == 10.0
