"""What stands between an accepted connection and its session; the same on every transport."""

import asyncio
import secrets
from dataclasses import dataclass, replace
from typing import TypeVar

import structlog

from server.admission import Admission
from server.auth import Authenticator
from server.connection import Connection
from server.dialects.base import Dialect
from server.files.service import FileService
from server.keeping import Keeping
from server.services import Services
from server.settings import Settings
from server.viewers.viewing import Viewing
from streaming.errors import ErrorCode, StarlingError
from streaming.events import Closed, Failed, ServerEvent
from streaming.options import ModelOffer, OptionRequest, resolve_options
from streaming.session_plan import SessionPlan
from streaming.speech_gate import SpeechPolicy

log = structlog.get_logger()

ReceivedT = TypeVar("ReceivedT")
SentT = TypeVar("SentT")


@dataclass(frozen=True, slots=True)
class SessionFactory:
    """What a connection needs to become a session."""

    settings: Settings
    offers: tuple[ModelOffer, ...]
    services: Services
    admission: Admission
    authenticator: Authenticator
    files: FileService
    keeping: Keeping
    viewing: Viewing

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


def count_refusal(factory: SessionFactory, error: StarlingError) -> None:
    """Note that a client got no session."""
    factory.services.metrics.refused.labels(str(error.code)).inc()
    log.info("session refused", code=str(error.code))


def refusal_events(error: StarlingError) -> tuple[ServerEvent, ...]:
    """Return what a client is told that gets no session."""
    return (Failed(error), Closed(str(error.code), 0, 0, 0, 0))


async def first_message(
    connection: Connection[ReceivedT, SentT],
    dialect: Dialect[ReceivedT, SentT],
    settings: Settings,
    named: OptionRequest,
) -> tuple[ReceivedT, OptionRequest] | None:
    """Return the message that starts the session and its options; None when none came."""
    message = await receive_first(connection, settings)
    return None if message is None else (message, open_with(message, dialect, named))


async def receive_first(
    connection: Connection[ReceivedT, SentT], settings: Settings
) -> ReceivedT | None:
    """Return the first message, or None when the client has gone.

    Raises:
        StarlingError: IDLE_TIMEOUT.
    """
    try:
        async with asyncio.timeout(settings.start_timeout_s):
            message = await connection.receive()
    except TimeoutError:
        raise StarlingError(
            ErrorCode.IDLE_TIMEOUT,
            f"nothing was received for {settings.start_timeout_s:g} s after connecting",
            "send `start` or audio at once",
        ) from None
    return message


def open_with(
    message: ReceivedT, dialect: Dialect[ReceivedT, SentT], named: OptionRequest
) -> OptionRequest:
    """Return the options that a first message leads to.

    Raises:
        StarlingError: It may not come first, or is not understood.
    """
    request = dialect.open(message, named)
    if request is None:
        raise StarlingError(
            ErrorCode.PROTOCOL_VIOLATION,
            "the first message must be `start` or audio",
            "begin with `start`, which names encoding and sample_rate",
        )
    return request
