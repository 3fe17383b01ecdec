"""The server's messages as frozen dataclasses, and the parser that makes them.

Each class mirrors one message of `docs/protocol.md`, field for field; `type` became the class.
Fields this version does not know are ignored and messages it does not know become
`UnknownEvent`, so an older client keeps working with a newer server. Times are seconds of audio
from the start of the session, never wall-clock times.
"""

import json
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, ClassVar

from starling_client.errors import StarlingError


@dataclass(frozen=True, slots=True)
class Word:
    """One word with its place in the audio; `confidence` runs from 0 to 1."""

    word: str
    start: float
    end: float
    confidence: float


@dataclass(frozen=True, slots=True)
class EffectiveOptions:
    """The options in force after the server's defaults and limits."""

    encoding: str
    sample_rate: int | None
    channels: int
    channel_mode: str
    language: str
    task: str
    interim: bool
    words: bool
    endpoint_silence_ms: int
    max_utterance_s: float
    model: str


@dataclass(frozen=True, slots=True)
class Summary:
    """What the session amounted to, in seconds and counts."""

    audio_s: float
    speech_s: float
    utterances: int
    finals: int


@dataclass(frozen=True, slots=True)
class Event:
    """Any message of the server; `seq` grows with each."""

    type: ClassVar[str] = ""
    seq: int


@dataclass(frozen=True, slots=True)
class Ready(Event):
    """The session is open; `Session.ready` holds it."""

    type: ClassVar[str] = "ready"
    session: str
    options: EffectiveOptions
    secret: str = ""


@dataclass(frozen=True, slots=True)
class Resumed(Event):
    """The session goes on after a lost connection; what was missed came before."""

    type: ClassVar[str] = "resumed"
    session: str
    options: EffectiveOptions
    offset: float
    sample: int


@dataclass(frozen=True, slots=True)
class GoingAway(Event):
    """The server stops; the session moves to another by itself."""

    type: ClassVar[str] = "going_away"
    reconnect_within_s: float


@dataclass(frozen=True, slots=True)
class Reconnecting(Event):
    """The connection is lost and the client tries to go on; `seq` is that of the last message.

    No message of the server: the client itself says it, before each try.
    """

    attempt: int


@dataclass(frozen=True, slots=True)
class SpeechStarted(Event):
    """Speech began; an utterance is open until its `UtteranceEnded`."""

    type: ClassVar[str] = "speech_started"
    utterance: int
    channel: int
    start: float


@dataclass(frozen=True, slots=True)
class Interim(Event):
    """The current guess of the whole open utterance; each replaces the one before."""

    type: ClassVar[str] = "interim"
    utterance: int
    channel: int
    committed: str
    tentative: str
    start: float
    end: float
    words: tuple[Word, ...] | None = None
    language: str | None = None

    @property
    def text(self) -> str:
        """The whole guess: what will not change any more and what still may."""
        return self.committed + self.tentative


@dataclass(frozen=True, slots=True)
class Final(Event):
    """The utterance's text for good."""

    type: ClassVar[str] = "final"
    utterance: int
    channel: int
    text: str
    start: float
    end: float
    language: str
    confidence: float
    words: tuple[Word, ...] | None = None


@dataclass(frozen=True, slots=True)
class UtteranceEnded(Event):
    """The utterance is over; its `Final`, if anything was said, came just before."""

    type: ClassVar[str] = "utterance_ended"
    utterance: int
    channel: int
    end: float
    reason: str


@dataclass(frozen=True, slots=True)
class Finalized(Event):
    """Answer to `Session.finalize`: all audio sent before it is in finals."""

    type: ClassVar[str] = "finalized"
    offset: float
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Updated(Event):
    """Answer to `Session.update`: the options now in force."""

    type: ClassVar[str] = "updated"
    options: EffectiveOptions


@dataclass(frozen=True, slots=True)
class Pong(Event):
    """Answer to `Session.ping`."""

    type: ClassVar[str] = "pong"
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Ack(Event):
    """Audio before `offset` seconds is transcribed and need not be kept for a retry."""

    type: ClassVar[str] = "ack"
    offset: float
    sample: int = 0


@dataclass(frozen=True, slots=True)
class WarningEvent(Event):
    """Something to know about; the session goes on."""

    type: ClassVar[str] = "warning"
    code: str
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class ErrorEvent(Event):
    """Why the session ends; `Session` raises it as `StarlingError` instead of yielding it."""

    type: ClassVar[str] = "error"
    code: str
    message: str
    hint: str
    retryable: bool
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Closed(Event):
    """The last message of a session; `reason` is `stop` or an error code."""

    type: ClassVar[str] = "closed"
    reason: str
    summary: Summary


@dataclass(frozen=True, slots=True)
class UnknownEvent(Event):
    """A message of a newer server: its type's name and the parsed JSON object."""

    name: str
    data: Mapping[str, Any]


EVENT_TYPES: Mapping[str, type[Event]] = {
    cls.type: cls
    for cls in (
        Ready,
        Resumed,
        GoingAway,
        SpeechStarted,
        Interim,
        Final,
        UtteranceEnded,
        Finalized,
        Updated,
        Pong,
        Ack,
        WarningEvent,
        ErrorEvent,
        Closed,
    )
}


def parse_event(text: str) -> Event:
    """Turn one text message of the server into its event.

    Raises `StarlingError` with code `bad_message` when the text is no Starling message.
    """
    try:
        message = json.loads(text)
        name, seq = str(message["type"]), int(message["seq"])
        event_type = EVENT_TYPES.get(name)
        event: Event = (
            UnknownEvent(seq=seq, name=name, data=message)
            if event_type is None
            else _build(event_type, message)
        )
    except (ValueError, KeyError, TypeError) as error:
        raise StarlingError(
            "bad_message",
            f"The server sent something that is no Starling message: {text[:80]!r}.",
            "Check that the address is a Starling server of a matching version.",
        ) from error
    return event


def _build(cls: type[Any], message: Mapping[str, Any]) -> Any:
    """Make `cls` from the fields it knows; a missing required field is a `KeyError`."""
    values: dict[str, Any] = {}
    for field in fields(cls):
        if field.name in message:
            values[field.name] = _nested(field.name, message[field.name])
        elif field.default is MISSING:
            raise KeyError(field.name)
    return cls(**values)


def _nested(name: str, value: Any) -> Any:
    if name == "options":
        return _build(EffectiveOptions, value)
    if name == "summary":
        return _build(Summary, value)
    if name == "words" and isinstance(value, list):
        return tuple(_build(Word, word) for word in value)
    return value
