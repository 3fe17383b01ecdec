"""A WebSocket as a `Link`."""

import json
from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from starling_client.connecting import Endpoint, open_connection
from starling_client.errors import ConnectionLost
from starling_client.events import Event, parse_event
from starling_client.link import Link


async def open_socket(endpoint: Endpoint) -> Link:
    """Open a WebSocket.

    Raises `StarlingError`: `unreachable`, `bad_address`, or what the server answered.
    """
    return SocketLink(await open_connection(endpoint))


class SocketLink:
    """JSON in text messages, audio in binary ones."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def send_audio(self, audio: bytes) -> None:
        """Send audio, waiting while the server is behind."""
        await self._send(audio)

    async def send_message(self, message: dict[str, Any]) -> None:
        """Send any other message."""
        await self._send(json.dumps(message))

    async def receive(self) -> Event:
        """Wait for the next event."""
        try:
            text = await self._connection.recv()
        except ConnectionClosed as error:
            raise ConnectionLost(_said(error)) from error
        return parse_event(text if isinstance(text, str) else text.decode())

    async def aclose(self) -> None:
        """Close; may be called twice."""
        await self._connection.close()

    async def _send(self, message: str | bytes) -> None:
        try:
            await self._connection.send(message)
        except ConnectionClosed as error:
            raise ConnectionLost(_said(error)) from error


def _said(error: ConnectionClosed) -> str:
    """Put the peer's close code and reason, if it sent any, in words."""
    if error.rcvd is None:
        return "it broke without a goodbye"
    reason = f", {error.rcvd.reason}" if error.rcvd.reason else ""
    return f"closed with code {error.rcvd.code}{reason}"
