"""The Python client over gRPC against a real server; over a WebSocket it gives the same events."""

import asyncio
import contextlib
import threading
from contextlib import asynccontextmanager

import grpc
import pytest
import uvicorn

from server.app import build_app
from starling_client import (
    Ack,
    ConnectionLost,
    Final,
    Interim,
    SessionOptions,
    StarlingClient,
    StarlingError,
    TunableOptions,
)
from starling_client.grpc_client import GrpcStarlingClient
from tests.support.certificates import self_signed
from tests.support.grpc_stage import grpc_stage
from tests.support.recordings import pcm16
from tests.support.running_server import pieces
from tests.support.scripted_speech import said

pytestmark = pytest.mark.integration

PCM = SessionOptions(encoding="pcm_s16le", sample_rate=16_000)
WORDS = SessionOptions(
    encoding="pcm_s16le", sample_rate=16_000, words=True, keyterms=("Barton",), interim=False
)


async def events_of(client, options, audio):
    async with client.stream(options) as session:
        session.feed(audio)
        return [session.ready] + [event async for event in session]


async def test_a_fed_session_gives_finals_and_closed():
    async with grpc_stage() as stage:
        audio = pieces(pcm16(said(0.5, [1, 2], 1.0, [3])), 3200)
        events = await events_of(GrpcStarlingClient(stage.target), PCM, audio)
        assert [event.text for event in events if isinstance(event, Final)] == ["w1 w2", "w3"]
        assert events[-1].reason == "stop"


class StartingServer(uvicorn.Server):
    """Says when it listens."""

    def __init__(self, config):
        super().__init__(config)
        self.is_up = asyncio.Event()

    async def startup(self, sockets=None):
        await super().startup(sockets)
        self.is_up.set()


@asynccontextmanager
async def http_beside(stage):
    """The WebSocket of the same server."""
    config = uvicorn.Config(
        build_app(stage.factory), port=0, log_config=None, ws="websockets-sansio", lifespan="off"
    )
    server = StartingServer(config)
    serving = asyncio.create_task(server.serve())
    await server.is_up.wait()
    try:
        yield f"ws://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving


@pytest.mark.parametrize("options", [PCM, WORDS], ids=["plain", "words"])
async def test_both_transports_give_the_same_events(options):
    audio = pieces(pcm16(said(0.5, [1, 2, 3], 1.2, [4, 5], 1.0, [6] * 60, 1.0, [7])), 3200)
    async with grpc_stage() as stage, http_beside(stage) as url:
        spoken, called = [
            await events_of(client, options, audio)
            for client in (StarlingClient(url), GrpcStarlingClient(stage.target))
        ]
    assert told(called) == told(spoken)
    assert len([event for event in called if isinstance(event, Final)]) >= 4


def told(events):
    """What does not depend on how busy the server was: no interims, acks, numbers or ids."""
    facts = []
    for event in events:
        if isinstance(event, Interim | Ack):
            continue
        fields = {name: getattr(event, name) for name in event.__dataclass_fields__}
        varying = {name: "" for name in ("session", "secret") if name in fields}
        facts.append((event.type, fields | {"seq": 0} | varying))
    # An utterance may begin before or after the final of the one before it.
    return sorted(facts, key=lambda fact: (fact[1].get("utterance", 0), fact[0]))


async def test_questions_get_their_answers():
    async with grpc_stage() as stage, GrpcStarlingClient(stage.target).stream(PCM) as session:
        await session.send(pcm16(said([1, 2], 0.1)))
        finalized = await session.finalize()
        assert finalized.offset > 0.7
        updated = await session.update(TunableOptions(endpoint_silence_ms=300, task="transcribe"))
        assert updated.options.endpoint_silence_ms == 300
        assert (await session.ping()).id
        assert (await session.stop()).summary.finals == 1


async def test_an_error_is_raised_after_the_finals_even_while_sending():
    async with grpc_stage(max_lead_s=5.0) as stage:
        async with GrpcStarlingClient(stage.target).stream(PCM) as session:
            session.feed([pcm16(said([1, 2], 1.0))] * 1_000)
            finals = []

            async def read():
                async for event in session:
                    finals.extend([event.text] if isinstance(event, Final) else [])

            with pytest.raises(StarlingError) as ended:
                await read()
        assert ended.value.code == "audio_too_fast"
        assert finals[:2] == ["w1 w2", "w1 w2"]


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (SessionOptions(encoding="mulaw"), "invalid_options"),
        (SessionOptions(model="huge"), "model_not_available"),
        (SessionOptions(encoding="gsm"), "invalid_options"),
    ],
)
async def test_a_refused_start_is_raised_when_opening(options, code):
    async with grpc_stage() as stage:
        with pytest.raises(StarlingError) as refused:
            async with GrpcStarlingClient(stage.target).stream(options):
                pass
        assert refused.value.code == code
        assert refused.value.hint


async def test_a_key_lets_in_and_its_lack_is_told():
    async with grpc_stage(api_keys="k-1") as stage:
        with pytest.raises(StarlingError) as refused:
            async with GrpcStarlingClient(stage.target).stream(PCM):
                pass
        assert refused.value.code == "unauthenticated"
        async with GrpcStarlingClient(stage.target, "k-1").stream(PCM) as session:
            await session.stop()


async def test_a_short_file_comes_back_as_text():
    async with grpc_stage() as stage:
        client = GrpcStarlingClient(stage.target)
        transcript = await client.transcribe(pcm16(said([1, 2], 1.0, [3], 1.0)), PCM)
        assert transcript.text == "w1 w2 w3"
        assert isinstance(transcript.finals[0], Final)
        assert transcript.options.encoding == "pcm_s16le"
        with pytest.raises(StarlingError) as refused:
            await client.transcribe(b"%PDF" * 10)
        assert refused.value.code == "unsupported_audio"
        stage.engine.pause()
        with pytest.raises(ConnectionLost, match="DEADLINE_EXCEEDED"):
            await client.transcribe(pcm16(said([1], 1.0)), PCM, timeout_s=0.2)


async def test_no_server_is_told_with_the_address_and_what_to_do():
    async with grpc_stage() as stage:
        target = stage.target
    with pytest.raises(StarlingError, match="starling serve") as caught:
        async with GrpcStarlingClient(target).stream():
            pass
    assert caught.value.code == "unreachable"


@pytest.mark.parametrize("target", ["", "localhost", "localhost:", "ws://host/x"])
def test_what_is_no_address_is_told(target):
    with pytest.raises(StarlingError, match="no gRPC address"):
        GrpcStarlingClient(target)


@pytest.fixture
def folder(tmp_path):
    """Two self-signed certificates for localhost: the server's and a client's."""
    for name in ("server", "client"):
        self_signed(tmp_path, name)
    return tmp_path


def tls_settings(folder, **more):
    return {
        "grpc_tls_cert": folder / "server.pem",
        "grpc_tls_key": folder / "server.key",
        **more,
    }


async def test_tls_is_spoken_and_plain_text_is_not_understood(folder):
    async with grpc_stage(**tls_settings(folder)) as stage:
        trust = grpc.ssl_channel_credentials((folder / "server.pem").read_bytes())
        client = GrpcStarlingClient(stage.target, credentials=trust)
        assert (await client.transcribe(pcm16(said([1], 1.0)), PCM)).text == "w1"
        with pytest.raises(StarlingError) as refused:
            await GrpcStarlingClient(stage.target).transcribe(b"", PCM)
        assert refused.value.code == "unreachable"


async def test_mutual_tls_lets_in_only_clients_with_a_certificate(folder):
    settings = tls_settings(folder, grpc_tls_client_ca=folder / "client.pem")
    async with grpc_stage(**settings) as stage:
        root = (folder / "server.pem").read_bytes()
        without = grpc.ssl_channel_credentials(root)
        own = ((folder / "client.key").read_bytes(), (folder / "client.pem").read_bytes())
        client = GrpcStarlingClient(
            stage.target, credentials=grpc.ssl_channel_credentials(root, *own)
        )
        assert (await client.transcribe(pcm16(said([1], 1.0)), PCM)).text == "w1"
        with pytest.raises(StarlingError):
            await GrpcStarlingClient(stage.target, credentials=without).transcribe(b"", PCM)


async def test_leaving_early_frees_the_place_and_ends_the_tasks():
    async with grpc_stage() as stage:

        async def endless():
            while True:
                yield bytes(3200)

        async with GrpcStarlingClient(stage.target).stream(PCM) as session:
            session.feed(endless())
        await stage.factory.admission._all_gone.wait()
        names = {task.get_name() for task in asyncio.all_tasks()}
        assert not any(name.startswith("starling-") for name in names)
        assert threading.active_count() < 50


class Line:
    """A line to the server that can break, and works again at once."""

    def __init__(self, target):
        self._host, _, self._port = target.rpartition(":")
        self._tasks = set()
        self._writers = set()

    async def connect(self, reader, writer):
        far_reader, far_writer = await asyncio.open_connection(self._host, int(self._port))
        self._writers |= {writer, far_writer}
        for source, sink in ((reader, far_writer), (far_reader, writer)):
            self._tasks.add(asyncio.create_task(self._pass(source, sink)))

    async def _pass(self, source, sink):
        with contextlib.suppress(OSError):
            while data := await source.read(65_536):
                sink.write(data)
        sink.close()

    def break_off(self):
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def aclose(self):
        self.break_off()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def test_a_session_goes_on_after_its_line_broke_and_loses_nothing():
    script = [part for number in range(1, 31) for part in ([number, number + 1], 1.0)]
    audio = pieces(pcm16(said(0.5, *script)), 3200)
    async with grpc_stage() as stage:
        undisturbed = await events_of(GrpcStarlingClient(stage.target), PCM, audio)
        line = Line(stage.target)
        listening = await asyncio.start_server(line.connect, "127.0.0.1", 0)
        client = GrpcStarlingClient(f"127.0.0.1:{listening.sockets[0].getsockname()[1]}")
        async with client.stream(PCM) as session:
            session.feed(audio)
            events = []
            async for event in session:
                events.append(event)
                if isinstance(event, Final) and event.utterance in (3, 12, 20):
                    line.break_off()
        await line.aclose()
        listening.close()
    finals = [event for event in events if isinstance(event, Final)]
    assert [event.text for event in finals] == [
        event.text for event in undisturbed if isinstance(event, Final)
    ]
    numbers = [event.seq for event in events if event.type]
    assert numbers == sorted(set(numbers))
    assert "resumed" in [event.type for event in events]
