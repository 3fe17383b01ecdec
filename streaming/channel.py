"""One channel: scored windows in, utterances with interims and finals out.

States, in the order a window can move them:

    idle --3 windows of speech--> open --endpoint rule, finalize, stop--> idle
                                  open --max duration--> open (a new utterance from the cut on)

Every decision uses the position that was *scored*, never what was received or when an answer came,
so finals cover the same samples for any split of the stream. As soon as `TAIL_SAMPLES` of silence
follow speech the final's span is known, and it is decoded at once: when the endpoint fires the
answer is usually there. If speech resumes instead, that answer serves as an interim.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from streaming.decode_desk import DecodeDesk
from streaming.effects import DecodeRequest, WithdrawDecode
from streaming.endpointing import (
    CUT_SEARCH_S,
    endpoint_reason,
    endpoint_rules,
    quietest_sample,
)
from streaming.events import EndReason, Interim, Samples, SilenceReached, SpeechStarted
from streaming.final_queue import FinalOutput, FinalQueue, PendingFinal
from streaming.heard_audio import HeardAudio, MemoryAfter
from streaming.language_lock import LanguageLock
from streaming.options import TARGET_RATE_HZ, SessionOptions
from streaming.overload import Load
from streaming.request_builder import RequestBuilder
from streaming.silence_watch import SilenceWatch
from streaming.snapshot import FRESH, ChannelPoint, ChannelSnapshot, OpenPoint
from streaming.speech_gate import WINDOW_SAMPLES, SpeechPolicy
from streaming.transcript import Hypothesis, without_times
from streaming.utterance import OpenUtterance

PREROLL_SAMPLES = 28 * WINDOW_SAMPLES
"""Kept from before speech was noticed: soft first words score low."""

TAIL_SAMPLES = 7 * WINDOW_SAMPLES
"""Kept after the last speech: less cuts final consonants, more invites invented words."""

MAX_START_LAG_SAMPLES = 4 * WINDOW_SAMPLES
"""An utterance that opens now began no longer ago."""

IDLE_KEEP_SAMPLES = PREROLL_SAMPLES + MAX_START_LAG_SAMPLES

ChannelOutput = FinalOutput | SpeechStarted | Interim | DecodeRequest | WithdrawDecode


@dataclass(frozen=True, slots=True)
class ChannelIdentity:
    """Which channel this is, of how many, and where its request numbers come from."""

    channel: int
    num_channels: int
    next_request_id: Callable[[], int]


class ChannelTranscriber:
    """The state of one channel. Methods return what the session must pass on, in order."""

    def __init__(
        self,
        identity: ChannelIdentity,
        options: SessionOptions,
        speech: SpeechPolicy,
        resumed: ChannelSnapshot = FRESH,
        start_sample: int = 0,
    ) -> None:
        point = resumed.point
        self._identity = identity
        self._heard = HeardAudio(speech, point, start_sample)
        self._speech = speech
        self._open: OpenUtterance | None = None
        self._used_to_sample = point.used_to_sample
        self._flushed_to_sample = point.flushed_to_sample
        self._num_utterances = point.num_utterances
        self.speech_samples = point.speech_samples
        self._options = options
        language = LanguageLock(options.language, resumed.language)
        self._finals = FinalQueue(identity.channel, language, resumed.num_finals, resumed.context)
        if point.opened is not None:
            self._open = self._utterance(point.opened, point)
        self._builder = RequestBuilder(
            identity.next_request_id, self._heard.buffer, self._finals, options
        )
        self._desk = DecodeDesk(self._builder, self._finals)
        self._silence = SilenceWatch()
        self._apply_endpointing()

    def set_options(self, options: SessionOptions) -> None:
        """Use these options from now on."""
        before = self._options
        if options.language != before.language:
            self._finals.language = LanguageLock(options.language)
        if (options.language, options.task) != (before.language, before.task):
            self._finals.forget_context()
            if self._open is not None:
                self._open.gives_context = False
        self._options = self._builder.options = options
        self._apply_endpointing()

    def set_load(self, load: Load) -> None:
        """Leave out, from now on, what a server this busy leaves out."""
        self._builder.load = load

    def _apply_endpointing(self) -> None:
        self._heard.gate.policy = self._speech.at_threshold(self._options.speech_threshold)
        self._silence.marks_ms = self._options.silence_marks_ms
        self._finals.shows_times = self._options.words
        self._rules = endpoint_rules(self._options.endpoint_silence_ms)
        silence = self._options.endpoint_silence_ms * TARGET_RATE_HZ // 1000
        self._tail_samples = min(TAIL_SAMPLES, silence)
        self._max_samples = int(self._options.max_utterance_s * TARGET_RATE_HZ)

    def append(self, samples: Samples) -> None:
        """Store audio that arrived."""
        self._heard.buffer.append(samples)

    @property
    def backlog_samples(self) -> int:
        """Audio that arrived and is not scored yet."""
        return self._heard.buffer.end_sample - self._heard.scored_end_sample

    @property
    def scored_end_sample(self) -> int:
        """End of the last scored window."""
        return self._heard.scored_end_sample

    @property
    def num_utterances(self) -> int:
        """Utterances opened so far."""
        return self._num_utterances

    @property
    def num_finals(self) -> int:
        """Finals that are out."""
        return self._finals.num_published

    @property
    def num_pending_finals(self) -> int:
        """Closed utterances whose text is not out."""
        return self._finals.num_pending

    @property
    def safe_sample(self) -> int:
        """Everything before this is in finals or held no speech, and is needed no more."""
        unfinished = self._finals.oldest or self._open
        if unfinished is not None:
            kept_from, next_start = unfinished.audio_start_sample, unfinished.start_sample
        else:
            kept_from = self.scored_end_sample - IDLE_KEEP_SAMPLES
            # A window that a finalize cut through is still to be scored, whole.
            kept_from = min(max(self._used_to_sample, kept_from), self.scored_end_sample)
            next_start = self.scored_end_sample - MAX_START_LAG_SAMPLES
        context_from = self._finals.context.needed_from(next_start)
        return kept_from if context_from is None else min(kept_from, context_from)

    def unscored(self, max_windows: int) -> Samples | None:
        """Return the next whole windows to score, at most `max_windows`, or None."""
        return self._heard.unscored(max_windows)

    def on_scores(
        self, probabilities: list[float], memory_after: MemoryAfter | None = None
    ) -> list[ChannelOutput]:
        """Take the speech probabilities of the next windows."""
        outputs: list[ChannelOutput] = []
        for index, probability in enumerate(probabilities):
            is_speech = self._heard.take_score(probability)
            speech_end = None
            before = self._open
            if before is None:
                outputs += self._maybe_open()
                if self._open is not None:
                    speech_end = self._open.last_speech_end_sample
            else:
                before.push_window(is_speech=is_speech)
                speech_end = before.last_speech_end_sample
                outputs += self._advance(before)
            outputs += self._tell_silence(speech_end)
            if self._open is not None and self._open is not before:
                memory = memory_after(index) if memory_after else b""
                self._open.point = self._point(memory, self._open)
        if memory_after is not None:
            self._heard.note_memory(memory_after, len(probabilities))
        if self._heard.may_forget:
            self._heard.forget_before(self.safe_sample)
        return outputs

    @property
    def memory(self) -> bytes:
        """What the speech model remembers now; made when asked for, which is seldom."""
        return self._heard.memory

    @property
    def opened(self) -> SpeechStarted | None:
        """The start of the open utterance, to tell a client that may have missed it."""
        if self._open is None:
            return None
        return SpeechStarted(self._open.id, self._identity.channel, self._open.start_sample)

    def snapshot(self) -> ChannelSnapshot:
        """Return where this channel could go on elsewhere."""
        unfinished = self._finals.oldest or self._open
        point = unfinished.point if unfinished is not None else None
        return ChannelSnapshot(
            point or self._point(self.memory, None),
            self._finals.num_published,
            self._finals.language.language,
            self._finals.context,
        )

    def _point(self, memory: bytes, opened: OpenUtterance | None) -> ChannelPoint:
        return ChannelPoint(
            scored_windows=self._heard.scored_windows,
            is_in_speech=self._heard.gate.is_in_speech,
            run_windows=self._heard.gate.run_windows,
            used_to_sample=self._used_to_sample,
            flushed_to_sample=self._flushed_to_sample,
            num_utterances=self._num_utterances,
            speech_samples=self.speech_samples,
            memory=memory,
            opened=None if opened is None else opened.at_opening(),
        )

    def finish_utterance(self, end_sample: int, reason: EndReason) -> list[ChannelOutput]:
        """End the open utterance, if any, with audio up to `end_sample` at most.

        A flush that was taken before a resume comes again with the audio, and changes nothing.
        """
        if end_sample <= self._flushed_to_sample:
            return []
        self._flushed_to_sample = end_sample
        utterance = self._open
        self._heard.gate.reset()
        if utterance is None:
            self._used_to_sample = max(self._used_to_sample, end_sample)
            return []
        span_end = min(utterance.last_speech_end_sample + self._tail_samples, end_sample)
        outputs = self._close(utterance, span_end, reason)
        self._used_to_sample = end_sample
        return outputs

    def mark(self, marker_id: int) -> list[ChannelOutput]:
        """Return the marker as soon as every final queued so far is out."""
        return [*self._finals.mark(marker_id)]

    def renewed(self, request: DecodeRequest) -> DecodeRequest:
        """Return a request that is decoded next, an interim with the newest audio."""
        return request if self._open is None else self._desk.renewed(self._open, request)

    def on_answer(self, request_id: int, hypothesis: Hypothesis | None) -> list[ChannelOutput]:
        """Take the engine's answer, None for a failure; one that nobody waits for is ignored.

        What came while it was decoded is asked for at once: a client may have stalled since.
        """
        answered, shown_to = self._desk.take_answer(self._open, request_id, hypothesis)
        outputs: list[ChannelOutput] = [*answered]
        if self._open is None:
            return outputs
        if shown_to is not None and hypothesis is not None:
            outputs += self._interim(self._open, shown_to, hypothesis.language)
        return [*outputs, *self._ask_what_is_due(self._open)]

    def outstanding_requests(self) -> list[int]:
        """Return the requests that are waited for, to cancel them when the session dies."""
        return self._desk.outstanding_requests(self._open)

    def _tell_silence(self, speech_end: int | None) -> list[ChannelOutput]:
        marks_ms = self._silence.advance(self._heard.scored_end_sample, speech_end)
        if not marks_ms:
            return []
        known_end = self._silence.speech_end_sample or 0
        return [
            output
            for mark_ms in marks_ms
            for output in self._finals.tell(
                SilenceReached(self._identity.channel, mark_ms, known_end)
            )
        ]

    def _maybe_open(self) -> list[ChannelOutput]:
        windows_ago = self._heard.gate.started_windows_ago
        if windows_ago is None:
            return []
        first_window = self._heard.scored_windows - windows_ago
        start = max(first_window * WINDOW_SAMPLES, self._used_to_sample)
        return [self._open_at(start, start - PREROLL_SAMPLES, [True] * windows_ago)]

    def _open_at(self, start_sample: int, audio_start: int, flags: list[bool]) -> SpeechStarted:
        audio_start = max(audio_start, self._used_to_sample, self._heard.buffer.start_sample)
        first_window = self._heard.scored_windows - len(flags)
        self._num_utterances += 1
        opened = OpenPoint(start_sample, audio_start, first_window, tuple(flags))
        self._open = self._utterance(opened, None)
        return SpeechStarted(self._open.id, self._identity.channel, start_sample)

    def _utterance(self, opened: OpenPoint, point: ChannelPoint | None) -> OpenUtterance:
        """Return the newest utterance as it opened, named by how many there are."""
        index = (self._num_utterances - 1) * self._identity.num_channels + self._identity.channel
        return OpenUtterance.opened(index + 1, opened, point)

    def _advance(self, utterance: OpenUtterance) -> list[ChannelOutput]:
        scored_end = utterance.scored_end_sample
        silence = scored_end - utterance.last_speech_end_sample
        length = scored_end - utterance.start_sample
        reason = endpoint_reason(self._rules, length, silence) if silence else None
        if reason is not None:
            span_end = utterance.last_speech_end_sample + self._tail_samples
            return self._close(utterance, min(span_end, scored_end), reason)
        if scored_end - utterance.audio_start_sample >= self._max_samples:
            return self._cut(utterance)
        return self._ask_what_is_due(utterance)

    def _ask_what_is_due(self, utterance: OpenUtterance) -> list[ChannelOutput]:
        endpoint_samples = self._rules[0].min_silence_samples
        return [*self._desk.ask_what_is_due(utterance, self._tail_samples, endpoint_samples)]

    def _cut(self, utterance: OpenUtterance) -> list[ChannelOutput]:
        """End an utterance that grew too long at its quietest place and go on from there."""
        scored_end = utterance.scored_end_sample
        search_start = scored_end - min(int(CUT_SEARCH_S * TARGET_RATE_HZ), self._max_samples // 2)
        cut = search_start + quietest_sample(self._heard.buffer.read(search_start, scored_end))
        outputs = self._close(utterance, cut, EndReason.MAX_DURATION)
        later = utterance.speech_after(cut)
        if later:
            flags = utterance.speech_flags[later[0] - utterance.first_window :]
            start = max(cut, later[0] * WINDOW_SAMPLES)
            outputs.append(replace(self._open_at(start, cut, flags), continues=True))
        return outputs

    def _close(
        self, utterance: OpenUtterance, span_end: int, reason: EndReason
    ) -> list[ChannelOutput]:
        self._open = None
        self._used_to_sample = max(span_end, utterance.audio_start_sample)
        end_sample = min(utterance.last_speech_end_sample, span_end)
        self.speech_samples += max(0, end_sample - utterance.start_sample)
        span, outputs = self._desk.ask_final(utterance, span_end)
        pending = PendingFinal(utterance, end_sample, span_end, reason, None)
        if span is not None:
            pending.request_id, pending.hypothesis = span.request_id, span.hypothesis
        return [*outputs, *self._finals.append(pending)]

    def _interim(
        self, utterance: OpenUtterance, end_sample: int, language: str
    ) -> list[ChannelOutput]:
        """Return the present state of an utterance, unless an earlier final is still to come."""
        if not self._options.interim or self._finals.num_pending:
            return []
        committed, tentative = utterance.hypotheses.committed, utterance.hypotheses.tentative
        if not self._options.words:
            committed, tentative = without_times(committed), without_times(tentative)
        interim = Interim(
            utterance=utterance.id,
            channel=self._identity.channel,
            committed=committed,
            tentative=tentative,
            start_sample=utterance.start_sample,
            end_sample=end_sample,
            language=language,
        )
        return [interim]
