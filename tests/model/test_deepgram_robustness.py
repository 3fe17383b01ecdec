"""Garbage at Deepgram's route gets documented ends, and nobody else notices."""

import asyncio
import json
import random
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import websockets

from tests.support.golden import GOLDEN
from tests.support.recordings import clip, pcm16, references, silence, spoken
from tests.support.running_server import RunningServer, converse, pieces

pytestmark = pytest.mark.model

CLIP = "0930"
SPEECH = pcm16(np.concatenate([clip(CLIP), silence(0.8)]))
QUERY = "encoding=linear16&sample_rate=16000&interim_results=true&utterance_end_ms=1000"
KINDS = {"Results", "SpeechStarted", "UtteranceEnd", "Metadata", "Error", "ConfigureSuccess"}
CLOSES = {1000, 1008, 1009, 1011}
CONVERSATIONS = sorted(GOLDEN.glob("deepgram/*.jsonl"))


def address(server: RunningServer, query: str = QUERY) -> str:
    return server.url.replace("http", "ws", 1) + "/v1/listen?" + query


async def listen(url: str, messages: list[str | bytes]) -> tuple[list[dict], int]:
    """Return what is told and the close code; 0 for a handshake that was refused."""
    heard: list[dict] = []
    try:
        async with websockets.connect(url, max_size=None) as socket:
            with suppress(websockets.ConnectionClosed):
                for message in messages:
                    await socket.send(message)
            with suppress(websockets.ConnectionClosed):
                while True:
                    heard.append(json.loads(await socket.recv()))
    except websockets.InvalidStatus as refused:
        assert_refusal(refused.response.status_code, refused.response.body)
        return heard, 0
    return heard, socket.close_code or 0


def assert_refusal(status: int, body: bytes) -> None:
    assert status == 400
    assert set(json.loads(body)) == {"err_code", "err_msg", "request_id"}


def real_conversation(path: Path) -> tuple[str, list[str | bytes]]:
    """Return the address and the client's messages, with recorded speech for the scripted."""
    address_line, *lines = [
        line[2:] for line in path.read_text().splitlines() if line.startswith("> ")
    ]
    messages: list[str | bytes] = []
    for line in lines:
        if line.startswith(('{"speech"', '{"silence"')):
            messages += pieces(SPEECH[:32_000], 8_000)
        else:
            messages.append(line)
    return address_line.removeprefix("? "), messages


def mutated(messages: list[str | bytes], noise: random.Random) -> list[str | bytes]:
    """Return the messages with some lost, doubled, swapped, cut, or with bytes changed."""
    changed = list(messages)
    for _ in range(noise.randrange(1, 4)):
        at = noise.randrange(len(changed))
        message = changed[at]
        match noise.randrange(5):
            case 0:
                changed.insert(at, message)
            case 1:
                changed[at] = message[: noise.randrange(len(message) + 1)]
            case 2:
                other = noise.randrange(len(changed))
                changed[at], changed[other] = changed[other], message
            case 3:
                changed[at] = noise.randbytes(noise.randrange(5_000))
            case _:
                data = bytearray(message.encode() if isinstance(message, str) else message)
                for _ in range(min(4, len(data))):
                    data[noise.randrange(len(data))] = noise.randrange(32, 127)
                changed[at] = data.decode() if isinstance(message, str) else bytes(data)
    return [*changed, '{"type": "CloseStream"}']


async def test_random_bytes_and_mutated_conversations_end_as_documented(tiny_server):
    quiet = asyncio.create_task(
        converse(
            tiny_server.socket_url + "?encoding=pcm_s16le&sample_rate=16000",
            pieces(SPEECH, 3_200),
            pause_s=0.05,
        )
    )
    noise = random.Random(7)
    for _ in range(15):
        query, messages = real_conversation(noise.choice(CONVERSATIONS))
        heard, code = await listen(address(tiny_server, query), mutated(messages, noise))
        assert {message["type"] for message in heard} <= KINDS
        assert code in CLOSES
        assert not [m for m in heard if m.get("variant") == "internal"]
    for size in (1, 17, 4_096, 100_000):
        for query in ("", QUERY):
            garbage = [noise.randbytes(size), '{"type": "CloseStream"}']
            heard, code = await listen(address(tiny_server, query), garbage)
            assert {message["type"] for message in heard} <= KINDS
            assert code in {1000, 1008}
    assert spoken((await quiet).text) == spoken(references()[CLIP])


async def test_random_addresses_open_or_are_refused(tiny_server: RunningServer):
    noise = random.Random(8)
    names = ["encoding", "sample_rate", "channels", "language", "endpointing", "model", "keyterm"]
    values = ["linear16", "opus", "16000", "-1", "en", "xx", "false", "%00", "%F0%9F%90%A6", "1e9"]
    for _ in range(30):
        query = "&".join(f"{noise.choice(names)}={noise.choice(values)}" for _ in range(4))
        heard, code = await listen(address(tiny_server, query), ['{"type": "CloseStream"}'])
        assert {message["type"] for message in heard} <= {"Metadata", "Error"}
        assert code in {0, 1000, 1008}


async def test_clients_that_vanish_leave_no_session_behind(tiny_server: RunningServer):
    for _ in range(10):
        async with websockets.connect(address(tiny_server)) as socket:
            await socket.send(SPEECH[:16_000])
            socket.transport.abort()
    heard, code = await listen(address(tiny_server), [SPEECH, '{"type": "CloseStream"}'])
    said = [m["channel"]["alternatives"][0]["transcript"] for m in heard if m.get("is_final")]
    assert spoken(" ".join(said)) == spoken(references()[CLIP])
    assert code == 1000


@pytest.mark.parametrize("size", [0, 1, 100, 50_000])
def test_files_of_random_bytes_are_refused(tiny_server: RunningServer, size):
    body = random.Random(size).randbytes(size)
    for head in (b"", b"RIFF\0\0\0\0WAVE", b"OggS", b"\x1aE\xdf\xa3", b"fLaC", b"ID3"):
        request = urllib.request.Request(
            tiny_server.url + "/v1/listen", data=head + body, method="POST"
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                assert json.loads(answer.read())["results"]["channels"]
        except urllib.error.HTTPError as refused:
            assert_refusal(refused.code, refused.read())
