"""A real server in a process of its own, and a raw client that records a conversation."""

import asyncio
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import websockets
from websockets.asyncio.client import ClientConnection


@dataclass(frozen=True)
class RunningServer:
    url: str
    pid: int
    grpc: str = ""

    @property
    def socket_url(self) -> str:
        return self.url.replace("http", "ws", 1) + "/v1/stream"

    def get(self, path: str) -> str:
        with urllib.request.urlopen(self.url + path, timeout=30) as response:
            return response.read().decode()

    def metric(self, name: str) -> float:
        """Return the sum of a metric over its labels."""
        lines = self.get("/metrics").splitlines()
        values = [
            line.rsplit(" ", 1)[1] for line in lines if line.split("{")[0].split(" ")[0] == name
        ]
        return sum(map(float, values))


@contextmanager
def running_server(model: str = "tiny.en", **settings: object) -> Iterator[RunningServer]:
    """Run `starling serve` on a free port; settings become STARLING_ variables."""
    command = ["server", "serve", "--port", "0", "--announce", "json", "--model", model]
    with running_module(command, **settings) as server:
        yield server


@contextmanager
def running_module(command: Sequence[str], **settings: object) -> Iterator[RunningServer]:
    """Run a module that announces its server as JSON, and what it takes, as `running_server`."""
    environment = {
        **os.environ,
        **{f"STARLING_{name.upper()}": str(value) for name, value in settings.items()},
    }
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"the server did not start: {process.stderr.read()}")
    drain = subprocess.Popen(["cat"], stdin=process.stderr, stdout=subprocess.DEVNULL)
    announced = json.loads(line)
    try:
        yield RunningServer(announced["url"], announced["pid"], announced["grpc"] or "")
    finally:
        process.terminate()
        process.wait(timeout=30)
        drain.wait(timeout=30)
        process.stdout.close()
        process.stderr.close()


@dataclass
class Conversation:
    """What a server said."""

    messages: list[dict[str, Any]] = field(default_factory=list)
    close_code: int | None = None

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.messages if message["type"] == kind]

    @property
    def text(self) -> str:
        return " ".join(final["text"] for final in self.of("final"))

    @property
    def error_code(self) -> str | None:
        return next((error["code"] for error in self.of("error")), None)


async def converse(
    url: str,
    messages: Iterable[str | bytes],
    *,
    stop: bool = True,
    pause_s: float = 0.0,
    **connect: Any,
) -> Conversation:
    """Send messages (and `stop`), then listen to the end."""
    conversation = Conversation()
    async with websockets.connect(url, max_size=None, **connect) as socket:
        sender = asyncio.create_task(_send_all(socket, messages, stop=stop, pause_s=pause_s))
        with suppress(websockets.ConnectionClosed):  # close codes other than 1000 raise
            async for message in socket:
                conversation.messages.append(json.loads(message))
        sender.cancel()
        await asyncio.gather(sender, return_exceptions=True)
        conversation.close_code = socket.close_code
    return conversation


async def _send_all(
    socket: ClientConnection, messages: Iterable[str | bytes], *, stop: bool, pause_s: float
) -> None:
    for message in messages:
        await socket.send(message)
        if pause_s:
            await asyncio.sleep(pause_s)
    if stop:
        await socket.send('{"type": "stop"}')


def with_query(url: str, **options: object) -> str:
    return url + "?" + "&".join(f"{name}={value}" for name, value in options.items())


def pieces(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]
