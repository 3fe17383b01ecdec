"""Sessions over gRPC: a bidirectional call as a `Connection`."""

import asyncio
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

import structlog
from google.protobuf.message import DecodeError
from grpc.aio import EOF, InternalError, ServicerContext

from server.dialects.base import Dialect
from server.grpc_status import error_status
from server.hosting import Host, new_session
from server.session_opening import (
    SessionFactory,
    count_refusal,
    open_with,
    receive_first,
    refusal_events,
)
from server.settings import Settings
from streaming.errors import ErrorCode, StarlingError
from streaming.events import ClientEvent
from streaming.resume import ResumeRequest

log = structlog.get_logger()

STATUS_TIMEOUT_S = 10.0
"""Time for a client to read up to the status of its call."""

LINGER_S = 1.0
"""gRPC's own clients drop what they have not read when a write meets the end of the call."""

ReceivedT = TypeVar("ReceivedT")
SentT = TypeVar("SentT")


class CallDialect(Dialect[ReceivedT, SentT], Protocol[ReceivedT, SentT]):
    """A dialect with what only a call has."""

    def resume(self, message: ReceivedT) -> ResumeRequest | None:
        """Return what a first message wants to go on with, if that is what it wants."""

    def first_events(self, message: ReceivedT) -> list[ClientEvent]:
        """Return what a first message brings beside options."""

    def half_close(self) -> ReceivedT:
        """Return the message that closing the sending side stands for."""

    def not_understood(self) -> StarlingError:
        """Return what a client is told whose bytes are no message of the protocol."""

    def audio_bytes(self, message: ReceivedT) -> int | None:
        """Return how much audio a message holds; None when it is of another kind."""


class CallConnection(Generic[ReceivedT, SentT]):
    """A call that has been let in.

    Nothing is read ahead: while nobody receives, HTTP/2 flow control stops the client, and while
    the client does not read, `send` waits.
    """

    def __init__(
        self,
        context: ServicerContext[Any, Any],
        dialect: CallDialect[ReceivedT, SentT],
        settings: Settings,
    ) -> None:
        self._context = context
        self._dialect = dialect
        self._settings = settings
        self._is_half_closed = False
        self._reading: asyncio.Timeout | None = None
        self.is_closed = False
        self.is_gone = False
        self.error: StarlingError | None = None

    async def receive(self) -> ReceivedT | None:
        """Return the next message, or None when the call is over."""
        if self.is_closed or self.is_gone:
            return None
        try:
            async with asyncio.timeout(None) as self._reading:
                return await self._read()
        except InternalError:  # the call broke under us
            self.is_gone = True
            return None
        except TimeoutError:  # `close` came: the client may keep its side open as long as it likes
            return None
        finally:
            self._reading = None

    async def _read(self) -> ReceivedT:
        if self._is_half_closed:
            await asyncio.get_running_loop().create_future()
        try:
            message: Any = await self._context.read()
        except DecodeError:
            raise self._dialect.not_understood() from None
        if message is EOF:
            self._is_half_closed = True
            return self._dialect.half_close()
        self._check_size(message)
        received: ReceivedT = message
        return received

    def _check_size(self, message: Any) -> None:
        settings = self._settings
        size: int = message.ByteSize()
        if size <= min(settings.max_text_bytes, settings.max_message_bytes):
            return
        audio_bytes = self._dialect.audio_bytes(message)
        limit, setting = settings.max_text_bytes, "max_text_bytes"
        if audio_bytes is not None:
            size, limit, setting = audio_bytes, settings.max_message_bytes, "max_message_bytes"
        if size > limit:
            raise StarlingError(
                ErrorCode.MESSAGE_TOO_LARGE,
                f"a message of {size} bytes is larger than {setting}={limit}",
                "send audio in messages of 20 to 250 ms",
            )

    async def send(self, message: SentT) -> None:
        """Send a message; waits while the client does not read. Dropped if it is gone."""
        if self.is_gone:
            return
        try:
            await self._context.write(message)
        except InternalError:
            self.is_gone = True

    async def linger(self) -> None:
        """Let a client that is sending read why it is over: take what it sends, for a while."""
        try:
            async with asyncio.timeout(LINGER_S):
                while not (self._is_half_closed or self.is_gone):
                    self._is_half_closed = await self._context.read() is EOF
        except (TimeoutError, InternalError, DecodeError):
            return

    def offer_to(self, take: Callable[[ReceivedT], bool] | None) -> None:
        """Offer nothing: a call's messages only come when they are asked for."""

    async def close(self, error: StarlingError | None) -> None:
        """Let `serve_call` end the call, with the status of the error."""
        self.is_closed = True
        self.error = error
        if self._reading is not None:
            self._reading.reschedule(asyncio.get_running_loop().time())


async def serve_call(
    context: ServicerContext[Any, Any],
    dialect: CallDialect[ReceivedT, SentT],
    factory: SessionFactory,
) -> None:
    """Run one call from its metadata to its status."""
    tenant = await check_key(context, factory)
    connection = CallConnection(context, dialect, factory.settings)
    try:
        factory.admission.enter()
    except StarlingError as error:
        await _refuse(connection, dialect, factory, error)
    else:
        metrics = factory.services.metrics
        metrics.sessions_open.set(factory.admission.num_open)
        try:
            await _run_session(connection, dialect, factory, tenant)
        finally:
            factory.admission.leave()
            metrics.sessions_open.set(factory.admission.num_open)
    if connection.error is not None:
        await connection.linger()
        await _fail(context, connection.error)


async def _fail(context: ServicerContext[Any, Any], error: StarlingError) -> None:
    """End the call with the status of an error.

    The status waits behind what the client has not read; one that never reads is dropped.
    """
    try:
        async with asyncio.timeout(STATUS_TIMEOUT_S):
            await context.abort_with_status(error_status(error))
    except (TimeoutError, InternalError):
        raise asyncio.CancelledError from None


async def check_key(context: ServicerContext[Any, Any], factory: SessionFactory) -> str:
    """Let the call pass and return its tenant, or end it with UNAUTHENTICATED."""
    headers = {str(name): str(value) for name, value in context.invocation_metadata() or ()}
    try:
        return factory.authenticator.check(headers, ())
    except StarlingError as error:
        count_refusal(factory, error)
        await context.abort_with_status(error_status(error))
        raise


async def _run_session(
    connection: CallConnection[ReceivedT, SentT],
    dialect: CallDialect[ReceivedT, SentT],
    factory: SessionFactory,
    tenant: str,
) -> None:
    host = Host(factory, dialect, connection, tenant)
    try:
        message = await receive_first(connection, factory.settings)
        if message is None:
            return
        resumed = dialect.resume(message)
        if resumed is not None:
            error = await host.resume(resumed, factory.settings.idle_timeout_s)
        else:
            request = open_with(message, dialect, dialect.options_from_query({}))
            plan = new_session(factory.plan(request), tenant, can_resume=True)
            encoding = str(plan.options.audio.encoding)
            log.info("session opened", session=plan.session_id, encoding=encoding, transport="grpc")
            error = await host.run(plan, dialect.first_events(message))
        if error is not None and not connection.is_closed:
            await connection.close(error)
    except StarlingError as error:
        await _refuse(connection, dialect, factory, error)


async def _refuse(
    connection: CallConnection[ReceivedT, SentT],
    dialect: CallDialect[ReceivedT, SentT],
    factory: SessionFactory,
    error: StarlingError,
) -> None:
    """Tell a client why it gets no session: in its dialect's messages, then in the status."""
    count_refusal(factory, error)
    for seq, event in enumerate(refusal_events(error), start=1):
        for message in dialect.encode(seq, event):
            await connection.send(message.data)
    await connection.close(error)
