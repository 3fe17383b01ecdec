"""The search for the knee, against servers of known size."""

import pytest

from loadtest.knee import Limits, Search, broken_limits

pytestmark = pytest.mark.unit


def found(size, first):
    search, tries = Search(first), []
    while (number := search.next_try()) is not None:
        tries.append(number)
        search = search.after(number, is_carried=number <= size)
    return search.carried, tries


@pytest.mark.parametrize(("size", "first"), [(0, 4), (1, 4), (3, 4), (7, 1), (13, 4), (30, 32)])
def test_small_answers_are_exact(size, first):
    assert found(size, first)[0] == size


@pytest.mark.parametrize("size", [100, 517, 4000])
def test_large_answers_are_near_and_take_few_tries(size):
    knee, tries = found(size, 4)

    assert size - max(1, size // 16) <= knee <= size
    assert len(tries) <= 16


def test_a_server_that_carries_everything_ends_the_search():
    assert found(10**9, 4)[0] == 4096


def report(**changes):
    losses = {
        "failures": {},
        "refused": 0,
        "finals_lost": 0,
        "broken_commitments": 0,
        "clips": 9,
        "clips_compared": 4,
        "error_rate_rise": 0.0,
    }
    return losses | changes


@pytest.mark.parametrize(
    ("losses", "p95_s", "says"),
    [
        (report(), 1.2, []),
        (report(failures={"internal": 2}), 1.2, ["2 sessions failed"]),
        (report(refused=3), 1.2, ["3 sessions refused"]),
        (report(finals_lost=1), 1.2, ["1 finals lost"]),
        (report(broken_commitments=1), 1.2, ["1 committed texts changed"]),
        (report(), 1.6, ["final p95 1.60 s > 1.5 s"]),
        (report(), None, ["no final came"]),
        (report(error_rate_rise=0.006), 1.2, ["WER +0.60 > +0.50 points"]),
        (report(clips_compared=0, error_rate_rise=None), 1.2, ["no words could be compared"]),
        (report(clips=0, clips_compared=0, error_rate_rise=None), 1.2, []),
    ],
)
def test_each_broken_limit_is_named(losses, p95_s, says):
    assert broken_limits(losses, {"final": {"p95_s": p95_s}}, Limits()) == says
