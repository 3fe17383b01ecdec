"""Ended sessions leave memory at once, not when the garbage collector comes by.

The collector is off meanwhile, and what it would find is looked for.
"""

import asyncio
import gc
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import uvicorn
import websockets

from server.app import Models, build_app, build_factory
from server.container_decoder import ContainerDecoder
from server.recorder import Recorder
from server.session_runner import SessionRunner
from server.settings import Settings
from server.transports.direct_socket import DirectSocketProtocol
from streaming.audio_buffer import AudioBuffer
from streaming.session import Session
from tests.support import grpc_calls
from tests.support.grpc_stage import grpc_stage
from tests.support.recordings import contained, pcm16
from tests.support.running_server import converse, pieces
from tests.support.scripted_engine import ScriptedEngine, ScriptedVad
from tests.support.scripted_speech import said

pytestmark = [pytest.mark.integration, pytest.mark.asyncio]

PARTS = (SessionRunner, Session, AudioBuffer, Recorder, ContainerDecoder, DirectSocketProtocol)
AUDIO = said([1, 2, 3], 1.5, [4, 5], 1.5)
RAW = "?encoding=pcm_s16le&sample_rate=16000"


@pytest.fixture(autouse=True)
def no_collector():
    gc.collect()
    gc.freeze()  # What other tests left behind is theirs.
    gc.disable()
    yield
    gc.enable()
    gc.unfreeze()


async def left() -> list[str]:
    """Return what is still there of sessions once all that was due has run."""
    for _ in range(100):
        found = [type(thing).__name__ for thing in gc.get_objects() if type(thing) in PARTS]
        if not found:
            return []
        await asyncio.sleep(0.05)
    return found


@asynccontextmanager
async def listening() -> AsyncIterator[str]:
    """Serve scripted speech on a real port, in this event loop."""
    models = Models(ScriptedEngine(), ScriptedVad(), num_workers=1, max_batch=4)
    app = build_app(build_factory(Settings(), models))
    bound = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, ws=DirectSocketProtocol, log_config=None))
    running = asyncio.create_task(server.serve(sockets=[bound]))
    try:
        yield f"ws://127.0.0.1:{bound.getsockname()[1]}/v1/stream"
    finally:
        server.should_exit = True
        await running


async def test_of_raw_audio():
    async with listening() as url:
        conversation = await converse(url + RAW, pieces(pcm16(AUDIO), 3200))
        assert conversation.of("final")
        assert await left() == []


async def test_of_a_container():
    async with listening() as url:
        file = contained(AUDIO, "flac", "flac")
        conversation = await converse(url + "?encoding=container", pieces(file, 1000))
        assert conversation.of("final")
        assert await left() == []


async def test_of_a_client_that_is_lost_in_the_middle():
    async with listening() as url:
        async with websockets.connect(url + RAW) as client:
            for piece in pieces(pcm16(AUDIO[:20_000]), 3200):
                await client.send(piece)
            await client.recv()
            client.transport.abort()
        assert await left() == []


async def test_of_a_client_that_is_told_a_mistake():
    async with listening() as url:
        conversation = await converse(url + RAW, [pcm16(AUDIO), "{}"], stop=False)
        assert conversation.error_code is not None
        assert await left() == []


async def test_of_a_container_that_cannot_be_read():
    async with listening() as url:
        conversation = await converse(url + "?encoding=container", [b"no audio at all" * 100])
        assert conversation.error_code == "unsupported_audio"
        assert await left() == []


async def test_of_a_call():
    async with grpc_stage() as stage:
        messages, _ = await grpc_calls.conversation(
            stage.stub, grpc_calls.START, grpc_calls.audio([1, 2, 3], 1.5), closes=True
        )
        assert grpc_calls.texts(messages)
        assert await left() == []
