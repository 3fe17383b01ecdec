"""The conversations of tests/golden/native over gRPC, and what protobuf adds to them."""

import pytest
from starling.v1 import transcription_pb2 as proto

from server.dialects import native_messages as wire
from server.dialects.native_call import NativeCallDialect, start_options
from server.dialects.native_proto import FRAMING, enum_prefix
from streaming import events as ev
from streaming.errors import ErrorCode, StarlingError
from streaming.options import OptionRequest
from tests.support.golden import GOLDEN, GoldenPlayer, turns
from tests.support.proto_json import UNKNOWN_FIELD, CallAsSocket

pytestmark = pytest.mark.unit

CONVERSATIONS = sorted((GOLDEN / "native").glob("*.jsonl"))
Request = proto.StreamingTranscribeRequest


def worded_alike(messages):
    """Leave out the sentences about the form of a message: JSON and protobuf differ there."""
    return [
        {**message, "message": "", "hint": ""}
        if message.get("code") == "invalid_message"
        else message
        for message in messages
    ]


@pytest.mark.parametrize("path", CONVERSATIONS, ids=lambda path: path.stem)
def test_the_server_answers_as_on_a_websocket(path):
    server = GoldenPlayer(CallAsSocket())
    for line, expected in turns(path):
        assert worded_alike(server.answer(line)) == worded_alike(expected), line


MESSAGES = {
    kind.model_fields["type"].default: kind
    for kind in (
        *wire.ServerMessage.__subclasses__(),
        wire.Resume,
        wire.Finalize,
        wire.Ping,
        wire.Stop,
    )
} | {"start": wire.Start, "update": wire.Update}
NESTED = {
    "Summary": wire.Summary,
    "EffectiveOptions": wire.EffectiveOptions,
    "Word": wire.WireWord,
}


@pytest.mark.parametrize(
    ("message", "model"),
    [
        *(
            (envelope.DESCRIPTOR.fields_by_name[kind].message_type, model)
            for kind, model in MESSAGES.items()
            for envelope in (Request, proto.StreamingTranscribeResponse)
            if kind in envelope.DESCRIPTOR.fields_by_name
        ),
        *((getattr(proto, name).DESCRIPTOR, model) for name, model in NESTED.items()),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_every_message_has_the_fields_of_its_json(message, model):
    assert {field.name for field in message.fields} == set(model.model_fields) - FRAMING


def test_every_message_of_the_protocol_has_its_place():
    told = {field.name for field in proto.StreamingTranscribeResponse.DESCRIPTOR.fields}
    asked = {field.name for field in Request.DESCRIPTOR.fields}
    assert told | asked == set(MESSAGES) | {"seq", "audio"}


ENUMS = {
    "Encoding": wire.Encoding,
    "Task": wire.Task,
    "ChannelMode": wire.ChannelMode,
    "EndReason": wire.EndReason,
}


@pytest.mark.parametrize("name", ENUMS)
def test_every_enum_has_the_words_of_its_json(name):
    prefix = enum_prefix(name)
    words = {
        value.removeprefix(prefix).lower()
        for value in getattr(proto, name).DESCRIPTOR.values_by_name
    }
    assert words == {*ENUMS[name].__args__, "unspecified"}


def refusal(act) -> StarlingError:
    with pytest.raises(StarlingError) as refused:
        act()
    assert refused.value.hint
    return refused.value


def test_an_empty_request_is_told():
    error = refusal(lambda: NativeCallDialect().decode(Request()))
    assert error.code is ErrorCode.INVALID_MESSAGE


def test_a_request_of_a_newer_kind_is_told():
    newer = Request.FromString(UNKNOWN_FIELD)
    assert refusal(lambda: NativeCallDialect().decode(newer)).code is ErrorCode.INVALID_MESSAGE
    assert refusal(lambda: NativeCallDialect().open(newer, OptionRequest()))


def test_an_option_of_a_newer_protocol_is_refused_by_number():
    start = proto.Start.FromString(UNKNOWN_FIELD)
    error = refusal(lambda: start_options(start))
    assert error.code is ErrorCode.INVALID_MESSAGE
    assert "999" in error.message


def test_an_enum_value_of_a_newer_protocol_is_refused_with_the_known_ones():
    start = proto.Start()
    start.ParseFromString(b"\x48\x63")  # encoding = 99
    error = refusal(lambda: start_options(start))
    assert "99" in error.message
    assert "ENCODING_MULAW" in error.hint


def test_an_unspecified_enum_names_nothing():
    assert start_options(proto.Start(encoding=proto.ENCODING_UNSPECIFIED)) == OptionRequest()


def test_empty_keyterms_differ_from_none():
    assert start_options(proto.Start(keyterms=proto.Keyterms())).keyterms == ()
    assert start_options(proto.Start()).keyterms is None


def test_long_ids_are_refused():
    ping = Request(ping=proto.Ping(id="x" * 129))
    assert refusal(lambda: NativeCallDialect().decode(ping)).code is ErrorCode.INVALID_MESSAGE


def test_audio_may_come_first_and_is_heard():
    dialect, request = NativeCallDialect(), Request(audio=b"RIFF")
    assert dialect.open(request, OptionRequest()) == OptionRequest()
    assert dialect.first_events(request) == [ev.AudioReceived(b"RIFF")]
    assert dialect.first_events(Request(start=proto.Start())) == []


def test_closing_the_sending_side_means_stop():
    dialect = NativeCallDialect()
    assert dialect.decode(dialect.half_close()) == [ev.StopRequested()]


def test_only_interims_replace_one_another():
    dialect = NativeCallDialect()
    (interim,) = dialect.encode(1, ev.Interim(1, 1, (), (), 0, 1, "en"))
    (ended,) = dialect.encode(2, ev.UtteranceEnded(1, 1, 1, ev.EndReason.STOP))
    assert (interim.replaces, ended.replaces) == ("interim 1", None)
    assert dialect.encode(3, ev.SilenceReached(0, 500, 1)) == []
