"""What a dialect does on a WebSocket besides messages: the handshake's answer and the close."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

from server.dialects.base import Dialect
from server.error_body import error_body
from server.wire_status import NORMAL_CLOSURE, WIRE_STATUS
from streaming.errors import StarlingError
from streaming.resume import ResumeRequest


@dataclass(frozen=True, slots=True)
class Refusal:
    """The HTTP answer to a handshake that opens no socket; `body` is sent as JSON."""

    status: int
    body: dict[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Closing:
    """A close frame; the reason is 123 bytes at most (RFC 6455)."""

    code: int
    reason: str = ""


class SocketManners:
    """The manners of our own protocol; a dialect overrides what its vendor does otherwise."""

    refuses_in_handshake: ClassVar[bool] = False
    """Whether options and full houses are answered before the socket opens, not in messages."""

    can_resume: ClassVar[bool] = False
    """Whether clients can go on with a session on another connection."""

    def resume(self, message: str | bytes) -> ResumeRequest | None:  # noqa: ARG002 # most know none
        """Return what a first message wants to go on with, if that is what it wants."""
        return None

    def handshake_headers(self) -> Mapping[str, str]:
        """Return headers for the answer that opens the socket."""
        return {}

    def refusal(self, error: StarlingError) -> Refusal:
        """Return the answer to a handshake that cannot be met."""
        return Refusal(WIRE_STATUS[error.code].http, error_body(error))

    def closing(self, error: StarlingError | None) -> Closing:
        """Return how the socket closes after a failure, or after none."""
        return Closing(NORMAL_CLOSURE if error is None else WIRE_STATUS[error.code].websocket)


class SocketDialect(Dialect[str | bytes, str], Protocol):
    """A dialect with the manners of a socket."""

    refuses_in_handshake: ClassVar[bool]
    can_resume: ClassVar[bool]

    def resume(self, message: str | bytes) -> ResumeRequest | None:
        """See `SocketManners`."""

    def handshake_headers(self) -> Mapping[str, str]:
        """See `SocketManners`."""

    def refusal(self, error: StarlingError) -> Refusal:
        """See `SocketManners`."""

    def closing(self, error: StarlingError | None) -> Closing:
        """See `SocketManners`."""


@dataclass(frozen=True, slots=True)
class LiveProtocol:
    """A protocol of live sessions: where it is served, and how long its clients may be silent.

    `new_dialect` is called once a connection; `max_text_bytes` is for protocols whose audio comes
    in text messages, None for the server's setting.
    """

    path: str
    new_dialect: Callable[[], SocketDialect]
    idle_timeout_s: float
    max_text_bytes: int | None = None
