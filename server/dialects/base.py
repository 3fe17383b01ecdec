"""What a wire vocabulary must be able to do; it translates, and does nothing else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from streaming.events import ClientEvent, ServerEvent
from streaming.options import OptionRequest

ReceivedT_contra = TypeVar("ReceivedT_contra", contravariant=True)
SentT = TypeVar("SentT")


@dataclass(frozen=True, slots=True)
class Outgoing(Generic[SentT]):
    """A message; `replaces` names what a newer one of the same name makes stale."""

    data: SentT
    replaces: str | None = None


class Dialect(Protocol[ReceivedT_contra, SentT]):
    """One instance a session. No awaits, no clock, no ids of its own.

    Messages are what the transport carries: on a WebSocket `str | bytes` come and `str` goes.
    """

    def options_from_query(self, query: Mapping[str, Sequence[str]]) -> OptionRequest:
        """Return the options named in the address.

        Raises:
            StarlingError: INVALID_OPTIONS.
        """

    def open(self, message: ReceivedT_contra, named: OptionRequest) -> OptionRequest | None:
        """Return the options after the first message, or None when it may not come first.

        Raises:
            StarlingError: INVALID_MESSAGE or INVALID_OPTIONS.
        """

    def decode(self, message: ReceivedT_contra) -> list[ClientEvent]:
        """Return what a later message says; nothing when it asks nothing of the session.

        Raises:
            StarlingError: INVALID_MESSAGE or PROTOCOL_VIOLATION.
        """

    def encode(self, seq: int, event: ServerEvent) -> list[Outgoing[SentT]]:
        """Return the messages for an event; none when this dialect has no word for it."""
