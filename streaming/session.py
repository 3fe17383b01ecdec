"""One session: its channels, its order of messages, its limits and its end.

    open --stop, error--> draining --every final out--> closed

The shell calls a method for each thing that happens and performs the effects it returns, in order.
Instants are monotonic seconds (`now`); places in the audio are 16 kHz samples. A draining session
takes no more audio but still finishes what it heard, also after an error: finals are never dropped.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto
from itertools import count

import numpy as np

from streaming.channel import ChannelIdentity, ChannelOutput, ChannelTranscriber
from streaming.effects import CancelDecode, Close, Decode, DecodeRequest, Effect, Emit, ScoreSpeech
from streaming.errors import StarlingError
from streaming.events import (
    AudioAcknowledged,
    Closed,
    EndReason,
    Failed,
    Finalized,
    FinalizeRequested,
    OptionsChanged,
    OptionsUpdated,
    PingReceived,
    PongSent,
    ServerEvent,
    SessionReady,
    StopRequested,
    UtteranceEnded,
)
from streaming.final_queue import Marker
from streaming.flushing import FlushQueue
from streaming.intake import Channels
from streaming.options import (
    TARGET_RATE_HZ,
    ModelOffer,
    OptionLimits,
    SessionOptions,
    apply_update,
)
from streaming.session_limits import SessionClock, SessionLimits
from streaming.speech_gate import WINDOW_SAMPLES, SpeechPolicy
from streaming.transcript import Hypothesis

MAX_WINDOWS_PER_SCORE = 64
"""Two seconds: bounds what one fast session adds to a tick of the shared speech scorer."""

ACK_STEP_SAMPLES = 5 * TARGET_RATE_HZ
"""In silence the safe position is told this often; after a final it is told at once."""

ControlEvent = FinalizeRequested | OptionsChanged | PingReceived | StopRequested


class _State(Enum):
    OPEN = auto()
    DRAINING = auto()
    CLOSED = auto()


@dataclass(frozen=True, slots=True)
class SessionPlan:
    """What a session is made from."""

    session_id: str
    options: SessionOptions
    offer: ModelOffer
    option_limits: OptionLimits
    limits: SessionLimits
    speech: SpeechPolicy


class Session:
    """The state machine of one session."""

    def __init__(self, plan: SessionPlan, now: float) -> None:
        self._plan = plan
        self.options = plan.options
        self._state = _State.OPEN
        self._clock = SessionClock(plan.limits, now)
        self._request_ids = count(1)
        self._request_channel: dict[int, int] = {}
        num = plan.options.audio.num_transcripts
        self._channels = [
            ChannelTranscriber(
                ChannelIdentity(i, num, self._request_ids.__next__), plan.options, plan.speech
            )
            for i in range(num)
        ]
        self._scoring: set[int] = set()
        self._flushes = FlushQueue(num)
        self._seq = 0
        self._acked_sample = 0
        self._received_samples = 0
        self._error: StarlingError | None = None
        self._is_abandoned = False

    @property
    def is_closed(self) -> bool:
        """Whether the last message is out."""
        return self._state is _State.CLOSED

    @property
    def is_draining(self) -> bool:
        """Whether no more audio is taken."""
        return self._state is not _State.OPEN

    @property
    def backlog_samples(self) -> int:
        """Audio that arrived and is not scored yet."""
        return max(c.received_end_sample - c.scored_end_sample for c in self._channels)

    @property
    def num_pending_finals(self) -> int:
        """Utterances that wait for the engine."""
        return sum(c.num_pending_finals for c in self._channels)

    @property
    def is_congested(self) -> bool:
        """Whether the shell should stop reading until the session has caught up."""
        limits = self._plan.limits
        num_pending_finals = 0
        for channel in self._channels:  # Asked after every message: kept free of generators.
            num_pending_finals += channel.num_pending_finals
            backlog = channel.received_end_sample - channel.scored_end_sample
            if backlog > limits.max_backlog_samples:
                return True
        return num_pending_finals >= limits.max_pending_finals or self._flushes.is_full

    def start(self) -> list[Effect]:
        """Return the effects of opening: the `ready` message."""
        return [self._emit(SessionReady(self._plan.session_id, self.options))]

    def on_audio(self, audio: Channels, now: float) -> list[Effect]:
        """Take audio of all channels, shape (num_transcripts, n); ignored while draining."""
        if self._state is not _State.OPEN:
            return []
        self._clock.touch(now)
        for transcriber, samples in zip(self._channels, audio, strict=True):
            transcriber.append(samples)
        self._received_samples += audio.shape[1]
        error = self._clock.check_lead(self._received_samples, now)
        if error is not None:
            return self.fail(error)
        return self._score_more()

    def touch(self, now: float) -> list[Effect]:
        """Note that the client is there although no audio is ready; there is nothing to do."""
        self._clock.touch(now)
        return []

    def will_drain(self, event: ControlEvent) -> bool:
        """Say whether this event ends the audio, so that what the decoders hold must come first."""
        return self._state is _State.OPEN and isinstance(event, StopRequested)

    def on_control(self, event: ControlEvent, now: float) -> list[Effect]:
        """Take a request other than audio; while draining only pings are answered."""
        self._clock.touch(now)
        if isinstance(event, PingReceived) and self._state is not _State.CLOSED:
            return [self._emit(PongSent(event.id))]
        if self._state is not _State.OPEN:
            return []
        if isinstance(event, FinalizeRequested):
            return self._flush(EndReason.FINALIZE, event.id)
        if isinstance(event, OptionsChanged):
            return self._change_options(event)
        return self._drain()

    def on_scores(self, channel: int, probabilities: list[float]) -> list[Effect]:
        """Take the answer to a `ScoreSpeech`: one probability a window."""
        if self._state is _State.CLOSED:
            return []
        self._scoring.discard(channel)
        effects = self._pass_on(channel, self._channels[channel].on_scores(probabilities))
        effects += self._end_flushed_utterances()
        effects += self._acknowledge(at_once=False)
        return effects + self._score_more()

    def on_decoded(self, request_id: int, hypothesis: Hypothesis) -> list[Effect]:
        """Take the answer to a `Decode`; unknown or cancelled ids are ignored."""
        channel = self._request_channel.pop(request_id, None)
        if channel is None or self._state is _State.CLOSED:
            return []
        outputs = self._channels[channel].on_decoded(request_id, hypothesis)
        return self._pass_on(channel, outputs)

    def on_decode_failed(self, request_id: int) -> list[Effect]:
        """Take it that the engine could not answer a `Decode`."""
        channel = self._request_channel.pop(request_id, None)
        if channel is None or self._state is _State.CLOSED:
            return []
        outputs = self._channels[channel].on_decode_failed(request_id)
        return self._pass_on(channel, outputs)

    def fail(self, error: StarlingError) -> list[Effect]:
        """End the session for `error`, once everything heard is in finals."""
        if self._state is not _State.OPEN:
            return []
        self._error = error
        return self._drain()

    def abort(self, error: StarlingError | None = None) -> list[Effect]:
        """End the session now, without waiting for anything; no client is there to lose text."""
        if self._state is _State.CLOSED:
            return []
        self._error = error or self._error
        self._is_abandoned = True
        ids = [i for c in self._channels for i in c.outstanding_requests()]
        self._request_channel.clear()
        return [*(CancelDecode(i) for i in ids), *self._close()]

    def next_deadline(self) -> float | None:
        """Return the instant at which `on_timeout` wants to be called."""
        return None if self._state is not _State.OPEN else self._clock.next_deadline()

    def on_timeout(self, now: float) -> list[Effect]:
        """Check the limits that depend on waiting time."""
        if self._state is not _State.OPEN:
            return []
        if self.is_congested:
            self._clock.touch(now)
        error = self._clock.check(now)
        return [] if error is None else self.fail(error)

    def _emit(self, event: ServerEvent) -> Emit:
        self._seq += 1
        return Emit(self._seq, event)

    def _score_more(self) -> list[Effect]:
        effects: list[Effect] = []
        for index, transcriber in enumerate(self._channels):
            if index in self._scoring:
                continue
            windows = self._flushes.windows_to_score(
                index, transcriber.scored_end_sample, MAX_WINDOWS_PER_SCORE
            )
            samples = transcriber.unscored(windows)
            if samples is not None:
                self._scoring.add(index)
                effects.append(ScoreSpeech(index, samples))
        return effects

    def _change_options(self, event: OptionsChanged) -> list[Effect]:
        try:
            options = apply_update(
                self.options, event.request, self._plan.offer, self._plan.option_limits
            )
        except StarlingError as error:
            return self.fail(error)
        self.options = options
        for transcriber in self._channels:
            transcriber.set_options(options)
        return [self._emit(OptionsUpdated(options))]

    def _drain(self) -> list[Effect]:
        self._state = _State.DRAINING
        return self._flush(EndReason.STOP, None)

    def _flush(self, reason: EndReason, client_id: str | None) -> list[Effect]:
        self._flushes.add(self._received_samples, reason, client_id)
        if reason is EndReason.STOP:
            self._pad_to_window()
        return self._end_flushed_utterances() + self._score_more()

    def _pad_to_window(self) -> None:
        """Complete the last window with silence, so that its speech counts too."""
        missing = -self._received_samples % WINDOW_SAMPLES
        for transcriber in self._channels:
            transcriber.append(np.zeros(missing, dtype=np.float32))

    def _end_flushed_utterances(self) -> list[Effect]:
        effects: list[Effect] = []
        for index, transcriber in enumerate(self._channels):
            for flush in self._flushes.reach(index, transcriber.scored_end_sample):
                outputs = transcriber.finish_utterance(flush.at_sample, flush.reason)
                effects += self._pass_on(index, outputs + transcriber.mark(flush.marker_id))
        return effects

    def _pass_on(self, channel: int, outputs: Iterable[ChannelOutput]) -> list[Effect]:
        effects: list[Effect] = []
        has_ended = False
        for output in outputs:
            match output:
                case DecodeRequest():
                    self._request_channel[output.id] = channel
                    effects.append(Decode(output))
                case CancelDecode():
                    self._request_channel.pop(output.request_id, None)
                    effects.append(output)
                case Marker():
                    effects += self._pass_marker(channel, output.id)
                case _:
                    has_ended = has_ended or isinstance(output, UtteranceEnded)
                    effects.append(self._emit(output))
        return effects + (self._acknowledge(at_once=True) if has_ended else [])

    def _pass_marker(self, channel: int, marker_id: int) -> list[Effect]:
        flush = self._flushes.pass_marker(channel, marker_id)
        if flush is None:
            return []
        if flush.reason is EndReason.STOP:
            return self._close()
        return [self._emit(Finalized(flush.client_id, flush.at_sample))]

    def _acknowledge(self, *, at_once: bool) -> list[Effect]:
        if self._state is _State.CLOSED:
            return []
        safe = min(c.safe_sample for c in self._channels)
        step = 1 if at_once else ACK_STEP_SAMPLES
        if safe - self._acked_sample < step:
            return []
        self._acked_sample = safe
        return [self._emit(AudioAcknowledged(safe))]

    def _close_reason(self) -> str:
        if self._error is not None:
            return self._error.code.value
        return "disconnected" if self._is_abandoned else "stop"

    def _close(self) -> list[Effect]:
        effects: list[Effect] = []
        if self._error is not None:
            effects.append(self._emit(Failed(self._error)))
        closed = Closed(
            reason=self._close_reason(),
            audio_samples=self._received_samples,
            speech_samples=sum(c.speech_samples for c in self._channels),
            num_utterances=sum(c.num_utterances for c in self._channels),
            num_finals=sum(c.num_finals for c in self._channels),
        )
        effects += [self._emit(closed), Close()]
        self._state = _State.CLOSED
        return effects
