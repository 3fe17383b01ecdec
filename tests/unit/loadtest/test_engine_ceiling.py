"""How kinds of windows are mixed, and which of their rows are timed."""

import pytest

from loadtest.engine_ceiling import _num_due, mixed_rate, next_kind

pytestmark = pytest.mark.unit


def test_a_mix_is_slowed_by_its_slow_part_in_proportion():
    assert mixed_rate([(1, 10.0)]) == pytest.approx(10.0)
    assert mixed_rate([(1, 10.0), (1, 30.0)]) == pytest.approx(15.0)
    assert mixed_rate([(30, 10.0), (10, 30.0)]) == pytest.approx(12.0)


def test_kinds_are_decoded_as_often_as_their_shares_say():
    shares, sizes = [6.0, 3.0, 1.0], [2, 4, 1]
    counts = [0, 0, 0]

    while sum(counts) < 1000:
        kind = next_kind(shares, counts)
        counts[kind] += sizes[kind]

    for count, share in zip(counts, shares, strict=True):
        assert abs(count - 100 * share) <= 5


@pytest.mark.parametrize(("share", "num_timed"), [(0.0, 0), (0.3, 9), (1.0, 30)])
def test_the_share_of_timed_rows_holds_over_batches_of_any_size(share, num_timed):
    for size in (1, 2, 3, 5):
        due = [_num_due(share, at, size) for at in range(0, 30, size)]
        assert sum(due) == num_timed
        assert max(due) <= size
