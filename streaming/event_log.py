"""The events of a session that are kept: to bytes and back, in no wire protocol's words.

Kept is what a client that lost its connection must still hear, and what a transcript is made of.
Interims, acks and pongs are not: newer ones replace them. Bytes of an unknown kind or version are
refused, never guessed at.
"""

import json
from dataclasses import dataclass
from typing import Any

from streaming.errors import ErrorCode, StarlingError
from streaming.events import (
    Closed,
    EndReason,
    Failed,
    Final,
    Finalized,
    OptionsUpdated,
    ServerEvent,
    UtteranceEnded,
    Warned,
    WarningCode,
)
from streaming.option_record import options_from_record, options_to_record
from streaming.transcript import Word

KeptEvent = Final | UtteranceEnded | Finalized | OptionsUpdated | Warned | Failed | Closed


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """One kept event under the number it was, or would have been, sent with."""

    seq: int
    data: bytes

    @property
    def event(self) -> KeptEvent:
        """The event itself.

        Raises:
            ValueError: The bytes are of no kind that this version knows.
        """
        return event_from_bytes(self.data)


def is_kept(event: ServerEvent) -> bool:
    """Say whether an event belongs into the log."""
    return isinstance(event, KeptEvent)


def event_to_bytes(event: KeptEvent) -> bytes:
    """Return the event as compact JSON."""
    record = {"kind": type(event).__name__, **_fields(event)}
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode()


def event_from_bytes(data: bytes) -> KeptEvent:
    """Return the event of these bytes.

    Raises:
        ValueError: They are of no kind that this version knows.
    """
    try:
        record = json.loads(data)
        event: KeptEvent = _BUILDERS[record.pop("kind")](record)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a kept event: {error}") from None
    return event


def _fields(event: KeptEvent) -> dict[str, Any]:
    match event:
        case Final():
            record = _plain(event)
            words = [[w.text, w.start_sample, w.end_sample, w.confidence] for w in event.words]
            return record | {"words": words}
        case OptionsUpdated(options):
            return {"options": options_to_record(options)}
        case Failed(error):
            return {
                "code": error.code.value,
                "message": error.message,
                "hint": error.hint,
                "retry_after_s": error.retry_after_s,
            }
        case _:
            return _plain(event)


def _plain(event: KeptEvent) -> dict[str, Any]:
    return {name: getattr(event, name) for name in event.__dataclass_fields__}


def _final(record: dict[str, Any]) -> Final:
    return Final(**record | {"words": tuple(Word(*fields) for fields in record["words"])})


def _failed(record: dict[str, Any]) -> Failed:
    return Failed(
        StarlingError(
            ErrorCode(record["code"]),
            record["message"],
            record["hint"],
            retry_after_s=record["retry_after_s"],
        )
    )


_BUILDERS: dict[str, Any] = {
    "Final": _final,
    "UtteranceEnded": lambda r: UtteranceEnded(**r | {"reason": EndReason(r["reason"])}),
    "Finalized": lambda r: Finalized(**r),
    "OptionsUpdated": lambda r: OptionsUpdated(options_from_record(r["options"])),
    "Warned": lambda r: Warned(**r | {"code": WarningCode(r["code"])}),
    "Failed": _failed,
    "Closed": lambda r: Closed(**r),
}
