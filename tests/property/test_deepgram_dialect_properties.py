"""Whatever comes, Deepgram's dialect gives events or told errors; results say each word once."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.dialects.deepgram import DeepgramDialect
from server.dialects.deepgram_fields import LIVE_QUERY
from server.dialects.deepgram_messages import Call
from server.dialects.deepgram_turns import DeepgramTurnsDialect
from streaming.errors import StarlingError
from streaming.events import (
    AudioReceived,
    Failed,
    FinalizeRequested,
    OptionsChanged,
    PingReceived,
    SessionReady,
    StopRequested,
)
from streaming.options import OptionLimits, SessionOptions, resolve_options
from tests.support.scripted_speech import said
from tests.support.session_harness import ENGLISH, SessionHarness, with_options

pytestmark = pytest.mark.property

CALL = Call("request-1", "2026-01-01T00:00:00.000Z", frozenset({"tiny.en"}), "1.0")
EVENTS = (AudioReceived, FinalizeRequested, OptionsChanged, PingReceived, StopRequested)
NAMES = st.sampled_from([field.name for field in LIVE_QUERY.fields]) | st.text(max_size=8)
VALUES = st.sampled_from(
    ["true", "false", "", "linear16", "opus", "16000", "8000", "1", "2", "300", "en", "multi", "-1"]
) | st.text(max_size=12)
QUERIES = st.dictionaries(NAMES, st.lists(VALUES, max_size=3), max_size=6)
TYPES = st.sampled_from(
    ["KeepAlive", "Finalize", "ForceEndTurn", "CloseStream", "Configure", "Results"]
)
BODIES = st.dictionaries(
    st.sampled_from(["type", "keyterms", "features", "channel"]) | st.text(max_size=5),
    TYPES | st.none() | st.lists(st.text(max_size=5) | st.integers()) | st.just("\ud800"),
)
MESSAGES = BODIES.map(json.dumps) | st.text() | st.binary()


def assert_tellable(error: StarlingError) -> None:
    dialect = DeepgramDialect(CALL)
    refusal = dialect.refusal(error)
    json.dumps(refusal.body).encode()
    assert all(value.isascii() and value.isprintable() for value in refusal.headers.values())
    for message in dialect.encode(1, Failed(error)):
        message.data.encode()
    assert len(dialect.closing(error).reason.encode()) <= 123


@pytest.mark.parametrize("kind", [DeepgramDialect, DeepgramTurnsDialect])
@given(query=QUERIES)
@settings(max_examples=300, deadline=None)
def test_any_address_is_options_or_a_told_refusal(kind, query):
    try:
        request = kind(CALL).options_from_query(query)
        resolve_options(request, SessionOptions(), (ENGLISH,), OptionLimits())
    except StarlingError as error:
        assert_tellable(error)


@pytest.mark.parametrize("kind", [DeepgramDialect, DeepgramTurnsDialect])
@given(message=MESSAGES)
@settings(max_examples=300, deadline=None)
def test_any_message_is_an_event_or_a_told_error(kind, message):
    dialect = kind(CALL)
    dialect.options_from_query({})
    dialect.encode(1, SessionReady("s", SessionOptions()))
    try:
        (event,) = dialect.decode(message)
    except StarlingError as error:
        assert_tellable(error)
        return
    assert isinstance(event, EVENTS)


PARTS = st.lists(
    st.lists(st.integers(1, 90), min_size=1, max_size=25) | st.sampled_from([0.3, 0.6, 1.2, 2.5]),
    min_size=1,
    max_size=6,
)


@given(PARTS, st.booleans(), st.sampled_from([None, "false", "300", "700", "2000"]))
@settings(max_examples=60, deadline=None)
def test_finals_tile_the_audio_and_say_every_word_once(parts, interim, endpointing):
    """The finals of this protocol together say what the finals of the session say."""
    query = {"encoding": ["linear16"], "sample_rate": ["16000"], "utterance_end_ms": ["1000"]}
    query |= {} if endpointing is None else {"endpointing": [endpointing]}
    query |= {"interim_results": [str(interim)]}
    dialect = DeepgramDialect(CALL)
    request = dialect.options_from_query(query)
    defaults = with_options(max_utterance_s=6.0)
    harness = SessionHarness(resolve_options(request, defaults, (ENGLISH,), OptionLimits()))
    harness.send(said(*parts))
    harness.stop()
    heard = [json.loads(m.data) for e in harness.emitted for m in dialect.encode(e.seq, e.event)]
    finals = [m for m in heard if m["type"] == "Results" and m["is_final"]]
    texts = [m["channel"]["alternatives"][0]["transcript"] for m in finals]
    assert " ".join(filter(None, texts)) == harness.text
    end = 0.0
    for result in finals:
        assert abs(result["start"] - end) < 0.002
        assert result["duration"] >= 0
        end = result["start"] + result["duration"]
    assert [m["type"] for m in heard][-1] == "Metadata"
    if endpointing == "false":
        assert not any(m["speech_final"] for m in finals)
    elif texts and any(texts):
        assert finals[-1]["speech_final"]


@given(PARTS, st.sampled_from([None, "500", "5000"]))
@settings(max_examples=60, deadline=None)
def test_turns_begin_and_end_in_order_and_say_every_word_once(parts, timeout):
    query = {"encoding": ["linear16"], "sample_rate": ["16000"], "model": ["flux-general-en"]}
    query |= {} if timeout is None else {"eot_timeout_ms": [timeout]}
    dialect = DeepgramTurnsDialect(CALL)
    request = dialect.options_from_query(query)
    defaults = with_options(max_utterance_s=6.0)
    harness = SessionHarness(resolve_options(request, defaults, (ENGLISH,), OptionLimits()))
    harness.send(said(*parts))
    harness.stop()
    heard = [json.loads(m.data) for e in harness.emitted for m in dialect.encode(e.seq, e.event)]
    assert [message["sequence_id"] for message in heard] == list(range(len(heard)))
    turns = [message for message in heard if message["type"] == "TurnInfo"]
    edges = [turn["event"] for turn in turns if turn["event"] != "Update"]
    assert edges == ["StartOfTurn", "EndOfTurn"] * (len(edges) // 2)
    ends = [turn for turn in turns if turn["event"] == "EndOfTurn"]
    assert " ".join(turn["transcript"] for turn in ends) == harness.text
    assert [turn["turn_index"] for turn in ends] == list(range(len(ends)))
    assert all(turn["audio_window_start"] <= turn["audio_window_end"] for turn in turns)
