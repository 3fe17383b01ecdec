"""Ended sessions leave memory at once, not when the garbage collector comes by.

The collector is off meanwhile, and what it would find is looked for.
"""

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import finalize

import pytest
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
from tests.support.socket_server import listening

pytestmark = [pytest.mark.integration, pytest.mark.asyncio]

PARTS = (SessionRunner, Session, AudioBuffer, Recorder, ContainerDecoder, DirectSocketProtocol)
AUDIO = said([1, 2, 3], 1.5, [4, 5], 1.5)
PATIENCE_S = 10.0
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
    """Return what is still there of sessions once all that was due has run.

    Waits for each part to go: a decoder's thread and the socket's end come a little later.
    """
    loop = asyncio.get_running_loop()
    ends = []
    for thing in gc.get_objects():
        if type(thing) in PARTS:
            gone = asyncio.Event()
            finalize(thing, loop.call_soon_threadsafe, gone.set)
            ends.append((type(thing).__name__, gone))
    del thing
    try:
        async with asyncio.timeout(PATIENCE_S):
            for _, gone in ends:
                await gone.wait()
    except TimeoutError:
        pass
    return [name for name, gone in ends if not gone.is_set()]


@asynccontextmanager
async def serving() -> AsyncIterator[str]:
    """Serve scripted speech."""
    models = Models(ScriptedEngine(), ScriptedVad(), num_workers=1, max_batch=4)
    async with listening(build_app(build_factory(Settings(), models))) as url:
        yield url + "/v1/stream"


async def test_of_raw_audio():
    async with serving() as url:
        conversation = await converse(url + RAW, pieces(pcm16(AUDIO), 3200))
        assert conversation.of("final")
        assert await left() == []


async def test_of_a_container():
    async with serving() as url:
        file = contained(AUDIO, "flac", "flac")
        conversation = await converse(url + "?encoding=container", pieces(file, 1000))
        assert conversation.of("final")
        assert await left() == []


async def test_of_a_client_that_is_lost_in_the_middle():
    async with serving() as url:
        async with websockets.connect(url + RAW) as client:
            for piece in pieces(pcm16(AUDIO[:20_000]), 3200):
                await client.send(piece)
            await client.recv()
            client.transport.abort()
        assert await left() == []


async def test_of_a_client_that_is_told_a_mistake():
    async with serving() as url:
        conversation = await converse(url + RAW, [pcm16(AUDIO), "{}"], stop=False)
        assert conversation.error_code is not None
        assert await left() == []


async def test_of_a_container_that_cannot_be_read():
    async with serving() as url:
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
