"""Sessions over WebSockets: the handshake, and the socket as a `Connection`."""

from collections.abc import Callable
from weakref import ref

import structlog
from starlette.responses import JSONResponse
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from server.admission import going_away
from server.auth import accepted_subprotocol
from server.connection import Connection
from server.dialects.sockets import Closing, LiveProtocol, SocketDialect
from server.hosting import Host, new_session
from server.session_opening import (
    SessionFactory,
    count_refusal,
    open_with,
    receive_first,
    refusal_events,
)
from server.settings import Settings
from server.transports.direct_socket import DIRECT, DirectSocketProtocol
from streaming.errors import ErrorCode, StarlingError
from streaming.events import AudioReceived, ClientEvent

log = structlog.get_logger()


class WebSocketConnection:
    """A Starlette WebSocket that has been accepted."""

    def __init__(
        self,
        socket: WebSocket,
        settings: Settings,
        closing: Callable[[StarlingError | None], Closing],
        max_text_bytes: int | None = None,
    ) -> None:
        self._socket = socket
        self._closing = closing
        self._max_message_bytes = settings.max_message_bytes
        self._max_text_bytes = max_text_bytes or settings.max_text_bytes

    async def receive(self) -> str | bytes | None:
        """Return the next message, or None when the client is gone."""
        if self._socket.client_state is WebSocketState.DISCONNECTED:
            return None
        message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            return None
        data: bytes | None = message.get("bytes")
        if data is not None:
            self._check_size(len(data), self._max_message_bytes, "max_message_bytes")
            return data
        text: str = message["text"]
        self._check_size(len(text.encode()), self._max_text_bytes, "max_text_bytes")
        return text

    def offer_to(self, take: Callable[[bytes], bool] | None) -> None:
        """Offer audio as it comes in; what is too large is refused when it is received."""
        found: ref[DirectSocketProtocol] | None
        found = self._socket.scope.get("extensions", {}).get(DIRECT)
        direct = None if found is None else found()
        if direct is None:
            return
        most = self._max_message_bytes
        direct.take = None if take is None else lambda data: len(data) <= most and take(data)

    async def send(self, message: str) -> None:
        """Send a text message; one to a client that is gone is dropped."""
        if self._socket.client_state is WebSocketState.DISCONNECTED:
            return
        try:
            await self._socket.send_text(message)
        except (WebSocketDisconnect, RuntimeError):
            self._socket.client_state = WebSocketState.DISCONNECTED

    async def close(self, error: StarlingError | None) -> None:
        """Close the socket, unless the client did."""
        if self._socket.client_state is WebSocketState.DISCONNECTED:
            return
        closing = self._closing(error)
        try:
            await self._socket.close(closing.code, closing.reason)
        except (WebSocketDisconnect, RuntimeError):
            self._socket.client_state = WebSocketState.DISCONNECTED

    def _check_size(self, size: int, limit: int, setting: str) -> None:
        if size > limit:
            raise StarlingError(
                ErrorCode.MESSAGE_TOO_LARGE,
                f"a message of {size} bytes is larger than {setting}={limit}",
                "send audio in messages of 20 to 250 ms",
            )


async def serve_socket(socket: WebSocket, protocol: LiveProtocol, factory: SessionFactory) -> None:
    """Run one WebSocket from handshake to close."""
    dialect = protocol.new_dialect()
    subprotocols: list[str] = socket.scope.get("subprotocols", [])
    try:
        tenant = factory.authenticator.check(socket.headers, subprotocols)
        if factory.admission.is_closing:
            # An HTTP answer lets a balancer try another replica; a socket would not.
            raise going_away()
    except StarlingError as error:
        await _deny(socket, dialect, factory, error)
        return
    visit = _Visit(socket, dialect, protocol, factory, tenant)
    try:
        factory.admission.enter()
    except StarlingError as error:
        await visit.refuse(error)
        return
    metrics = factory.services.metrics
    metrics.sessions_open.set(factory.admission.num_open)
    try:
        await visit.run()
    finally:
        factory.admission.leave()
        metrics.sessions_open.set(factory.admission.num_open)


class _Visit:
    """One socket whose client may connect."""

    def __init__(
        self,
        socket: WebSocket,
        dialect: SocketDialect,
        protocol: LiveProtocol,
        factory: SessionFactory,
        tenant: str,
    ) -> None:
        self._tenant = tenant
        self._socket = socket
        self._dialect = dialect
        self._idle_timeout_s = protocol.idle_timeout_s
        self._factory = factory
        self._connection: Connection[str | bytes, str] = WebSocketConnection(
            socket, factory.settings, dialect.closing, protocol.max_text_bytes
        )
        self._is_open = False

    async def run(self) -> None:
        """Make a session of what the address and the first message ask for, and run it."""
        try:
            query = self._socket.query_params
            request = self._dialect.options_from_query({n: query.getlist(n) for n in query})
            host = Host(self._factory, self._dialect, self._connection, self._tenant)
            first: list[ClientEvent] = []
            if request.encoding is None:
                await self._open()
                message = await receive_first(self._connection, self._factory.settings)
                if message is None:
                    return
                resumed = self._dialect.resume(message)
                if resumed is not None:
                    await host.resume(resumed, self._idle_timeout_s)
                    return
                request = open_with(message, self._dialect, request)
                if isinstance(message, bytes):
                    first = [AudioReceived(message)]
            plan = new_session(
                self._factory.plan(request, self._idle_timeout_s),
                self._tenant,
                can_resume=self._dialect.can_resume,
            )
            await self._open()
            encoding = str(plan.options.audio.encoding)
            log.info("session opened", session=plan.session_id, encoding=encoding)
            await host.run(plan, first)
        except StarlingError as error:
            await self.refuse(error)

    async def refuse(self, error: StarlingError) -> None:
        """Tell a client why it gets no session: by HTTP, or in its dialect's messages."""
        if self._dialect.refuses_in_handshake and not self._is_open:
            await _deny(self._socket, self._dialect, self._factory, error)
            return
        count_refusal(self._factory, error)
        await self._open()
        for seq, event in enumerate(refusal_events(error), start=1):
            for message in self._dialect.encode(seq, event):
                await self._connection.send(message.data)
        await self._connection.close(error)

    async def _open(self) -> None:
        if self._is_open:
            return
        self._is_open = True
        subprotocol = accepted_subprotocol(self._socket.scope.get("subprotocols", []))
        headers = self._dialect.handshake_headers().items()
        raw_headers = [(name.encode(), value.encode()) for name, value in headers]
        await self._socket.accept(subprotocol, raw_headers)


async def _deny(
    socket: WebSocket, dialect: SocketDialect, factory: SessionFactory, error: StarlingError
) -> None:
    """Answer the handshake with an HTTP error."""
    count_refusal(factory, error)
    refusal = dialect.refusal(error)
    await socket.send_denial_response(
        JSONResponse(refusal.body, refusal.status, dict(refusal.headers))
    )
