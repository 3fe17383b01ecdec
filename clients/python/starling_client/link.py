"""What a session needs of the wire: messages out, events in; a WebSocket or a gRPC call."""

from typing import Any, Protocol

from starling_client.events import Event


class Link(Protocol):
    """One open connection to a server.

    Sending raises `ConnectionLost` once the connection is over, and receiving that or what the
    server said. A message that cannot be said at all raises another `StarlingError`.
    """

    async def send_audio(self, audio: bytes) -> None:
        """Send audio, waiting while the server is behind."""

    async def send_message(self, message: dict[str, Any]) -> None:
        """Send any other message, as the protocol's JSON names it."""

    async def receive(self) -> Event:
        """Wait for the next event."""

    async def aclose(self) -> None:
        """Close; may be called twice."""
