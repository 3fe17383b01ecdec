"""Forty live sessions over two replicas and a real Redis, and everything that may break there.

Each drill runs the same speech with a fault, and is compared with one run without. The replicas
are `starling serve` in processes of their own with the scripted engine, whose words depend on
every sample it gets.
"""

import asyncio
import sys

import pytest

from loadtest.drill import Plan, drill, undisturbed
from loadtest.drill_voices import Outcome, Speech
from loadtest.faults import (
    cut,
    failover,
    kill,
    kill_while_redis_is_away,
    redis_down,
    redis_restart,
    roll,
)
from tests.support.recordings import pcm16
from tests.support.scripted_speech import said

pytestmark = pytest.mark.integration

NUM_SESSIONS = 40


def clip(shift: int) -> bytes:
    """One final by 2 s, then speech in which the faults fall, then a last utterance."""
    long_one = [*range(1 + shift, 11 + shift)]
    return pcm16(said(0.3, [41, 42], 1.0, long_one, 0.6, [50, 51, 52], 1.0, [60 + shift] * 9, 1.0))


CLIPS = tuple(clip(shift) for shift in range(20))
SERVER = (sys.executable, "-m", "tests.support.scripted_server")


def plan(**more) -> Plan:
    speech = Speech(CLIPS, ping_timeout_s=2.0)
    return Plan(NUM_SESSIONS, speech, command=SERVER, settings={"max_sessions": 100}, **more)


@pytest.fixture(scope="module")
def quiet() -> list[Outcome]:
    """What the sessions hear when nothing breaks."""
    return asyncio.run(undisturbed(plan()))


def assert_nothing_is_lost(report) -> None:
    assert report["failures"] == []
    assert report["closed"] == report["identical_transcripts"] == NUM_SESSIONS
    assert (report["finals_lost"], report["finals_doubled"]) == (0, 0)
    assert (report["seqs_doubled"], report["seqs_out_of_order"]) == (0, 0)
    assert report["store_caught_up_s"] is not None


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("fault", "moves_sessions"),
    [
        (kill(2.5), True),
        (cut(2.5), True),
        (roll(1.5), True),
        (redis_restart(2.5), False),
        (redis_down(2.0, 3.0), False),
    ],
    ids=["kill", "cut network", "rolling restart", "Redis restarts", "Redis is away"],
)
async def test_nothing_is_lost_or_doubled_when(fault, moves_sessions, quiet):
    report = await drill(plan(), fault, quiet)
    assert_nothing_is_lost(report)
    assert (report["resumes"] >= NUM_SESSIONS // 2) is moves_sessions


@pytest.mark.timeout(120)
async def test_captions_flow_while_redis_is_away(quiet):
    report = await drill(plan(), redis_down(1.0, 4.0), quiet)
    assert_nothing_is_lost(report)
    assert report["finals_between_faults"] >= NUM_SESSIONS


@pytest.mark.timeout(120)
async def test_nothing_is_lost_when_a_replica_dies_while_redis_is_away(quiet):
    report = await drill(plan(), kill_while_redis_is_away(2.0, 3.0), quiet)
    assert_nothing_is_lost(report)
    assert report["resumes"] >= NUM_SESSIONS // 2


@pytest.mark.timeout(120)
async def test_nothing_is_lost_when_redis_fails_over_and_then_a_replica_dies(quiet):
    report = await drill(plan(has_redis_group=True), failover(2.0), quiet)
    assert_nothing_is_lost(report)
    assert report["resumes"] >= NUM_SESSIONS // 2
