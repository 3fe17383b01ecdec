"""The native protocol over gRPC (proto/starling/v1): the same messages as protobuf."""

from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf.message import Message
from google.protobuf.unknown_fields import UnknownFieldSet
from pydantic import ValidationError
from starling.v1.transcription_pb2 import (
    Start,
    Stop,
    StreamingTranscribeRequest,
    StreamingTranscribeResponse,
)

from server.dialects import native_messages as wire
from server.dialects.base import Outgoing
from server.dialects.native import client_event, explain, option_request, to_wire
from server.dialects.native_proto import fill, named_fields
from streaming import events as ev
from streaming.errors import ErrorCode, StarlingError
from streaming.options import OptionRequest
from streaming.resume import ResumeRequest

_HINT = "a request holds one of: start, resume, audio, update, finalize, ping, stop"


class NativeCallDialect:
    """Translates between protobuf messages and events."""

    def options_from_query(self, query: Mapping[str, Sequence[str]]) -> OptionRequest:  # noqa: ARG002 # a call has no address of its own
        """Return no options: a call names them in `start`."""
        return OptionRequest()

    def open(
        self, message: StreamingTranscribeRequest, named: OptionRequest
    ) -> OptionRequest | None:
        """Return the options of `start`; audio starts with the defaults."""
        match message.WhichOneof("message"):
            case "audio":
                return named
            case "start":
                return start_options(message.start)
            case _:
                _parse(message)
                return None

    def resume(self, message: StreamingTranscribeRequest) -> ResumeRequest | None:
        """Return what a first message wants to go on with, if that is what it wants."""
        if message.WhichOneof("message") != "resume":
            return None
        parsed = _parse(message)
        assert isinstance(parsed, wire.Resume)
        return ResumeRequest(parsed.session, parsed.secret, parsed.last_seq)

    def decode(self, message: StreamingTranscribeRequest) -> list[ev.ClientEvent]:
        """Return the event of a message after the first."""
        if message.WhichOneof("message") == "audio":
            return [ev.AudioReceived(message.audio)]
        return [client_event(_parse(message))]

    def encode(
        self, seq: int, event: ev.ServerEvent
    ) -> list[Outgoing[StreamingTranscribeResponse]]:
        """Return the message for an event."""
        if isinstance(event, ev.SilenceReached):
            return []
        told = to_wire(seq, event)
        response = StreamingTranscribeResponse(seq=seq)
        # Every message of the protocol has a `type`, which names its field here.
        answer: Message = getattr(response, told.type)  # type: ignore[attr-defined]
        answer.SetInParent()
        fill(answer, told)
        replaces = f"interim {event.channel}" if isinstance(event, ev.Interim) else None
        return [Outgoing(response, replaces)]

    def first_events(self, message: StreamingTranscribeRequest) -> list[ev.ClientEvent]:
        """Return what a first message brings beside options."""
        return self.decode(message) if message.WhichOneof("message") == "audio" else []

    def not_understood(self) -> StarlingError:
        """Return what a client is told whose bytes are no request."""
        return not_understood()

    def audio_bytes(self, message: StreamingTranscribeRequest) -> int | None:
        """Return how much audio a message holds; None when it is of another kind."""
        return len(message.audio) if message.WhichOneof("message") == "audio" else None

    def half_close(self) -> StreamingTranscribeRequest:
        """Return what closing the sending side means: `stop`."""
        return StreamingTranscribeRequest(stop=Stop())


def not_understood() -> StarlingError:
    """Return what a client is told whose bytes are no request."""
    return StarlingError(
        ErrorCode.INVALID_MESSAGE,
        "the message is no request of starling.v1",
        "generate your client from proto/starling/v1, or ask the server by reflection",
    )


def start_options(start: Start) -> OptionRequest:
    """Return the options that a `Start` names.

    Raises:
        StarlingError: INVALID_MESSAGE.
    """
    _refuse_unknown("start", start)
    try:
        return option_request(wire.Start.model_validate(named_fields(start)))
    except ValidationError as error:
        raise explain(error, ErrorCode.INVALID_MESSAGE, _HINT) from None


def _parse(message: StreamingTranscribeRequest) -> wire.AnyClientMessage:
    name = message.WhichOneof("message")
    if name is None:
        raise StarlingError(
            ErrorCode.INVALID_MESSAGE, "a request is empty, or of a kind not known here", _HINT
        )
    content: Any = getattr(message, name)
    _refuse_unknown(name, content)
    try:
        return wire.CLIENT_MESSAGE.validate_python({"type": name, **named_fields(content)})
    except ValidationError as error:
        raise explain(error, ErrorCode.INVALID_MESSAGE, _HINT) from None


def _refuse_unknown(name: str, content: Message) -> None:
    """Refuse fields of a newer protocol: an option must not be ignored unnoticed."""
    unknown = UnknownFieldSet(content)
    if len(unknown):
        raise StarlingError(
            ErrorCode.INVALID_MESSAGE,
            f"{name} has field {unknown[0].field_number}, which this server does not know",
            "leave the field out, or use a newer server",
        )
