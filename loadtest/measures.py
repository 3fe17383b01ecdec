"""What a viewer of captions notices, computed from a session's events and when they came.

All times are seconds of the event loop's clock; `started_at` is when audio time 0 was spoken, so
a delay is `arrival - (started_at + audio time)`. It means nothing for audio sent faster than
real time. Where speech really began and ended comes from a `SpeechMap`, not from the server.
"""

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from loadtest.speech_map import SpeechMap
from starling_client import Event, Final, Interim, SpeechStarted, UtteranceEnded


@dataclass(frozen=True)
class Seen:
    """An event and when it came."""

    at: float
    event: Event


@dataclass(frozen=True)
class Delay:
    """Something came `delay_s` late, at the instant `at`."""

    at: float
    delay_s: float

    @property
    def since(self) -> float:
        """The instant from which it counts.

        Parts of a run are told apart by this one: else what comes too late for its part, the very
        worst, would not count.
        """
        return self.at - self.delay_s


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


def texts_of(seen: Iterable[Seen], spans_s: Iterable[tuple[float, float]]) -> list[str]:
    """Give each span of the audio the text of the finals whose middle lies in it."""
    said = finals(seen)
    return [
        " ".join(f.text.strip() for f in said if start_s <= (f.start + f.end) / 2 < end_s)
        for start_s, end_s in spans_s
    ]


def final_delays(seen: Sequence[Seen], started_at: float, speech: SpeechMap) -> list[Delay]:
    """From the true end of each utterance's speech to its final text."""
    starts = sorted(e.event.start for e in seen if isinstance(e.event, SpeechStarted))
    delays = []
    for entry in seen:
        if isinstance(entry.event, Final):
            heard = entry.event
            later = next((start for start in starts if start > heard.start + 1e-3), float("inf"))
            end_s = speech.end_s(heard.start, heard.end, max(later, heard.end))
            delays.append(Delay(entry.at, entry.at - started_at - end_s))
    return delays


def first_text_delays(seen: Iterable[Seen], started_at: float, speech: SpeechMap) -> list[Delay]:
    """From the true start of each utterance's speech to the first text shown for it."""
    waiting: dict[int, float] = {}
    delays: list[Delay] = []
    last_end_s = 0.0
    for entry in seen:
        match entry.event:
            case SpeechStarted(utterance=utterance, start=start):
                waiting[utterance] = speech.onset_s(start, last_end_s)
            case Interim(utterance=utterance, text=text) | Final(utterance=utterance, text=text):
                if text.strip() and utterance in waiting:
                    onset_s = waiting.pop(utterance)
                    delays.append(Delay(entry.at, entry.at - started_at - onset_s))
            case UtteranceEnded(end=end):
                last_end_s = end
    return delays


def interim_ages(seen: Iterable[Seen], started_at: float) -> list[Delay]:
    """How old the newest audio behind each interim was when it came."""
    return [
        Delay(entry.at, entry.at - started_at - entry.event.end)
        for entry in seen
        if isinstance(entry.event, Interim)
    ]


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
        revised += len(before) - len(kept_words(before, words))
        shown[entry.event.utterance] = words
        if isinstance(entry.event, Final):
            num_final_words += len(words)
    return Revisions(revised, num_final_words)


def count_broken_commitments(seen: Iterable[Seen]) -> int:
    """Count texts that do not begin with what their utterance had committed before, to the letter.

    An utterance that ends without a final breaks one too, when it had committed words.
    """
    committed: dict[int, str] = {}
    broken = 0
    for entry in seen:
        match entry.event:
            case Interim(utterance=utterance, committed=text):
                broken += not text.startswith(committed.get(utterance, ""))
                committed[utterance] = text
            case Final(utterance=utterance, text=text):
                broken += not text.strip().startswith(committed.pop(utterance, "").strip())
            case UtteranceEnded(utterance=utterance):
                broken += bool(committed.pop(utterance, "").strip())
    return broken


def num_unanswered(seen: Iterable[Seen]) -> int:
    """Count utterances that began and never ended: their finals are lost."""
    is_open: set[int] = set()
    for entry in seen:
        if isinstance(entry.event, SpeechStarted):
            is_open.add(entry.event.utterance)
        elif isinstance(entry.event, UtteranceEnded):
            is_open.discard(entry.event.utterance)
    return len(is_open)


def percentile(values: Sequence[float], share: float) -> float | None:
    """Find the smallest value that `share` of all values do not exceed; None without values."""
    if not values:
        return None
    ordered = sorted(values)
    index = max(0, -(-len(ordered) * share // 1) - 1)
    return ordered[int(index)]


def is_out_of_order(seen: Sequence[Seen]) -> bool:
    """Tell whether message numbers ever fell; they may jump where a newer interim replaced one."""
    numbers = [entry.event.seq for entry in seen]
    return any(later <= earlier for earlier, later in zip([1, *numbers], numbers, strict=False))


def words_of(text: str) -> list[str]:
    """Split a text into words without case and punctuation."""
    return [word for token in text.casefold().split() if (word := re.sub(r"\W", "", token))]


def kept_words(before: Sequence[str], after: Sequence[str]) -> list[tuple[int, int]]:
    """Pair the places of words that stand in both, in order."""
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    return [
        (block.a + offset, block.b + offset)
        for block in matcher.get_matching_blocks()
        for offset in range(block.size)
    ]
