"""What viewers are told: the native protocol's messages, on a socket or as server-sent events."""

from typing import Any

from server.dialects import native_messages as wire
from server.dialects.native import to_wire
from streaming.errors import StarlingError
from streaming.events import Closed, Failed, Final, Interim, UtteranceEnded
from streaming.live_messages import ViewedEvent

_KINDS = {Interim: "interim", Final: "final", UtteranceEnded: "utterance_ended", Closed: "closed"}

HEARTBEAT = b":\n\n"
"""A comment: shows proxies and clients that the stream is alive."""


def message_of(seq: int, event: ViewedEvent) -> str:
    """Return the JSON message of an event."""
    message = to_wire(seq, event)
    exclude = {"words"} if getattr(message, "words", ()) is None else None
    return message.model_dump_json(exclude=exclude)


def stream_start(retry_ms: int) -> bytes:
    """Return the first lines of a stream: how soon a client comes back that lost it."""
    return b"retry: %d\n\n" % retry_ms


def stream_event(seq: int, event: ViewedEvent) -> bytes:
    """Return an event as a server-sent one.

    Interims have no id: a client that comes back asks for what follows the last kept message.
    """
    number = "" if isinstance(event, Interim) else f"id: {seq}\n"
    text = f"{number}event: {_KINDS[type(event)]}\ndata: {message_of(seq, event)}\n\n"
    return text.encode()


def error_message(error: StarlingError) -> str:
    """Return the last message of a socket whose viewer is sent away."""
    return to_wire(0, Failed(error)).model_dump_json()


def stream_error(error: StarlingError) -> bytes:
    """Return the last event of a stream whose viewer is sent away."""
    return f"event: error\ndata: {error_message(error)}\n\n".encode()


def transcript_body(
    session_id: str, finals: list[tuple[int, Final]], *, last_seq: int, is_closed: bool
) -> dict[str, Any]:
    """Return a transcript as JSON: the text, and the finals in the order they were spoken."""
    messages = [final_message(seq, final) for seq, final in finals]
    return {
        "session": session_id,
        "closed": is_closed,
        "last_seq": last_seq,
        "text": " ".join(message.text for message in messages),
        "finals": [_body(message) for message in messages],
    }


def final_message(seq: int, final: Final) -> wire.Final:
    """Return a final as the protocol has it."""
    message = to_wire(seq, final)
    assert isinstance(message, wire.Final)
    return message


def _body(message: wire.Final) -> dict[str, Any]:
    return message.model_dump(exclude={"words"} if message.words is None else None)
