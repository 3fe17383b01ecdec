"""Every way that a call can end early, and what holds a client that is too fast."""

import asyncio

import grpc
import pytest
from starling.v1 import transcription_pb2 as proto
from starling.v1.transcription_pb2_grpc import TranscriptionStub

from tests.support.grpc_calls import (
    START,
    STOP,
    Request,
    all_gone,
    audio,
    conversation,
    details,
    heard,
    heard_until,
    texts,
)
from tests.support.grpc_stage import grpc_stage
from tests.support.recordings import pcm16
from tests.support.scripted_speech import said

pytestmark = pytest.mark.integration


def large_audio(num_bytes):
    return Request(audio=b"\0" * num_bytes)


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
