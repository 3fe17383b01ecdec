"""What a viewer of captions notices, computed from a session's events and when they came.

All times are seconds of the event loop's clock; `started_at` is when audio time 0 was spoken, so
a delay is `arrival - (started_at + audio time)`. It means nothing for audio sent faster than
real time.
"""

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from starling_client import Event, Final, Interim, SpeechStarted


@dataclass(frozen=True)
class Seen:
    """An event and when it came."""

    at: float
    event: Event


@dataclass(frozen=True)
class Revisions:
    """How often shown words were taken back."""

    revised_words: int = 0
    final_words: int = 0

    def __add__(self, other: "Revisions") -> "Revisions":
        """Pool two counts."""
        return Revisions(
            self.revised_words + other.revised_words, self.final_words + other.final_words
        )

    @property
    def rate(self) -> float | None:
        """Revised words for each word of the finals; None without any."""
        return self.revised_words / self.final_words if self.final_words else None


def finals(seen: Iterable[Seen]) -> list[Final]:
    """Pick the finals, in order of arrival."""
    return [entry.event for entry in seen if isinstance(entry.event, Final)]


def final_latencies_s(seen: Iterable[Seen], started_at: float) -> list[float]:
    """From the end of each utterance's speech to its final text."""
    return [
        entry.at - started_at - entry.event.end for entry in seen if isinstance(entry.event, Final)
    ]


def first_text_delays_s(seen: Iterable[Seen], started_at: float) -> list[float]:
    """From the start of each utterance's speech to the first text shown for it."""
    waiting: dict[int, float] = {}
    delays: list[float] = []
    for entry in seen:
        match entry.event:
            case SpeechStarted(utterance=utterance, start=start):
                waiting[utterance] = start
            case Interim(utterance=utterance, text=text) | Final(utterance=utterance, text=text):
                if text.strip() and utterance in waiting:
                    delays.append(entry.at - started_at - waiting.pop(utterance))
    return delays


def count_revisions(seen: Iterable[Seen]) -> Revisions:
    """Count shown words that the next text of the same utterance changed or took back.

    Case and punctuation do not count: nobody has to read a word again because of a comma.
    """
    shown: dict[int, list[str]] = {}
    revised = num_final_words = 0
    for entry in seen:
        if not isinstance(entry.event, Interim | Final):
            continue
        words = words_of(entry.event.text)
        before = shown.get(entry.event.utterance, [])
        revised += len(before) - _num_kept(before, words)
        shown[entry.event.utterance] = words
        if isinstance(entry.event, Final):
            num_final_words += len(words)
    return Revisions(revised, num_final_words)


def percentile(values: Sequence[float], share: float) -> float | None:
    """Find the smallest value that `share` of all values do not exceed; None without values."""
    if not values:
        return None
    ordered = sorted(values)
    index = max(0, -(-len(ordered) * share // 1) - 1)
    return ordered[int(index)]


def has_sequence_gap(seen: Sequence[Seen]) -> bool:
    """Tell whether a server message is missing; `ready`, which is not among them, was number 1."""
    return [entry.event.seq for entry in seen] != list(range(2, len(seen) + 2))


def words_of(text: str) -> list[str]:
    """Split a text into words without case and punctuation."""
    return [word for token in text.casefold().split() if (word := re.sub(r"\W", "", token))]


def _num_kept(before: Sequence[str], after: Sequence[str]) -> int:
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    return sum(block.size for block in matcher.get_matching_blocks())
