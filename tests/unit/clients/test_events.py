"""The client's events and options say what the server's schema says."""

import dataclasses
import typing

import pytest

from server.dialects import native_messages as wire
from starling_client import (
    EffectiveOptions,
    Final,
    Interim,
    SessionOptions,
    StarlingError,
    Summary,
    TunableOptions,
    UnknownEvent,
    Word,
)
from starling_client.events import EVENT_TYPES, parse_event

pytestmark = pytest.mark.unit

SERVER_MODELS = typing.get_args(typing.get_args(wire.AnyServerMessage)[0])


def fields_of(cls):
    return {field.name for field in dataclasses.fields(cls)}


@pytest.mark.parametrize("model", SERVER_MODELS, ids=lambda model: model.__name__)
def test_each_server_message_has_an_event_with_exactly_its_fields(model):
    event_type = EVENT_TYPES[model.model_fields["type"].default]

    assert fields_of(event_type) == set(model.model_fields) - {"type"}


def test_there_is_no_event_the_server_cannot_send():
    assert set(EVENT_TYPES) == {model.model_fields["type"].default for model in SERVER_MODELS}


@pytest.mark.parametrize(
    ("cls", "model"),
    [
        (Word, wire.WireWord),
        (EffectiveOptions, wire.EffectiveOptions),
        (Summary, wire.Summary),
        (TunableOptions, wire.TunableOptions),
    ],
)
def test_parts_of_messages_have_exactly_the_schemas_fields(cls, model):
    assert fields_of(cls) == set(model.model_fields)


def test_session_options_are_exactly_those_of_start():
    assert fields_of(SessionOptions) == set(wire.Start.model_fields) - {"type"}


def test_fields_that_may_be_missing_on_the_wire_may_be_missing_here():
    for model in SERVER_MODELS:
        event_type = EVENT_TYPES[model.model_fields["type"].default]
        optional = {
            field.name
            for field in dataclasses.fields(event_type)
            if field.default is not dataclasses.MISSING
        }
        assert optional == {
            name
            for name, field in model.model_fields.items()
            if not field.is_required() and name != "type"
        }


def test_options_left_out_are_not_sent():
    options = SessionOptions(encoding="pcm_s16le", sample_rate=16_000, keyterms=("Elinor",))

    assert options.fields_set() == {
        "encoding": "pcm_s16le",
        "sample_rate": 16_000,
        "keyterms": ("Elinor",),
    }


def test_a_final_as_the_server_writes_it_is_read_with_its_words():
    sent = wire.Final(
        seq=7,
        utterance=2,
        channel=0,
        text="a selfish man",
        start=1.5,
        end=2.75,
        words=[wire.WireWord(word=" a", start=1.5, end=1.6, confidence=0.9)],
        language="en",
        confidence=0.8,
    )

    event = parse_event(sent.model_dump_json())

    assert event == Final(
        seq=7,
        utterance=2,
        channel=0,
        text="a selfish man",
        start=1.5,
        end=2.75,
        language="en",
        confidence=0.8,
        words=(Word(" a", 1.5, 1.6, 0.9),),
    )


def test_the_whole_guess_is_committed_and_tentative_text_joined():
    event = parse_event(
        '{"type": "interim", "seq": 3, "utterance": 1, "channel": 0, "committed": "he was",'
        ' "tentative": " not an", "start": 0.2, "end": 1.0}'
    )

    assert isinstance(event, Interim)
    assert event.text == "he was not an"


def test_fields_of_a_newer_server_are_ignored():
    event = parse_event('{"type": "ack", "seq": 4, "offset": 1.5, "mood": "fine"}')

    assert (event.seq, event.offset) == (4, 1.5)


def test_a_message_of_a_newer_server_is_surfaced_as_unknown():
    event = parse_event('{"type": "speaker_changed", "seq": 9, "speaker": 2}')

    assert event == UnknownEvent(
        seq=9,
        name="speaker_changed",
        data={"type": "speaker_changed", "seq": 9, "speaker": 2},
    )


@pytest.mark.parametrize(
    "text",
    ["", "hello", "[]", "{}", '{"type": "ack"}', '{"type": "ack", "seq": 1}', "null"],
)
def test_text_that_is_no_message_is_a_clear_error(text):
    with pytest.raises(StarlingError, match="no Starling message") as caught:
        parse_event(text)
    assert caught.value.code == "bad_message"


def test_an_error_reads_as_message_hint_and_code():
    error = StarlingError("overloaded", "The server is full.", "Try again in 5 s.")

    assert str(error) == "The server is full. Try again in 5 s. [overloaded]"
