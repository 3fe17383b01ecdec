"""What a decode of an utterance is given: its audio, the words before it, what it goes on from.

A final or checkpoint is decoded together with the words before it, and in a long utterance goes on
from words committed some seconds before. A busy server takes what words are known, those heard up
to a pause, too, and leaves out context that would make a long window longer.
"""

from collections.abc import Callable

from streaming.audio_buffer import AudioBuffer
from streaming.checkpoints import CHECKPOINT_SAMPLES
from streaming.continuation import (
    LAG_SAMPLES,
    going_on_from,
    going_on_from_pause,
    may_go_on,
)
from streaming.effects import DecodeRequest, Purpose
from streaming.final_queue import FinalQueue
from streaming.options import SessionOptions, Task
from streaming.overload import Load
from streaming.pacing import slack_s
from streaming.transcript import Word
from streaming.utterance import OpenUtterance
from streaming.windows import hastened, spared_long_window

TIMED_FROM_SAMPLES = 3 * CHECKPOINT_SAMPLES
"""Words of checkpoints this long have times, to go on from; shorter utterances need none."""


class RequestBuilder:
    """Builds the requests of one channel.

    Args:
        next_request_id: Gives ids unique within the session.
        buffer: The channel's audio.
        finals: Knows the language to decode in and the words before.
        options: The session's options; replaced when they change.
        load: How busy the server is; replaced when it changes.
    """

    def __init__(
        self,
        next_request_id: Callable[[], int],
        buffer: AudioBuffer,
        finals: FinalQueue,
        options: SessionOptions,
    ) -> None:
        self._next_request_id = next_request_id
        self._buffer = buffer
        self._finals = finals
        self.options = options
        self.load = Load()

    @property
    def may_wait(self) -> bool:
        """Whether decodes wait for the words before them; a busy server takes those it has."""
        return self._has_context and self.load.has_checkpoints

    def may_go_on(self, utterance: OpenUtterance, end_sample: int, purpose: Purpose) -> bool:
        """Say whether a decode up to here begins at committed words instead of at the start."""
        is_long = may_go_on(end_sample - utterance.audio_start_sample, purpose)
        return is_long and self.can_go_on(utterance)

    def can_go_on(self, utterance: OpenUtterance) -> bool:
        """Say whether decodes may begin at words of the utterance itself, if it is long."""
        return utterance.gives_context and self._knows_words

    def build(self, utterance: OpenUtterance, end_sample: int, purpose: Purpose) -> DecodeRequest:
        """Return a request for the utterance up to here, and note on it how far it is decoded."""
        utterance.decoded_to_sample = max(utterance.decoded_to_sample, end_sample)
        context = self._context(utterance, end_sample, purpose)
        start_sample = utterance.audio_start_sample
        if context:
            start_sample = context[0].start_sample or 0
        whole = DecodeRequest(
            id=self._next_request_id(),
            purpose=purpose,
            audio=self._buffer.read(start_sample, end_sample),
            start_sample=start_sample,
            language=self._finals.language.language,
            task=self.options.task,
            words=self.options.words,
            prompt=self.options.prompt,
            keyterms=self.options.keyterms,
            context=context,
            num_context_samples=utterance.audio_start_sample - start_sample,
            gives_context=self._gives_context(utterance, end_sample, purpose),
            slack_s=slack_s(
                purpose,
                end_sample - utterance.start_sample,
                is_shown=utterance.hypotheses.has_text,
            ),
        )
        if purpose is Purpose.FINAL and not self.load.has_checkpoints:
            whole = spared_long_window(whole) if self.load.has_exact_finals else hastened(whole)
            if self._goes_on_from_pause(utterance, whole):
                utterance.commit_pause()
                return going_on_from_pause(utterance.hypotheses.committed, whole)
        if not self.may_go_on(utterance, end_sample, purpose):
            return whole
        committed = utterance.hypotheses.committed
        if purpose is not Purpose.INTERIM and self.may_wait:
            committed = utterance.committed_by(end_sample - LAG_SAMPLES)
        return going_on_from(committed, whole)

    def _goes_on_from_pause(self, utterance: OpenUtterance, whole: DecodeRequest) -> bool:
        """Say whether a busy server's final is shorter from the last pause on."""
        is_shorter = going_on_from_pause(utterance.heard_in_pause, whole) is not whole
        return is_shorter and self.can_go_on(utterance)

    def _gives_context(self, utterance: OpenUtterance, end_sample: int, purpose: Purpose) -> bool:
        """Say whether other decodes will begin at words of this one."""
        is_long = end_sample - utterance.audio_start_sample >= TIMED_FROM_SAMPLES
        is_late_checkpoint = purpose is Purpose.CHECKPOINT and is_long
        return self._has_context and (purpose is Purpose.FINAL or is_late_checkpoint)

    @property
    def _has_context(self) -> bool:
        """Whether finals are decoded together with the words before them."""
        return self.options.task is Task.TRANSCRIBE

    @property
    def _knows_words(self) -> bool:
        """Whether words said before can be forced on the decoder."""
        is_known = self._finals.language.language is not None
        return is_known and self._has_context

    def _context(
        self, utterance: OpenUtterance, end_sample: int, purpose: Purpose
    ) -> tuple[Word, ...]:
        if purpose is Purpose.INTERIM or not self._knows_words:
            return ()
        # Between older words and this utterance there would be speech that nobody has written.
        if not self._finals.knows_all_before(utterance):
            return ()
        return self._finals.context.before(utterance.start_sample, end_sample)
