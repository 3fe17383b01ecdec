"""One session: its order of messages, its limits and its end.

    open --stop, error--> draining --every final out--> closed

The shell calls a method for each thing that happens and performs the effects it returns, in order.
Instants are monotonic seconds (`now`); places in the audio are 16 kHz samples. A draining session
takes no more audio but still finishes what it heard, also after an error: finals are never dropped.
"""

from collections.abc import Iterable
from enum import Enum, auto

from streaming.channel import ChannelOutput
from streaming.effects import Close, Decode, DecodeRequest, Effect, Emit, WithdrawDecode
from streaming.errors import StarlingError
from streaming.events import (
    AudioAcknowledged,
    Closed,
    EndReason,
    Failed,
    Finalized,
    FinalizeRequested,
    GoingAway,
    OptionsChanged,
    OptionsUpdated,
    PingReceived,
    PongSent,
    ServerEvent,
    SessionReady,
    SessionResumed,
    StopRequested,
    UtteranceEnded,
)
from streaming.final_queue import Marker
from streaming.heard_audio import MemoryAfter
from streaming.intake import Channels
from streaming.options import apply_update
from streaming.overload import Load, Rung, load_warning
from streaming.resume import resume_place
from streaming.safe_place import SafePlace
from streaming.session_channels import SessionChannels
from streaming.session_limits import SessionClock
from streaming.session_plan import SessionPlan
from streaming.snapshot import SessionSnapshot
from streaming.transcript import Hypothesis

RECONNECT_WITHIN_S = 1.0
"""Over which time the clients of a stopping server should spread their coming back."""

ControlEvent = FinalizeRequested | OptionsChanged | PingReceived | StopRequested


class _State(Enum):
    OPEN = auto()
    DRAINING = auto()
    CLOSED = auto()


class Session:
    """The state machine of one session, new or going on from a snapshot."""

    def __init__(self, plan: SessionPlan, now: float) -> None:
        self._plan = plan
        self.options = plan.options
        self._state = _State.OPEN
        resumption = plan.resumption
        snapshot = resumption.snapshot if resumption is not None else None
        start_sample = snapshot.safe_sample if snapshot is not None else 0
        started_at = now - (resumption.elapsed_s if resumption is not None else 0.0)
        self._clock = SessionClock(plan.limits, now, started_at)
        self._place = SafePlace(start_sample, plan.options)
        self._channels = SessionChannels(plan, start_sample)
        self._is_leaving = False
        self._has_ended = False
        self._seq = 0 if resumption is None else resumption.next_seq_after
        self._received_samples = start_sample
        self._error: StarlingError | None = None
        self._is_abandoned = False
        self._load = Load()
        self._has_started = False

    @property
    def is_closed(self) -> bool:
        """Whether the last message is out."""
        return self._state is _State.CLOSED

    @property
    def has_ended(self) -> bool:
        """Whether `closed` was said, and nobody may go on."""
        return self._has_ended

    @property
    def is_draining(self) -> bool:
        """Whether no more audio is taken."""
        return self._state is not _State.OPEN

    @property
    def backlog_samples(self) -> int:
        """Audio that arrived and is not scored yet."""
        return self._channels.backlog_samples

    @property
    def num_pending_finals(self) -> int:
        """Utterances that wait for the engine."""
        return self._channels.num_pending_finals

    @property
    def is_congested(self) -> bool:
        """Whether the shell should stop reading until the session has caught up."""
        return self._channels.is_congested

    def start(self) -> list[Effect]:
        """Return the effects of opening: `ready`, or what was missed and then `resumed`.

        Then what the client misses because the server is busy, if anything.
        """
        self._has_started = True
        is_busy = self._load.rung >= Rung.NO_INTERIMS
        return self._open() + ([self._emit(load_warning(self._load))] if is_busy else [])

    def _open(self) -> list[Effect]:
        plan = self._plan
        if plan.resumption is None:
            return [self._emit(SessionReady(plan.session_id, self.options, plan.secret))]
        place = resume_place(self.options.audio, self._received_samples)
        effects: list[Effect] = [Emit(m.seq, m.event) for m in plan.resumption.missed]
        effects.append(
            self._emit(
                SessionResumed(
                    plan.session_id, self.options, place.safe_sample, place.client_sample
                )
            )
        )
        return effects + [self._emit(started) for started in self._channels.opened()]

    def memories(self) -> list[bytes]:
        """Return what the speech model remembers of each channel, to go on with."""
        return self._channels.memories()

    def snapshot(self) -> SessionSnapshot:
        """Return where this session could go on elsewhere, as of what was emitted so far."""
        safe = self._channels.safe_sample
        return SessionSnapshot(
            options=self._place.options_at(safe),
            safe_sample=safe,
            last_seq=self._seq,
            opened_at_unix_s=self._plan.opened_at_unix_s,
            channels=self._channels.snapshots(),
        )

    def on_audio(self, audio: Channels, now: float) -> list[Effect]:
        """Take audio of all channels, shape (num_transcripts, n); ignored while draining."""
        if self._state is not _State.OPEN or self._is_leaving:
            return []
        self._clock.touch(now)
        self._channels.append(audio)
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
        if self._state is not _State.OPEN or self._is_leaving:
            return []
        if isinstance(event, FinalizeRequested):
            return self._flush(EndReason.FINALIZE, event.id)
        if isinstance(event, OptionsChanged):
            return self._change_options(event)
        return self._drain()

    def on_scores(
        self, channel: int, probabilities: list[float], memory_after: MemoryAfter | None = None
    ) -> list[Effect]:
        """Take the answer to a `ScoreSpeech`: one probability a window."""
        if self._state is _State.CLOSED:
            return []
        outputs = self._channels.on_scores(channel, probabilities, memory_after)
        effects = self._pass_on(channel, outputs) + self._end_flushed_utterances()
        if self._place.may_advance(self._channels.scored_end_sample(channel)):
            effects += self._acknowledge(at_once=False)
        return effects + self._score_more()

    def renewed(self, request: DecodeRequest) -> DecodeRequest:
        """Return what to decode for a request whose turn has come: an interim's newest audio."""
        return self._channels.renewed(request)

    def on_decoded(self, request_id: int, hypothesis: Hypothesis) -> list[Effect]:
        """Take the answer to a `Decode`; unknown ids are ignored."""
        return self._on_answer(request_id, hypothesis)

    def on_decode_failed(self, request_id: int) -> list[Effect]:
        """Take it that the engine could not answer a `Decode`."""
        return self._on_answer(request_id, None)

    def _on_answer(self, request_id: int, hypothesis: Hypothesis | None) -> list[Effect]:
        if self._state is _State.CLOSED:
            return []
        channel, outputs = self._channels.on_answer(request_id, hypothesis)
        return self._pass_on(channel, outputs) + self._maybe_leave()

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
        return [*self._channels.withdraw_decodes(), *self._close()]

    def detach(self, error: StarlingError | None = None) -> list[Effect]:
        """Let go of the session without ending it: it goes on elsewhere from its snapshot."""
        if self._state is _State.CLOSED:
            return []
        self._state = _State.CLOSED
        failed = [] if error is None else [self._emit(Failed(error))]
        return [*self._channels.withdraw_decodes(), *failed, Close()]

    def hand_over(self) -> list[Effect]:
        """Take no more audio; once the finals that wait for the engine are out, leave."""
        if self._state is not _State.OPEN or self._is_leaving:
            return []
        self._is_leaving = True
        return self._maybe_leave()

    def leave(self) -> list[Effect]:
        """Tell the client to go on elsewhere, now."""
        if self._state is _State.CLOSED:
            return []
        going = self._emit(GoingAway(RECONNECT_WITHIN_S))
        return [going, *self.detach()]

    def _maybe_leave(self) -> list[Effect]:
        is_due = self._is_leaving and self._state is _State.OPEN and not self.num_pending_finals
        return self.leave() if is_due else []

    def is_ahead(self, now: float) -> bool:
        """Say whether the client sends faster than anybody speaks."""
        return self._clock.is_ahead(self._received_samples, now)

    def set_load(self, load: Load) -> list[Effect]:
        """Leave out what a server this busy leaves out, and tell the client when that changes."""
        before, self._load = self._load, load
        self._channels.set_load(load)
        is_told = max(before.rung, load.rung) >= Rung.NO_INTERIMS and before.rung != load.rung
        if not is_told or not self._has_started or self._state is not _State.OPEN:
            return []
        return [self._emit(load_warning(load))]

    def next_deadline(self) -> float | None:
        """Return the instant at which `on_timeout` wants to be called."""
        return None if self._state is not _State.OPEN else self._clock.next_deadline()

    def on_timeout(self, now: float) -> list[Effect]:
        """Check the limits that depend on waiting time."""
        error = self.overdue(now)
        return [] if error is None else self.fail(error)

    def overdue(self, now: float) -> StarlingError | None:
        """Return the limit on waiting time that is reached, if any."""
        if self._state is not _State.OPEN:
            return None
        if self.is_congested:
            self._clock.touch(now)
        return self._clock.check(now)

    def _emit(self, event: ServerEvent) -> Emit:
        self._seq += 1
        return Emit(self._seq, event)

    def _score_more(self) -> list[Effect]:
        return [] if self._is_leaving else [*self._channels.score_more()]

    def _change_options(self, event: OptionsChanged) -> list[Effect]:
        try:
            options = apply_update(
                self.options, event.request, self._plan.offer, self._plan.option_limits
            )
        except StarlingError as error:
            return self.fail(error)
        self.options = options
        self._place.note_options(self._received_samples, options)
        self._channels.set_options(options)
        return [self._emit(OptionsUpdated(options))]

    def _drain(self) -> list[Effect]:
        self._state = _State.DRAINING
        return self._flush(EndReason.STOP, None)

    def _flush(self, reason: EndReason, client_id: str | None) -> list[Effect]:
        self._channels.flush(self._received_samples, reason, client_id)
        return self._end_flushed_utterances() + self._score_more()

    def _end_flushed_utterances(self) -> list[Effect]:
        effects: list[Effect] = []
        for channel, outputs in self._channels.end_flushed():
            effects += self._pass_on(channel, outputs)
        return effects

    def _pass_on(self, channel: int, outputs: Iterable[ChannelOutput]) -> list[Effect]:
        effects: list[Effect] = []
        has_ended = False
        for output in outputs:
            match output:
                case DecodeRequest():
                    effects.append(Decode(output))
                case WithdrawDecode():
                    effects.append(output)
                case Marker():
                    effects += self._pass_marker(channel, output.id)
                case _:
                    has_ended = has_ended or isinstance(output, UtteranceEnded)
                    effects.append(self._emit(output))
        return effects + (self._acknowledge(at_once=True) if has_ended else [])

    def _pass_marker(self, channel: int, marker_id: int) -> list[Effect]:
        flush = self._channels.pass_marker(channel, marker_id)
        if flush is None:
            return []
        if flush.reason is EndReason.STOP:
            return self._close()
        return [self._emit(Finalized(flush.client_id, flush.at_sample))]

    def _acknowledge(self, *, at_once: bool) -> list[Effect]:
        if self._state is _State.CLOSED:
            return []
        safe = self._channels.safe_sample
        if not self._place.advance(safe, at_once=at_once):
            return []
        place = resume_place(self.options.audio, safe)
        return [self._emit(AudioAcknowledged(safe, place.client_sample))]

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
            speech_samples=self._channels.speech_samples,
            num_utterances=self._channels.num_utterances,
            num_finals=self._channels.num_finals,
        )
        effects += [self._emit(closed), Close()]
        self._state = _State.CLOSED
        self._has_ended = True
        return effects
