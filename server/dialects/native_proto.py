"""Between the models of `native_messages.py` and the protobuf messages of the same names.

Fields have the same names on both sides, so one rule each way is enough; a test compares the two
vocabularies field by field. Enum values are the JSON's words in capitals behind the enum's name;
a list that may be absent is a message with `items`.
"""

import re
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from pydantic import BaseModel

from streaming.errors import ErrorCode, StarlingError

LIST_FIELD = "items"
FRAMING = frozenset({"type", "seq"})
"""Fields of the JSON messages that the envelope holds here."""


def enum_prefix(enum_name: str) -> str:
    """Return what the names of an enum's values begin with, such as `END_REASON_`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", enum_name).upper() + "_"


def fill(message: Message, model: BaseModel) -> None:
    """Write a model's fields into the protobuf message of the same name."""
    descriptors = message.DESCRIPTOR.fields_by_name
    for name in type(model).model_fields:
        value = getattr(model, name)
        if value is None or name in FRAMING:
            continue
        field = descriptors[name]
        if isinstance(value, BaseModel):
            getattr(message, name).SetInParent()
            fill(getattr(message, name), value)
        elif isinstance(value, list):
            _fill_list(getattr(message, name), value)
        elif field.enum_type is not None:
            member = enum_prefix(field.enum_type.name) + value.upper()
            setattr(message, name, field.enum_type.values_by_name[member].number)
        else:
            setattr(message, name, value)


def _fill_list(message: Message, values: list[Any]) -> None:
    message.SetInParent()
    items = getattr(message, LIST_FIELD)
    for value in values:
        if isinstance(value, BaseModel):
            fill(items.add(), value)
        else:
            items.append(value)


def named_fields(message: Message) -> dict[str, Any]:
    """Return the fields that a client set, as its JSON message would name them.

    Raises:
        StarlingError: INVALID_MESSAGE, for an enum value that is not known here.
    """
    return {field.name: _plain(field, value) for field, value in message.ListFields()}


def _plain(field: FieldDescriptor, value: Any) -> Any:
    if field.message_type is not None:
        return list(getattr(value, LIST_FIELD))
    if field.enum_type is None:
        return value
    known = field.enum_type.values_by_number.get(value)
    if known is None:
        raise StarlingError(
            ErrorCode.INVALID_MESSAGE,
            f"{field.name} has the value {value}, which this server does not know",
            f"use one of: {', '.join(field.enum_type.values_by_name)}",
        )
    if known.number == 0:
        return None
    return known.name.removeprefix(enum_prefix(field.enum_type.name)).lower()
