"""One request on its way through a batch: what the decoder said, and what is made of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import exp

from server.engine.words import (
    UNSPACED_LANGUAGES,
    TimedPiece,
    plain_words,
    timed_words,
    writes_phrase_twice,
)
from streaming.effects import DecodeRequest
from streaming.guards import (
    MIN_AVG_LOGPROB_OF_LOOP,
    DecodeSignals,
    Verdict,
    judge,
    judge_continuation,
    judge_retry,
    says_phrase_twice,
    without_loop,
)
from streaming.left_context import text_after
from streaming.transcript import Hypothesis, Word, begun_after, letters_of


@dataclass(slots=True)
class Row:
    """One request on its way through a batch."""

    request: DecodeRequest
    language: str
    language_probability: float = 1.0
    context_tokens: list[int] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)
    """Of the text that follows the context."""

    text: str = ""
    goes_on: bool = True
    """Whether the text can be what follows the context."""

    avg_logprob: float = 0.0
    no_speech_probability: float = 0.0
    has_hit_token_cap: bool = False
    heard_samples: int = 0
    has_cut_loop: bool = False
    """Whether a phrase was said again and again, of which two times are left."""

    def take_tokens(self, tokens: Sequence[int], to_text: Callable[[Sequence[int]], str]) -> None:
        """Note what was decoded after the context.

        Of a loop two times are left where the alignment can tell that one of them was not said:
        what was said once is seldom worse than what a retry makes of it, and is there.
        """
        self.tokens, text = list(tokens), to_text(tokens)
        shorter = without_loop(tokens)
        if self._may_say_twice and not self.request.is_retry and len(shorter) < len(tokens):
            phrase_twice = to_text(shorter)
            if writes_phrase_twice(phrase_twice):
                self.tokens, text, self.has_cut_loop = list(shorter), phrase_twice, True
        self.take_text(text)

    def take_text(self, text: str) -> None:
        """Note the text that was decoded after the context."""
        self.text = text
        if self.request.context:
            following = text_after(
                self.request.context_text,
                text,
                is_spaced=self._is_spaced,
                is_continuation=bool(self.request.said),
            )
            self.text, self.goes_on = following or "", following is not None

    def _verdict_on(self, text: str) -> Verdict:
        """Say whether to believe a text that was decoded like this."""
        signals = DecodeSignals(
            text, self.avg_logprob, self.no_speech_probability, self.has_hit_token_cap
        )
        if self.request.context:
            rule = judge if self.request.whole is None else judge_continuation
            is_sure = self.goes_on and rule(signals) is Verdict.ACCEPT
            verdict = Verdict.ACCEPT if is_sure else Verdict.RETRY
        else:
            verdict = judge_retry(signals) if self.request.is_retry else judge(signals)
        is_unsure_loop = self.has_cut_loop and self.avg_logprob < MIN_AVG_LOGPROB_OF_LOOP
        return Verdict.RETRY if verdict is Verdict.ACCEPT and is_unsure_loop else verdict

    @property
    def needs_times(self) -> bool:
        """Whether its words are aligned: if asked for, and if the text may say words too often.

        One that is nothing but a phrase said twice may be believed once it is said once; one that
        was said again and again may not, which is what Whisper writes for many voices.
        """
        is_twice = self._may_say_twice and writes_phrase_twice(self.text)
        if not self.tokens or not (is_twice or self.request.has_times):
            return False
        words = self.text.casefold().split()
        is_nothing_else = is_twice and words[: len(words) // 2] == words[len(words) // 2 :]
        return (is_nothing_else and not self.has_cut_loop) or self._verdict_on(
            self.text
        ) is Verdict.ACCEPT

    @property
    def _may_say_twice(self) -> bool:
        """Whether what is said twice is aligned, to tell whether it was."""
        return self.request.purpose.has_beam and self._is_spaced

    @property
    def _is_spaced(self) -> bool:
        return self.language not in UNSPACED_LANGUAGES

    def hypothesis(self, pieces: Sequence[TimedPiece] | None) -> Hypothesis | None:
        """Return the answer, its words by their aligned pieces; None to decode the row again."""
        request, words = self.request, self._words(pieces)
        verdict = self._verdict_on("".join(word.text for word in words) if pieces else self.text)
        if verdict is Verdict.ACCEPT and self._repeats(words):
            verdict = Verdict.RETRY
        is_worth_more = request.purpose.has_beam if request.context else request.purpose.is_for_good
        if verdict is Verdict.RETRY and is_worth_more:
            return None
        # What a final has so far stays, whatever the rest of its speech is taken for.
        kept = request.said if request.purpose.is_for_good else ()
        is_degenerate = verdict is not Verdict.ACCEPT
        return Hypothesis(
            words=kept if is_degenerate else _following(request.said, words),
            language=self.language,
            language_probability=self.language_probability,
            confidence=self._confidence(len(words)),
            is_degenerate=is_degenerate and not kept,
        )

    def _repeats(self, words: Sequence[Word]) -> bool:
        """Say whether a phrase is said twice, and not only written, by a loop or after context.

        That happens where context led the decoder astray; alone it is believed.
        """
        if self.has_cut_loop:
            return writes_phrase_twice("".join(word.text for word in words))
        if not self.request.context or not self._is_spaced:
            return False
        return says_phrase_twice([letters_of(word.text) for word in words])

    def _words(self, pieces: Sequence[TimedPiece] | None) -> tuple[Word, ...]:
        request = self.request
        if pieces is None:
            return plain_words(self.text, self.language)
        start_sample = request.start_sample + request.num_context_samples
        words = timed_words(self.text, self.language, pieces, (start_sample, request.end_sample))
        return words if request.has_times else tuple(Word(word.text) for word in words)

    def _confidence(self, num_words: int) -> float:
        """Return the mean confidence in the words decoded and those said before, by number."""
        confidence = exp(min(0.0, self.avg_logprob))
        said = [word.confidence for word in self.request.said if word.confidence is not None]
        if not said:
            return confidence
        return (sum(said) + confidence * num_words) / (len(said) + num_words)


def _following(said: tuple[Word, ...], words: tuple[Word, ...]) -> tuple[Word, ...]:
    """Return all words, none of the new ones placed before the end of the last one said.

    The alignment may stretch that one past the timestamp at which the next decode began.
    """
    said_end = said[-1].end_sample if said else None
    return said + (words if said_end is None else begun_after(said_end, words))
