"""Which decodes of one channel's utterances are asked for, and when.

In silence the final is decoded ahead; in speech a checkpoint where one is due, else an interim if
none is on its way. Under load interims come less often, and checkpoints and interims not at all.
"""

from collections.abc import Callable
from dataclasses import replace

from streaming.audio_buffer import AudioBuffer
from streaming.effects import CancelDecode, DecodeRequest, Purpose
from streaming.final_queue import FinalQueue
from streaming.options import SessionOptions
from streaming.overload import Load
from streaming.pacing import is_interim_due
from streaming.utterance import OpenUtterance, SpanDecode
from streaming.windows import share_window

DeskOutput = DecodeRequest | CancelDecode


class DecodeDesk:
    """Makes requests and notes on the utterance what was asked.

    Args:
        next_request_id: Gives ids unique within the session.
        buffer: The channel's audio.
        finals: Knows the language to decode in.
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

    def ask_what_is_due(self, utterance: OpenUtterance, tail_samples: int) -> list[DeskOutput]:
        """Ask for what the utterance needs now; `tail_samples` of silence make a decode ahead."""
        scored_end = utterance.scored_end_sample
        tail_end = utterance.last_speech_end_sample + tail_samples
        if scored_end >= tail_end:
            return self._ask_ahead(utterance, tail_end)
        if not (self.options.interim and self.load.has_interims):
            return []
        if self.load.has_checkpoints and utterance.checkpoints.is_due(scored_end):
            return [*self._drop(utterance), self._ask_checkpoint(utterance, scored_end)]
        if utterance.outstanding is not None or utterance.checkpoints.waiting_ids:
            return []
        is_due = is_interim_due(
            scored_end - utterance.start_sample,
            max(0, utterance.decoded_to_sample - utterance.start_sample),
            self.load.stretch,
            is_shown=utterance.hypotheses.has_text,
        )
        return [self._ask(utterance, scored_end, Purpose.INTERIM)] if is_due else []

    def ask_final(
        self, utterance: OpenUtterance, end_sample: int
    ) -> tuple[SpanDecode, list[DeskOutput]]:
        """Return the final's decode, maybe asked or answered already, and what to ask for it."""
        for known in (utterance.outstanding, utterance.answered):
            if known is not None and (known.end_sample, known.purpose) == (
                end_sample,
                Purpose.FINAL,
            ):
                return known, []
        outputs: list[DeskOutput] = [*self._drop(utterance)]
        request = self._ask(utterance, end_sample, Purpose.FINAL)
        return SpanDecode(request.id, Purpose.FINAL, end_sample), [*outputs, request]

    def renewed(self, utterance: OpenUtterance, request: DecodeRequest) -> DecodeRequest:
        """Return an interim that has waited with what was heard meanwhile, if its window holds it.

        To be decoded in place of what was asked; any other request comes back as it is.
        """
        asked, end_sample = utterance.outstanding, utterance.scored_end_sample
        if asked != SpanDecode(request.id, Purpose.INTERIM, request.end_sample):
            return request
        num_samples = end_sample - utterance.audio_start_sample
        if not share_window(len(request.audio), num_samples, Purpose.INTERIM):
            return request
        utterance.outstanding = replace(asked, end_sample=end_sample)
        utterance.decoded_to_sample = end_sample
        audio = self._buffer.read(utterance.audio_start_sample, end_sample)
        return replace(request, audio=audio)

    def _ask_ahead(self, utterance: OpenUtterance, end_sample: int) -> list[DeskOutput]:
        """Ask for what will be the final if the silence goes on."""
        if utterance.ahead_to_sample == end_sample:
            return []
        utterance.ahead_to_sample = end_sample
        return [*self._drop(utterance), self._ask(utterance, end_sample, Purpose.FINAL)]

    def _ask(self, utterance: OpenUtterance, end_sample: int, purpose: Purpose) -> DecodeRequest:
        """Ask for an interim or final up to `end_sample`; it is then the outstanding one."""
        request = self._request(utterance, end_sample, purpose)
        utterance.outstanding = SpanDecode(request.id, purpose, end_sample)
        return request

    def _ask_checkpoint(self, utterance: OpenUtterance, end_sample: int) -> DecodeRequest:
        """Ask for a checkpoint at `end_sample`; it waits beside the outstanding decode."""
        request = self._request(utterance, end_sample, Purpose.CHECKPOINT)
        utterance.checkpoints.ask(request.id, end_sample)
        return request

    def _drop(self, utterance: OpenUtterance) -> list[CancelDecode]:
        """Cancel the outstanding decode, which a newer one of this utterance replaces."""
        asked, utterance.outstanding = utterance.outstanding, None
        return [] if asked is None else [CancelDecode(asked.request_id)]

    def _request(
        self, utterance: OpenUtterance, end_sample: int, purpose: Purpose
    ) -> DecodeRequest:
        utterance.decoded_to_sample = end_sample
        return DecodeRequest(
            id=self._next_request_id(),
            purpose=purpose,
            audio=self._buffer.read(utterance.audio_start_sample, end_sample),
            start_sample=utterance.audio_start_sample,
            language=self._finals.language.language,
            task=self.options.task,
            words=self.options.words,
            prompt=self.options.prompt,
            keyterms=self.options.keyterms,
            is_cheap=purpose is Purpose.FINAL and not self.load.has_wide_finals,
        )
