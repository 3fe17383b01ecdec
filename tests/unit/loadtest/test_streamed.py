"""Which client a target asks for, and audio given out in time."""

import pytest

from loadtest.recordings import BYTES_PER_S
from loadtest.streamed import Pace, Target
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
