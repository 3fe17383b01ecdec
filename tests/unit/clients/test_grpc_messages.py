"""Protobuf to events and back, also from a newer server; the rest is in tests/integration."""

import pytest
from starling.v1 import transcription_pb2 as proto

from starling_client import (
    Ack,
    Final,
    SessionOptions,
    StarlingError,
    UnknownEvent,
    UtteranceEnded,
    Word,
)
from starling_client.grpc_messages import event_of, request_of, start_of

pytestmark = pytest.mark.unit

Response = proto.StreamingTranscribeResponse
NEWER = b"\xb8\x3e\x01"
"""Field 999, which this version does not have."""


def test_options_left_out_stay_out():
    start = start_of(SessionOptions(encoding="mulaw", keyterms=(), interim=False))
    assert {field.name for field, _ in start.ListFields()} == {"encoding", "keyterms", "interim"}
    assert start.encoding == proto.ENCODING_MULAW


def test_a_message_without_fields_is_still_said():
    assert request_of({"type": "stop"}).WhichOneof("message") == "stop"
    assert request_of({"type": "finalize", "id": "f"}).finalize.id == "f"


def test_a_word_that_no_enum_has_is_told_with_those_it_has():
    with pytest.raises(StarlingError, match="pcm_s16le, pcm_f32le") as refused:
        start_of(SessionOptions(encoding="gsm"))
    assert refused.value.code == "invalid_options"


def test_words_are_absent_or_there():
    plain = Response(seq=3, final=proto.Final(text="Hi", language="en"))
    timed = Response(seq=4, final=proto.Final(words=proto.Words(items=[proto.Word(word="Hi")])))
    silent = Response(seq=5, final=proto.Final(words=proto.Words()))
    assert event_of(plain) == Final(3, 0, 0, "Hi", 0.0, 0.0, "en", 0.0)
    assert event_of(timed).words == (Word("Hi", 0.0, 0.0, 0.0),)
    assert event_of(silent).words == ()


def test_fields_of_a_newer_server_are_ignored():
    response = Response(seq=1, ack=proto.Ack(offset=2.5))
    response.ack.MergeFromString(NEWER)
    event = event_of(response)
    assert isinstance(event, Ack)
    assert event.offset == 2.5


def test_an_event_of_a_newer_server_is_passed_on_without_a_name():
    event = event_of(Response.FromString(NEWER))
    assert isinstance(event, UnknownEvent)
    assert event.name == ""


def test_an_enum_value_of_a_newer_server_is_its_number():
    ended = proto.UtteranceEnded()
    ended.ParseFromString(b"\x20\x63")  # reason = 99
    event = event_of(Response(seq=1, utterance_ended=ended))
    assert isinstance(event, UtteranceEnded)
    assert event.reason == "99"
