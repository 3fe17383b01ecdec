"""Servers with scripted speech, a speaker who opens sessions on them, and viewers who watch."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import numpy as np
import websockets
from websockets.asyncio.client import ClientConnection

from loadtest.replicas import ReplicaProcess
from tests.support.recordings import pcm16
from tests.support.scripted_speech import said

SCRIPTED = (sys.executable, "-m", "tests.support.scripted_server")
RAW = "/v1/stream?encoding=pcm_s16le&sample_rate=16000"
CHUNK_SAMPLES = 1600

PATIENCE_S = 60.0
"""Then a message that has not come never will, and the test says what came instead."""


@asynccontextmanager
async def replicas(number: int, **settings: object) -> AsyncIterator[list[ReplicaProcess]]:
    """Run so many servers with these settings."""
    running = [ReplicaProcess(SCRIPTED, {"grpc_port": 0, **settings}) for _ in range(number)]
    try:
        await asyncio.gather(*(replica.start() for replica in running))
        yield running
    finally:
        await asyncio.gather(*(replica.stop() for replica in running))


async def _next(socket: ClientConnection, kind: str, come: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the next message of this kind, and note in `come` all that do."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                message = json.loads(await socket.recv())
                come.append(message)
                if message["type"] == kind:
                    return message
    except TimeoutError:
        raise AssertionError(f"no {kind} has come after {come}") from None


@dataclass
class Speaker:
    """A session's own client."""

    socket: ClientConnection
    session: str
    secret: str
    heard: list[dict[str, Any]] = field(default_factory=list)
    spoken: list[np.ndarray] = field(default_factory=list)

    async def say(self, *parts: list[int] | float) -> None:
        audio = said(*parts)
        self.spoken.append(audio)
        await self._send(audio)

    async def _send(self, audio: np.ndarray) -> None:
        for at in range(0, len(audio), CHUNK_SAMPLES):
            await self.socket.send(pcm16(audio[at : at + CHUNK_SAMPLES]))

    async def resume(self, socket: ClientConnection) -> None:
        """Go on over a new connection, with what was not acknowledged."""
        self.socket = socket
        last = {"session": self.session, "secret": self.secret, "last_seq": self.heard[-1]["seq"]}
        await socket.send(json.dumps({"type": "resume", **last}))
        resumed = await self.hear("resumed")
        await self._send(np.concatenate(self.spoken)[resumed["sample"] :])

    async def hear(self, kind: str) -> dict[str, Any]:
        """Return the next message of this kind."""
        return await _next(self.socket, kind, self.heard)

    async def utter(self, *numbers: int) -> dict[str, Any]:
        """Say words and a pause; return the final."""
        await self.say(list(numbers), 1.5)
        final = await self.hear("final")
        await self.hear("utterance_ended")
        return final

    async def stop(self) -> None:
        await self.socket.send('{"type": "stop"}')
        await self.hear("closed")


@asynccontextmanager
async def speaking(
    server: ReplicaProcess, headers: dict[str, str] | None = None
) -> AsyncIterator[Speaker]:
    async with websockets.connect(server.url + RAW, additional_headers=headers) as socket:
        ready = json.loads(await socket.recv())
        assert ready["type"] == "ready"
        yield Speaker(socket, ready["session"], ready["secret"])


@asynccontextmanager
async def resumed(server: ReplicaProcess, speaker: Speaker) -> AsyncIterator[None]:
    """Go on with the session on another server."""
    async with websockets.connect(server.url + "/v1/stream") as socket:
        await speaker.resume(socket)
        yield


def http_url(server: ReplicaProcess) -> str:
    return server.url.replace("ws", "http", 1)


def bearer(credential: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {credential}"}


@dataclass
class WebViewer:
    """A viewer on a WebSocket."""

    socket: ClientConnection
    seen: list[dict[str, Any]] = field(default_factory=list)

    async def until(self, kind: str) -> dict[str, Any]:
        """Return the next message of this kind."""
        return await _next(self.socket, kind, self.seen)

    async def close_code(self) -> int | None:
        await self.socket.wait_closed()
        return self.socket.close_code

    def kept(self) -> list[int]:
        return [message["seq"] for message in self.seen if message["type"] != "interim"]


@asynccontextmanager
async def watching(
    server: ReplicaProcess, session: str, credential: str, query: str = ""
) -> AsyncIterator[WebViewer]:
    url = f"{server.url}/v1/sessions/{session}/watch{query}"
    protocols = [websockets.Subprotocol(name) for name in ("bearer", credential)]
    async with websockets.connect(url, subprotocols=protocols) as socket:
        yield WebViewer(socket)


@dataclass
class StreamViewer:
    """A viewer of server-sent events."""

    status: int
    _lines: AsyncIterator[str]
    seen: list[dict[str, str]] = field(default_factory=list)
    retry_ms: str = ""

    async def until(self, kind: str) -> dict[str, Any]:
        """Return the data of the next event of this kind; its id, if it has one, as `id`."""
        event: dict[str, str] = {}
        async for line in self._lines:
            name, _, value = line.partition(": ")
            if line:
                event[name] = value
                continue
            self.retry_ms = event.get("retry", self.retry_ms)
            if "event" in event:
                self.seen.append(event)
            if event.get("event") == kind:
                return {**json.loads(event["data"]), "id": event.get("id")}
            event = {}
        raise AssertionError(f"the stream ended without {kind}: {self.seen}")

    async def end(self) -> None:
        async for _ in self._lines:
            pass


@asynccontextmanager
async def streaming(
    server: ReplicaProcess, session: str, query: str = "", headers: dict[str, str] | None = None
) -> AsyncIterator[StreamViewer]:
    url = f"{http_url(server)}/v1/sessions/{session}/events{query}"
    async with (
        httpx.AsyncClient(timeout=60) as client,
        client.stream("GET", url, headers=headers) as response,
    ):
        yield StreamViewer(response.status_code, response.aiter_lines())


def texts(messages: Sequence[dict[str, Any]]) -> list[str]:
    return [message["text"] for message in messages if message["type"] == "final"]
