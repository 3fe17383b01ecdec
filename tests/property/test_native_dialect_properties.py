"""Garbage on the wire gives events or told errors, never anything else."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.dialects.native import OPTION_NAMES, NativeDialect
from streaming.errors import StarlingError
from streaming.events import (
    AudioReceived,
    Failed,
    FinalizeRequested,
    OptionsChanged,
    PingReceived,
    PongSent,
    StopRequested,
)
from streaming.options import (
    ModelOffer,
    OptionLimits,
    OptionRequest,
    SessionOptions,
    apply_update,
    resolve_options,
)

pytestmark = pytest.mark.property

EVENTS = (AudioReceived, FinalizeRequested, OptionsChanged, PingReceived, StopRequested)
OFFER = ModelOffer("base", frozenset({"en", "de"}))
LIMITS = OptionLimits()
VALID: list[dict[str, Any]] = [
    {"type": "start", "encoding": "mulaw", "sample_rate": 8000, "channels": 2, "language": "en"},
    {"type": "start", "channel_mode": "mix", "model": "base", "keyterms": ["a", "b"]},
    {"type": "update", "endpoint_silence_ms": 300, "max_utterance_s": 4.5, "prompt": "x"},
    {"type": "update", "words": True, "interim": False, "task": "translate"},
    {"type": "finalize", "id": "f"},
    {"type": "ping", "id": "p"},
    {"type": "stop"},
]
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.integers(10**300, 10**310)
    | st.text()
    | st.just("\ud800")
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner)
)
NAMES = st.sampled_from([*OPTION_NAMES, "type", "id"]) | st.text()


@st.composite
def mutated(draw) -> str:
    message = draw(st.sampled_from(VALID)) | draw(st.dictionaries(NAMES, VALUES, max_size=3))
    for name in draw(st.lists(st.sampled_from(sorted(message)), max_size=2)):
        message.pop(name, None)
    text = json.dumps(message)
    cut = draw(st.integers(0, len(text)))
    return draw(st.sampled_from([text, text, text, text[:cut], text[:cut] + "}" + text[cut:]]))


MESSAGES = mutated() | st.text() | st.binary() | VALUES.map(json.dumps)


def assert_tellable(error: StarlingError) -> None:
    assert error.message
    assert error.hint
    assert NativeDialect().encode(1, Failed(error))


@given(MESSAGES)
@settings(max_examples=300, deadline=None)
def test_any_later_message_is_an_event_or_a_told_error(message):
    try:
        (event,) = NativeDialect().decode(message)
    except StarlingError as error:
        assert_tellable(error)
        return
    assert isinstance(event, EVENTS)
    if isinstance(event, PingReceived):
        assert NativeDialect().encode(1, PongSent(event.id))
    if isinstance(event, OptionsChanged):
        try:
            apply_update(SessionOptions(), event.request, OFFER, LIMITS)
        except StarlingError as error:
            assert_tellable(error)


@given(MESSAGES)
@settings(max_examples=300, deadline=None)
def test_any_first_message_opens_a_session_or_is_told_why_not(message):
    try:
        request = NativeDialect().open(message, OptionRequest())
        if request is not None:
            resolve_options(request, SessionOptions(), (OFFER,), LIMITS)
    except StarlingError as error:
        assert_tellable(error)


QUERIES = st.dictionaries(NAMES, st.lists(st.text(), min_size=1, max_size=3), max_size=4)


@given(QUERIES)
@settings(max_examples=300, deadline=None)
def test_any_query_gives_options_or_is_told_why_not(query):
    try:
        request = NativeDialect().options_from_query(query)
        resolve_options(request, SessionOptions(), (OFFER,), LIMITS)
    except StarlingError as error:
        assert_tellable(error)
