"""Deepgram's turn protocol, `WS /v2/listen` (Flux), as its SDKs and voice agents speak it.

https://developers.deepgram.com/reference/speech-to-text/listen-flux, read 2026-11. A turn is speech
up to the silence that ends it: one utterance, or several where a long one was cut.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from server.dialects.base import Outgoing
from server.dialects.deepgram_fields import TURN_QUERY
from server.dialects.deepgram_messages import Call, message, seconds
from server.dialects.deepgram_query import named_fields, read_turn_options
from server.dialects.deepgram_wire import DeepgramManners, client_event
from streaming import events as ev
from streaming.options import AUTO_LANGUAGE, TARGET_RATE_HZ, OptionRequest
from streaming.transcript import Word, join_words

MAX_TURN_SAMPLES = 120 * TARGET_RATE_HZ
"""A longer turn ends at its next cut: every message repeats all of its words."""

_TRIGGERS = {ev.EndReason.FINALIZE: "manual"}
_GOES_ON = (ev.EndReason.MAX_DURATION, ev.EndReason.PAUSE)
"""Ends of an utterance in mid-turn."""


class DeepgramTurnsDialect(DeepgramManners):
    """Translates between the turn protocol's messages and events.

    Messages are numbered, so none replaces another on its way.
    """

    def __init__(self, call: Call) -> None:
        super().__init__(call)
        self._sequence_id = 0
        self._turn_index = 0
        self._has_started = False
        self._heard: tuple[Word, ...] = ()
        self._waiting: tuple[Word, ...] = ()
        self._num_open = 0
        self._window_start = self._window_end = 0
        self._tells_language = False
        self._language = ""

    def options_from_query(self, query: Mapping[str, Sequence[str]]) -> OptionRequest:
        """Return the options named in the address, which name all there are."""
        TURN_QUERY.refuse(named_fields(query))
        request = read_turn_options(query, self._call.model_names)
        self._tells_language = request.language == AUTO_LANGUAGE
        return request

    def open(self, message: str | bytes, named: OptionRequest) -> OptionRequest | None:  # noqa: ARG002
        """Return the options of the address: no message carries any."""
        return named

    def decode(self, message: str | bytes) -> list[ev.ClientEvent]:
        """Return the event of a message."""
        return [client_event(message, flush="ForceEndTurn")]

    def encode(self, seq: int, event: ev.ServerEvent) -> list[Outgoing[str]]:  # noqa: ARG002
        """Return the messages for an event; they have numbers of their own."""
        match event:
            case ev.SessionReady():
                return [self._message("Connected", request_id=self._call.request_id)]
            case ev.Interim():
                return self._interim(event)
            case ev.Final():
                self._waiting, self._language = event.words, event.language
            case ev.UtteranceEnded():
                return self._utterance_ended(event)
            case ev.SilenceReached() | ev.Finalized() | ev.Closed():
                return self._over(event)
            case _:
                return self._control(event)
        return []

    def _over(self, event: ev.SilenceReached | ev.Finalized | ev.Closed) -> list[Outgoing[str]]:
        """End a turn whose last utterance was cut, as no more of it will come."""
        if self._num_open:
            return []
        return self._end_turn("manual" if isinstance(event, ev.Finalized) else "model")

    def _control(self, event: ev.ServerEvent) -> list[Outgoing[str]]:
        match event:
            case ev.SpeechStarted():
                self._num_open += 1
            case ev.OptionsUpdated(options):
                answer = {"thresholds": {}, "keyterms": list(options.keyterms)}
                request_id = self._call.request_id
                return [self._message("ConfigureSuccess", request_id=request_id, **answer)]
            case ev.Failed(error):
                told = {"code": error.code.value.upper(), "description": error.message}
                return [self._message("Error", **told)]
            case _:
                pass
        return []

    def _interim(self, event: ev.Interim) -> list[Outgoing[str]]:
        self._language = event.language
        self._window_end = max(self._window_end, event.end_sample)
        words = (*self._heard, *event.committed, *event.tentative)
        return [self._turn("Update" if self._has_started else "StartOfTurn", words)]

    def _utterance_ended(self, event: ev.UtteranceEnded) -> list[Outgoing[str]]:
        self._num_open -= 1
        self._heard += self._waiting
        self._waiting = ()
        self._window_end = max(self._window_end, event.end_sample)
        is_long = self._window_end - self._window_start >= MAX_TURN_SAMPLES
        if is_long or event.reason not in _GOES_ON:
            return self._end_turn(_TRIGGERS.get(event.reason, "model"))
        return []

    def _end_turn(self, trigger: str) -> list[Outgoing[str]]:
        """End the turn, if one was begun or has words; every turn that ends was begun."""
        if not (self._has_started or self._heard):
            return []
        told = [] if self._has_started else [self._turn("StartOfTurn", self._heard)]
        told.append(self._turn("EndOfTurn", self._heard, trigger=trigger))
        self._turn_index += 1
        self._has_started, self._heard = False, ()
        self._window_start = self._window_end
        return told

    def _turn(self, event: str, words: Sequence[Word], **more: str) -> Outgoing[str]:
        self._has_started = True
        languages = {"languages": [self._language]} if self._tells_language else {}
        return self._message(
            "TurnInfo",
            request_id=self._call.request_id,
            event=event,
            turn_index=self._turn_index,
            audio_window_start=seconds(self._window_start),
            audio_window_end=seconds(self._window_end),
            transcript=join_words(tuple(words)),
            words=[_word(word) for word in words],
            # Silence ends turns here, and it is certain or it has not come.
            end_of_turn_confidence=1.0 if event == "EndOfTurn" else 0.0,
            **languages,
            **more,
        )

    def _message(self, kind: str, **fields: Any) -> Outgoing[str]:
        number = self._sequence_id
        self._sequence_id += 1
        return message(type=kind, sequence_id=number, **fields)


def _word(word: Word) -> dict[str, Any]:
    return {
        "word": word.text.strip(),
        "confidence": round(word.confidence or 0.0, 4),
        "start": seconds(word.start_sample or 0),
        "end": seconds(word.end_sample or 0),
    }
