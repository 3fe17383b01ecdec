"""Which sessions of a run are said again without load."""

import pytest

from loadtest.replay import sessions_to_replay
from loadtest.voice_process import SessionResult
from loadtest.voices import Placement, Style

pytestmark = pytest.mark.unit


SPOKEN = (Placement(0, 0.0, 2.0),)


def session(number, duration_s=60.0, *, failure=None, placements=SPOKEN):
    return SessionResult(number, Style.CONTINUOUS, placements, duration_s, (), 0.0, failure)


def chosen(results, enough_s):
    return [result.voice for result in sessions_to_replay(results, enough_s)]


def test_as_many_as_have_enough_audio_spread_over_the_run():
    assert chosen([session(number) for number in range(20)], 300.0) == [0, 4, 8, 12, 16]


def test_all_where_there_are_few():
    assert chosen([session(number) for number in range(3)], 600.0) == [0, 1, 2]


def test_a_few_long_ones_in_any_case():
    assert chosen([session(number, 1800.0) for number in range(8)], 600.0) == [0, 2, 4, 6]


def test_neither_those_that_failed_nor_those_that_said_nothing():
    results = [session(0, failure="overloaded"), session(1, placements=()), session(2)]

    assert chosen(results, 600.0) == [2]


def test_none_where_nobody_spoke():
    assert chosen([session(0, placements=())], 600.0) == []
