"""Which language a session speaks, when the client did not say.

Detection on a few seconds flips between neighbours, so the first final that is sure decides for
the rest of the session; until then every decode detects for itself.
"""

from streaming.options import AUTO_LANGUAGE
from streaming.transcript import Hypothesis

LOCK_PROBABILITY = 0.6


class LanguageLock:
    """The language to decode in; None while it must be detected."""

    def __init__(self, requested: str, locked: str | None = None) -> None:
        self.language: str | None = locked if requested == AUTO_LANGUAGE else requested

    def observe_final(self, hypothesis: Hypothesis) -> None:
        """Lock on a final that has words and a sure language."""
        if (
            self.language is None
            and hypothesis.words
            and hypothesis.language_probability >= LOCK_PROBABILITY
        ):
            self.language = hypothesis.language
