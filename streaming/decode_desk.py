"""Asks for decodes of one channel's utterances."""

from collections.abc import Callable

from streaming.audio_buffer import AudioBuffer
from streaming.effects import CancelDecode, DecodeRequest, Purpose
from streaming.final_queue import FinalQueue
from streaming.options import SessionOptions
from streaming.overload import Load
from streaming.utterance import OpenUtterance, SpanDecode


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

    def ask(self, utterance: OpenUtterance, end_sample: int, purpose: Purpose) -> DecodeRequest:
        """Ask for an interim or final up to `end_sample`; it is then the outstanding one."""
        request = self._request(utterance, end_sample, purpose)
        utterance.outstanding = SpanDecode(request.id, purpose, end_sample)
        return request

    def ask_checkpoint(self, utterance: OpenUtterance, end_sample: int) -> DecodeRequest:
        """Ask for a checkpoint at `end_sample`; it waits beside the outstanding decode."""
        request = self._request(utterance, end_sample, Purpose.CHECKPOINT)
        utterance.checkpoints.ask(request.id, end_sample)
        return request

    def drop(self, utterance: OpenUtterance) -> list[CancelDecode]:
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
