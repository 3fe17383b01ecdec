"""The native protocol (docs/protocol.md): JSON control messages, binary audio."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, assert_never

from pydantic import ValidationError

from server.dialects import native_messages as wire
from server.dialects.base import Outgoing
from server.dialects.sockets import SocketManners
from streaming import events as ev
from streaming.errors import ErrorCode, StarlingError
from streaming.options import TARGET_RATE_HZ, OptionRequest, SessionOptions
from streaming.resume import ResumeRequest
from streaming.transcript import Word, join_words

LIST_OPTIONS = frozenset({"keyterms"})
OPTION_NAMES = tuple(
    field.name for field in fields(OptionRequest) if field.name in wire.Start.model_fields
)


ControlAnswer = (
    ev.SessionReady
    | ev.SessionResumed
    | ev.GoingAway
    | ev.Finalized
    | ev.OptionsUpdated
    | ev.PongSent
    | ev.Warned
    | ev.Failed
    | ev.Closed
)
"""What answers messages other than audio."""

ToldEvent = (
    ev.SpeechStarted
    | ev.Interim
    | ev.Final
    | ev.UtteranceEnded
    | ev.AudioAcknowledged
    | ControlAnswer
)
"""All that this protocol has a word for; silences are told by `utterance_ended` alone."""


class NativeDialect(SocketManners):
    """Translates between wire messages and events."""

    can_resume = True

    def options_from_query(self, query: Mapping[str, Sequence[str]]) -> OptionRequest:
        """Return the options named in the query; `keyterms` may repeat or hold commas."""
        named: dict[str, Any] = {"type": "start"}
        for name, values in query.items():
            if name not in OPTION_NAMES:
                raise _unknown_option(name)
            if name in LIST_OPTIONS:
                named[name] = [t.strip() for v in values for t in v.split(",") if t.strip()]
            else:
                named[name] = values[-1]
        try:
            return option_request(wire.Start.model_validate(named, strict=False))
        except ValidationError as error:
            raise explain(error, ErrorCode.INVALID_OPTIONS) from None

    def open(self, message: str | bytes, named: OptionRequest) -> OptionRequest | None:
        """Return the options of `start`, over those of the query; audio starts with the latter."""
        if isinstance(message, bytes):
            return named
        parsed = _parse(message)
        if not isinstance(parsed, wire.Start):
            return None
        said = option_request(parsed)
        changes = {
            name: value for name in OPTION_NAMES if (value := getattr(said, name)) is not None
        }
        return replace(named, **changes)

    def resume(self, message: str | bytes) -> ResumeRequest | None:
        """Return what a first message wants to go on with, if that is what it wants."""
        if isinstance(message, bytes):
            return None
        parsed = _parse(message)
        if not isinstance(parsed, wire.Resume):
            return None
        return ResumeRequest(parsed.session, parsed.secret, parsed.last_seq)

    def decode(self, message: str | bytes) -> list[ev.ClientEvent]:
        """Return the event of a message after the first."""
        if isinstance(message, bytes):
            return [ev.AudioReceived(message)]
        return [client_event(_parse(message))]

    def encode(self, seq: int, event: ev.ServerEvent) -> list[Outgoing[str]]:
        """Return the JSON message for an event."""
        if isinstance(event, ev.SilenceReached):
            return []
        message = to_wire(seq, event)
        exclude = {"words"} if getattr(message, "words", ()) is None else None
        data = message.model_dump_json(exclude=exclude)
        replaces = f"interim {event.channel}" if isinstance(event, ev.Interim) else None
        return [Outgoing(data, replaces)]


def client_event(message: wire.AnyClientMessage) -> ev.ClientEvent:
    """Return the event of a message after the first.

    Raises:
        StarlingError: PROTOCOL_VIOLATION.
    """
    match message:
        case wire.Finalize():
            return ev.FinalizeRequested(message.id)
        case wire.Update():
            return ev.OptionsChanged(option_request(message))
        case wire.Ping():
            return ev.PingReceived(message.id)
        case wire.Stop():
            return ev.StopRequested()
        case wire.Start() | wire.Resume():
            raise StarlingError(
                ErrorCode.PROTOCOL_VIOLATION,
                f"`{message.type}` came after the session had started",
                "send `update` to change options; encoding in the address starts the session",
            )
        case _:
            assert_never(message)


def _parse(message: str) -> wire.AnyClientMessage:
    try:
        return wire.CLIENT_MESSAGE.validate_json(message)
    except ValidationError as error:
        raise explain(error, ErrorCode.INVALID_MESSAGE) from None


JSON_HINT = (
    "text messages are JSON objects with a `type` of start, resume, update, finalize, ping or "
    "stop; audio goes in binary messages"
)


def explain(error: ValidationError, code: ErrorCode, hint: str = JSON_HINT) -> StarlingError:
    """Name the first wrong field without echoing what the client sent."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    place = ".".join(str(part) for part in first["loc"] if part not in _MESSAGE_TYPES)[:60]
    what = f"{place}: {first['msg']}" if place else first["msg"]
    return StarlingError(code, f"the message is not understood ({what})", hint)


_MESSAGE_TYPES = ("start", "resume", "update", "finalize", "ping", "stop")


def _unknown_option(name: str) -> StarlingError:
    if name in ("token", "api_key", "key"):
        return StarlingError(
            ErrorCode.INVALID_OPTIONS,
            f"?{name}= is refused: addresses end up in logs and histories",
            "send the key as `Authorization: Bearer KEY`, or as WebSocket subprotocols bearer, KEY",
        )
    return StarlingError(
        ErrorCode.INVALID_OPTIONS,
        f"query parameter {name!r} is not known",
        f"use: {', '.join(OPTION_NAMES)}",
    )


def option_request(message: wire.TunableOptions) -> OptionRequest:
    """Return the options that a message names."""
    named = message.model_dump(exclude={"type"}, exclude_none=True)
    if "keyterms" in named:
        named["keyterms"] = tuple(named["keyterms"])
    return OptionRequest(**named)


def _seconds(samples: int) -> float:
    return round(samples / TARGET_RATE_HZ, 3)


def _wire_words(words: Sequence[Word]) -> list[wire.WireWord] | None:
    """Return timed words, or None when times were not asked for."""
    if any(word.start_sample is None for word in words):
        return None
    return [
        wire.WireWord(
            word=word.text.strip(),
            start=_seconds(word.start_sample or 0),
            end=_seconds(word.end_sample or 0),
            confidence=round(word.confidence or 0.0, 3),
        )
        for word in words
    ]


def effective(options: SessionOptions) -> wire.EffectiveOptions:
    """Return the options in force as clients are told."""
    return wire.EffectiveOptions(
        encoding=options.audio.encoding.value,
        sample_rate=options.audio.sample_rate_hz,
        channels=options.audio.num_channels,
        channel_mode=options.audio.channel_mode.value,
        language=options.language,
        task=options.task.value,
        interim=options.interim,
        words=options.words,
        endpoint_silence_ms=options.endpoint_silence_ms,
        max_utterance_s=options.max_utterance_s,
        model=options.model,
    )


def _interim(seq: int, event: ev.Interim) -> wire.Interim:
    committed = join_words(event.committed)
    text = join_words(event.committed + event.tentative)
    return wire.Interim(
        seq=seq,
        utterance=event.utterance,
        channel=event.channel,
        committed=committed,
        tentative=text[len(committed) :],
        start=_seconds(event.start_sample),
        end=_seconds(event.end_sample),
        words=_wire_words(event.committed + event.tentative),
        language=event.language,
    )


def _final(seq: int, event: ev.Final) -> wire.Final:
    return wire.Final(
        seq=seq,
        utterance=event.utterance,
        channel=event.channel,
        text=join_words(event.words),
        start=_seconds(event.start_sample),
        end=_seconds(event.end_sample),
        words=_wire_words(event.words),
        language=event.language,
        confidence=round(event.confidence, 3),
    )


def to_wire(seq: int, event: ToldEvent) -> wire.ServerMessage:
    """Return the message for an event."""
    match event:
        case ev.Interim():
            return _interim(seq, event)
        case ev.Final():
            return _final(seq, event)
        case ev.SpeechStarted(utterance, channel, start):
            return wire.SpeechStarted(
                seq=seq, utterance=utterance, channel=channel, start=_seconds(start)
            )
        case ev.UtteranceEnded(utterance, channel, end, reason):
            return wire.UtteranceEnded(
                seq=seq,
                utterance=utterance,
                channel=channel,
                end=_seconds(end),
                reason=reason.value,
            )
        case ev.AudioAcknowledged(offset, sample):
            return wire.Ack(seq=seq, offset=_seconds(offset), sample=sample)
        case _:
            return _to_wire_control(seq, event)


def _to_wire_control(  # noqa: PLR0911 # one line an event
    seq: int,
    event: ControlAnswer,
) -> wire.ServerMessage:
    match event:
        case ev.SessionReady(session_id, options, secret):
            return wire.Ready(
                seq=seq, session=session_id, secret=secret, options=effective(options)
            )
        case ev.SessionResumed():
            return wire.Resumed(
                seq=seq,
                session=event.session_id,
                options=effective(event.options),
                offset=_seconds(event.offset_samples),
                sample=event.client_sample,
            )
        case ev.GoingAway(reconnect_within_s):
            return wire.GoingAway(seq=seq, reconnect_within_s=reconnect_within_s)
        case ev.Finalized(client_id, offset):
            return wire.Finalized(seq=seq, id=client_id, offset=_seconds(offset))
        case ev.OptionsUpdated(options):
            return wire.Updated(seq=seq, options=effective(options))
        case ev.PongSent(client_id):
            return wire.Pong(seq=seq, id=client_id)
        case ev.Warned(code, message, hint):
            return wire.WarningMessage(seq=seq, code=code.value, message=message, hint=hint)
        case ev.Failed(error):
            return wire.Error(
                seq=seq,
                code=error.code.value,
                message=error.message,
                hint=error.hint,
                retryable=error.is_retryable,
                retry_after_s=error.retry_after_s,
            )
        case ev.Closed():
            summary = wire.Summary(
                audio_s=_seconds(event.audio_samples),
                speech_s=_seconds(event.speech_samples),
                utterances=event.num_utterances,
                finals=event.num_finals,
            )
            return wire.Closed(seq=seq, reason=event.reason, summary=summary)
        case _:
            assert_never(event)
