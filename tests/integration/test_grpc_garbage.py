"""Bytes that no client of ours sends: documented errors, and the server goes on."""

import asyncio
import random

import grpc
import pytest
from starling.v1 import transcription_pb2 as proto

from streaming.errors import ErrorCode
from tests.support.grpc_calls import PCM, START, STOP, audio, conversation, details, heard, texts
from tests.support.grpc_stage import grpc_stage

pytestmark = pytest.mark.integration

STREAM = "/starling.v1.Transcription/StreamingTranscribe"
UNARY = "/starling.v1.Transcription/Transcribe"
CODES = {code.value for code in ErrorCode}


def raw_stream(stage):
    return stage.channel.stream_stream(
        STREAM, response_deserializer=proto.StreamingTranscribeResponse.FromString
    )()


def mutations(message, count, seed):
    """The bytes of a message, each time with a few of them changed, cut or doubled."""
    dice = random.Random(seed)
    for _ in range(count):
        data = bytearray(message.SerializeToString())
        for _ in range(dice.randint(1, 4)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        if dice.random() < 0.3:
            data = data[: dice.randrange(len(data))]
        yield bytes(data)


async def assert_served(stage):
    await stage.factory.admission._all_gone.wait()
    messages, error = await conversation(stage.stub, START, audio(0.5, [1]), STOP)
    assert (texts(messages), error) == (["w1"], None)


async def answer_to(stage, *requests):
    call = raw_stream(stage)
    try:
        for request in requests:
            await call.write(request)
        await call.done_writing()
    except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
        pass
    return await heard(call)


async def failure_of(call):
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return error
    return None


FIRST = proto.StreamingTranscribeRequest(
    start=proto.Start(
        encoding=proto.ENCODING_PCM_S16LE,
        sample_rate=16_000,
        language="en",
        keyterms=proto.Keyterms(items=["Barton", "Norland"]),
    )
)


@pytest.mark.parametrize("position", ["first", "later"])
async def test_mutated_requests_end_well_or_with_a_documented_error(position):
    async with grpc_stage() as stage:
        for data in mutations(FIRST, 60, seed=position):
            before = [] if position == "first" else [START.SerializeToString()]
            messages, error = await answer_to(stage, *before, data)
            if error is not None:
                assert details(error)[0].reason in CODES
            assert messages[-1]["reason"] in CODES | {"stop"}
        await assert_served(stage)


async def test_bytes_that_are_no_protobuf_are_told():
    async with grpc_stage() as stage:
        for before in ([], [START.SerializeToString()]):
            messages, error = await answer_to(stage, *before, b"\xff" * 40)
            assert details(error)[0].reason == "invalid_message"
            assert messages[-1]["reason"] == "invalid_message"
        await assert_served(stage)


async def test_random_audio_gives_no_error():
    async with grpc_stage() as stage:
        noise = proto.StreamingTranscribeRequest(audio=random.Random(1).randbytes(50_001))
        messages, error = await conversation(stage.stub, START, noise, STOP)
        assert error is None
        assert messages[-1]["reason"] == "stop"


async def test_random_containers_are_told():
    async with grpc_stage() as stage:
        for head in (b"OggS", b"fLaC", b"\x1aE\xdf\xa3", b"RIFF\0\0\0\0WAVE", b"ID3", b""):
            data = head + random.Random(head).randbytes(20_000)
            messages, error = await conversation(
                stage.stub, proto.StreamingTranscribeRequest(audio=data), closes=True
            )
            assert details(error)[0].reason == "unsupported_audio"
            assert messages[-1]["reason"] == "unsupported_audio"
        await assert_served(stage)


async def test_mutated_files_end_well_or_with_a_documented_error():
    request = proto.TranscribeRequest(options=PCM, audio=b"\0\1" * 2_000)
    async with grpc_stage() as stage:
        transcribe = stage.channel.unary_unary(
            UNARY, response_deserializer=proto.TranscribeResponse.FromString
        )
        for data in [*mutations(request, 60, seed="file"), b"\xff" * 40]:
            error = await failure_of(transcribe(data))
            assert error is None or details(error)[0].reason in CODES
        await assert_served(stage)


async def test_bytes_that_are_no_http2_do_no_harm():
    async with grpc_stage() as stage:
        host, _, port = stage.target.rpartition(":")
        for data in (
            b"GET / HTTP/1.1\r\n\r\n",
            random.Random(3).randbytes(5_000),
            b"PRI * HTTP/2.0",
        ):
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(data)
            writer.write_eof()
            await reader.read()
            writer.close()
        await assert_served(stage)
