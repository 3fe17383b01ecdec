"""What the engine said: words, hypotheses and the signals that tell whether to believe them."""

from dataclasses import dataclass, replace
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class Word:
    """One word as shown, with its place in the session's audio.

    `text` keeps the leading space that the language writes between words, so that joining the
    texts of a hypothesis gives its text back, also in languages without spaces.
    `start_sample` and `end_sample` count 16 kHz samples; `confidence` is 0 to 1.
    """

    text: str
    start_sample: int | None = None
    end_sample: int | None = None
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """The engine's answer to one decode request.

    `words` join to the text. `is_degenerate` marks text that the guards refused (a loop, or
    invention on non-speech): it may be shown to nobody. Probabilities are 0 to 1.
    """

    words: tuple[Word, ...]
    language: str
    language_probability: float = 1.0
    confidence: float = 1.0
    is_degenerate: bool = False

    @property
    def text(self) -> str:
        """The words joined, without space at the ends."""
        return join_words(self.words)


def join_words(words: tuple[Word, ...]) -> str:
    """Return the text of `words`, without space at the ends."""
    return "".join(word.text for word in words).strip()


def begun_after(sample: int, words: tuple[Word, ...]) -> tuple[Word, ...]:
    """Place no word before `sample`: alignment stretches the first ones over the pre-roll."""
    return tuple(
        replace(word, start_sample=max(start, sample), end_sample=max(end, sample))
        if (start := word.start_sample) is not None and (end := word.end_sample) is not None
        else word
        for word in words
    )


def without_times(words: tuple[Word, ...]) -> tuple[Word, ...]:
    """Return the words as they are when nobody asked for times and confidences."""
    return tuple(Word(word.text) for word in words)


@lru_cache(maxsize=16_384)
def letters_of(text: str) -> str:
    """Return what a text says, whatever its case, spaces and punctuation.

    Remembered, because the words of an utterance come again in each of its hypotheses.
    """
    return "".join(char for char in text.casefold() if char.isalnum())
