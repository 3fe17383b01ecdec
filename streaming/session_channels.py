"""The channels of one session: whose turn it is to be scored, and whose answer a request is.

Audio goes to all of them; what they put out is told by the session, which also orders it. Flushes
(finalize, stop) are here, because all channels must have reached one before it is done.
"""

from collections.abc import Iterator
from itertools import count

import numpy as np

from streaming.channel import ChannelIdentity, ChannelOutput, ChannelTranscriber
from streaming.effects import DecodeRequest, ScoreSpeech, WithdrawDecode
from streaming.events import EndReason, SpeechStarted
from streaming.flushing import Flush, FlushQueue
from streaming.heard_audio import MemoryAfter
from streaming.intake import Channels
from streaming.options import SessionOptions
from streaming.overload import Load
from streaming.session_plan import SessionPlan
from streaming.snapshot import FRESH, ChannelSnapshot
from streaming.speech_gate import WINDOW_SAMPLES
from streaming.transcript import Hypothesis

MAX_WINDOWS_PER_SCORE = 64
"""Two seconds: bounds what one fast session adds to a tick of the shared speech scorer."""


class SessionChannels:
    """All channels of a session, new or going on from a snapshot at `start_sample`."""

    def __init__(self, plan: SessionPlan, start_sample: int) -> None:
        self._limits = plan.limits
        resumption = plan.resumption
        num = plan.options.audio.num_transcripts
        self._transcribers = [
            ChannelTranscriber(
                ChannelIdentity(i, num, count(num + i, num).__next__),
                plan.options,
                plan.speech,
                FRESH if resumption is None else resumption.snapshot.channels[i],
                start_sample,
            )
            for i in range(num)
        ]
        self._scoring: set[int] = set()
        self._flushes = FlushQueue(num)

    @property
    def backlog_samples(self) -> int:
        """Audio that arrived and is not scored yet."""
        return max(transcriber.backlog_samples for transcriber in self._transcribers)

    @property
    def num_pending_finals(self) -> int:
        """Utterances that wait for the engine."""
        return sum(c.num_pending_finals for c in self._transcribers)

    @property
    def is_congested(self) -> bool:
        """Whether so much waits for scorer or engine that no more audio should be read."""
        num_pending_finals = 0
        for channel in self._transcribers:  # Asked after every message: kept free of generators.
            num_pending_finals += channel.num_pending_finals
            if channel.backlog_samples > self._limits.max_backlog_samples:
                return True
        return num_pending_finals >= self._limits.max_pending_finals or self._flushes.is_full

    @property
    def safe_sample(self) -> int:
        """Everything before this is in finals of all channels or held no speech."""
        return min([transcriber.safe_sample for transcriber in self._transcribers])

    @property
    def speech_samples(self) -> int:
        """Speech in all channels so far."""
        return sum(c.speech_samples for c in self._transcribers)

    @property
    def num_utterances(self) -> int:
        """Utterances opened so far."""
        return sum(c.num_utterances for c in self._transcribers)

    @property
    def num_finals(self) -> int:
        """Finals that are out."""
        return sum(c.num_finals for c in self._transcribers)

    def opened(self) -> list[SpeechStarted]:
        """Return the starts of the utterances that are open."""
        return [start for c in self._transcribers if (start := c.opened) is not None]

    def memories(self) -> list[bytes]:
        """Return what the speech model remembers of each channel, to go on with."""
        return [transcriber.memory for transcriber in self._transcribers]

    def snapshots(self) -> tuple[ChannelSnapshot, ...]:
        """Return where each channel could go on elsewhere."""
        return tuple(transcriber.snapshot() for transcriber in self._transcribers)

    def set_load(self, load: Load) -> None:
        """Leave out, from now on, what a server this busy leaves out."""
        for transcriber in self._transcribers:
            transcriber.set_load(load)

    def set_options(self, options: SessionOptions) -> None:
        """Use these options from now on."""
        for transcriber in self._transcribers:
            transcriber.set_options(options)

    def append(self, audio: Channels) -> None:
        """Store audio that arrived, shape (num_transcripts, n)."""
        for transcriber, samples in zip(self._transcribers, audio, strict=True):
            transcriber.append(samples)

    def score_more(self) -> list[ScoreSpeech]:
        """Ask for the next windows of each channel that has some and waits for none."""
        effects = []
        for index, transcriber in enumerate(self._transcribers):
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

    def on_scores(
        self, channel: int, probabilities: list[float], memory_after: MemoryAfter | None
    ) -> list[ChannelOutput]:
        """Take the answer to a `ScoreSpeech`: one probability a window."""
        self._scoring.discard(channel)
        return self._transcribers[channel].on_scores(probabilities, memory_after)

    def scored_end_sample(self, channel: int) -> int:
        """Return how far a channel is scored."""
        return self._transcribers[channel].scored_end_sample

    def renewed(self, request: DecodeRequest) -> DecodeRequest:
        """Return what to decode for a request whose turn has come: an interim's newest audio."""
        return self._transcribers[self._asked_by(request.id)].renewed(request)

    def on_answer(
        self, request_id: int, hypothesis: Hypothesis | None
    ) -> tuple[int, list[ChannelOutput]]:
        """Take a decode's answer, None for a failure; return whose it is, and what comes of it."""
        channel = self._asked_by(request_id)
        return channel, self._transcribers[channel].on_answer(request_id, hypothesis)

    def _asked_by(self, request_id: int) -> int:
        """Return the channel of a request: they number theirs in turn."""
        return request_id % len(self._transcribers)

    def withdraw_decodes(self) -> list[WithdrawDecode]:
        """Need no answer any more."""
        return [WithdrawDecode(i) for c in self._transcribers for i in c.outstanding_requests()]

    def flush(self, at_sample: int, reason: EndReason, client_id: str | None) -> None:
        """Have all that was said before `at_sample` in finals, and be told when it is."""
        self._flushes.add(at_sample, reason, client_id)
        if reason is EndReason.STOP:
            self._pad_to_window(at_sample)

    def end_flushed(self) -> Iterator[tuple[int, list[ChannelOutput]]]:
        """End the utterances of channels that have reached a flush; give what each puts out."""
        if self._flushes.is_empty:
            return
        for index, transcriber in enumerate(self._transcribers):
            for flush in self._flushes.reach(index, transcriber.scored_end_sample):
                outputs = transcriber.finish_utterance(flush.at_sample, flush.reason)
                yield index, outputs + transcriber.mark(flush.marker_id)

    def pass_marker(self, channel: int, marker_id: int) -> Flush | None:
        """Take a marker that came out of a channel; return its flush when it was the last."""
        return self._flushes.pass_marker(channel, marker_id)

    def _pad_to_window(self, end_sample: int) -> None:
        """Complete the last window with silence, so that its speech counts too."""
        missing = np.zeros(-end_sample % WINDOW_SAMPLES, dtype=np.float32)
        for transcriber in self._transcribers:
            transcriber.append(missing)
