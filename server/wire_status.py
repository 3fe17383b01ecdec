"""One table from error codes to what each transport says.

WebSocket close codes are those of RFC 6455 section 7.4.1 and IANA's registry (1012 service
restart, 1013 try again later); gRPC names are those of google.rpc.Code.
"""

from dataclasses import dataclass

from streaming.errors import ErrorCode


@dataclass(frozen=True, slots=True)
class WireStatus:
    """What one failure means, and how it shows on each transport."""

    meaning: str
    http: int
    websocket: int
    grpc: str


NORMAL_CLOSURE = 1000

WIRE_STATUS: dict[ErrorCode, WireStatus] = {
    ErrorCode.INVALID_MESSAGE: WireStatus(
        "A text message is no JSON, of no known type, or has unknown or wrong fields.",
        400,
        1007,
        "INVALID_ARGUMENT",
    ),
    ErrorCode.INVALID_OPTIONS: WireStatus(
        "An option has a value that the server or its model cannot meet.",
        400,
        1008,
        "INVALID_ARGUMENT",
    ),
    ErrorCode.UNSUPPORTED_AUDIO: WireStatus(
        "The audio is not what was declared, or nothing that is decoded here.",
        415,
        1003,
        "INVALID_ARGUMENT",
    ),
    ErrorCode.PROTOCOL_VIOLATION: WireStatus(
        "A message came at the wrong time.", 400, 1002, "FAILED_PRECONDITION"
    ),
    ErrorCode.MODEL_NOT_AVAILABLE: WireStatus(
        "The model asked for is not loaded.", 404, 1008, "NOT_FOUND"
    ),
    ErrorCode.UNAUTHENTICATED: WireStatus("No valid key was shown.", 401, 1008, "UNAUTHENTICATED"),
    ErrorCode.MESSAGE_TOO_LARGE: WireStatus(
        "A message is larger than `max_message_bytes` or `max_text_bytes`.",
        413,
        1009,
        "RESOURCE_EXHAUSTED",
    ),
    ErrorCode.FILE_TOO_LARGE: WireStatus(
        "A file is larger than `max_file_bytes` or longer than `max_file_s`.",
        413,
        1009,
        "RESOURCE_EXHAUSTED",
    ),
    ErrorCode.AUDIO_TOO_FAST: WireStatus(
        "Audio ran further ahead of the wall clock than `max_lead_s`.",
        429,
        1008,
        "RESOURCE_EXHAUSTED",
    ),
    ErrorCode.SESSION_TOO_LONG: WireStatus(
        "The session reached `max_session_s`.", 408, 1008, "DEADLINE_EXCEEDED"
    ),
    ErrorCode.IDLE_TIMEOUT: WireStatus(
        "Nothing was received for `idle_timeout_s`, or no start for `start_timeout_s`.",
        408,
        1008,
        "DEADLINE_EXCEEDED",
    ),
    ErrorCode.SLOW_CONSUMER: WireStatus(
        "The client has not read its messages; it is cut off.", 408, 1008, "RESOURCE_EXHAUSTED"
    ),
    ErrorCode.SESSION_NOT_FOUND: WireStatus(
        "There is no such session, its time is over, or the secret is not its own.",
        404,
        1008,
        "NOT_FOUND",
    ),
    ErrorCode.SESSION_TAKEN: WireStatus(
        "The session was resumed on another connection, or erased.", 409, 1008, "ABORTED"
    ),
    ErrorCode.TENANT_LIMIT: WireStatus(
        "All sessions that this key may have open are taken.", 429, 1013, "RESOURCE_EXHAUSTED"
    ),
    ErrorCode.STORE_UNAVAILABLE: WireStatus(
        "The session store does not answer, so no session can be resumed now.",
        503,
        1013,
        "UNAVAILABLE",
    ),
    ErrorCode.OVERLOADED: WireStatus("All sessions are taken.", 503, 1013, "UNAVAILABLE"),
    ErrorCode.GOING_AWAY: WireStatus("The server is shutting down.", 503, 1012, "UNAVAILABLE"),
    ErrorCode.INTERNAL: WireStatus("The server made a mistake.", 500, 1011, "INTERNAL"),
}
