"""How kinds of windows are mixed."""

import pytest

from loadtest.engine_ceiling import mixed_rate

pytestmark = pytest.mark.unit


def test_a_mix_is_slowed_by_its_slow_part_in_proportion():
    assert mixed_rate([(1, 10.0)]) == pytest.approx(10.0)
    assert mixed_rate([(1, 10.0), (1, 30.0)]) == pytest.approx(15.0)
    assert mixed_rate([(30, 10.0), (10, 30.0)]) == pytest.approx(12.0)
