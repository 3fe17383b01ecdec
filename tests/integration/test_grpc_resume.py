"""Going on over gRPC: another call, the same session, also one that began on a WebSocket."""

import grpc
import pytest
from starling.v1 import transcription_pb2 as proto

from tests.support.grpc_stage import grpc_stage
from tests.support.proto_json import to_json
from tests.support.recordings import pcm16
from tests.support.scripted_speech import said

pytestmark = pytest.mark.integration

Request = proto.StreamingTranscribeRequest
START = Request(start=proto.Start(encoding=proto.ENCODING_PCM_S16LE, sample_rate=16_000))
STOP = Request(stop=proto.Stop())
PCM = pcm16(said(0.5, [1, 2, 3], 1.2, [4, 5, 6, 7], 1.0))


async def heard_until(call, kind):
    messages = []
    while not messages or messages[-1]["type"] != kind:
        messages.append(to_json(await call.read()))
    return messages


def resume(ready, last_seq):
    return Request(
        resume=proto.Resume(session=ready["session"], secret=ready["secret"], last_seq=last_seq)
    )


async def test_another_call_goes_on_where_the_first_broke():
    async with grpc_stage() as stage:
        first = stage.stub.StreamingTranscribe()
        await first.write(START)
        await first.write(Request(audio=PCM[: len(PCM) * 2 // 3]))
        before = await heard_until(first, "ack")
        first.cancel()
        second = stage.stub.StreamingTranscribe()
        await second.write(resume(before[0], before[-1]["seq"]))
        resumed = (await heard_until(second, "resumed"))[-1]
        assert resumed["sample"] >= before[-1]["sample"]
        await second.write(Request(audio=PCM[resumed["sample"] * 2 :]))
        await second.write(STOP)
        after = await heard_until(second, "closed")
    said_again = [m for m in before + after if m["type"] == "final"]
    assert [final["text"] for final in said_again] == ["w1 w2 w3", "w4 w5 w6 w7"]
    seqs = [message["seq"] for message in [*before, resumed, *after]]
    assert seqs == sorted(set(seqs))


async def test_a_wrong_secret_ends_the_call_with_not_found():
    async with grpc_stage() as stage:
        first = stage.stub.StreamingTranscribe()
        await first.write(START)
        (ready,) = await heard_until(first, "ready")
        second = stage.stub.StreamingTranscribe()
        await second.write(resume(ready | {"secret": "guess"}, 0))
        messages = await heard_until(second, "closed")
        assert messages[0]["code"] == "session_not_found"
        with pytest.raises(grpc.aio.AioRpcError) as ended:
            await second.read()
        assert ended.value.code() is grpc.StatusCode.NOT_FOUND
        first.cancel()
