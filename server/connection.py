"""What a transport gives a session: messages in, messages out, an end."""

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

    async def send(self, message: SentT_contra) -> None:
        """Send a message; waits while the client does not read."""

    async def close(self, error: StarlingError | None) -> None:
        """Close after the last message; `error` is why the session failed, if it did."""
