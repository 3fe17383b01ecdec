"""What both of Deepgram's live protocols share: the manners of sockets, the client's messages."""

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from server.dialects.deepgram_messages import Call, http_error
from server.dialects.sockets import Closing, Refusal, SocketManners
from streaming import events as ev
from streaming.errors import ErrorCode, StarlingError
from streaming.options import OptionRequest

_CLOSINGS = {
    ErrorCode.IDLE_TIMEOUT: Closing(
        1011, "NET-0001 no audio data or text message within the timeout window"
    ),
    ErrorCode.UNSUPPORTED_AUDIO: Closing(
        1008, "DATA-0000 the payload cannot be decoded as the declared audio"
    ),
    ErrorCode.INVALID_MESSAGE: Closing(1008, "a text message is not known"),
}


class DeepgramManners(SocketManners):
    """Handshakes and closes as Deepgram documents them."""

    refuses_in_handshake: ClassVar[bool] = True

    def __init__(self, call: Call) -> None:
        self._call = call

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


def client_event(message: str | bytes, flush: str) -> ev.ClientEvent:
    """Return what a client's message says.

    Args:
        message: As it came; binary is audio.
        flush: The `type` that asks to end the utterance now.

    Raises:
        StarlingError: INVALID_MESSAGE.
    """
    if isinstance(message, bytes):
        return ev.StopRequested() if _is_close_stream(message) else ev.AudioReceived(message)
    told = _parse(message)
    kind = told.get("type")
    if kind == flush:
        return ev.FinalizeRequested()
    match kind:
        case "KeepAlive":
            return ev.PingReceived()
        case "CloseStream":
            return ev.StopRequested()
        case "Configure":
            return ev.OptionsChanged(OptionRequest(keyterms=_keyterms(told)))
        case _:
            raise _not_known(f"the message's `type` is none of KeepAlive, {flush}, CloseStream")


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
        "docs/compat/deepgram.md lists the text messages; audio is binary",
    )
