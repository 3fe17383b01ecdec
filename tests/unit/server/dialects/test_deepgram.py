"""What Deepgram's parameters and messages become; conversations are in tests/golden/deepgram."""

import json

import pytest

from server.dialects.deepgram import DeepgramDialect
from server.dialects.deepgram_fields import LIVE_QUERY, MIN_ENDPOINTING_MS
from server.dialects.deepgram_messages import Call
from streaming import events as ev
from streaming.errors import ErrorCode, StarlingError
from streaming.options import OptionRequest, SessionOptions
from streaming.transcript import Word

pytestmark = pytest.mark.unit

CALL = Call("request-1", "2026-01-01T00:00:00.000Z", frozenset({"base"}), "1.0")
RAW = {"encoding": ["linear16"], "sample_rate": ["16000"]}


def options(**query: list[str]) -> OptionRequest:
    return DeepgramDialect(CALL).options_from_query({**RAW, **query})


def opened(**query: list[str]) -> DeepgramDialect:
    dialect = DeepgramDialect(CALL)
    dialect.options_from_query({**RAW, **query})
    dialect.encode(1, ev.SessionReady("s", SessionOptions(model="base")))
    return dialect


def told(dialect: DeepgramDialect, *events: ev.ServerEvent) -> list[dict]:
    return [json.loads(m.data) for event in events for m in dialect.encode(1, event)]


@pytest.mark.parametrize(
    ("query", "field", "value"),
    [
        ({}, "encoding", "pcm_s16le"),
        ({"encoding": ["linear32"]}, "encoding", "pcm_f32le"),
        ({"encoding": ["ogg-opus"]}, "encoding", "container"),
        ({"encoding": []}, "encoding", "container"),
        ({}, "words", True),
        ({}, "interim", False),
        ({"interim_results": ["True"]}, "interim", True),
        ({}, "language", "en"),
        ({"language": ["de"]}, "language", "de"),
        ({"language": ["multi"]}, "language", "auto"),
        ({"detect_language": ["true"]}, "language", "auto"),
        ({"model": ["nova-3"]}, "model", None),
        ({"model": ["base"]}, "model", "base"),
        ({"channels": ["2"]}, "channel_mode", "mix"),
        ({"channels": ["2"], "multichannel": ["true"]}, "channel_mode", "split"),
        ({}, "endpoint_silence_ms", None),
        ({"endpointing": ["false"]}, "endpoint_silence_ms", None),
        ({"endpointing": ["500"]}, "endpoint_silence_ms", 500),
        ({"endpointing": ["10"]}, "endpoint_silence_ms", MIN_ENDPOINTING_MS),
        ({"endpointing": ["60000"]}, "endpoint_silence_ms", 5_000),
        ({"endpointing": ["2000"], "utterance_end_ms": ["1000"]}, "endpoint_silence_ms", 1_000),
        ({"keyterm": ["a", "b c"]}, "keyterms", ("a", "b c")),
        ({"keywords": ["a:2", "b", "c:-3"], "keyterm": ["a"]}, "keyterms", ("a", "b")),
    ],
)
def test_parameters_become_options(query, field, value):
    assert getattr(options(**query), field) == value


@pytest.mark.parametrize(
    "query",
    [
        {"encoding": ["amr-nb"]},
        {"sample_rate": ["fast"]},
        {"channels": ["2.5"]},
        {"endpointing": ["soon"]},
        {"utterance_end_ms": ["10"]},
        {"callback": ["https://example.com/hook"]},
        {"redact": ["pci"]},
    ],
)
def test_parameters_that_cannot_be_met_are_refused_by_http(query):
    with pytest.raises(StarlingError) as error:
        options(**query)
    assert error.value.code is ErrorCode.INVALID_OPTIONS
    refusal = DeepgramDialect(CALL).refusal(error.value)
    assert refusal.status == 400
    assert set(refusal.body) == {"err_code", "err_msg", "request_id"}
    assert refusal.headers["dg-request-id"] == "request-1"
    assert refusal.headers["dg-error"].isascii()


def test_every_other_known_parameter_and_unknown_ones_pass():
    named = {field.name: ["false"] for field in LIVE_QUERY.fields}
    assert options(**{**named, **RAW, "channels": ["1"], "new_parameter": ["1"]})


@pytest.mark.parametrize(
    ("message", "event"),
    [
        (b"\0\1", ev.AudioReceived(b"\0\1")),
        (b"", ev.StopRequested()),
        (b'{"type": "CloseStream"}', ev.StopRequested()),
        (b'{"type"', ev.AudioReceived(b'{"type"')),
        ('{"type": "KeepAlive"}', ev.PingReceived()),
        ('{"type": "Finalize", "channel": 0}', ev.FinalizeRequested()),
        ('{"type": "CloseStream"}', ev.StopRequested()),
        (
            '{"type": "Configure", "keyterms": ["a"]}',
            ev.OptionsChanged(OptionRequest(keyterms=("a",))),
        ),
    ],
)
def test_messages_become_events(message, event):
    assert opened().decode(message) == [event]


@pytest.mark.parametrize(
    "message",
    ["", "KeepAlive", "[]", "{}", '{"type": "Start"}', '{"type": "Configure", "keyterms": "a"}'],
)
def test_other_text_is_told_as_a_schema_error(message):
    dialect = opened()
    with pytest.raises(StarlingError) as error:
        dialect.decode(message)
    (said,) = told(dialect, ev.Failed(error.value))
    assert (said["type"], said["variant"]) == ("Error", "SchemaError")
    assert dialect.closing(error.value).code == 1008
    assert told(dialect, ev.Closed("invalid_message", 0, 0, 0, 0)) == []


@pytest.mark.parametrize(
    ("code", "close", "reason"),
    [
        (ErrorCode.IDLE_TIMEOUT, 1011, "NET-0001"),
        (ErrorCode.UNSUPPORTED_AUDIO, 1008, "DATA-0000"),
        (ErrorCode.GOING_AWAY, 1012, ""),
        (None, 1000, ""),
    ],
)
def test_closings_are_the_documented_ones(code, close, reason):
    error = None if code is None else StarlingError(code, "what", "how")
    closing = DeepgramDialect(CALL).closing(error)
    assert closing.code == close
    assert closing.reason.startswith(reason)
    assert len(closing.reason.encode()) <= 123


@pytest.mark.parametrize(
    ("code", "status", "err_code"),
    [
        (ErrorCode.UNAUTHENTICATED, 401, "INVALID_AUTH"),
        (ErrorCode.OVERLOADED, 429, "TOO_MANY_REQUESTS"),
        (ErrorCode.GOING_AWAY, 503, "GOING_AWAY"),
    ],
)
def test_refusals_have_their_shape(code, status, err_code):
    refusal = DeepgramDialect(CALL).refusal(StarlingError(code, "ü\n", "how", retry_after_s=3.0))
    assert (refusal.status, refusal.body["err_code"]) == (status, err_code)
    assert refusal.headers["retry-after"] == "3"
    assert "\n" not in refusal.headers["dg-error"]


WORDS = (Word(" Hello,", 0, 8_000, 0.9), Word(" World!", 8_000, 16_000, 0.7))


def final(dialect: DeepgramDialect, reason: ev.EndReason) -> dict:
    (said,) = told(
        dialect,
        ev.Final(1, 0, WORDS, 0, 16_000, "de", 0.5),
        ev.UtteranceEnded(1, 0, 16_000, reason),
    )
    return said


def test_words_are_bare_unless_punctuation_was_asked_for():
    (plain,) = final(opened(), ev.EndReason.SILENCE)["channel"]["alternatives"]
    assert plain["transcript"] == "hello world"
    assert plain["confidence"] == 0.8
    assert plain["words"][0] == {"word": "hello", "start": 0.0, "end": 0.5, "confidence": 0.9}
    formatted = opened(smart_format=["true"], diarize=["true"], language=["multi"])
    (rich,) = final(formatted, ev.EndReason.SILENCE)["channel"]["alternatives"]
    assert rich["transcript"] == "Hello, World!"
    assert rich["languages"] == ["de"]
    assert rich["words"][1] == {
        "word": "world",
        "start": 0.5,
        "end": 1.0,
        "confidence": 0.7,
        "punctuated_word": "World!",
        "speaker": 0,
        "language": "de",
    }


@pytest.mark.parametrize(
    ("query", "reason", "speech_final"),
    [
        ({}, ev.EndReason.SILENCE, True),
        ({}, ev.EndReason.PAUSE, True),
        ({}, ev.EndReason.MAX_DURATION, False),
        ({}, ev.EndReason.STOP, True),
        ({"endpointing": ["700"]}, ev.EndReason.SILENCE, True),
        ({"endpointing": ["700"]}, ev.EndReason.PAUSE, False),
        ({"endpointing": ["2000"]}, ev.EndReason.SILENCE, False),
        ({"endpointing": ["2000"]}, ev.EndReason.FINALIZE, True),
        ({"endpointing": ["false"]}, ev.EndReason.SILENCE, False),
    ],
)
def test_speech_is_final_when_the_silence_asked_for_has_come(query, reason, speech_final):
    dialect = opened(**query)
    said = final(dialect, reason)
    assert said["is_final"] is True
    assert said["speech_final"] is speech_final
    assert said["from_finalize"] is (reason is ev.EndReason.FINALIZE)


def test_speech_that_was_cut_is_over_when_the_silence_comes_after_all():
    dialect = opened(endpointing=["700"])
    assert final(dialect, ev.EndReason.MAX_DURATION)["speech_final"] is False
    silence = ev.SilenceReached(0, 700, 16_000)
    (said,) = told(dialect, silence)
    assert (said["is_final"], said["speech_final"]) == (True, True)
    assert said["channel"]["alternatives"][0]["transcript"] == ""
    assert told(dialect, silence) == []


def test_an_utterance_ends_once_and_only_after_words():
    dialect = opened(utterance_end_ms=["1000"])
    silence = ev.SilenceReached(0, 1_000, 16_000)
    assert told(dialect, silence) == []
    final(dialect, ev.EndReason.SILENCE)
    assert told(dialect, silence) == [
        {"type": "UtteranceEnd", "channel": [0, 1], "last_word_end": 1.0}
    ]
    assert told(dialect, silence) == []


def test_a_filter_that_is_not_there_is_told():
    (said,) = told(opened(profanity_filter=["true"]), ev.Closed("stop", 16_000, 0, 0, 0))
    assert said["warnings"][0]["parameter"] == "profanity_filter"
    assert "warnings" not in told(opened(), ev.Closed("stop", 16_000, 0, 0, 0))[0]
