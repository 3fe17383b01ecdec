"""What a session asks of the shell; the shell performs each effect and reports back.

`ScoreSpeech` is answered by `Session.on_scores`, `Decode` by `Session.on_decoded` or
`Session.on_decode_failed`. An answer to an unknown request is ignored.
"""

from dataclasses import dataclass, replace
from enum import IntEnum

from streaming.events import Samples, ServerEvent
from streaming.options import Task
from streaming.transcript import Word


class Purpose(IntEnum):
    """What a decode is for; all but interims must be answered."""

    FINAL = 0
    CHECKPOINT = 1
    INTERIM = 2
    FILE = 3

    @property
    def is_for_good(self) -> bool:
        """Whether the answer is text for good, worth a second try."""
        return self in (Purpose.FINAL, Purpose.FILE)

    @property
    def has_beam(self) -> bool:
        """Whether it is decoded with a beam: what stays, and what commits words."""
        return self is not Purpose.INTERIM


@dataclass(frozen=True, slots=True)
class DecodeRequest:
    """One span of speech for the engine.

    `id` is unique within the session. `language` None means detect. `start_sample` places the
    first sample of `audio` in the session, for word times, which a client wants (`words`) or later
    decodes, to begin at them (`gives_context`). `is_retry` marks the one repetition of
    a degenerate decode; `is_cheap` a final that an overloaded server decodes with less care.
    The first `num_context_samples` of `audio` are speech from before, in which the words of
    `context` were said; only what follows them is decoded. The answer begins with the words in
    `said`, committed words of the utterance that are not decoded again; should they not fit,
    `whole` is to be decoded instead. An answer `slack_s` seconds later is still early: of those
    asked for at once the one with the least goes first.
    """

    id: int
    purpose: Purpose
    audio: Samples
    start_sample: int
    language: str | None
    task: Task
    words: bool
    prompt: str
    keyterms: tuple[str, ...]
    is_retry: bool = False
    is_cheap: bool = False
    context: tuple[Word, ...] = ()
    num_context_samples: int = 0
    said: tuple[Word, ...] = ()
    whole: "DecodeRequest | None" = None
    slack_s: float = 0.0
    gives_context: bool = False

    @property
    def has_times(self) -> bool:
        """Whether its words are given times."""
        return self.words or self.gives_context

    @property
    def end_sample(self) -> int:
        """Where its audio ends in the session."""
        return self.start_sample + len(self.audio)

    @property
    def context_text(self) -> str:
        """What was said before, as the decoder is given it."""
        return "".join(word.text for word in self.context)

    @property
    def num_own_samples(self) -> int:
        """How much of the audio is to be transcribed."""
        return len(self.audio) - self.num_context_samples

    def without_context(self) -> "DecodeRequest":
        """Return the request for the same speech, alone, or from the utterance's start."""
        if self.whole is not None:
            return self.whole
        return replace(
            self,
            audio=self.audio[self.num_context_samples :],
            start_sample=self.start_sample + self.num_context_samples,
            context=(),
            num_context_samples=0,
        )

    def with_context_within(self, num_samples: int) -> "DecodeRequest":
        """Return the request with so much of its context that all its audio is no longer."""
        earliest = self.end_sample - num_samples
        kept = tuple(word for word in self.context if (word.start_sample or 0) >= earliest)
        if not kept:
            return self.without_context()
        num_dropped = (kept[0].start_sample or 0) - self.start_sample
        return replace(
            self,
            audio=self.audio[num_dropped:],
            start_sample=self.start_sample + num_dropped,
            context=kept,
            num_context_samples=self.num_context_samples - num_dropped,
        )


@dataclass(frozen=True, slots=True)
class Emit:
    """Send this to the client as message number `seq`."""

    seq: int
    event: ServerEvent


@dataclass(frozen=True, slots=True)
class ScoreSpeech:
    """Score these samples for speech: whole windows of 512, following on from the last ones."""

    channel: int
    audio: Samples


@dataclass(frozen=True, slots=True)
class Decode:
    """Transcribe this."""

    request: DecodeRequest


@dataclass(frozen=True, slots=True)
class WithdrawDecode:
    """The answer is no longer needed: drop the request if it has not begun.

    One that has begun may be answered: what was heard is shown if nothing newer is.
    """

    request_id: int


@dataclass(frozen=True, slots=True)
class Close:
    """Everything is said; close the connection."""


Effect = Emit | ScoreSpeech | Decode | WithdrawDecode | Close
