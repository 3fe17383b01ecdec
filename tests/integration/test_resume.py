"""One server without Redis: a connection that dies is replaced, whatever the audio is."""

import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import websockets

from loadtest.replicas import Cable, ReplicaProcess
from starling_client import (
    Final,
    RealTime,
    Reconnecting,
    ReconnectPolicy,
    Resumed,
    SessionOptions,
    StarlingClient,
    StarlingError,
)
from tests.support.recordings import contained, pcm16
from tests.support.running_server import pieces
from tests.support.scripted_speech import said

pytestmark = pytest.mark.integration

SERVER = (sys.executable, "-m", "tests.support.scripted_server")
SPEECH = said(0.3, [1, 2], 1.0, [3, 4, 5, 6, 7, 8], 1.0, [9, 10], 1.0)
TEXTS = ["w1 w2", "w3 w4 w5 w6 w7 w8", "w9 w10"]


@asynccontextmanager
async def server(**settings) -> AsyncIterator[Cable]:
    process = ReplicaProcess(SERVER, {"grpc_port": 0, "log_level": "error", **settings})
    await process.start()
    cable = Cable(process.port)
    await cable.start()
    try:
        yield cable
    finally:
        await cable.close()
        await process.kill()


def client(cable: Cable, **more) -> StarlingClient:
    return StarlingClient(cable.url, ping_interval_s=0.3, ping_timeout_s=0.6, **more)


FORMS = {
    "16 kHz": (SessionOptions(encoding="pcm_s16le", sample_rate=16_000), pcm16(SPEECH)),
    "48 kHz": (
        SessionOptions(encoding="pcm_s16le", sample_rate=48_000),
        pcm16(SPEECH.repeat(3)),
    ),
    "container": (SessionOptions(encoding="container"), contained(SPEECH, "flac", "flac")),
}


@pytest.mark.parametrize("form", FORMS)
async def test_a_dead_connection_is_replaced_and_no_word_changes(form):
    options, data = FORMS[form]
    pace = RealTime(pieces(data, len(data) // 60), bytes_per_s=len(data) / (len(SPEECH) / 16_000))
    events = []
    async with server() as cable, client(cable).stream(options) as session:
        session.feed(pace)
        async for event in session:
            events.append(event)
            if isinstance(event, Final) and len(events) < 10:
                cable.cut()
    assert [event.text for event in events if isinstance(event, Final)] == TEXTS
    assert any(isinstance(event, Reconnecting) for event in events)
    assert sum(isinstance(event, Resumed) for event in events) >= 1
    seqs = [event.seq for event in events if not isinstance(event, Reconnecting)]
    assert seqs == sorted(set(seqs))


async def test_a_question_over_a_lost_connection_gets_its_answer():
    options, data = FORMS["16 kHz"]
    async with server() as cable, client(cable).stream(options) as session:
        await session.send(data[: len(data) // 2])
        cable.cut()
        finalized = await session.finalize()
        await session.send(data[len(data) // 2 :])
        closed = await session.stop()
    assert finalized.offset == pytest.approx(len(SPEECH) / 2 / 16_000, abs=0.001)
    assert closed.summary.audio_s == pytest.approx(len(SPEECH) / 16_000, abs=0.001)


async def first_answers(url: str, **request) -> list[dict]:
    async with websockets.connect(url + "/v1/stream") as socket:
        await socket.send(json.dumps({"type": "resume", "last_seq": 0} | request))
        return [json.loads(message) async for message in _until_closed(socket)]


async def _until_closed(socket):
    try:
        async for message in socket:
            yield message
    except websockets.ConnectionClosed:
        return


async def test_nobody_resumes_a_session_without_its_secret():
    options, _ = FORMS["16 kHz"]
    async with server() as cable, client(cable).stream(options) as session:
        ready = session.ready
        for secret in ("", "guess"):
            answers = await first_answers(cable.url, session=ready.session, secret=secret)
            assert [answer["type"] for answer in answers] == ["error", "closed"]
            assert answers[0]["code"] == "session_not_found"
        assert (await session.ping()).id


async def test_a_client_that_missed_the_end_hears_it_when_it_comes_back():
    options, data = FORMS["16 kHz"]
    async with server() as cable:
        async with client(cable).stream(options) as session:
            session.feed(pieces(data, 32_000))
            async for _ in session:
                pass
        ready = session.ready
        answers = await first_answers(cable.url, session=ready.session, secret=ready.secret)
    assert [answer["text"] for answer in answers if answer["type"] == "final"] == TEXTS
    assert answers[-1]["type"] == "closed"


async def test_the_connection_before_is_told_that_the_session_was_taken():
    options, _ = FORMS["16 kHz"]
    async with server() as cable, websockets.connect(cable.url + "/v1/stream") as first:
        start = {"type": "start", **options.fields_set()}
        await first.send(json.dumps(start))
        ready = json.loads(await first.recv())
        async with websockets.connect(cable.url + "/v1/stream") as second:
            resume = {"type": "resume", "session": ready["session"], "secret": ready["secret"]}
            await second.send(json.dumps(resume | {"last_seq": ready["seq"]}))
            assert json.loads(await second.recv())["type"] == "resumed"
            told = [json.loads(message) async for message in _until_closed(first)]
    assert [message["code"] for message in told] == ["session_taken"]


async def test_a_client_that_will_not_wait_is_told_at_once():
    options, _ = FORMS["16 kHz"]
    policy = ReconnectPolicy(timeout_s=0.0)
    async with server() as cable, client(cable, reconnect=policy).stream(options) as session:
        cable.cut()
        with pytest.raises(StarlingError, match="connection_lost"):
            await session.stop()


async def test_a_tenant_has_so_many_sessions_and_a_resumed_one_keeps_its_place():
    options, _ = FORMS["16 kHz"]
    async with server(tenant_max_sessions=1) as cable, client(cable).stream(options) as session:
        with pytest.raises(StarlingError, match="tenant_limit"):
            await client(cable).stream(options).__aenter__()
        cable.cut()
        assert (await session.finalize()).offset == 0
