"""Word error rate as the Whisper paper counts it.

Both sides go through Whisper's normaliser: the English one for English, the basic one otherwise;
Chinese, Japanese and Korean are split into characters, so their rate is a character error rate.
Rates are micro-averaged: all errors over all reference words.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

_CHARACTER_LANGUAGES = frozenset({"zh", "ja", "ko"})


class ScoringUnavailableError(Exception):
    """The packages that count errors are not installed."""


@dataclass(frozen=True)
class Tally:
    """Errors against a number of reference words, and the hypothesis's words."""

    errors: int = 0
    reference_words: int = 0
    num_files: int = 0

    def __add__(self, other: "Tally") -> "Tally":
        """Pool two tallies."""
        return Tally(
            self.errors + other.errors,
            self.reference_words + other.reference_words,
            self.num_files + other.num_files,
        )

    @property
    def rate(self) -> float | None:
        """Errors for each reference word; None without any."""
        return self.errors / self.reference_words if self.reference_words else None


def unit(language: str) -> str:
    """Name what is counted in this language: `WER` or `CER`."""
    return "CER" if language in _CHARACTER_LANGUAGES else "WER"


def tally(reference: str, hypothesis: str, language: str) -> Tally:
    """Count the errors of one file.

    Raises `ScoringUnavailableError` when jiwer or whisper-normalizer is missing.
    """
    import_scorers()
    import jiwer  # noqa: PLC0415 - in the optional `eval` group

    normalise = _normaliser(language)
    expected, got = normalise(reference), normalise(hypothesis)
    if not expected.strip():
        return Tally(len(got.split()), 0, 1)
    found = jiwer.process_words(expected, got)
    errors = found.substitutions + found.deletions + found.insertions
    return Tally(errors, found.substitutions + found.deletions + found.hits, 1)


def character_tally(reference: str, hypothesis: str, language: str) -> Tally:
    """Count the wrong letters of one file, spaces not among them; else as `tally`."""
    import_scorers()
    import jiwer  # noqa: PLC0415 - in the optional `eval` group

    normalise = _normaliser(language)
    expected, got = (normalise(text).replace(" ", "") for text in (reference, hypothesis))
    if not expected:
        return Tally(len(got), 0, 1)
    found = jiwer.process_characters(expected, got)
    errors = found.substitutions + found.deletions + found.insertions
    return Tally(errors, found.substitutions + found.deletions + found.hits, 1)


def normalised(text: str, language: str) -> str:
    """Put a text in the form in which it is compared."""
    return _normaliser(language)(text)


def import_scorers() -> None:
    """Load the packages that count errors; raises `ScoringUnavailableError` when one is missing."""
    try:
        import jiwer  # noqa: F401, PLC0415 - in the optional `eval` group
        import whisper_normalizer  # noqa: F401, PLC0415
    except ImportError as error:
        raise ScoringUnavailableError(str(error)) from error


@cache
def _normaliser(language: str) -> Callable[[str], str]:
    from whisper_normalizer.basic import BasicTextNormalizer  # noqa: PLC0415
    from whisper_normalizer.english import EnglishTextNormalizer  # noqa: PLC0415

    if language == "en":
        return EnglishTextNormalizer()  # type: ignore[no-any-return]
    return BasicTextNormalizer(  # type: ignore[no-any-return]
        split_letters=language in _CHARACTER_LANGUAGES
    )
