"""uvicorn's WebSocket, with a shorter way for binary messages."""

from collections.abc import Callable
from weakref import ref

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

DIRECT = "starling.direct"
"""The extension of the ASGI scope under which an application finds the protocol, by a weak
reference: the protocol has the scope, and a circle would keep both in memory."""


class DirectSocketProtocol(WebSocketsSansIOProtocol):
    """Offers binary messages to `take` as they are parsed; the others go the way of ASGI.

    That saves a queue, a future and a task switch for each piece of audio. Order is kept: while a
    message waits to be received, those behind it wait too.
    """

    take: Callable[[bytes], bool] | None = None
    """Says whether it took the message; None while nobody listens."""

    def handle_connect(self, event: Request) -> None:
        """Let the application find this protocol."""
        super().handle_connect(event)
        if not self.handshake_complete:  # else it is refused already
            self.scope["extensions"][DIRECT] = ref(self)  # type: ignore[assignment]

    def send_receive_event_to_app(self) -> None:
        """Offer a whole message, and queue it if it is not taken."""
        if self.take is None or self.curr_msg_data_type != "bytes" or not self.queue.empty():
            super().send_receive_event_to_app()
            return
        self.frames = [b"".join(self.frames)]
        if self.take(self.frames[0]):
            self.frames = []
        else:
            super().send_receive_event_to_app()
