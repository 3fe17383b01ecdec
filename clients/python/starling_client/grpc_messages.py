"""Between the protocol's messages as this package knows them and the protobuf of `starling.v1`.

The names of fields are the same on both sides, so one rule each way is enough.
"""

import re
from dataclasses import MISSING, fields
from typing import Any

from google.protobuf.message import Message
from starling.v1.transcription_pb2 import (
    Start,
    StreamingTranscribeRequest,
    StreamingTranscribeResponse,
)

from starling_client.errors import StarlingError
from starling_client.events import (
    EVENT_TYPES,
    EffectiveOptions,
    Event,
    Summary,
    UnknownEvent,
    Word,
)
from starling_client.options import SessionOptions

_NESTED: dict[str, type[Any]] = {"options": EffectiveOptions, "summary": Summary}


def request_of(message: dict[str, Any]) -> StreamingTranscribeRequest:
    """Return the request for a message other than audio."""
    request = StreamingTranscribeRequest()
    content = getattr(request, message["type"])
    content.SetInParent()
    _fill(content, {name: value for name, value in message.items() if name != "type"})
    return request


def start_of(options: SessionOptions) -> Start:
    """Return the options of a session or file."""
    start = Start()
    _fill(start, options.fields_set())
    return start


def event_of(response: StreamingTranscribeResponse) -> Event:
    """Return the event in a response; one that this version does not know has no name."""
    name = response.WhichOneof("event")
    if name is None:
        return UnknownEvent(seq=response.seq, name="", data={})
    event: Event = build(EVENT_TYPES[name], getattr(response, name), seq=response.seq)
    return event


def build(cls: type[Any], message: Message, **known: Any) -> Any:
    """Make `cls` from the protobuf message of the same fields."""
    descriptors = message.DESCRIPTOR.fields_by_name
    values = dict(known)
    for field in fields(cls):
        if field.name in values:
            continue
        descriptor = descriptors[field.name]
        if descriptor.has_presence and not message.HasField(field.name):
            values[field.name] = None if field.default is MISSING else field.default
            continue
        value = getattr(message, field.name)
        if field.name == "words" and descriptor.message_type is not None:
            value = tuple(build(Word, word) for word in value.items)
        elif descriptor.message_type is not None:
            value = build(_NESTED[field.name], value)
        elif descriptor.enum_type is not None:
            value = _word_of(descriptor.enum_type, value)
        values[field.name] = value
    return cls(**values)


def _fill(message: Message, named: dict[str, Any]) -> None:
    for name, value in named.items():
        descriptor = message.DESCRIPTOR.fields_by_name[name]
        if descriptor.message_type is not None:
            getattr(message, name).SetInParent()
            getattr(message, name).items.extend(value)
        elif descriptor.enum_type is not None:
            setattr(message, name, _number_of(name, descriptor.enum_type, value))
        else:
            setattr(message, name, value)


def _prefix(enum: Any) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", enum.name).upper() + "_"


def _number_of(name: str, enum: Any, word: str) -> int:
    found = enum.values_by_name.get(_prefix(enum) + word.upper())
    if found is None:
        words = [value.removeprefix(_prefix(enum)).lower() for value in enum.values_by_name]
        raise StarlingError(
            "invalid_options",
            f"{name}={word!r} is not known.",
            f"Use one of: {', '.join(words[1:])}.",
        )
    number: int = found.number
    return number


def _word_of(enum: Any, number: int) -> str:
    """Return the word of an enum value; the number where a newer server has more."""
    known = enum.values_by_number.get(number)
    return str(number) if known is None else known.name.removeprefix(_prefix(enum)).lower()
