"""An open utterance: its place in the audio, its speech, its decodes."""

from dataclasses import dataclass, field, replace

from streaming.agreement import HypothesisBuffer
from streaming.checkpoints import Checkpoints
from streaming.effects import Purpose
from streaming.snapshot import ChannelPoint, OpenPoint
from streaming.speech_gate import WINDOW_SAMPLES
from streaming.transcript import Hypothesis, Word


@dataclass(frozen=True, slots=True)
class SpanDecode:
    """A decode of this utterance's audio up to `end_sample`, asked for or answered."""

    request_id: int
    purpose: Purpose
    end_sample: int
    hypothesis: Hypothesis | None = None


@dataclass(slots=True)
class OpenUtterance:
    """Speech from its start to now.

    `audio_start_sample` includes the pre-roll; `speech_flags` holds one entry a window from
    `first_window` on. `point` is where the channel would go on to live through it again. Its words
    give no context to what follows (`gives_context`) where language or task changed meanwhile.
    """

    id: int
    start_sample: int
    audio_start_sample: int
    first_window: int
    last_speech_end_sample: int
    speech_flags: list[bool] = field(default_factory=list)
    hypotheses: HypothesisBuffer = field(default_factory=HypothesisBuffer)
    outstanding: SpanDecode | None = None
    withdrawn: SpanDecode | None = None
    """The decode that was outstanding before; it may have begun, and be answered yet."""

    answered: SpanDecode | None = None
    decoded_to_sample: int = 0
    ahead_to_sample: int = 0
    heard_to_sample: int = 0
    """Up to where words have been taken from answers."""

    heard_in_pause: tuple[Word, ...] = ()
    """All words up to the last pause that was decoded."""

    point: ChannelPoint | None = None
    gives_context: bool = True
    checkpoints: Checkpoints = field(init=False)
    _committed_by: list[tuple[int, tuple[Word, ...]]] = field(init=False, default_factory=list)
    scored_end_sample: int = field(init=False)
    """End of the last scored window."""

    @classmethod
    def opened(
        cls, utterance_id: int, opened: OpenPoint, point: ChannelPoint | None
    ) -> "OpenUtterance":
        """Return an utterance as it is when it opens."""
        flags = list(opened.speech_flags)
        last_speech_window = max(i for i, is_speech in enumerate(flags) if is_speech)
        return cls(
            id=utterance_id,
            start_sample=opened.start_sample,
            audio_start_sample=opened.audio_start_sample,
            first_window=opened.first_window,
            last_speech_end_sample=(opened.first_window + last_speech_window + 1) * WINDOW_SAMPLES,
            speech_flags=flags,
            point=point,
        )

    def at_opening(self) -> OpenPoint:
        """Return what to keep of it; to be called when it has just opened."""
        return OpenPoint(
            self.start_sample,
            self.audio_start_sample,
            self.first_window,
            tuple(self.speech_flags),
        )

    def __post_init__(self) -> None:
        """Count checkpoints from the first sample that is decoded."""
        self.checkpoints = Checkpoints(self.audio_start_sample)
        self.scored_end_sample = (self.first_window + len(self.speech_flags)) * WINDOW_SAMPLES

    def withdraw(self) -> SpanDecode | None:
        """Need the outstanding decode, which is returned, no longer."""
        asked, self.outstanding = self.outstanding, None
        self.withdrawn = asked or self.withdrawn
        return asked

    def take_hypothesis(self, request_id: int, hypothesis: Hypothesis | None) -> int | None:
        """Apply the answer to the outstanding decode, or the one before; None for a failure.

        Returns up to where it is to be shown.
        """
        asked = self._answered(request_id, hypothesis)
        if asked is None or hypothesis is None:
            return None
        if not hypothesis.words or hypothesis.is_degenerate:
            return None
        self.heard_to_sample = max(self.heard_to_sample, asked.end_sample)
        is_whole = asked.purpose is Purpose.FINAL
        if is_whole:
            self.heard_in_pause = hypothesis.words
        has_news = self.hypotheses.update(hypothesis.words, is_whole=is_whole)
        return asked.end_sample if has_news else None

    def _answered(self, request_id: int, hypothesis: Hypothesis | None) -> SpanDecode | None:
        """Return the decode whose answer this is, if it heard more than those before."""
        asked = self.outstanding
        if asked is not None and asked.request_id == request_id:
            self.outstanding = None
            if hypothesis is not None:
                self.answered = replace(asked, hypothesis=hypothesis)
            return asked
        asked = self.withdrawn
        if asked is None or asked.request_id != request_id:
            return None
        self.withdrawn = None
        return asked if asked.end_sample > self.heard_to_sample else None

    @property
    def unheard_samples(self) -> int:
        """How much of its speech follows what a final could go on from."""
        last_words = (*self.hypotheses.committed[-1:], *self.heard_in_pause[-1:])
        heard_ends = [word.end_sample or 0 for word in last_words]
        return self.last_speech_end_sample - max([self.audio_start_sample, *heard_ends])

    def commit_pause(self) -> None:
        """Commit what was heard up to the last pause that was decoded."""
        self.hypotheses.commit_heard(self.heard_in_pause)

    def take_checkpoint(self, request_id: int, hypothesis: Hypothesis | None) -> int | None:
        """Apply a checkpoint's answer, None for a failure; return up to where it is to be shown."""
        shown_to = None
        for checkpoint in self.checkpoints.answer(request_id, hypothesis):
            has_news = self.hypotheses.commit(checkpoint.words, checkpoint.sure_until_sample)
            shown_to = checkpoint.end_sample if has_news else None
            if checkpoint.words:
                self.heard_to_sample = max(self.heard_to_sample, checkpoint.end_sample)
            self._committed_by.append((checkpoint.end_sample, self.hypotheses.committed))
        return shown_to

    def committed_by(self, end_sample: int) -> tuple[Word, ...]:
        """Return the words that the checkpoints up to here have committed."""
        known = (words for end, words in reversed(self._committed_by) if end <= end_sample)
        return next(known, ())

    def push_window(self, *, is_speech: bool) -> None:
        """Note whether the next window is speech."""
        self.speech_flags.append(is_speech)
        self.scored_end_sample += WINDOW_SAMPLES
        if is_speech:
            self.last_speech_end_sample = self.scored_end_sample

    def speech_after(self, sample: int) -> list[int]:
        """Return the numbers of the speech windows that end after `sample`."""
        return [
            window
            for window, is_speech in enumerate(self.speech_flags, start=self.first_window)
            if is_speech and (window + 1) * WINDOW_SAMPLES > sample
        ]
