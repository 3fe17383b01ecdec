"""The speech before an utterance, which its final is decoded together with.

Whisper is more exact on a sentence than on its second half alone. So a final's audio begins with
the last seconds of the finals before it, and their words are given to the decoder as already said.
Only what is published serves: it depends on the audio alone, and a session that goes on elsewhere
knows it too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from streaming.guards import says_phrase_twice
from streaming.options import TARGET_RATE_HZ
from streaming.transcript import Word, letters_of

MAX_GAP_SAMPLES = 3 * TARGET_RATE_HZ
"""Speech after a longer silence stands alone."""

REACH_SAMPLES = 3 * TARGET_RATE_HZ
"""How far context goes back from the end of its last word. More is not better, but dearer
(docs/performance.md)."""

MIN_REPEATED_WORDS = 3
"""So many words that end the context and come soon in the answer are taken for said once."""

MIN_REPEATED_INSIDE_WORDS = 4
"""The same of words anywhere in the context; three are often an echo."""

MIN_REPEATED_INSIDE_LETTERS = 8
"""The same where no spaces are written."""

MAX_WORDS_BEFORE_CONTEXT = 6
"""How much earlier than the context an answer may begin that says it again."""

LEADING_PUNCTUATION = ".,;:!?-"

MAX_SPAN_SAMPLES = 28 * TARGET_RATE_HZ
"""Context and utterance together; a little less than Whisper's window."""


@dataclass(frozen=True, slots=True)
class LeftContext:
    """Timed words of published finals, and where the speech of the last one ended."""

    words: tuple[Word, ...] = ()
    end_sample: int = 0

    def after(self, words: tuple[Word, ...], start_sample: int, end_sample: int) -> "LeftContext":
        """Return the context after one more final, whose speech spans these samples.

        Without word times there is none: where its words are is then not known.
        """
        if any(word.start_sample is None or word.end_sample is None for word in words):
            return LeftContext()
        kept = self.words if self.is_near(start_sample) else ()
        return LeftContext(reaching_back(kept + words, REACH_SAMPLES), end_sample)

    def to_record(self) -> dict[str, Any]:
        """Return what to keep of it, for JSON."""
        words = [(word.text, word.start_sample, word.end_sample) for word in self.words]
        return {"words": words, "end_sample": self.end_sample}

    @classmethod
    def from_record(cls, record: dict[str, Any] | None) -> "LeftContext":
        """Return what `to_record` kept; nothing for a record from before there was any.

        Raises:
            KeyError, TypeError: It is no such record.
        """
        if record is None:
            return cls()
        words = tuple(Word(text, start, end) for text, start, end in record["words"])
        return cls(words, record["end_sample"])

    def is_near(self, start_sample: int) -> bool:
        """Say whether speech that starts here follows closely enough."""
        return follows_closely(start_sample, self.end_sample)

    def needed_from(self, start_sample: int) -> int | None:
        """Return from where audio is needed for speech that starts here or later, if any is."""
        if not self.words or not self.is_near(start_sample):
            return None
        return self.words[0].start_sample

    def before(self, start_sample: int, audio_end_sample: int) -> tuple[Word, ...]:
        """Return the words to decode an utterance with, whose speech and audio are placed so."""
        if not self.words or not self.is_near(start_sample):
            return ()
        since_words = audio_end_sample - (self.words[-1].end_sample or 0)
        return reaching_back(self.words, min(REACH_SAMPLES, MAX_SPAN_SAMPLES - since_words))


NO_CONTEXT = LeftContext()


def follows_closely(start_sample: int, end_sample: int) -> bool:
    """Say whether speech that starts here is decoded together with speech that ended there."""
    return start_sample - end_sample <= MAX_GAP_SAMPLES


def text_after(
    context: str, text: str, *, is_spaced: bool, is_continuation: bool = False
) -> str | None:
    """Return what a decoder that was given `context` says next, or None if not to be believed.

    It may say some of the context once more, or nothing, or go on inside a word; the utterance is
    better decoded alone then. Punctuation of the context's last word is no word of the next.
    `is_spaced` tells whether the language writes spaces between words; where it does not, a phrase
    said twice is not believed either (of others the words' times tell).
    A continuation is in the middle of what somebody says, who may well say four words again ("it
    was the age of"); it is not believed only if it begins so.
    """
    follows = text.lstrip().lstrip(LEADING_PUNCTUATION)
    said = _said(follows, is_spaced=is_spaced)
    if not said or (not is_spaced and says_phrase_twice(said)):
        return None
    num_alike = MIN_REPEATED_INSIDE_WORDS if is_spaced else MIN_REPEATED_INSIDE_LETTERS
    head = said[: num_alike + 1] if is_continuation else said
    if _says_again(_said(context, is_spaced=is_spaced), head, num_alike):
        return None
    is_inside_word = context[-1:].isalnum() and text[:1].isalnum()
    if is_spaced and is_inside_word:
        return None
    return (" " if is_spaced else "") + follows.lstrip()


def _says_again(before: list[str], said: list[str], num_alike: int) -> bool:
    """Say whether words of the context come in the first of the answer, or a bit later.

    Later, because the answer may begin before the context does.
    """
    head = said[: len(before) + MAX_WORDS_BEFORE_CONTEXT]
    num_at_end = min(MIN_REPEATED_WORDS, len(before))
    if tuple(before[-num_at_end:]) in _runs(head, num_at_end):
        return True
    return not _runs(before, num_alike).isdisjoint(_runs(head, num_alike))


def _runs(words: list[str], num: int) -> set[tuple[str, ...]]:
    return {tuple(words[at : at + num]) for at in range(len(words) - num + 1)}


def _said(text: str, *, is_spaced: bool) -> list[str]:
    """Return what a text says, word by word, or by letter where no spaces are written."""
    if not is_spaced:
        return list(letters_of(text))
    return [word for word in map(letters_of, text.split()) if word]


def reaching_back(words: Sequence[Word], reach_samples: int) -> tuple[Word, ...]:
    """Return the last words, those that start at most `reach_samples` before the end of all."""
    if not words:
        return ()
    earliest = (words[-1].end_sample or 0) - reach_samples
    return tuple(word for word in words if (word.start_sample or 0) >= earliest)
