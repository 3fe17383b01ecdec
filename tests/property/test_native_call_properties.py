"""Garbage in protobuf gives events or told errors, never anything else."""

import pytest
from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Field
from google.protobuf.message import DecodeError
from hypothesis import given, settings
from hypothesis import strategies as st
from starling.v1 import transcription_pb2 as proto

from server.dialects.native_call import NativeCallDialect, start_options
from streaming.errors import StarlingError
from streaming.events import (
    AudioReceived,
    Failed,
    FinalizeRequested,
    OptionsChanged,
    PingReceived,
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

Request = proto.StreamingTranscribeRequest
EVENTS = (AudioReceived, FinalizeRequested, OptionsChanged, PingReceived, StopRequested)
OFFER = ModelOffer("base", frozenset({"en", "de"}))
LIMITS = OptionLimits()
NUMBERS = st.integers(-(2**31), 2**31 - 1)
TEXTS = st.text(max_size=200)


def of_any(message):
    """Return the message with any field set to anything that its type holds."""

    def build(named):
        made = message()
        for name, value in named.items():
            if name == "keyterms":
                made.keyterms.items.extend(value)
            else:
                setattr(made, name, value)
        return made

    kinds = {
        "TYPE_STRING": TEXTS,
        "TYPE_BOOL": st.booleans(),
        "TYPE_INT32": NUMBERS,
        "TYPE_DOUBLE": st.floats(),
        "TYPE_ENUM": NUMBERS,
        "TYPE_MESSAGE": st.lists(TEXTS, max_size=3),
    }
    fields = {f.name: kinds[Field.Type.Name(f.type)] for f in message.DESCRIPTOR.fields}
    return st.fixed_dictionaries({}, optional=fields).map(build)


REQUESTS = st.one_of(
    of_any(proto.Start).map(lambda start: Request(start=start)),
    of_any(proto.Update).map(lambda update: Request(update=update)),
    of_any(proto.Finalize).map(lambda finalize: Request(finalize=finalize)),
    of_any(proto.Ping).map(lambda ping: Request(ping=ping)),
    st.just(Request(stop=proto.Stop())),
    st.binary().map(lambda data: Request(audio=data)),
)


@st.composite
def mutated(draw):
    """Return a request whose bytes were changed, or random bytes, as far as they parse."""
    data = bytearray(draw(REQUESTS).SerializeToString() or draw(st.binary(min_size=1)))
    for _ in range(draw(st.integers(0, 3))):
        data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    try:
        return Request.FromString(bytes(data) + draw(st.sampled_from([b"", b"\xb8\x3e\x01"])))
    except DecodeError:
        return Request()


MESSAGES = REQUESTS | mutated()


def assert_tellable(error):
    assert error.message
    assert error.hint
    assert NativeCallDialect().encode(1, Failed(error))[0].data.SerializeToString()


@given(MESSAGES)
@settings(max_examples=300, deadline=None)
def test_any_later_request_is_an_event_or_a_told_error(request):
    try:
        (event,) = NativeCallDialect().decode(request)
        assert isinstance(event, EVENTS)
        if isinstance(event, OptionsChanged):
            apply_update(SessionOptions(), event.request, OFFER, LIMITS)
    except StarlingError as error:
        assert_tellable(error)


@given(MESSAGES)
@settings(max_examples=300, deadline=None)
def test_any_first_request_opens_a_session_or_is_told_why_not(request):
    dialect = NativeCallDialect()
    try:
        options = dialect.open(request, OptionRequest())
        if options is not None:
            resolve_options(options, SessionOptions(), (OFFER,), LIMITS)
            assert len(dialect.first_events(request)) <= 1
    except StarlingError as error:
        assert_tellable(error)


@given(of_any(proto.Start))
@settings(max_examples=200, deadline=None)
def test_any_options_of_a_file_are_taken_or_told(start):
    try:
        resolve_options(start_options(start), SessionOptions(), (OFFER,), LIMITS)
    except StarlingError as error:
        assert_tellable(error)
