"""gRPC on a real port: sessions, files, refusals, and every way that a call can end."""

import asyncio

import grpc
import pytest
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)
from grpc_status import rpc_status
from starling.v1 import transcription_pb2 as proto
from starling.v1.transcription_pb2_grpc import TranscriptionStub

from server.app import drain
from server.transcription_service import TRANSCRIPTION
from tests.support.grpc_stage import grpc_stage
from tests.support.proto_json import to_json
from tests.support.recordings import pcm16
from tests.support.scripted_speech import said

pytestmark = pytest.mark.integration

Request = proto.StreamingTranscribeRequest
PCM = proto.Start(encoding=proto.ENCODING_PCM_S16LE, sample_rate=16_000)
START = Request(start=PCM)
STOP = Request(stop=proto.Stop())


def audio(*parts):
    return Request(audio=pcm16(said(*parts)))


def large_audio(num_bytes):
    return Request(audio=b"\0" * num_bytes)


async def heard(call):
    """Everything the server says, and the error that ends the call, if one does."""
    messages = []
    try:
        while (message := await call.read()) is not grpc.aio.EOF:
            messages.append(to_json(message))
    except grpc.aio.AioRpcError as error:
        return messages, error
    return messages, None


async def heard_until(call, kind):
    while to_json(await call.read())["type"] != kind:
        pass


async def conversation(stub, *requests, closes=False):
    call = stub.StreamingTranscribe()
    for request in requests:
        await call.write(request)
    if closes:
        await call.done_writing()
    return await heard(call)


def texts(messages):
    return [message["text"] for message in messages if message["type"] == "final"]


def details(error):
    """The ErrorInfo and RetryInfo of an error's status."""
    info, retry = ErrorInfo(), RetryInfo()
    for detail in rpc_status.from_call(error).details:
        detail.Unpack(info)
        detail.Unpack(retry)
    return info, retry


async def all_gone(stage):
    await stage.factory.admission._all_gone.wait()


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


async def test_a_cancelled_call_frees_its_place():
    async with grpc_stage() as stage:
        call = stage.stub.StreamingTranscribe()
        for request in (START, audio(0.5, [1, 2])):
            await call.write(request)
        await heard_until(call, "speech_started")
        call.cancel()
        await all_gone(stage)


async def test_a_client_that_falls_silent_is_told_and_its_place_is_free():
    async with grpc_stage(idle_timeout_s=0.05) as stage:
        messages, error = await conversation(stage.stub, START)
        assert messages[-1]["reason"] == "idle_timeout"
        assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        await all_gone(stage)


class Cable:
    """Passes TCP bytes on, until it is cut without a word to either end."""

    def __init__(self, target):
        self._host, _, self._port = target.rpartition(":")
        self._is_cut = asyncio.Event()
        self._tasks = set()

    async def connect(self, reader, writer):
        far_reader, far_writer = await asyncio.open_connection(self._host, int(self._port))
        for source, sink in ((reader, far_writer), (far_reader, writer)):
            self._tasks.add(asyncio.create_task(self._pass(source, sink)))

    async def _pass(self, source, sink):
        while not self._is_cut.is_set():
            sink.write(await source.read(65_536))
        await asyncio.Event().wait()

    def cut(self):
        self._is_cut.set()

    async def aclose(self):
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def test_a_client_whose_line_is_dead_is_noticed_by_keepalive():
    async with grpc_stage(
        grpc_keepalive_s=1, grpc_keepalive_timeout_s=1, idle_timeout_s=3600
    ) as stage:
        cable = Cable(stage.target)
        listening = await asyncio.start_server(cable.connect, "127.0.0.1", 0)
        port = listening.sockets[0].getsockname()[1]
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            call = TranscriptionStub(channel).StreamingTranscribe()
            await call.write(START)
            await call.read()
            cable.cut()
            await all_gone(stage)
        listening.close()
        await cable.aclose()


async def test_a_client_that_never_starts_is_told():
    async with grpc_stage(start_timeout_s=0.05) as stage:
        _, error = await conversation(stage.stub)
        assert details(error)[0].reason == "idle_timeout"


async def test_a_deadline_ends_the_call_and_frees_its_place():
    async with grpc_stage() as stage:
        call = stage.stub.StreamingTranscribe(timeout=0.2)
        await call.write(START)
        _, error = await heard(call)
        assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        await all_gone(stage)


@pytest.mark.parametrize(
    "request_", [large_audio(2000), Request(ping=proto.Ping(id="x" * 1500))], ids=["audio", "text"]
)
async def test_a_message_too_large_ends_the_session_after_its_finals(request_):
    async with grpc_stage(max_message_bytes=1_900, max_text_bytes=1_024) as stage:
        speech = pcm16(said(0.5, [1, 2]))
        pieces = [Request(audio=speech[at : at + 1000]) for at in range(0, len(speech), 1000)]
        messages, error = await conversation(stage.stub, START, *pieces, request_)
        assert texts(messages) == ["w1 w2"]
        assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert details(error)[0].reason == "message_too_large"


async def test_a_message_of_any_size_does_no_harm():
    async with grpc_stage(max_message_bytes=1_024, grpc_max_message_bytes=10_000) as stage:
        _, error = await conversation(stage.stub, START, large_audio(1_000_000))
        assert error.code() in (grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.INTERNAL)
        await all_gone(stage)


async def test_a_congested_session_is_not_read_until_it_has_caught_up():
    async with grpc_stage(max_backlog_s=1.0) as stage:
        stage.engine.pause()
        call = stage.stub.StreamingTranscribe()
        await call.write(START)
        num_sent = 0

        async def send():
            nonlocal num_sent
            while num_sent < 150:
                await call.write(audio([1, 2, 3], 1.0))
                num_sent += 1
            await call.write(STOP)

        sending = asyncio.create_task(send())
        sent_before = -1
        while num_sent != sent_before:  # until flow control holds the client
            sent_before = num_sent
            for _ in range(2000):
                await asyncio.sleep(0)
        assert num_sent < 150
        stage.engine.resume()
        messages, error = await heard(call)
        await sending
        assert error is None
        assert texts(messages) == ["w1 w2 w3"] * 150


async def test_a_client_that_never_reads_is_cut_off_and_others_go_on():
    async with grpc_stage() as stage:
        deaf = stage.stub.StreamingTranscribe()
        await deaf.write(START)
        await deaf.read()
        ping = Request(ping=proto.Ping(id="x" * 128))

        async def shout():
            while True:
                await deaf.write(ping)

        shouting = asyncio.create_task(shout())
        await all_gone(stage)
        messages, error = await conversation(stage.stub, START, audio(0.5, [1]), STOP)
        assert (texts(messages), error) == (["w1"], None)
        deaf.cancel()
        await asyncio.gather(shouting, return_exceptions=True)


async def test_a_server_that_stops_publishes_what_was_heard_and_sends_clients_away():
    async with grpc_stage() as stage:
        health = HealthStub(stage.channel)
        call = stage.stub.StreamingTranscribe()
        for request in (START, audio(0.5, [1, 2])):
            await call.write(request)
        await heard_until(call, "speech_started")
        watch = health.Watch(HealthCheckRequest(service=TRANSCRIPTION))
        assert (await watch.read()).status == HealthCheckResponse.SERVING
        await stage.server.send_away(30.0)
        assert (await watch.read()).status == HealthCheckResponse.NOT_SERVING
        drained = asyncio.create_task(drain(stage.factory))
        messages, error = await heard(call)
        await drained
        assert texts(messages) == ["w1 w2"]
        assert error.code() is grpc.StatusCode.UNAVAILABLE
        assert details(error)[0].reason == "going_away"
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await conversation(stage.stub, START)
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
        await stage.server.stop()


async def test_health_follows_readiness_while_watched(monkeypatch):
    monkeypatch.setattr("server.engine.dispatcher.STUCK_AFTER_S", 0.0)
    async with grpc_stage() as stage:
        watch = HealthStub(stage.channel).Watch(HealthCheckRequest(service=TRANSCRIPTION))
        assert (await watch.read()).status == HealthCheckResponse.SERVING
        stage.engine.pause()
        call = stage.stub.StreamingTranscribe()
        for request in (START, audio(0.5, [1, 2], 1.0)):
            await call.write(request)
        assert (await watch.read()).status == HealthCheckResponse.NOT_SERVING
        stage.engine.resume()
        assert (await watch.read()).status == HealthCheckResponse.SERVING


async def test_health_knows_the_services():
    async with grpc_stage() as stage:
        health = HealthStub(stage.channel)
        for name in ("", TRANSCRIPTION):
            answer = await health.Check(HealthCheckRequest(service=name))
            assert answer.status == HealthCheckResponse.SERVING
        with pytest.raises(grpc.aio.AioRpcError) as unknown:
            await health.Check(HealthCheckRequest(service="other"))
        assert unknown.value.code() is grpc.StatusCode.NOT_FOUND


async def test_reflection_describes_the_service():
    async with grpc_stage() as stage:

        def look():
            with grpc.insecure_channel(stage.target) as channel:
                database = ProtoReflectionDescriptorDatabase(channel)
                file = database.FindFileContainingSymbol(TRANSCRIPTION)
                return set(database.get_services()), [m.name for m in file.service[0].method]

        services, methods = await asyncio.to_thread(look)
        assert {TRANSCRIPTION, "grpc.health.v1.Health"} <= services
        assert methods == ["StreamingTranscribe", "Transcribe"]


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
