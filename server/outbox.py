"""Messages on their way to one client.

A newer interim replaces the one of the same channel that still waits; everything else is kept in
order. Bounded: a client that takes nothing for `MAX_MESSAGES` messages is cut off; what it
does not read cannot tell it why.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic

from server.dialects.base import Outgoing, SentT
from streaming.errors import ErrorCode, StarlingError

MAX_MESSAGES = 1_000
"""Finals of about an hour of speech."""


@dataclass(frozen=True, slots=True)
class Gate:
    """What a message waits for.

    `state` says True when it may go, False while it must wait, None when it need not wait any
    longer: then a promise is left out, for it would not be true, and everything else goes.
    """

    state: Callable[[], bool | None]
    is_promise: bool = False


class Outbox(Generic[SentT]):
    """A bounded queue with one writer and one reader, both on the event loop."""

    def __init__(self) -> None:
        self._messages: OrderedDict[int | str, tuple[SentT, Gate | None]] = OrderedDict()
        self._changed = asyncio.Event()
        self._num_put = 0
        self._has_ended = False

    def put(self, message: Outgoing[SentT], gate: Gate | None = None) -> None:
        """Queue a message; with a gate, it and all behind it wait there.

        Raises:
            StarlingError: SLOW_CONSUMER when the client has not read for too long.
        """
        self._num_put += 1
        key: int | str = self._num_put if message.replaces is None else message.replaces
        self._messages.pop(key, None)
        if len(self._messages) >= MAX_MESSAGES:
            raise StarlingError(
                ErrorCode.SLOW_CONSUMER,
                f"{MAX_MESSAGES} messages wait to be read",
                "read messages while sending audio",
            )
        self._messages[key] = (message.data, gate)
        self._changed.set()

    def end(self) -> None:
        """Say that no message will follow."""
        self._has_ended = True
        self._changed.set()

    async def get(self) -> SentT | None:
        """Return the next message, or None after the last."""
        while True:
            while not self._messages or self._is_shut():
                if self._has_ended and not self._messages:
                    return None
                self._changed.clear()
                await self._changed.wait()
            _, (data, gate) = self._messages.popitem(last=False)
            if gate is None or not gate.is_promise or gate.state():
                return data

    def look_again(self) -> None:
        """Take it that a gate may have opened."""
        self._changed.set()

    def _is_shut(self) -> bool:
        _, gate = next(iter(self._messages.values()))
        return gate is not None and gate.state() is False
