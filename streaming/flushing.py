"""Finalize and stop: which audio must be in finals before they are answered.

A flush holds the position up to which audio had arrived when it was asked for. Each channel ends
its utterance there as soon as it is scored that far, and then passes a marker behind its finals;
when the markers of all channels are through, the flush is done.
"""

from dataclasses import dataclass
from itertools import count

from streaming.events import EndReason
from streaming.speech_gate import WINDOW_SAMPLES


@dataclass(slots=True)
class Flush:
    """One finalize or stop, and the channels that have yet to reach it and to pass it."""

    marker_id: int
    at_sample: int
    reason: EndReason
    client_id: str | None
    channels_to_end: set[int]
    channels_to_pass: set[int]

    @property
    def whole_windows_end(self) -> int:
        """How far scoring must have come: a stop completes its last window with silence."""
        rounding = WINDOW_SAMPLES - 1 if self.reason is EndReason.STOP else 0
        return (self.at_sample + rounding) // WINDOW_SAMPLES * WINDOW_SAMPLES


MAX_FLUSHES = 16


class FlushQueue:
    """The flushes of a session that are not done.

    Bounded: a session with `MAX_FLUSHES` of them counts as congested, and is not read further.
    """

    def __init__(self, num_channels: int) -> None:
        self._num_channels = num_channels
        self._flushes: list[Flush] = []
        self._marker_ids = count(1)

    @property
    def is_empty(self) -> bool:
        """Whether all are done."""
        return not self._flushes

    @property
    def is_full(self) -> bool:
        """Whether the client should wait before it asks again."""
        return len(self._flushes) >= MAX_FLUSHES

    def add(self, at_sample: int, reason: EndReason, client_id: str | None) -> None:
        """Queue a flush of everything before `at_sample`."""
        channels = range(self._num_channels)
        flush = Flush(
            next(self._marker_ids), at_sample, reason, client_id, set(channels), set(channels)
        )
        self._flushes.append(flush)

    def windows_to_score(self, channel: int, scored_end_sample: int, most: int) -> int:
        """Return how many windows may be scored at once: none past a flush not yet reached."""
        if not self._flushes:  # Nearly always, and asked after every message.
            return most
        ends = [f.whole_windows_end for f in self._flushes if channel in f.channels_to_end]
        return min([most, *((end - scored_end_sample) // WINDOW_SAMPLES for end in ends)])

    def reach(self, channel: int, scored_end_sample: int) -> list[Flush]:
        """Return the flushes that this channel has now been scored up to, each once."""
        if not self._flushes:
            return []
        reached = [
            flush
            for flush in self._flushes
            if channel in flush.channels_to_end and scored_end_sample >= flush.whole_windows_end
        ]
        for flush in reached:
            flush.channels_to_end.discard(channel)
        return reached

    def pass_marker(self, channel: int, marker_id: int) -> Flush | None:
        """Take a marker that came out of a channel; return its flush when it was the last."""
        flush = next(f for f in self._flushes if f.marker_id == marker_id)
        flush.channels_to_pass.discard(channel)
        if flush.channels_to_pass:
            return None
        self._flushes.remove(flush)
        return flush
