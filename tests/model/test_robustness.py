"""Bad clients get documented errors, and nobody else notices."""

import asyncio
import json
import os
import random
import signal
from contextlib import suppress

import numpy as np
import psutil
import pytest
import websockets

from tests.support.recordings import clip, pcm16, references, silence, spoken, word_errors
from tests.support.running_server import (
    Conversation,
    RunningServer,
    converse,
    pieces,
    running_server,
    with_query,
)

pytestmark = pytest.mark.model

PCM = {"encoding": "pcm_s16le", "sample_rate": 16000}
CLIP = "0930"
WORDS = spoken(references()[CLIP])
SPEECH = pcm16(np.concatenate([clip(CLIP), silence(0.8)]))


def raw_url(server: RunningServer, **options: object) -> str:
    return with_query(server.socket_url, **{**PCM, **options})


BAD_FIRST = {
    "no-json": ("hello", "invalid_message", 1007),
    "json-list": ("[1, 2]", "invalid_message", 1007),
    "unknown-type": ('{"type": "begin"}', "invalid_message", 1007),
    "unknown-field": ('{"type": "start", "sampel_rate": 8000}', "invalid_message", 1007),
    "wrong-kind": ('{"type": "start", "channels": "many"}', "invalid_message", 1007),
    "not-start": ('{"type": "finalize"}', "protocol_violation", 1002),
    "no-rate": ('{"type": "start", "encoding": "mulaw"}', "invalid_options", 1008),
    "bad-rate": (
        '{"type": "start", "encoding": "mulaw", "sample_rate": 4000}',
        "unsupported_audio",
        1003,
    ),
    "bad-encoding": ('{"type": "start", "encoding": "gsm"}', "invalid_message", 1007),
    "bad-language": ('{"type": "start", "language": "xx"}', "invalid_options", 1008),
    "no-translation": ('{"type": "start", "task": "translate"}', "invalid_options", 1008),
    "no-model": ('{"type": "start", "model": "huge"}', "model_not_available", 1008),
    "bad-silence": ('{"type": "start", "endpoint_silence_ms": 1}', "invalid_options", 1008),
    "bytes": (b"this is no audio at all, sorry", "unsupported_audio", 1003),
    "long-json": (
        '{"type": "start", "prompt": "' + "x" * 1_000_000 + '"}',
        "message_too_large",
        1009,
    ),
}


@pytest.mark.parametrize("name", BAD_FIRST)
async def test_bad_first_message_is_refused_with_a_hint(tiny_server: RunningServer, name):
    message, code, close_code = BAD_FIRST[name]
    heard = await converse(tiny_server.socket_url, [message], stop=False)
    assert (heard.error_code, heard.close_code) == (code, close_code)
    assert heard.of("error")[0]["hint"]
    assert heard.messages[-1]["type"] == "closed"
    assert heard.messages[-1]["reason"] == code


BAD_LATER = {
    "garbage-text": ("}{", "invalid_message"),
    "second-start": ('{"type": "start"}', "protocol_violation"),
    "bad-update": ('{"type": "update", "language": "xx"}', "invalid_options"),
    "large-text": ('{"type": "ping", "id": "' + "x" * 100_000 + '"}', "message_too_large"),
    "large-audio": (b"\0" * 2_000_000, "message_too_large"),
}


@pytest.mark.parametrize("name", BAD_LATER)
async def test_bad_later_message_ends_the_session_after_its_finals(tiny_server, name):
    message, code = BAD_LATER[name]
    heard = await converse(raw_url(tiny_server), [*pieces(SPEECH, 3200), message], stop=False)
    assert spoken(heard.text) == WORDS
    assert heard.error_code == code
    assert heard.messages[-1]["reason"] == code


BAD_QUERY = {
    "unknown": {"sampel_rate": 8000},
    "token": {"token": "secret"},
    "not-a-number": {"sample_rate": "fast"},
}


@pytest.mark.parametrize("name", BAD_QUERY)
async def test_bad_query_is_refused(tiny_server: RunningServer, name):
    heard = await converse(raw_url(tiny_server, **BAD_QUERY[name]), [], stop=False)
    assert heard.error_code == "invalid_options"
    assert "secret" not in json.dumps(heard.messages)


WRONG_AUDIO = {
    "wav-as-raw": ({"encoding": "pcm_s16le", "sample_rate": 16000}, b"RIFF\0\0\0\0WAVEfmt "),
    "pcm16-as-float": ({"encoding": "pcm_f32le", "sample_rate": 16000}, SPEECH),
    "pdf-as-container": ({"encoding": "container"}, b"%PDF-1.7 " * 100),
    "mp4-as-container": ({"encoding": "container"}, b"\0\0\0\x20ftypisom" + b"\0" * 100),
    "broken-ogg": ({"encoding": "container"}, b"OggS" + random.Random(1).randbytes(50_000)),
    "broken-webm": (
        {"encoding": "container"},
        b"\x1aE\xdf\xa3" + random.Random(2).randbytes(50_000),
    ),
}


@pytest.mark.parametrize("name", WRONG_AUDIO)
async def test_audio_declared_wrong_is_refused_with_a_hint(tiny_server: RunningServer, name):
    options, data = WRONG_AUDIO[name]
    url = with_query(tiny_server.socket_url, **options)
    heard = await converse(url, pieces(data, 10_000))
    assert heard.error_code == "unsupported_audio"
    assert heard.close_code == 1003


async def test_garbage_and_disconnects_leave_other_sessions_alone(tiny_server: RunningServer):
    url = raw_url(tiny_server)
    quiet = asyncio.create_task(converse(url, pieces(SPEECH, 3200), pause_s=0.02))
    noise = random.Random(3)
    for _ in range(20):
        async with websockets.connect(url) as socket:
            await socket.send(noise.randbytes(noise.randrange(1, 20_000)))
            socket.transport.abort()
        await converse(
            tiny_server.socket_url, [noise.randbytes(noise.randrange(1, 5_000))], stop=False
        )
    assert spoken((await quiet).text) == WORDS


async def test_finalize_is_acknowledged_after_its_finals(tiny_server: RunningServer):
    half = pcm16(clip("0870")[: 3 * 16000])
    rest = pcm16(clip("0870")[3 * 16000 :])
    heard = await converse(raw_url(tiny_server), [half, '{"type": "finalize", "id": "f1"}', rest])
    kinds = [message["type"] for message in heard.messages]
    assert kinds.index("final") < kinds.index("finalized")
    assert heard.of("finalized") == [
        {"type": "finalized", "id": "f1", "offset": 3.0, "seq": heard.of("finalized")[0]["seq"]}
    ]
    assert [ended["reason"] for ended in heard.of("utterance_ended")] == ["finalize", "stop"]
    assert word_errors(references()["0870"], heard.text) <= 6


async def test_update_and_ping_are_answered(tiny_server: RunningServer):
    messages = [
        '{"type": "ping", "id": "p"}',
        '{"type": "update", "words": true, "endpoint_silence_ms": 300}',
        *pieces(SPEECH, 3200),
    ]
    heard = await converse(raw_url(tiny_server), messages)
    assert heard.of("pong")[0]["id"] == "p"
    assert heard.of("updated")[0]["options"]["words"] is True
    words = heard.of("final")[0]["words"]
    assert spoken(" ".join(word["word"] for word in words)) == WORDS
    assert all(0 <= w["start"] <= w["end"] <= len(clip(CLIP)) / 16000 + 1 for w in words)
    assert all(0 < w["confidence"] <= 1 for w in words)


async def test_eight_sessions_at_once_say_what_each_says_alone(tiny_server: RunningServer):
    numbers = ["0870", "0880", "0890", "0930"] * 2
    url = raw_url(tiny_server)
    audio = {number: pieces(pcm16(clip(number)), 3200) for number in set(numbers)}
    alone = {number: await converse(url, audio[number], pause_s=0.1) for number in audio}
    together: list[Conversation] = await asyncio.gather(
        *(converse(url, audio[number], pause_s=0.1) for number in numbers)
    )
    assert [heard.text for heard in together] == [alone[number].text for number in numbers]
    assert tiny_server.metric("starling_batch_size_sum") > tiny_server.metric(
        "starling_batch_size_count"
    )


async def test_ten_minutes_in_one_session_keep_memory_flat(tiny_server: RunningServer):
    lap = pcm16(np.concatenate([clip("0870"), silence(0.7), clip("0890"), silence(0.7)]))
    laps = 600 * 32_000 // len(lap) + 1
    process = psutil.Process(tiny_server.pid)
    # Minutes of audio wait in the socket's buffers on a slow machine, and a ping behind them.
    patient = {"ping_timeout": None}
    await converse(raw_url(tiny_server), pieces(lap * 5, 32_000), **patient)
    before = process.memory_info().rss
    heard = await converse(raw_url(tiny_server), pieces(lap * laps, 32_000), **patient)
    assert heard.messages[-1]["summary"]["audio_s"] > 600
    assert len(heard.of("final")) >= 2 * laps
    assert len({final["text"] for final in heard.of("final")}) <= 6
    assert process.memory_info().rss - before < 64 * 2**20


async def test_slow_reader_gets_newest_interims_and_every_final(tiny_server: RunningServer):
    async with websockets.connect(raw_url(tiny_server), max_queue=1) as socket:
        for message in pieces(SPEECH * 3, 3200):
            await socket.send(message)
        await socket.send('{"type": "stop"}')
        heard = Conversation([json.loads(message) async for message in socket])
    assert spoken(heard.text) == WORDS * 3
    seqs = [message["seq"] for message in heard.messages]
    assert seqs == sorted(set(seqs))


async def test_limits_are_told():
    with running_server(
        max_sessions=1, idle_timeout_s=1, max_lead_s=20, start_timeout_s=0.5
    ) as server:
        url = raw_url(server)
        async with websockets.connect(url) as holder:
            await holder.recv()
            refused = await converse(url, [])
            assert refused.error_code == "overloaded"
            assert refused.of("error")[0]["retryable"] is True
            assert refused.of("error")[0]["retry_after_s"] > 0
            assert refused.close_code == 1013
        silent = await converse(url, [SPEECH], stop=False)
        while silent.error_code == "overloaded":  # until the server has seen the holder leave
            silent = await converse(url, [SPEECH], stop=False)
        assert silent.error_code == "idle_timeout"
        assert spoken(silent.text) == WORDS
        nothing = await converse(server.socket_url, [], stop=False)
        assert nothing.error_code == "idle_timeout"
        fast = await converse(url, pieces(SPEECH * 8, 32_000), stop=False)
        assert fast.error_code == "audio_too_fast"


async def test_keys_are_asked_for_in_header_or_subprotocol(tmp_path):
    keys = tmp_path / "keys"
    keys.write_text("# clients\nalpha\nbeta\n")
    with running_server(api_keys_file=keys) as server:
        url = raw_url(server)
        for refused in ({}, {"additional_headers": {"Authorization": "Bearer gamma"}}):
            with pytest.raises(websockets.InvalidStatus) as answer:
                await converse(url, [], **refused)
            assert answer.value.response.status_code == 401
            assert json.loads(answer.value.response.body)["error"]["code"] == "unauthenticated"
        header = await converse(url, [], additional_headers={"Authorization": "token beta"})
        browser = await converse(url, [], subprotocols=["bearer", "alpha"])
        assert header.close_code == browser.close_code == 1000
        assert json.loads(server.get("/v1/info"))["auth"] is True


async def test_stopping_the_server_publishes_what_was_heard():
    with running_server() as server:
        async with websockets.connect(raw_url(server)) as socket:
            await socket.send(SPEECH[: len(clip(CLIP)) * 2])
            heard = Conversation()
            with suppress(websockets.ConnectionClosed):
                async for message in socket:
                    heard.messages.append(json.loads(message))
                    if heard.messages[-1]["type"] == "interim":
                        os.kill(server.pid, signal.SIGTERM)
    assert spoken(heard.text) == WORDS
    assert heard.error_code == "going_away"
    assert socket.close_code == 1012
