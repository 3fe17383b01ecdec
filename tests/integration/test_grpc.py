"""gRPC on a real port: sessions, files and refusals."""

import grpc
import pytest
from starling.v1 import transcription_pb2 as proto

from tests.support.grpc_calls import (
    PCM,
    START,
    STOP,
    Request,
    all_gone,
    audio,
    conversation,
    details,
    heard,
    texts,
)
from tests.support.grpc_stage import grpc_stage
from tests.support.recordings import pcm16
from tests.support.scripted_speech import said

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("ending", ["stop", "half-close"])
async def test_audio_becomes_captions_and_the_call_ends_well(ending):
    async with grpc_stage() as stage:
        requests = [START, audio(0.5, [1, 2], 1.0), audio([3])]
        if ending == "stop":
            requests.append(STOP)
        messages, error = await conversation(stage.stub, *requests, closes=ending == "half-close")
        assert error is None
        assert texts(messages) == ["w1 w2", "w3"]
        assert (messages[0]["type"], messages[-1]["type"]) == ("ready", "closed")
        assert messages[-1]["reason"] == "stop"


async def test_a_client_may_keep_its_side_open_after_closed():
    async with grpc_stage() as stage:
        call = stage.stub.StreamingTranscribe()
        for request in (START, STOP):
            await call.write(request)
        messages, error = await heard(call)
        assert (messages[-1]["type"], error) == ("closed", None)
        assert await call.code() is grpc.StatusCode.OK


REFUSED = {
    "no-rate": (Request(start=proto.Start(encoding=proto.ENCODING_MULAW)), "INVALID_ARGUMENT"),
    "no-model": (Request(start=proto.Start(model="huge")), "NOT_FOUND"),
    "not-start": (STOP, "FAILED_PRECONDITION"),
    "empty": (Request(), "INVALID_ARGUMENT"),
    "no-audio": (Request(audio=b"this is no audio at all"), "INVALID_ARGUMENT"),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_what_opens_no_session_is_told_in_messages_and_in_the_status(name):
    request, status = REFUSED[name]
    async with grpc_stage() as stage:
        messages, error = await conversation(stage.stub, request, closes=name == "no-audio")
        told = next(message for message in messages if message["type"] == "error")
        assert messages[-1]["type"] == "closed"
        assert error.code() is grpc.StatusCode[status]
        assert error.details() == told["message"]
        info, _ = details(error)
        assert (info.domain, info.reason) == ("starling", told["code"])
        assert info.metadata["hint"] == told["hint"]
        await all_gone(stage)


async def test_a_mistake_ends_the_session_after_its_finals():
    async with grpc_stage() as stage:
        messages, error = await conversation(stage.stub, START, audio(0.5, [1, 2]), START)
        assert texts(messages) == ["w1 w2"]
        assert error.code() is grpc.StatusCode.FAILED_PRECONDITION


async def test_sessions_beyond_the_limit_are_told_when_to_come_again():
    async with grpc_stage(max_sessions=1) as stage:
        first = stage.stub.StreamingTranscribe()
        await first.write(START)
        await first.read()
        _, error = await conversation(stage.stub, START)
        assert error.code() is grpc.StatusCode.UNAVAILABLE
        info, retry = details(error)
        assert info.reason == "overloaded"
        assert retry.retry_delay.seconds > 0
        await first.write(STOP)
        assert (await heard(first))[1] is None


async def test_a_key_is_asked_for_in_metadata():
    async with grpc_stage(api_keys="k-1,k-2") as stage:
        _, error = await conversation(stage.stub)
        assert error.code() is grpc.StatusCode.UNAUTHENTICATED
        assert details(error)[0].reason == "unauthenticated"
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stage.stub.Transcribe(proto.TranscribeRequest())
        assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
        call = stage.stub.StreamingTranscribe(metadata=(("authorization", "Bearer k-2"),))
        for request in (START, STOP):
            await call.write(request)
        assert (await heard(call))[1] is None


async def test_a_short_file_comes_back_as_text():
    async with grpc_stage() as stage:
        request = proto.TranscribeRequest(
            options=PCM, audio=pcm16(said(0.5, [1, 2], 1.0, [3], 1.0))
        )
        response = await stage.stub.Transcribe(request)
        assert response.text == "w1 w2 w3"
        assert response.finals[0].text.startswith("w1")
        assert response.options.model == "tiny.en"
        assert response.duration > 3


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (proto.TranscribeRequest(audio=b"%PDF" * 9), "unsupported_audio"),
        (proto.TranscribeRequest(options=PCM, audio=b"\0" * 3000), "file_too_large"),
        (proto.TranscribeRequest(options=proto.Start(language="xx")), "invalid_options"),
    ],
)
async def test_a_file_that_is_not_taken_is_told_why(request_, code):
    async with grpc_stage(max_file_bytes=2048) as stage:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stage.stub.Transcribe(request_)
        info, _ = details(refused.value)
        assert info.reason == code
        assert info.metadata["hint"]


async def test_a_file_may_have_a_deadline():
    async with grpc_stage() as stage:
        stage.engine.pause()
        request = proto.TranscribeRequest(options=PCM, audio=pcm16(said([1, 2], 1.0)))
        with pytest.raises(grpc.aio.AioRpcError) as late:
            await stage.stub.Transcribe(request, timeout=0.2)
        assert late.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
