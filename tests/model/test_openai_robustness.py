"""Garbage at OpenAI's routes gets documented answers, and nobody else notices."""

import asyncio
import base64
import http.client
import json
import random
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import websockets

from tests.support.golden import GOLDEN
from tests.support.recordings import clip, contained, pcm16, references, silence, spoken
from tests.support.running_server import RunningServer, converse, pieces

pytestmark = pytest.mark.model

CLIP = "0930"
SPEECH = pcm16(np.concatenate([clip(CLIP), silence(0.8)]))
CONVERSATIONS = sorted(GOLDEN.glob("openai-realtime/*.jsonl"))
LAST = '{"type": "session.update", "event_id": "last", "session": 7}'
"""Answered by an error that names it: all before has been answered then."""


async def talk(server: RunningServer, messages: list[str | bytes]) -> list[dict]:
    """Return what is told up to the answer to the last message; the socket must stay open."""
    url = server.url.replace("http", "ws", 1) + "/v1/realtime?intent=transcription"
    heard: list[dict] = []
    async with websockets.connect(url, max_size=None) as socket:
        for message in [*messages, LAST]:
            await socket.send(message)
        while not heard or heard[-1].get("error", {}).get("event_id") != "last":
            heard.append(json.loads(await socket.recv()))
    return heard


def appended(audio: bytes) -> str:
    data = base64.b64encode(audio).decode()
    return json.dumps({"type": "input_audio_buffer.append", "audio": data})


def real_conversation(path: Path) -> list[str]:
    """Return the client's messages, with recorded speech for the scripted."""
    messages: list[str] = []
    for line in path.read_text().splitlines():
        if line.startswith(('> {"speech"', '> {"silence"')):
            messages += [appended(piece) for piece in pieces(SPEECH[:32_000], 8_000)]
        elif line.startswith("> ") and not line.startswith("> ?"):
            messages.append(line[2:])
    return messages


def mutated(messages: list[str], noise: random.Random) -> list[str | bytes]:
    """Return the messages with some doubled, cut, swapped, or with letters changed."""
    changed: list[str | bytes] = list(messages)
    for _ in range(noise.randrange(1, 4)):
        at = noise.randrange(len(messages))
        message = messages[at]
        match noise.randrange(5):
            case 0:
                changed.insert(at, message)
            case 1:
                changed[at] = message[: noise.randrange(len(message) + 1)]
            case 2:
                changed[at] = messages[noise.randrange(len(messages))]
            case 3:
                changed[at] = noise.randbytes(noise.randrange(5_000))
            case _:
                letters = list(message)
                letters[noise.randrange(len(letters))] = chr(noise.randrange(32, 127))
                changed[at] = "".join(letters)
    return changed


async def test_mutated_conversations_are_answered_and_stay_open(tiny_server: RunningServer):
    url = tiny_server.socket_url + "?encoding=pcm_s16le&sample_rate=16000"
    quiet = asyncio.create_task(converse(url, pieces(SPEECH, 3_200), pause_s=0.05))
    noise = random.Random(7)
    for _ in range(20):
        messages = mutated(real_conversation(noise.choice(CONVERSATIONS)), noise)
        heard = await talk(tiny_server, messages)
        assert heard[0]["type"] == "session.created"
        errors = [message["error"] for message in heard if message["type"] == "error"]
        assert all(error["type"] == "invalid_request_error" for error in errors)
    for size in (1, 17, 4_096, 100_000):
        heard = await talk(tiny_server, [noise.randbytes(size), appended(noise.randbytes(size))])
        assert heard[1]["error"]["code"] == "invalid_event"
    assert spoken((await quiet).text) == spoken(references()[CLIP])


def post(server: RunningServer, body: bytes, content_type: str) -> tuple[int, dict]:
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=60)
    with suppress(ConnectionError):
        headers = {"content-type": content_type}
        connection.request("POST", "/v1/audio/transcriptions", body, headers)
    answer = connection.getresponse()
    told = json.loads(answer.read())
    connection.close()
    return answer.status, told


async def test_mutated_forms_and_files_are_answered(tiny_server: RunningServer):
    url = tiny_server.socket_url + "?encoding=pcm_s16le&sample_rate=16000"
    quiet = asyncio.create_task(converse(url, pieces(SPEECH, 3_200), pause_s=0.05))
    noise = random.Random(9)
    kinds = [("wav", "pcm_s16le"), ("mp4", "aac"), ("flac", "flac"), ("mp3", "libmp3lame")]
    for kind in kinds * 4:
        file = bytearray(contained(clip(CLIP), *kind))
        for _ in range(noise.randrange(200)):
            file[noise.randrange(len(file))] = noise.randrange(256)
        head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        body = head + bytes(file[: noise.randrange(1, len(file))]) + b"\r\n--b--\r\n"
        if noise.random() < 0.3:
            body = body[: noise.randrange(len(body))]
        status, told = await asyncio.to_thread(
            post, tiny_server, body, "multipart/form-data; boundary=b"
        )
        assert status in {200, 400}, told
        assert "text" in told if status == 200 else told["error"]["message"]
    assert spoken((await quiet).text) == spoken(references()[CLIP])


async def test_a_client_that_leaves_frees_its_place(tiny_server: RunningServer):
    """Eight places are there; twelve clients that leave at once must not keep them."""
    body = contained(np.concatenate([clip(CLIP)] * 20), "wav", "pcm_s16le")
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    whole = head + body + b"\r\n--b--\r\n"
    address = tiny_server.url.removeprefix("http://")
    host, port = address.split(":")
    for _ in range(12):
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(
            b"POST /v1/audio/transcriptions HTTP/1.1\r\nHost: x\r\n"
            b"Content-Type: multipart/form-data; boundary=b\r\n"
            b"Content-Length: %d\r\n\r\n" % len(whole)
        )
        writer.write(whole)
        await writer.drain()
        writer.close()
        await writer.wait_closed()
    short = head + contained(clip(CLIP), "wav", "pcm_s16le") + b"\r\n--b--\r\n"
    while True:
        status, told = await asyncio.to_thread(
            post, tiny_server, short, "multipart/form-data; boundary=b"
        )
        if status != 503:
            break
    assert spoken(told["text"]) == spoken(references()[CLIP])
