"""When Deepgram says what: interim results, finals of parts and of utterances, and their ends.

`is_final` means that these words stay; `speech_final` that the silence asked for has come;
`UtteranceEnd` that so much silence followed the last word. A cut for length, or a pause shorter
than the silence asked for, is final without ending the speech.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from server.dialects.base import Outgoing
from server.dialects.deepgram_messages import (
    Call,
    Ending,
    Span,
    alternative,
    message,
    model_info,
    model_uuid,
    seconds,
)
from server.dialects.deepgram_query import DEFAULT_MARK_MS, Style
from streaming import events as ev
from streaming.options import TARGET_RATE_HZ, SessionOptions
from streaming.transcript import Word

MIN_PART_SAMPLES = 3 * TARGET_RATE_HZ
"""Committed words of a long utterance become final in parts; Deepgram's are 3 to 5 s long."""


@dataclass(slots=True)
class _ChannelState:
    """What a channel's client has been told.

    Finals cover the audio up to `covered_sample`. `num_told` words of the open `utterance` are out
    as finals. `owes_speech_final` while words are out whose speech has not been said to be over.
    """

    covered_sample: int = 0
    utterance: int = 0
    num_told: int = 0
    waiting: ev.Final | None = None
    owes_speech_final: bool = False
    last_word_end: int | None = None
    has_finalized: bool = False


class ResultWriter:
    """What each channel of one call has been told, and what it is told next."""

    def __init__(self, call: Call, style: Style, options: SessionOptions) -> None:
        self._call = call
        self._style = style
        self._options = options
        self._channels = [_ChannelState() for _ in range(options.audio.num_transcripts)]

    def tell(self, event: ev.ServerEvent) -> list[Outgoing[str]]:
        """Return the messages for what happened on a channel."""
        match event:
            case ev.Interim():
                return self._interim(event)
            case ev.Final():
                self._channels[event.channel].waiting = event
            case ev.UtteranceEnded():
                return self._utterance_ended(event)
            case ev.SilenceReached():
                return self._silence(event)
            case ev.Finalized():
                return self._finalized()
            case ev.SpeechStarted():
                return self._speech_started(event)
        return []

    def _speech_started(self, event: ev.SpeechStarted) -> list[Outgoing[str]]:
        """Tell where speech began; speech that was only cut goes on silently."""
        if not self._style.tells_speech or event.continues:
            return []
        index = [event.channel, len(self._channels)]
        at = seconds(event.start_sample)
        return [message(type="SpeechStarted", channel=index, timestamp=at)]

    def _interim(self, event: ev.Interim) -> list[Outgoing[str]]:
        """Return a part that has become final, if it is long enough, and the guess after it."""
        state = self._channels[event.channel]
        if state.utterance != event.utterance:
            state.utterance, state.num_told = event.utterance, 0
        found = []
        part = event.committed[state.num_told :]
        if part and _end(part) - _start(part) >= MIN_PART_SAMPLES:
            state.num_told += len(part)
            state.owes_speech_final = True
            found.append(
                self._final(event.channel, part, _end(part), Ending(is_final=True), event.language)
            )
        words = (event.committed + event.tentative)[state.num_told :]
        if words:
            span = self._span(event.channel, event.end_sample)
            found.append(self._results(span, words, Ending(), event.language))
        return found

    def _utterance_ended(self, event: ev.UtteranceEnded) -> list[Outgoing[str]]:
        """Return the final with what it is the end of, which is only known now."""
        state = self._channels[event.channel]
        final, state.waiting = state.waiting, None
        words: tuple[Word, ...] = () if final is None else final.words
        if state.utterance == event.utterance:
            words = words[state.num_told :]
        if words:
            state.owes_speech_final = True
        is_finalize = event.reason is ev.EndReason.FINALIZE
        speech_final = self._ends_speech(event.reason)
        state.has_finalized |= is_finalize
        if not (words or speech_final or is_finalize):
            return []
        language = None if final is None else final.language
        ending = Ending(is_final=True, speech_final=speech_final, from_finalize=is_finalize)
        return [self._final(event.channel, words, event.end_sample, ending, language)]

    def _ends_speech(self, reason: ev.EndReason) -> bool:
        """Say whether this is the silence the client asked for: a shorter pause is not."""
        if not self._style.is_endpointed or reason is ev.EndReason.MAX_DURATION:
            return False
        asked_ms = self._style.endpointing_ms
        if asked_ms is None or reason in (ev.EndReason.FINALIZE, ev.EndReason.STOP):
            return True
        return reason is ev.EndReason.SILENCE and asked_ms <= self._options.endpoint_silence_ms

    def _silence(self, event: ev.SilenceReached) -> list[Outgoing[str]]:
        """Say that speech is over which ended in a cut, and that an utterance did."""
        state = self._channels[event.channel]
        is_endpoint = event.silence_ms == (self._style.endpointing_ms or DEFAULT_MARK_MS)
        found = self._settle(event.channel) if is_endpoint else []
        if event.silence_ms == self._style.utterance_end_ms and state.last_word_end is not None:
            index, end = [event.channel, len(self._channels)], seconds(state.last_word_end)
            found.append(message(type="UtteranceEnd", channel=index, last_word_end=end))
            state.last_word_end = None
        return found

    def finish(self) -> list[Outgoing[str]]:
        """Return what is owed at the end of the audio."""
        return [found for channel in range(len(self._channels)) for found in self._settle(channel)]

    def _settle(self, channel: int) -> list[Outgoing[str]]:
        """Say that speech is over of which that has not been said."""
        state = self._channels[channel]
        if not (state.owes_speech_final and self._style.is_endpointed):
            return []
        ending = Ending(is_final=True, speech_final=True)
        return [self._final(channel, (), state.covered_sample, ending, None)]

    def _finalized(self) -> list[Outgoing[str]]:
        """Answer on channels that had nothing open: the client waits for each."""
        found = []
        for channel, state in enumerate(self._channels):
            if not state.has_finalized:
                speech_final = state.owes_speech_final and self._style.is_endpointed
                ending = Ending(is_final=True, speech_final=speech_final, from_finalize=True)
                found.append(self._final(channel, (), state.covered_sample, ending, None))
            state.has_finalized = False
        return found

    def _final(
        self,
        channel: int,
        words: tuple[Word, ...],
        end_sample: int,
        ending: Ending,
        language: str | None,
    ) -> Outgoing[str]:
        state = self._channels[channel]
        if words:
            end_sample = max(end_sample, _end(words))
            state.last_word_end = _end(words)
        span = self._span(channel, end_sample)
        state.covered_sample = span.end_sample
        if ending.speech_final:
            state.owes_speech_final = False
        return self._results(span, words, ending, language)

    def _span(self, channel: int, end_sample: int) -> Span:
        start = self._channels[channel].covered_sample
        return Span(channel, len(self._channels), start, max(start, end_sample))

    def _results(
        self, span: Span, words: Sequence[Word], ending: Ending, language: str | None
    ) -> Outgoing[str]:
        model = self._options.model
        return message(
            None if ending.is_final else f"interim {span.channel}",
            type="Results",
            channel_index=[span.channel, span.num_channels],
            duration=seconds(span.end_sample - span.start_sample),
            start=seconds(span.start_sample),
            is_final=ending.is_final,
            speech_final=ending.speech_final,
            from_finalize=ending.from_finalize,
            channel={"alternatives": [alternative(words, self._style, span.channel, language)]},
            metadata={
                "request_id": self._call.request_id,
                "model_info": model_info(self._call, model),
                "model_uuid": model_uuid(model),
            },
        )


def _start(words: Sequence[Word]) -> int:
    return words[0].start_sample or 0


def _end(words: Sequence[Word]) -> int:
    return words[-1].end_sample or 0
