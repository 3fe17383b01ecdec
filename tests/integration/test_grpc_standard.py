"""What every gRPC server should do: health, reflection, and going away gently."""

import asyncio

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

from server.app import drain
from server.transcription_service import TRANSCRIPTION
from tests.support.grpc_calls import (
    START,
    audio,
    conversation,
    details,
    heard,
    heard_until,
    texts,
)
from tests.support.grpc_stage import grpc_stage

pytestmark = pytest.mark.integration


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
        assert methods == ["StreamingTranscribe", "Transcribe", "Watch"]
