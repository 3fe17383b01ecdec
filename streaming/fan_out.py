"""One session to any number of viewers: what each is told next, and when one is too slow.

A replica holds what a session has said once (`FeedLog`), however many watch; a viewer is a place
in it (`ViewerCursor`). So a message is encoded once for all, and a slow viewer holds nothing:

- of interims it gets the newest of each channel, never one that is stale;
- of finals it gets every one, in order, from the place where it stands;
- more than `MAX_BEHIND` messages behind the newest, it is dropped and may come back from the last
  number it has seen. A late comer may first take what was said before, however much that is.
"""

from bisect import bisect_right
from collections.abc import Callable
from typing import TypeVar

from streaming.event_log import KeptEvent
from streaming.events import Closed, Final, Interim, UtteranceEnded
from streaming.live_messages import ViewedEvent

EncodedT = TypeVar("EncodedT")
Encode = Callable[[int, ViewedEvent], EncodedT]

MAX_BEHIND = 256
"""Messages: a quarter of an hour of speech, less what the sockets hold."""

TOLD = (Final, UtteranceEnded, Closed)
"""Of the log viewers are told this; the rest is between the client and the server."""


class FeedMessage:
    """One event under its number, and every form it was asked for in, made once."""

    __slots__ = ("_forms", "event", "seq")

    def __init__(self, seq: int, event: ViewedEvent) -> None:
        self.seq = seq
        self.event = event
        self._forms: dict[Encode[object], object] = {}

    def encoded(self, encode: Encode[EncodedT]) -> EncodedT:
        """Return what `encode` makes of the event; it is asked once for all viewers."""
        if encode not in self._forms:
            self._forms[encode] = encode(self.seq, self.event)
        return self._forms[encode]  # type: ignore[return-value]


class FeedLog:
    """What one session has said, as far as viewers are told.

    Grows as the session's log does, which `max_session_s` bounds; interims take one place a
    channel.
    """

    def __init__(self) -> None:
        self.kept: list[FeedMessage] = []
        self.interims: dict[int, FeedMessage] = {}
        self.last_seq = 0
        self.is_over = False
        self._ended_utterance: dict[int, int] = {}

    def take_logged(self, seq: int, event: KeptEvent | None) -> None:
        """Take the next event of the log, None for an unknown one; what is here is left out."""
        if seq <= self.last_seq:
            return
        self.last_seq = seq
        if not isinstance(event, TOLD):
            return
        self.kept.append(FeedMessage(seq, event))
        if isinstance(event, Closed):
            self.is_over = True
            self.interims.clear()
        else:
            self._end_utterance(event.channel, event.utterance)

    def take_interim(self, seq: int, interim: Interim) -> bool:
        """Take a guess; say whether it is news.

        Interims may overtake the log and come again, so one of an utterance that has ended, or one
        that is here already, is none.
        """
        channel = interim.channel
        is_stale = interim.utterance <= self._ended_utterance.get(channel, -1)
        held = self.interims.get(channel)
        is_known = held is not None and (held.seq, held.event) == (seq, interim)
        if self.is_over or is_stale or is_known:
            return False
        self.interims[channel] = FeedMessage(seq, interim)
        return True

    def _end_utterance(self, channel: int, utterance: int) -> None:
        self._ended_utterance[channel] = max(utterance, self._ended_utterance.get(channel, -1))
        held = self.interims.get(channel)
        if held is None or not isinstance(held.event, Interim):
            return
        if held.event.utterance <= utterance:
            del self.interims[channel]


class ViewerCursor:
    """Where one viewer stands in a feed.

    Args:
        log: What all viewers of the session share.
        after_seq: Number of the last kept message the viewer has seen; 0 for none.
    """

    def __init__(self, log: FeedLog, after_seq: int = 0) -> None:
        self._log = log
        self._place = bisect_right(log.kept, after_seq, key=lambda message: message.seq)
        self._allowed_behind = len(log.kept) - self._place + MAX_BEHIND
        self._shown: dict[int, FeedMessage] = {}

    def next(self) -> FeedMessage | None:
        """Return what the viewer is told next; None when there is nothing now."""
        if self._place < len(self._log.kept):
            message = self._log.kept[self._place]
            self._place += 1
            if self._place == len(self._log.kept):
                self._allowed_behind = MAX_BEHIND
            return message
        for channel, message in self._log.interims.items():
            if self._shown.get(channel) is not message:
                self._shown[channel] = message
                return message
        return None

    @property
    def is_done(self) -> bool:
        """Whether the viewer has heard all there will ever be."""
        return self._log.is_over and self._place == len(self._log.kept)

    @property
    def is_too_slow(self) -> bool:
        """Whether the viewer must be dropped."""
        return len(self._log.kept) - self._place > self._allowed_behind
