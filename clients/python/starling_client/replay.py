"""What was sent and may have to be sent again.

Everything a session says goes through here in order: audio and the messages between. A place is
counted in bytes of audio from the session's start. The server names places it will not ask for
again; a new connection begins at the place it names. Pure: no clock, no socket.
"""

from collections import deque
from dataclasses import dataclass
from typing import Any

Sendable = bytes | dict[str, Any]
"""Audio, or a message as the protocol's JSON names it."""


class NotHeldError(Exception):
    """The audio that is asked for was let go of, because too much of it had to be kept."""


@dataclass(frozen=True, slots=True)
class Item:
    """Audio, or a message at its place between audio; `is_once` is never sent again."""

    at_byte: int
    data: Sendable
    is_once: bool = False

    @property
    def end_byte(self) -> int:
        """Where the audio after it begins."""
        return self.at_byte + (len(self.data) if isinstance(self.data, bytes) else 0)


class ReplayBuffer:
    """Items in order, with a cursor: what is before it was sent on the present connection.

    Bounded: beyond `max_bytes` of kept audio the oldest that was sent is let go of; a session
    that needs it after a lost connection cannot go on.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._items: deque[Item] = deque()
        self._num_dropped = 0
        self._cursor = 0
        self._held_from_byte = 0
        self._end_byte = 0
        self._skip_bytes = 0

    @property
    def kept_bytes(self) -> int:
        """Audio that is held."""
        return self._end_byte - self._held_from_byte

    @property
    def is_full(self) -> bool:
        """Whether no more audio should come before the server has caught up."""
        return self.kept_bytes >= self._max_bytes

    @property
    def num_sent(self) -> int:
        """How many items are behind the cursor, counted from the session's start."""
        return self._cursor

    def add(self, data: Sendable, *, is_once: bool = False) -> int:
        """Take what is to be sent next; return its number."""
        item = Item(self._end_byte, data, is_once)
        self._items.append(item)
        self._end_byte = item.end_byte
        return self._num_dropped + len(self._items)

    def next(self) -> Sendable | None:
        """Return what is to be sent now and move the cursor behind it; None when nothing is."""
        while self._cursor - self._num_dropped < len(self._items):
            item = self._items[self._cursor - self._num_dropped]
            self._cursor += 1
            data, skipped = item.data, self._skip_bytes
            if isinstance(data, dict):
                return data
            self._skip_bytes = 0
            if len(data) > skipped:
                self._shed()
                return data[skipped:] if skipped else data
        return None

    def forget(self, byte: int) -> None:
        """Let go of what came before this place."""
        while self._items and self._num_dropped < self._cursor:
            item = self._items[0]
            is_past = item.at_byte < byte if isinstance(item.data, dict) else item.end_byte <= byte
            if not is_past:
                break
            self._drop()

    def rewind(self, byte: int) -> None:
        """Begin again at this place, for a new connection.

        Raises:
            NotHeldError: The audio there is gone.
        """
        if byte < self._held_from_byte:
            raise NotHeldError
        num_sent = self._cursor - self._num_dropped
        kept = [
            item
            for index, item in enumerate(self._items)
            if _is_wanted(item, byte, is_sent=index < num_sent)
        ]
        self._num_dropped += len(self._items) - len(kept)
        self._items = deque(kept)
        self._cursor = self._num_dropped
        first_audio = next((item for item in kept if isinstance(item.data, bytes)), None)
        self._skip_bytes = max(0, byte - first_audio.at_byte) if first_audio is not None else 0
        self._held_from_byte = first_audio.at_byte if first_audio is not None else self._end_byte

    def _shed(self) -> None:
        while self.kept_bytes > self._max_bytes and self._num_dropped < self._cursor - 1:
            self._drop()

    def _drop(self) -> None:
        item = self._items.popleft()
        self._num_dropped += 1
        self._held_from_byte = max(self._held_from_byte, item.end_byte)


def _is_wanted(item: Item, byte: int, *, is_sent: bool) -> bool:
    if isinstance(item.data, bytes):
        return item.end_byte > byte
    return item.at_byte >= byte and not (item.is_once and is_sent)
