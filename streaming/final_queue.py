"""Finals leave a channel in the order their utterances ended, whatever order the engine answers.

One that follows closely on another is decoded together with its last words (`left_context.py`), so
it is asked for only when that other is out.
"""

from collections import deque
from dataclasses import dataclass

from streaming.events import (
    EndReason,
    Final,
    SilenceReached,
    UtteranceEnded,
    Warned,
    WarningCode,
)
from streaming.language_lock import LanguageLock
from streaming.left_context import NO_CONTEXT, LeftContext, follows_closely
from streaming.speech_gate import MAX_NOTICED_LATE_SAMPLES
from streaming.transcript import Hypothesis, begun_after, without_times
from streaming.utterance import OpenUtterance


@dataclass(slots=True)
class PendingFinal:
    """A closed utterance whose text is not out yet.

    Its speech ended at `end_sample`, its audio at `audio_end_sample`. Without `request_id` it is
    still to be asked for.
    """

    utterance: OpenUtterance
    end_sample: int
    audio_end_sample: int
    reason: EndReason
    request_id: int | None
    hypothesis: Hypothesis | None = None

    @property
    def waiting_ids(self) -> list[int]:
        """The requests that must be answered first: the final's own and checkpoints before it."""
        checkpoints = self.utterance.checkpoints.waiting_ids
        if self.request_id is None or self.hypothesis is not None:
            return checkpoints
        return [self.request_id, *checkpoints]


@dataclass(frozen=True, slots=True)
class Marker:
    """Comes out when every final queued before it is out: an exact flush probe."""

    id: int


FinalOutput = Final | UtteranceEnded | SilenceReached | Warned | Marker


class FinalQueue:
    """Closed utterances and flush markers of one channel.

    Bounded by back-pressure: the shell stops reading a session with too many pending finals.
    """

    def __init__(
        self,
        channel: int,
        language: LanguageLock,
        num_published: int = 0,
        context: LeftContext = NO_CONTEXT,
    ) -> None:
        self._channel = channel
        self._entries: deque[PendingFinal | SilenceReached | Marker] = deque()
        self.language = language
        self.num_published = num_published
        self.context = context
        self.shows_times = True
        """Whether the words of finals have times; they may be there for the context alone."""

    @property
    def num_pending(self) -> int:
        """Closed utterances whose text is not out."""
        if not self._entries:  # Nearly always, and asked after every message.
            return 0
        return sum(isinstance(entry, PendingFinal) for entry in self._entries)

    @property
    def oldest(self) -> OpenUtterance | None:
        """The utterance whose final is next."""
        pending = self._oldest_pending
        return None if pending is None else pending.utterance

    @property
    def _oldest_pending(self) -> PendingFinal | None:
        return next((e for e in self._entries if isinstance(e, PendingFinal)), None)

    @property
    def unasked(self) -> PendingFinal | None:
        """The final that is next, if it is still to be asked for."""
        pending = self._oldest_pending
        return pending if pending is not None and pending.request_id is None else None

    def knows_all_before(self, utterance: OpenUtterance) -> bool:
        """Say whether every final before this utterance is out."""
        return self.oldest is None or self.oldest is utterance

    def must_wait(self, start_sample: int) -> bool:
        """Say whether speech that starts here needs the words of a final that is not out."""
        ends = [e.end_sample for e in self._entries if isinstance(e, PendingFinal)]
        return bool(ends) and follows_closely(start_sample, ends[-1])

    def forget_context(self) -> None:
        """Let nothing said so far be context: what follows is in another language or task."""
        self.context = NO_CONTEXT
        for entry in self._entries:
            if isinstance(entry, PendingFinal):
                entry.utterance.gives_context = False

    def append(self, pending: PendingFinal) -> list[FinalOutput]:
        """Queue a closed utterance; return what may leave now."""
        self._entries.append(pending)
        return self._settle()

    def mark(self, marker_id: int) -> list[FinalOutput]:
        """Queue a marker; return what may leave now."""
        self._entries.append(Marker(marker_id))
        return self._settle()

    def tell(self, silence: SilenceReached) -> list[FinalOutput]:
        """Queue a silence behind the finals of its speech; return what may leave now."""
        self._entries.append(silence)
        return self._settle()

    def is_waiting_for(self, request_id: int) -> bool:
        """Say whether a final needs the answer to this request, its own or a checkpoint's."""
        return self._find(request_id) is not None

    def answer(self, request_id: int, hypothesis: Hypothesis) -> list[FinalOutput]:
        """Take the engine's answer; return what may leave now."""
        entry = self._find(request_id)
        if entry is not None and entry.request_id == request_id:
            entry.hypothesis = hypothesis
        elif entry is not None:
            entry.utterance.take_checkpoint(request_id, hypothesis)
        return self._settle()

    def give_up(self, request_id: int) -> list[FinalOutput]:
        """Publish with the committed words alone what the engine could not decode."""
        entry = self._find(request_id)
        if entry is None:
            return []
        if entry.request_id != request_id:
            entry.utterance.take_checkpoint(request_id, None)
            return self._settle()
        warning = Warned(
            WarningCode.DECODE_FAILED,
            f"utterance {entry.utterance.id} could not be transcribed to its end",
            "its committed words are in the final; send the audio again if you kept it",
        )
        return [warning, *self.answer(request_id, Hypothesis((), self.language.language or "und"))]

    def outstanding_requests(self) -> list[int]:
        """Return the requests that finals wait for."""
        return [
            request_id
            for entry in self._entries
            if isinstance(entry, PendingFinal)
            for request_id in entry.waiting_ids
        ]

    def _find(self, request_id: int) -> PendingFinal | None:
        for entry in self._entries:
            if isinstance(entry, PendingFinal) and request_id in entry.waiting_ids:
                return entry
        return None

    def _settle(self) -> list[FinalOutput]:
        outputs: list[FinalOutput] = []
        while self._entries:
            entry = self._entries[0]
            if isinstance(entry, (Marker, SilenceReached)):
                outputs.append(entry)
            elif entry.hypothesis is not None and not entry.waiting_ids:
                outputs += self._publish(entry, entry.hypothesis)
            else:
                break
            self._entries.popleft()
        return outputs

    def _publish(self, entry: PendingFinal, hypothesis: Hypothesis) -> list[FinalOutput]:
        utterance = entry.utterance
        self.language.observe_final(hypothesis)
        words = utterance.hypotheses.finish(() if hypothesis.is_degenerate else hypothesis.words)
        ended = UtteranceEnded(utterance.id, self._channel, entry.end_sample, entry.reason)
        if not words:
            return [ended]
        start = utterance.start_sample
        words = begun_after(start - MAX_NOTICED_LATE_SAMPLES, words)
        first = words[0].start_sample
        self.num_published += 1
        if utterance.gives_context:
            self.context = self.context.after(words, start, entry.end_sample)
        final = Final(
            utterance=utterance.id,
            channel=self._channel,
            words=words if self.shows_times else without_times(words),
            start_sample=start if first is None else min(first, start),
            end_sample=entry.end_sample,
            language=hypothesis.language,
            confidence=hypothesis.confidence,
        )
        return [final, ended]
