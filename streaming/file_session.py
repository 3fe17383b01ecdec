"""One recorded file: audio in, a final a segment out, in order.

The counterpart of `streaming/session.py` for audio that is there at once: no interims, no
checkpoints, no endpointing against a clock, and several segments with the engine at a time. The
language is settled on the first segments before the others are asked for, so that what they are
decoded in never depends on which answer came first.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

import numpy as np

from streaming.audio_buffer import AudioBuffer
from streaming.effects import Decode, DecodeRequest, Purpose, ScoreSpeech
from streaming.errors import ErrorCode, StarlingError
from streaming.events import Final, Samples
from streaming.intake import Channels
from streaming.language_lock import LanguageLock
from streaming.options import TARGET_RATE_HZ, SessionOptions
from streaming.segmenter import Segment, Segmenter
from streaming.speech_gate import MAX_NOTICED_LATE_SAMPLES, WINDOW_SAMPLES, SpeechPolicy
from streaming.transcript import Hypothesis, begun_after

MAX_WINDOWS_PER_SCORE = 128
"""Four seconds: bounds what a file adds to a tick of the speech scorer."""

MAX_UNSURE_SEGMENTS = 3
"""After so many segments of unsure language the one last heard is taken for the rest."""

FileEffect = ScoreSpeech | Decode | Final


@dataclass(frozen=True, slots=True)
class FilePlan:
    """What a file is transcribed with.

    `max_in_flight` bounds the segments of a channel that wait for the engine, and with
    `max_backlog_samples` of audio not yet scored, the memory of a file.
    """

    options: SessionOptions
    speech: SpeechPolicy
    num_channels: int
    max_in_flight: int
    max_samples: int
    max_backlog_samples: int = 10 * TARGET_RATE_HZ


@dataclass(slots=True)
class _Pending:
    """A segment whose text is not out."""

    segment: Segment
    audio: Samples
    request_id: int | None = None
    hypothesis: Hypothesis | None = None


class _FileChannel:
    """The segments of one channel."""

    def __init__(self, index: int, plan: FilePlan, next_request_id: Callable[[], int]) -> None:
        self._index = index
        self._plan = plan
        self._next_request_id = next_request_id
        self.buffer = AudioBuffer()
        self.segmenter = Segmenter(plan.speech, self.buffer)
        self.pending: deque[_Pending] = deque()
        self._language = LanguageLock(plan.options.language)
        self._num_unsure = 0
        self._num_segments = 0

    @property
    def is_full(self) -> bool:
        """Whether no more segments should be made until some are answered."""
        return len(self.pending) >= self._plan.max_in_flight

    @property
    def unscored_samples(self) -> int:
        """Audio that is here and has no speech probability yet."""
        return self.buffer.end_sample - self.segmenter.scored_end_sample

    def next_windows(self) -> Samples | None:
        """Return the next whole windows to score, or None."""
        start = self.segmenter.scored_end_sample
        windows = min(MAX_WINDOWS_PER_SCORE, self.unscored_samples // WINDOW_SAMPLES)
        if windows == 0 or self.is_full:
            return None
        return self.buffer.read(start, start + windows * WINDOW_SAMPLES)

    def on_scores(self, probabilities: list[float]) -> None:
        """Take the speech probabilities of the next windows."""
        for probability in probabilities:
            self._queue(self.segmenter.push(probability))
        self.buffer.drop_before(self.segmenter.needed_from_sample)

    def finish(self) -> None:
        """Take it that no more windows will come."""
        self._queue(self.segmenter.finish())

    def ask(self) -> list[FileEffect]:
        """Return the decodes that may be asked for now."""
        asked: list[FileEffect] = []
        for entry in self.pending:
            # Until the language is settled each segment waits for the one before it.
            if self._language.language is None and entry is not self.pending[0]:
                break
            if entry.request_id is None:
                entry.request_id = self._next_request_id()
                asked.append(Decode(self._request(entry, entry.request_id)))
        return asked

    def answer(self, request_id: int, hypothesis: Hypothesis) -> list[FileEffect]:
        """Take an answer; return the finals whose turn it is."""
        for entry in self.pending:
            if entry.request_id == request_id:
                entry.hypothesis = hypothesis
        finals: list[FileEffect] = []
        while self.pending and (heard := self.pending[0].hypothesis) is not None:
            finals += self._publish(self.pending.popleft().segment, heard)
        return finals

    def _queue(self, segment: Segment | None) -> None:
        if segment is not None:
            audio = self.buffer.read(segment.audio_start_sample, segment.audio_end_sample)
            self.pending.append(_Pending(segment, audio))

    def _request(self, entry: _Pending, request_id: int) -> DecodeRequest:
        options = self._plan.options
        return DecodeRequest(
            id=request_id,
            purpose=Purpose.FILE,
            audio=entry.audio,
            start_sample=entry.segment.audio_start_sample,
            language=self._language.language,
            task=options.task,
            words=options.words,
            prompt=options.prompt,
            keyterms=options.keyterms,
        )

    def _publish(self, segment: Segment, heard: Hypothesis) -> list[FileEffect]:
        self._settle_language(heard)
        if heard.is_degenerate or not heard.words:
            return []
        self._num_segments += 1
        final = Final(
            utterance=(self._num_segments - 1) * self._plan.num_channels + self._index + 1,
            channel=self._index,
            words=begun_after(segment.start_sample - MAX_NOTICED_LATE_SAMPLES, heard.words),
            start_sample=segment.start_sample,
            end_sample=segment.end_sample,
            language=heard.language,
            confidence=heard.confidence,
        )
        return [final]

    def _settle_language(self, heard: Hypothesis) -> None:
        self._language.observe_final(heard)
        if self._language.language is None and heard.words:
            self._num_unsure += 1
            if self._num_unsure >= MAX_UNSURE_SEGMENTS:
                self._language.language = heard.language


class FileSession:
    """The state machine of one file; finals of a channel come in order.

    The shell performs each `ScoreSpeech` and `Decode` and reports back, as for a live session.
    """

    def __init__(self, plan: FilePlan) -> None:
        self._plan = plan
        ids = count(1)
        self._channels = [_FileChannel(i, plan, ids.__next__) for i in range(plan.num_channels)]
        self._scoring: set[int] = set()
        self._request_channel: dict[int, _FileChannel] = {}
        self._has_all_audio = False
        self.received_samples = 0

    @property
    def is_congested(self) -> bool:
        """Whether the shell should read no further until the engine has caught up."""
        return any(
            channel.unscored_samples > self._plan.max_backlog_samples for channel in self._channels
        )

    @property
    def is_done(self) -> bool:
        """Whether the last final is out."""
        return self._has_all_audio and not any(
            channel.pending or channel.unscored_samples for channel in self._channels
        )

    def on_audio(self, audio: Channels) -> list[FileEffect]:
        """Take audio of all channels, shape (num_channels, n).

        Raises:
            StarlingError: FILE_TOO_LARGE when the file is longer than it may be.
        """
        self.received_samples += audio.shape[1]
        if self.received_samples > self._plan.max_samples:
            limit_s = self._plan.max_samples / TARGET_RATE_HZ
            raise StarlingError(
                ErrorCode.FILE_TOO_LARGE,
                f"the file is longer than max_file_s={limit_s:g}",
                "send it in parts, or ask the operator to raise max_file_s",
            )
        for channel, samples in zip(self._channels, audio, strict=True):
            channel.buffer.append(samples)
        return self._go_on()

    def on_end(self) -> list[FileEffect]:
        """Take it that all audio is here; the last window is completed with silence."""
        self._has_all_audio = True
        missing = -self.received_samples % WINDOW_SAMPLES
        for channel in self._channels:
            channel.buffer.append(np.zeros(missing, dtype=np.float32))
        return self._go_on()

    def on_scores(self, channel: int, probabilities: list[float]) -> list[FileEffect]:
        """Take the answer to a `ScoreSpeech`."""
        self._scoring.discard(channel)
        self._channels[channel].on_scores(probabilities)
        return self._go_on()

    def on_decoded(self, request_id: int, hypothesis: Hypothesis) -> list[FileEffect]:
        """Take the answer to a `Decode`."""
        channel = self._request_channel.pop(request_id)
        return [*channel.answer(request_id, hypothesis), *self._go_on()]

    def _go_on(self) -> list[FileEffect]:
        effects: list[FileEffect] = []
        for index, channel in enumerate(self._channels):
            if index not in self._scoring:
                effects += self._score(index, channel)
            asked = channel.ask()
            self._request_channel |= {
                effect.request.id: channel for effect in asked if isinstance(effect, Decode)
            }
            effects += asked
        return effects

    def _score(self, index: int, channel: _FileChannel) -> list[FileEffect]:
        windows = channel.next_windows()
        if windows is not None:
            self._scoring.add(index)
            return [ScoreSpeech(index, windows)]
        if self._has_all_audio and channel.unscored_samples == 0:
            channel.finish()
        return []
