"""A gRPC server on a real port of this machine, in the test's own event loop."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
from starling.v1.transcription_pb2_grpc import TranscriptionStub

from server.app import Models, build_factory
from server.grpc_server import GrpcServer
from server.session_opening import SessionFactory
from server.settings import Settings
from tests.support.scripted_engine import ScriptedEngine, ScriptedVad


@dataclass
class GrpcStage:
    """The server, its engine, and a channel to it."""

    engine: ScriptedEngine
    factory: SessionFactory
    server: GrpcServer
    target: str
    channel: grpc.aio.Channel

    @property
    def stub(self) -> Any:
        return TranscriptionStub(self.channel)


@asynccontextmanager
async def grpc_stage(
    channel_credentials: grpc.ChannelCredentials | None = None, **settings: Any
) -> AsyncIterator[GrpcStage]:
    """Serve scripted speech with these settings."""
    engine = ScriptedEngine()
    chosen = Settings(grpc_port=0, **settings)
    factory = build_factory(chosen, Models(engine, ScriptedVad(), num_workers=1, max_batch=4))
    factory.keeping.start()
    server = GrpcServer(factory)
    target = f"localhost:{await server.start()}"
    if channel_credentials is None:
        channel = grpc.aio.insecure_channel(target)
    else:
        channel = grpc.aio.secure_channel(target, channel_credentials)
    try:
        async with channel:
            yield GrpcStage(engine, factory, server, target, channel)
    finally:
        engine.resume()
        await server.send_away(0.0)
        await server.stop()
        await factory.keeping.close()
        await factory.services.dispatcher.close()
        factory.services.scorer.close()
