"""A connection without a socket: messages in a queue, answers in a list."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from server.dialects.sockets import SocketManners
from streaming.errors import StarlingError


class MemoryConnection:
    """A `Connection` whose client is the test."""

    def __init__(self) -> None:
        self._incoming: asyncio.Queue[str | bytes | StarlingError | None] = asyncio.Queue()
        self._takes_messages = asyncio.Event()
        self._takes_messages.set()
        self._changed = asyncio.Condition()
        self.sent: list[dict[str, Any]] = []
        self.close_code: int | None = None

    def say(self, *messages: str | bytes | StarlingError) -> None:
        """Queue messages of the client; an error stands for one that the transport refuses."""
        for message in messages:
            self._incoming.put_nowait(message)

    def disconnect(self) -> None:
        self._incoming.put_nowait(None)

    def stop_reading(self) -> None:
        """Take no more messages, as a client that hangs."""
        self._takes_messages.clear()

    async def heard(self, kind: str, count: int = 1) -> list[dict[str, Any]]:
        """Wait until so many messages of a type have come, and return them."""
        async with self._changed:
            await self._changed.wait_for(lambda: len(self.of(kind)) >= count)
        return self.of(kind)

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [message for message in self.sent if message["type"] == kind]

    @property
    def text(self) -> str:
        return " ".join(final["text"] for final in self.of("final"))

    async def receive(self) -> str | bytes | None:
        message = await self._incoming.get()
        if isinstance(message, StarlingError):
            raise message
        return message

    def offer_to(self, take: Callable[[str | bytes], bool] | None) -> None:
        """Offer nothing: all messages are received."""

    async def send(self, message: str) -> None:
        await self._takes_messages.wait()
        async with self._changed:
            self.sent.append(json.loads(message))
            self._changed.notify_all()

    async def close(self, error: StarlingError | None) -> None:
        self.close_code = SocketManners().closing(error).code
        self.disconnect()
