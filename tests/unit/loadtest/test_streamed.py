"""Which client a target asks for, and audio given out in time."""

import asyncio

import pytest

from loadtest.recordings import BYTES_PER_S
from loadtest.streamed import Pace, Target, all_in_turn
from starling_client import StarlingClient
from starling_client.grpc_client import GrpcStarlingClient

pytestmark = pytest.mark.unit


def test_sessions_go_over_a_websocket_unless_grpc_is_named():
    assert isinstance(Target("ws://127.0.0.1:8080").client(), StarlingClient)
    target = Target("ws://127.0.0.1:8080", grpc="127.0.0.1:50051")
    assert isinstance(target.client(), GrpcStarlingClient)


async def test_a_pace_gives_every_chunk_and_says_when_audio_began():
    chunks = [bytes(BYTES_PER_S // 1000)] * 3
    pace = Pace(chunks)
    assert pace.started_at is None

    assert [chunk async for chunk in pace] == chunks

    assert pace.started_at is not None
    assert len(pace.lateness_s) <= 3
    assert all(late_s >= 0 for late_s in pace.lateness_s)


async def test_work_is_done_a_few_at_a_time_and_answered_in_order():
    running, most = 0, 0

    async def square(number):
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return number * number

    found = await all_in_turn([square(number) for number in range(5)], at_a_time=2)

    assert (found, most) == ([0, 1, 4, 9, 16], 2)


async def test_the_first_error_ends_the_rest():
    ended = []

    async def wait_for_ever():
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("waiting")

    async def fail():
        await asyncio.sleep(0)
        raise OSError("no more")

    with pytest.raises(OSError, match="no more"):
        await all_in_turn([wait_for_ever(), fail()], at_a_time=2)
    assert ended == ["waiting"]
