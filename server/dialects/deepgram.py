"""Deepgram's live protocol, `WS /v1/listen`.

https://developers.deepgram.com/reference/speech-to-text/listen-streaming, read 2026-11.
`docs/compat/deepgram.md` says what is done with each field.
"""

import hashlib
from collections.abc import Mapping, Sequence

from server.dialects.base import Outgoing
from server.dialects.deepgram_fields import LIVE_QUERY
from server.dialects.deepgram_messages import (
    AudioSummary,
    Call,
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
from server.dialects.deepgram_wire import DeepgramManners, client_event
from streaming import events as ev
from streaming.errors import ErrorCode, StarlingError
from streaming.options import OptionRequest, SessionOptions


class DeepgramDialect(DeepgramManners):
    """Translates between Deepgram's messages and events."""

    def __init__(self, call: Call) -> None:
        super().__init__(call)
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
        event = client_event(message, flush="Finalize")
        if isinstance(event, ev.AudioReceived):
            self._sha256.update(event.data)
        return [event]

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

    def _metadata(self, options: SessionOptions, event: ev.Closed) -> Outgoing[str]:
        audio = AudioSummary(
            num_samples=event.audio_samples,
            num_channels=options.audio.num_transcripts,
            sha256=self._sha256.hexdigest(),
        )
        return message(type="Metadata", **metadata(self._call, options.model, audio, self._style))


def _error(error: StarlingError) -> list[Outgoing[str]]:
    """Return the message for a failure; those with a close code of their own have none."""
    if error.code in (ErrorCode.IDLE_TIMEOUT, ErrorCode.UNSUPPORTED_AUDIO):
        return []
    is_schema = error.code is ErrorCode.INVALID_MESSAGE
    variant = "SchemaError" if is_schema else error.code.value
    return [message(type="Error", variant=variant, description=error.message, message=error.hint)]
