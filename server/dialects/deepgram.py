"""Deepgram's live protocol, `WS /v1/listen`.

https://developers.deepgram.com/reference/speech-to-text/listen-streaming, read 2026-11.
`docs/compat/deepgram.md` says what is done with each field.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from server.dialects.base import Outgoing
from server.dialects.deepgram_fields import LIVE_QUERY
from server.dialects.deepgram_messages import (
    AudioSummary,
    Call,
    http_error,
    message,
    metadata,
)
from server.dialects.deepgram_query import (
    Style,
    named_fields,
    read_options,
    read_style,
)
from server.dialects.deepgram_results import ResultWriter
from server.dialects.sockets import Closing, Refusal, SocketManners
from streaming import events as ev
from streaming.errors import ErrorCode, StarlingError
from streaming.options import OptionRequest, SessionOptions

_CLOSINGS = {
    ErrorCode.IDLE_TIMEOUT: Closing(
        1011, "NET-0001 no audio data or text message within the timeout window"
    ),
    ErrorCode.UNSUPPORTED_AUDIO: Closing(
        1008, "DATA-0000 the payload cannot be decoded as the declared audio"
    ),
    ErrorCode.INVALID_MESSAGE: Closing(1008, "a text message is not known"),
}


class DeepgramDialect(SocketManners):
    """Translates between Deepgram's messages and events."""

    refuses_in_handshake: ClassVar[bool] = True

    def __init__(self, call: Call) -> None:
        self._call = call
        self._style = Style()
        self._options: SessionOptions | None = None
        self._results: ResultWriter | None = None
        self._sha256 = hashlib.sha256()
        self._has_failed = False

    def options_from_query(self, query: Mapping[str, Sequence[str]]) -> OptionRequest:
        """Return the options named in the address, which name all there are."""
        LIVE_QUERY.refuse(named_fields(query))
        self._style = read_style(query)
        return read_options(query, self._style, self._call.model_names)

    def open(self, message: str | bytes, named: OptionRequest) -> OptionRequest | None:  # noqa: ARG002
        """Return the options of the address: no message carries any."""
        return named

    def decode(self, message: str | bytes) -> list[ev.ClientEvent]:
        """Return the event of a message."""
        if isinstance(message, bytes):
            if _is_close_stream(message):
                return [ev.StopRequested()]
            self._sha256.update(message)
            return [ev.AudioReceived(message)]
        told = _parse(message)
        match told.get("type"):
            case "KeepAlive":
                return [ev.PingReceived()]
            case "Finalize":
                return [ev.FinalizeRequested()]
            case "CloseStream":
                return [ev.StopRequested()]
            case "Configure":
                return [ev.OptionsChanged(OptionRequest(keyterms=_keyterms(told)))]
            case _:
                raise _not_known("the message has no known `type`")

    def encode(self, seq: int, event: ev.ServerEvent) -> list[Outgoing[str]]:  # noqa: ARG002
        """Return the messages for an event; they carry no numbers."""
        match event:
            case ev.SessionReady(_, options):
                self._options = options
                self._results = ResultWriter(self._call, self._style, options)
            case ev.Failed(error):
                self._has_failed = True
                return _error(error)
            case ev.OptionsUpdated(options):
                request_id, keyterms = self._call.request_id, list(options.keyterms)
                return [message(type="ConfigureSuccess", request_id=request_id, keyterms=keyterms)]
            case ev.Closed() if self._options is not None and not self._has_failed:
                last = [] if self._results is None else self._results.finish()
                return [*last, self._metadata(self._options, event)]
            case _ if self._results is not None:
                return self._results.tell(event)
        return []

    def handshake_headers(self) -> Mapping[str, str]:
        """Return the id that Deepgram's support asks for."""
        return {"dg-request-id": self._call.request_id}

    def refusal(self, error: StarlingError) -> Refusal:
        """Return the answer to a handshake that cannot be met."""
        return Refusal(*http_error(error, self._call.request_id))

    def closing(self, error: StarlingError | None) -> Closing:
        """Return the documented close frame of a failure."""
        usual = super().closing(error)
        return usual if error is None else _CLOSINGS.get(error.code, usual)

    def _metadata(self, options: SessionOptions, event: ev.Closed) -> Outgoing[str]:
        audio = AudioSummary(
            num_samples=event.audio_samples,
            num_channels=options.audio.num_transcripts,
            sha256=self._sha256.hexdigest(),
        )
        return message(type="Metadata", **metadata(self._call, options.model, audio, self._style))


def _parse(text: str) -> dict[str, Any]:
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        raise _not_known("the message is no JSON") from None
    if not isinstance(told, dict):
        raise _not_known("the message is no JSON object")
    return told


def _is_close_stream(data: bytes) -> bool:
    """Say whether bytes end the stream: nothing at all, or the message as some clients send it."""
    if not data:
        return True
    if not data.startswith(b"{") or len(data) > 64:
        return False
    try:
        return bool(json.loads(data) == {"type": "CloseStream"})
    except ValueError:
        return False


def _keyterms(told: dict[str, Any]) -> tuple[str, ...] | None:
    terms = told.get("keyterms")
    if terms is None:
        return None
    if not isinstance(terms, list) or not all(isinstance(term, str) for term in terms):
        raise _not_known("`keyterms` is no list of strings")
    if not all(term.isprintable() for term in terms):
        raise _not_known("a keyterm holds characters that cannot be written")
    return tuple(term.strip() for term in terms if term.strip())


def _not_known(what: str) -> StarlingError:
    return StarlingError(
        ErrorCode.INVALID_MESSAGE,
        what,
        "text messages are KeepAlive, Finalize, CloseStream and Configure; audio is binary",
    )


def _error(error: StarlingError) -> list[Outgoing[str]]:
    """Return the message for a failure; those with a close code of their own have none."""
    if error.code in (ErrorCode.IDLE_TIMEOUT, ErrorCode.UNSUPPORTED_AUDIO):
        return []
    is_schema = error.code is ErrorCode.INVALID_MESSAGE
    variant = "SchemaError" if is_schema else error.code.value
    return [message(type="Error", variant=variant, description=error.message, message=error.hint)]
