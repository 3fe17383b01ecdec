"""What a transport gives a session: messages in, messages out, an end."""

from collections.abc import Callable
from typing import Protocol, TypeVar

from streaming.errors import StarlingError

ReceivedT_co = TypeVar("ReceivedT_co", covariant=True)
SentT_contra = TypeVar("SentT_contra", contravariant=True)


class Connection(Protocol[ReceivedT_co, SentT_contra]):
    """One open socket or call."""

    async def receive(self) -> ReceivedT_co | None:
        """Return the next message, or None when the client is gone.

        Raises:
            StarlingError: MESSAGE_TOO_LARGE.
        """

    def offer_to(self, take: Callable[[ReceivedT_co], bool] | None) -> None:
        """Offer messages to `take` as they come in, where the transport can; None: to nobody.

        What it does not take, and what comes behind that, is there to be received.
        """

    async def send(self, message: SentT_contra) -> None:
        """Send a message; waits while the client does not read."""

    async def close(self, error: StarlingError | None) -> None:
        """Close after the last message; `error` is why the session failed, if it did."""
