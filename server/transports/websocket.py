"""Sessions over WebSockets: handshake, first message, and the socket as a `Connection`."""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace

import structlog
from starlette.responses import JSONResponse
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from server.admission import Admission
from server.auth import Authenticator, accepted_subprotocol
from server.dialects.base import Dialect
from server.dialects.sockets import Closing, LiveProtocol, SocketDialect
from server.files.service import FileService
from server.session_runner import Services, SessionRunner
from server.settings import Settings
from streaming.errors import ErrorCode, StarlingError
from streaming.events import Closed, Failed, ServerEvent
from streaming.options import ModelOffer, OptionRequest, resolve_options
from streaming.session import SessionPlan
from streaming.speech_gate import SpeechPolicy

log = structlog.get_logger()


class WebSocketConnection:
    """A Starlette WebSocket that has been accepted."""

    def __init__(
        self,
        socket: WebSocket,
        settings: Settings,
        closing: Callable[[StarlingError | None], Closing],
    ) -> None:
        self._socket = socket
        self._closing = closing
        self._max_message_bytes = settings.max_message_bytes
        self._max_text_bytes = settings.max_text_bytes

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


@dataclass(frozen=True, slots=True)
class SessionFactory:
    """What a connection needs to become a session."""

    settings: Settings
    offers: tuple[ModelOffer, ...]
    services: Services
    admission: Admission
    authenticator: Authenticator
    files: FileService

    def plan(self, request: OptionRequest, idle_timeout_s: float | None = None) -> SessionPlan:
        """Return the plan of a session that asked for this.

        Args:
            request: What the client named.
            idle_timeout_s: How long it may be silent, where its protocol has a rule of its own.

        Raises:
            StarlingError: The options cannot be met.
        """
        settings = self.settings
        limits = settings.option_limits()
        options = resolve_options(request, settings.default_options(), self.offers, limits)
        offer = next(offer for offer in self.offers if offer.name == options.model)
        session_limits = settings.session_limits()
        if idle_timeout_s is not None:
            session_limits = replace(session_limits, idle_timeout_s=idle_timeout_s)
        return SessionPlan(
            session_id=secrets.token_hex(8),
            options=options,
            offer=offer,
            option_limits=limits,
            limits=session_limits,
            speech=SpeechPolicy(),
        )


async def serve_socket(socket: WebSocket, protocol: LiveProtocol, factory: SessionFactory) -> None:
    """Run one WebSocket from handshake to close."""
    dialect = protocol.new_dialect()
    subprotocols: list[str] = socket.scope.get("subprotocols", [])
    try:
        factory.authenticator.check(socket.headers, subprotocols)
    except StarlingError as error:
        await _deny(socket, dialect, factory, error)
        return
    visit = _Visit(socket, dialect, protocol.idle_timeout_s, factory)
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
        idle_timeout_s: float,
        factory: SessionFactory,
    ) -> None:
        self._socket = socket
        self._dialect = dialect
        self._idle_timeout_s = idle_timeout_s
        self._factory = factory
        self._connection = WebSocketConnection(socket, factory.settings, dialect.closing)
        self._is_open = False

    async def run(self) -> None:
        """Make a session of what the address and the first message ask for, and run it."""
        try:
            query = self._socket.query_params
            request = self._dialect.options_from_query({n: query.getlist(n) for n in query})
            first: str | bytes | None = None
            if request.encoding is None:
                await self._open()
                first, request = await _first_message(
                    self._connection, self._dialect, self._factory.settings, request
                )
                if first is None:
                    return
            plan = self._factory.plan(request, self._idle_timeout_s)
        except StarlingError as error:
            await self.refuse(error)
            return
        await self._open()
        encoding = str(plan.options.audio.encoding)
        log.info("session opened", session=plan.session_id, encoding=encoding)
        services = self._factory.services
        runner = SessionRunner(plan, self._dialect, self._connection, services)
        self._factory.admission.add(runner)
        try:
            await runner.run(first)
        finally:
            self._factory.admission.remove(runner)

    async def refuse(self, error: StarlingError) -> None:
        """Tell a client why it gets no session: by HTTP, or in its dialect's messages."""
        if self._dialect.refuses_in_handshake and not self._is_open:
            await _deny(self._socket, self._dialect, self._factory, error)
            return
        _count_refusal(self._factory, error)
        await self._open()
        closed = Closed(str(error.code), 0, 0, 0, 0)
        events: tuple[ServerEvent, ...] = (Failed(error), closed)
        for seq, event in enumerate(events, start=1):
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
    _count_refusal(factory, error)
    refusal = dialect.refusal(error)
    await socket.send_denial_response(
        JSONResponse(refusal.body, refusal.status, dict(refusal.headers))
    )


def _count_refusal(factory: SessionFactory, error: StarlingError) -> None:
    factory.services.metrics.refused.labels(str(error.code)).inc()
    log.info("session refused", code=str(error.code))


async def _first_message(
    connection: WebSocketConnection, dialect: Dialect, settings: Settings, named: OptionRequest
) -> tuple[str | bytes | None, OptionRequest]:
    """Return the message that starts the session and the options it leads to."""
    try:
        async with asyncio.timeout(settings.start_timeout_s):
            message = await connection.receive()
    except TimeoutError:
        raise StarlingError(
            ErrorCode.IDLE_TIMEOUT,
            f"nothing was received for {settings.start_timeout_s:g} s after connecting",
            'send {"type": "start", ...} or audio at once',
        ) from None
    if message is None:
        return None, named
    request = dialect.open(message, named)
    if request is None:
        raise StarlingError(
            ErrorCode.PROTOCOL_VIOLATION,
            "the first message must be `start` or audio",
            'begin with {"type": "start", "encoding": "pcm_s16le", "sample_rate": 16000}',
        )
    return message, request
