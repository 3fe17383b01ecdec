"""Cuts a transcript with word times into passages: a sentence or so each, short enough to read."""

from collections.abc import Sequence
from dataclasses import dataclass

from streaming.options import TARGET_RATE_HZ
from streaming.transcript import Word, join_words

MAX_PASSAGE_SAMPLES = 7 * TARGET_RATE_HZ
MAX_PASSAGE_CHARS = 84
"""Two lines of a subtitle."""

PAUSE_SAMPLES = TARGET_RATE_HZ
_SENTENCE_ENDS = (".", "?", "!", "\N{IDEOGRAPHIC FULL STOP}", "\N{FULLWIDTH QUESTION MARK}")
_ABBREVIATION_LETTERS = 4
"""As in "Mr." or "Mrs.": a capital word so short with a full stop need not end a sentence."""


@dataclass(frozen=True, slots=True)
class Passage:
    """Words that belong together; at least one."""

    words: tuple[Word, ...]

    @property
    def text(self) -> str:
        """The passage's text, without space at the ends."""
        return join_words(self.words)

    @property
    def start_sample(self) -> int:
        """Where its first word starts."""
        return self.words[0].start_sample or 0

    @property
    def end_sample(self) -> int:
        """Where its last word ends."""
        return self.words[-1].end_sample or 0


def passages(words: Sequence[Word]) -> list[Passage]:
    """Return the passages of timed words, in order; together they hold every word once."""
    found: list[Passage] = []
    group: list[Word] = []
    for word in words:
        if group and _is_over(group, word):
            found.append(Passage(tuple(group)))
            group = []
        group.append(word)
    return [*found, Passage(tuple(group))] if group else found


def _is_over(group: list[Word], following: Word) -> bool:
    last = group[-1]
    if (following.start_sample or 0) - (last.end_sample or 0) >= PAUSE_SAMPLES:
        return True
    if (following.end_sample or 0) - (group[0].start_sample or 0) > MAX_PASSAGE_SAMPLES:
        return True
    if len(join_words((*group, following))) > MAX_PASSAGE_CHARS:
        return True
    return ends_sentence(last.text.strip())


def ends_sentence(text: str) -> bool:
    """Say whether a sentence ends with this word."""
    is_abbreviation = (
        text.endswith(".") and len(text) <= _ABBREVIATION_LETTERS and text[0].isupper()
    )
    return text.endswith(_SENTENCE_ENDS) and not is_abbreviation
