"""Viewers over gRPC, on another replica than the session."""

import grpc
import pytest
from google.rpc.error_details_pb2 import ErrorInfo
from grpc_status.rpc_status import from_call
from starling.v1.transcription_pb2 import WatchRequest
from starling.v1.transcription_pb2_grpc import TranscriptionStub

from loadtest.replicas import free_port
from tests.support.redis_server import redis_server
from tests.support.viewed import Speaker, replicas, speaking

pytestmark = pytest.mark.integration


async def test_a_call_shows_what_the_speaker_hears_and_resumes():
    port = free_port()
    with redis_server() as redis:
        async with (
            replicas(1, redis_url=redis.url) as (home,),
            replicas(1, redis_url=redis.url, grpc_port=port),
            speaking(home) as speaker,
            grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
        ):
            first = await speaker.utter(1, 2)
            responses = aiter(watch(channel, speaker))
            seen = [await anext(responses)]
            assert (seen[0].final.text, seen[0].seq) == ("w1 w2", first["seq"])
            await speaker.say([3, 4, 5, 6, 7, 8])
            while seen[-1].WhichOneof("event") != "interim":
                seen.append(await anext(responses))
            await speaker.say(1.5)
            await speaker.hear("final")
            await speaker.stop()
            seen += [response async for response in responses]
            told = [m for m in speaker.heard if m["type"] in ("final", "utterance_ended", "closed")]
            kept = [r for r in seen if r.WhichOneof("event") != "interim"]
            assert [(r.seq, r.WhichOneof("event")) for r in kept] == [
                (message["seq"], message["type"]) for message in told
            ]
            again = [r.seq async for r in watch(channel, speaker, after=first["seq"])]
            assert again == [r.seq for r in kept[1:]]


async def test_who_may_not_watch_is_told_why():
    port = free_port()
    async with (
        replicas(1, grpc_port=port) as (server,),
        speaking(server) as speaker,
        grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
    ):
        speaker.secret = "wrong"
        call = watch(channel, speaker)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call.read()
        assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
        status = from_call(refused.value)
        info = ErrorInfo()
        assert any(detail.Unpack(info) for detail in status.details)
        assert (info.reason, info.metadata["hint"] != "") == ("unauthenticated", True)


def watch(channel: grpc.aio.Channel, speaker: Speaker, after: int = 0):
    request = WatchRequest(session=speaker.session, after=after)
    metadata = (("authorization", f"Bearer {speaker.secret}"),)
    return TranscriptionStub(channel).Watch(request, metadata=metadata, timeout=60)
