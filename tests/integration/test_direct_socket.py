"""Binary messages on their short way, over real sockets: none lost, doubled or out of order."""

import asyncio
from collections.abc import Callable

import pytest
import websockets

from server.transports.direct_socket import DIRECT
from tests.support.recordings import pcm16
from tests.support.running_server import converse, pieces
from tests.support.scripted_speech import said
from tests.support.socket_server import listening
from tests.support.viewed import RAW, replicas

pytestmark = [pytest.mark.integration, pytest.mark.asyncio]


class Listener:
    """An application that notes which way each message came."""

    def __init__(self, wants: Callable[[bytes], bool]) -> None:
        self._wants = wants
        self.heard: list[tuple[str, str | bytes]] = []
        self.has_ended = asyncio.Event()

    def take(self, data: bytes) -> bool:
        if not self._wants(data):
            return False
        self.heard.append(("taken", data))
        return True

    async def __call__(self, scope, receive, send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        scope["extensions"][DIRECT]().take = self.take
        while (message := await receive())["type"] != "websocket.disconnect":
            self.heard.append(("received", message.get("bytes") or message["text"]))
        self.has_ended.set()


async def heard_of(app: Listener, *messages: str | bytes | list[bytes]) -> list:
    async with listening(app, lifespan="off") as url:
        async with websockets.connect(url) as client:
            for message in messages:
                await client.send(message)
        await app.has_ended.wait()
    return app.heard


async def test_audio_is_taken_as_it_comes_and_text_is_received():
    heard = await heard_of(Listener(lambda _: True), b"one", [b"tw", b"o"], "three", b"four")
    assert heard[:3] == [("taken", b"one"), ("taken", b"two"), ("received", "three")]
    assert heard[3][1] == b"four"


async def test_what_is_not_taken_is_received_and_nothing_overtakes_it():
    sent = [bytes([number]) for number in range(200)]
    heard = await heard_of(Listener(lambda data: data[0] % 7 < 4), *sent)
    assert [data for _, data in heard] == sent
    assert {way for way, _ in heard} == {"taken", "received"}


async def test_a_session_hears_the_same_in_any_messages_and_refuses_one_too_large():
    audio = pcm16(said([1, 2, 3], 1.5, [4, 5], 1.5))
    async with replicas(1, max_message_bytes=40_000) as (replica,):
        url = replica.url + RAW
        for size in (640, 3_200, 32_001):
            whole = await converse(url, pieces(audio, size))
            assert [final["text"] for final in whole.of("final")] == ["w1 w2 w3", "w4 w5"]
            assert whole.messages[-1]["summary"]["audio_s"] == pytest.approx(len(audio) / 32_000)
        refused = await converse(url, [*pieces(audio, 3_200), b"\0" * 40_001])
        assert refused.error_code == "message_too_large"
        assert [final["text"] for final in refused.of("final")] == ["w1 w2 w3", "w4 w5"]
        assert refused.close_code == 1009


async def test_raw_bytes_that_are_a_file_are_told_to_a_session_that_takes_audio_directly():
    async with replicas(1) as (replica,):
        told = await converse(replica.url + RAW, [b"RI", b"FF1234"], stop=False)
        assert told.error_code == "unsupported_audio"
        assert told.messages[-1]["type"] == "closed"
