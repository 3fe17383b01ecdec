"""Turns that events make; conversations are in tests/golden/deepgram_turns."""

import json

import pytest

from server.dialects.deepgram_messages import Call
from server.dialects.deepgram_turns import MAX_TURN_SAMPLES, DeepgramTurnsDialect
from streaming import events as ev
from streaming.errors import ErrorCode, StarlingError
from streaming.options import OptionRequest, SessionOptions
from streaming.transcript import Word

pytestmark = pytest.mark.unit

CALL = Call("request-1", "2026-01-01T00:00:00.000Z", frozenset({"base"}), "1.0")


def options(**query: str) -> OptionRequest:
    named = {"encoding": "linear16", "sample_rate": "16000", **query}
    return DeepgramTurnsDialect(CALL).options_from_query({n: [v] for n, v in named.items()})


class Talk:
    """A dialect with an open session, and all it has said."""

    def __init__(self) -> None:
        self.dialect = DeepgramTurnsDialect(CALL)
        self.said: list[dict] = []
        self.tell(ev.SessionReady("s", SessionOptions()))

    def tell(self, *events: ev.ServerEvent) -> None:
        for event in events:
            self.said += [json.loads(message.data) for message in self.dialect.encode(1, event)]

    def utterance(self, number: int, reason: ev.EndReason, end_sample: int = 16_000) -> None:
        words = (Word(f" w{number}", end_sample - 8_000, end_sample, 0.9),)
        self.tell(
            ev.SpeechStarted(number, 0, 0),
            ev.Final(number, 0, words, 0, end_sample, "en", 0.9),
            ev.UtteranceEnded(number, 0, end_sample, reason),
        )

    @property
    def turns(self) -> list[tuple[str, str]]:
        return [(m["event"], m["transcript"]) for m in self.said if m["type"] == "TurnInfo"]


@pytest.mark.parametrize(
    ("query", "field", "value"),
    [
        ({}, "language", "en"),
        ({"model": "flux-general-multi"}, "language", "auto"),
        ({"model": "flux-general-multi", "language_hint": "de"}, "language", "de"),
        ({"model": "base"}, "model", "base"),
        ({}, "endpoint_silence_ms", None),
        ({"eot_timeout_ms": "5000"}, "endpoint_silence_ms", None),
        ({"eot_timeout_ms": "500"}, "endpoint_silence_ms", 500),
        ({"eot_timeout_ms": "500"}, "silence_marks_ms", (500,)),
        ({}, "interim", True),
    ],
)
def test_parameters_become_options(query, field, value):
    assert getattr(options(**query), field) == value


def test_redaction_is_refused():
    with pytest.raises(StarlingError) as error:
        options(redact="numbers")
    assert error.value.code is ErrorCode.INVALID_OPTIONS


def test_a_turn_goes_on_over_cuts_until_the_silence_comes():
    talk = Talk()
    talk.utterance(1, ev.EndReason.MAX_DURATION)
    talk.utterance(2, ev.EndReason.PAUSE, 32_000)
    assert talk.turns == []
    talk.tell(ev.SilenceReached(0, 850, 32_000))
    assert talk.turns == [("StartOfTurn", "w1 w2"), ("EndOfTurn", "w1 w2")]
    talk.tell(ev.SilenceReached(0, 850, 32_000), ev.Closed("stop", 0, 0, 0, 0))
    assert len(talk.turns) == 2


def test_a_silence_within_an_open_utterance_ends_nothing():
    talk = Talk()
    talk.utterance(1, ev.EndReason.MAX_DURATION)
    talk.tell(ev.SpeechStarted(2, 0, 16_000, continues=True), ev.SilenceReached(0, 850, 16_000))
    assert talk.turns == []


def test_a_turn_without_end_is_ended_at_a_cut():
    talk = Talk()
    talk.utterance(1, ev.EndReason.MAX_DURATION, MAX_TURN_SAMPLES)
    assert talk.turns == [("StartOfTurn", "w1"), ("EndOfTurn", "w1")]


def test_speech_without_words_is_no_turn():
    talk = Talk()
    talk.tell(ev.SpeechStarted(1, 0, 0), ev.UtteranceEnded(1, 0, 100, ev.EndReason.SILENCE))
    assert talk.turns == []


def test_a_failure_is_told_with_the_next_number():
    talk = Talk()
    talk.tell(ev.Failed(StarlingError(ErrorCode.GOING_AWAY, "stopping", "come back")))
    assert talk.said[-1] == {
        "type": "Error",
        "sequence_id": 1,
        "code": "GOING_AWAY",
        "description": "stopping",
    }
