"""Sessions over WebSockets: handshake, first message, and the socket as a `Connection`."""

import asyncio
import secrets
from dataclasses import dataclass

import structlog
from starlette.responses import JSONResponse
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from server.admission import Admission
from server.auth import Authenticator, accepted_subprotocol
from server.dialects.base import Dialect
from server.error_body import error_body
from server.session_runner import Services, SessionRunner
from server.settings import Settings
from server.wire_status import WIRE_STATUS
from streaming.errors import ErrorCode, StarlingError
from streaming.events import Closed, Failed, ServerEvent
from streaming.options import ModelOffer, OptionRequest, resolve_options
from streaming.session import SessionPlan
from streaming.speech_gate import SpeechPolicy

log = structlog.get_logger()


class WebSocketConnection:
    """A Starlette WebSocket that has been accepted."""

    def __init__(self, socket: WebSocket, settings: Settings) -> None:
        self._socket = socket
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

    async def close(self, code: int, reason: str) -> None:
        """Close the socket, unless the client did."""
        if self._socket.client_state is WebSocketState.DISCONNECTED:
            return
        try:
            await self._socket.close(code, reason)
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

    def plan(self, request: OptionRequest) -> SessionPlan:
        """Return the plan of a session that asked for this.

        Raises:
            StarlingError: The options cannot be met.
        """
        settings = self.settings
        limits = settings.option_limits()
        options = resolve_options(request, settings.default_options(), self.offers, limits)
        offer = next(offer for offer in self.offers if offer.name == options.model)
        return SessionPlan(
            session_id=secrets.token_hex(8),
            options=options,
            offer=offer,
            option_limits=limits,
            limits=settings.session_limits(),
            speech=SpeechPolicy(),
        )


async def serve_socket(socket: WebSocket, dialect: Dialect, factory: SessionFactory) -> None:
    """Run one WebSocket from handshake to close."""
    subprotocols: list[str] = socket.scope.get("subprotocols", [])
    try:
        factory.authenticator.check(socket.headers, subprotocols)
    except StarlingError as error:
        factory.services.metrics.refused.labels(str(error.code)).inc()
        status = WIRE_STATUS[error.code].http
        await socket.send_denial_response(JSONResponse(error_body(error), status))
        return
    await socket.accept(accepted_subprotocol(subprotocols))
    connection = WebSocketConnection(socket, factory.settings)
    try:
        factory.admission.enter()
    except StarlingError as error:
        await _refuse(connection, dialect, factory, error)
        return
    metrics = factory.services.metrics
    metrics.sessions_open.set(factory.admission.num_open)
    try:
        await _run_session(socket, connection, dialect, factory)
    finally:
        factory.admission.leave()
        metrics.sessions_open.set(factory.admission.num_open)


async def _run_session(
    socket: WebSocket, connection: WebSocketConnection, dialect: Dialect, factory: SessionFactory
) -> None:
    try:
        query = {name: socket.query_params.getlist(name) for name in socket.query_params}
        request = dialect.options_from_query(query)
        first: str | bytes | None = None
        if request.encoding is None:
            first, request = await _first_message(connection, dialect, factory.settings, request)
            if first is None:
                return
        plan = factory.plan(request)
    except StarlingError as error:
        await _refuse(connection, dialect, factory, error)
        return
    log.info("session opened", session=plan.session_id, encoding=str(plan.options.audio.encoding))
    runner = SessionRunner(plan, dialect, connection, factory.services)
    factory.admission.add(runner)
    try:
        await runner.run(first)
    finally:
        factory.admission.remove(runner)


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


async def _refuse(
    connection: WebSocketConnection,
    dialect: Dialect,
    factory: SessionFactory,
    error: StarlingError,
) -> None:
    """Tell a client why it gets no session, in its own dialect, and close."""
    factory.services.metrics.refused.labels(str(error.code)).inc()
    log.info("session refused", code=str(error.code))
    closed = Closed(str(error.code), 0, 0, 0, 0)
    events: tuple[ServerEvent, ...] = (Failed(error), closed)
    for seq, event in enumerate(events, start=1):
        for message in dialect.encode(seq, event):
            await connection.send(message.data)
    await connection.close(WIRE_STATUS[error.code].websocket, "")
