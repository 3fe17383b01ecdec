"""Which sessions of a run are said again without load, and what if they cannot."""

import pytest

from loadtest.replay import replay, sessions_to_replay
from loadtest.streamed import Target
from loadtest.voice_process import SessionResult
from loadtest.voices import Clip, Placement, Style

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


async def test_a_server_that_is_gone_costs_the_comparison_and_not_the_report():
    told = []

    said = await replay(
        [session(0)],
        [Clip("one.wav", bytes(64_000))],
        Target("ws://127.0.0.1:9"),  # nobody listens there
        "en",
        lambda *done: told.append(done),
    )

    assert said == []
    assert told == [(0.0, 60.0)]
