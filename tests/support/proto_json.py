"""The native protocol's JSON messages as protobuf and back, by protobuf's own JSON rules.

Written apart from the server's translation, so that each checks the other. All messages cross as
serialized bytes, as on a wire.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf.json_format import MessageToDict, ParseDict
from starling.v1.transcription_pb2 import StreamingTranscribeRequest, StreamingTranscribeResponse

from server.dialects.base import Outgoing
from server.dialects.native_call import NativeCallDialect
from streaming.events import ClientEvent, ServerEvent
from streaming.options import OptionRequest

ENUMS = {
    "encoding": "ENCODING_",
    "task": "TASK_",
    "channel_mode": "CHANNEL_MODE_",
    "reason": "END_REASON_",
}
UNKNOWN_FIELD = b"\xb8\x3e\x01"
"""Field 999 with the value 1, which no message has."""


def to_request(message: str | bytes) -> StreamingTranscribeRequest:
    """Return a client's JSON message, or its audio, as a request."""
    if isinstance(message, bytes):
        return StreamingTranscribeRequest(audio=message)
    named = json.loads(message)
    kind = named.pop("type")
    request = StreamingTranscribeRequest()
    content = getattr(request, kind)
    content.SetInParent()
    known = {n: _to_proto(n, v) for n, v in named.items() if n in content.DESCRIPTOR.fields_by_name}
    ParseDict(known, content)
    if len(known) < len(named):
        content.MergeFromString(UNKNOWN_FIELD)
    return StreamingTranscribeRequest.FromString(request.SerializeToString())


def _to_proto(name: str, value: Any) -> Any:
    if name == "keyterms":
        return {"items": value}
    return ENUMS[name] + value.upper() if name in ENUMS else value


def to_json(response: StreamingTranscribeResponse) -> dict[str, Any]:
    """Return a response as the JSON message of the WebSocket."""
    crossed = StreamingTranscribeResponse.FromString(response.SerializeToString())
    kind = crossed.WhichOneof("event")
    return {"seq": crossed.seq, "type": kind, **_content(getattr(crossed, kind))}


def _content(message: Any) -> dict[str, Any]:
    plain = MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
    for field in message.DESCRIPTOR.fields:
        if field.name == "words" and field.message_type is not None:
            if field.name in plain:
                plain[field.name] = plain[field.name]["items"]
        elif field.name not in plain:
            plain[field.name] = None
        elif field.enum_type is not None:
            plain[field.name] = plain[field.name].removeprefix(ENUMS[field.name]).lower()
        elif field.type == field.TYPE_INT64:
            plain[field.name] = int(plain[field.name])  # JSON's numbers would lose digits
        elif field.message_type is not None:
            plain[field.name] = _content(getattr(message, field.name))
    return plain


class CallAsSocket:
    """The gRPC dialect in the clothes of the WebSocket's."""

    def __init__(self) -> None:
        self._dialect = NativeCallDialect()

    def options_from_query(self, query: Mapping[str, Sequence[str]]) -> OptionRequest:
        return self._dialect.options_from_query(query)

    def open(self, message: str | bytes, named: OptionRequest) -> OptionRequest | None:
        return self._dialect.open(to_request(message), named)

    def decode(self, message: str | bytes) -> list[ClientEvent]:
        return self._dialect.decode(to_request(message))

    def encode(self, seq: int, event: ServerEvent) -> list[Outgoing[str]]:
        return [
            Outgoing(json.dumps(to_json(message.data)), message.replaces)
            for message in self._dialect.encode(seq, event)
        ]
