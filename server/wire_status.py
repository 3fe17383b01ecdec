"""One table from error codes to what each transport says.

WebSocket close codes are those of RFC 6455 section 7.4.1 and IANA's registry (1012 service
restart, 1013 try again later); gRPC names are those of google.rpc.Code.
"""

from dataclasses import dataclass

from streaming.errors import ErrorCode


@dataclass(frozen=True, slots=True)
class WireStatus:
    """How one failure shows on each transport."""

    http: int
    websocket: int
    grpc: str


NORMAL_CLOSURE = 1000

WIRE_STATUS: dict[ErrorCode, WireStatus] = {
    ErrorCode.INVALID_MESSAGE: WireStatus(400, 1007, "INVALID_ARGUMENT"),
    ErrorCode.INVALID_OPTIONS: WireStatus(400, 1008, "INVALID_ARGUMENT"),
    ErrorCode.UNSUPPORTED_AUDIO: WireStatus(415, 1003, "INVALID_ARGUMENT"),
    ErrorCode.PROTOCOL_VIOLATION: WireStatus(400, 1002, "FAILED_PRECONDITION"),
    ErrorCode.MODEL_NOT_AVAILABLE: WireStatus(404, 1008, "NOT_FOUND"),
    ErrorCode.UNAUTHENTICATED: WireStatus(401, 1008, "UNAUTHENTICATED"),
    ErrorCode.MESSAGE_TOO_LARGE: WireStatus(413, 1009, "RESOURCE_EXHAUSTED"),
    ErrorCode.AUDIO_TOO_FAST: WireStatus(429, 1008, "RESOURCE_EXHAUSTED"),
    ErrorCode.SESSION_TOO_LONG: WireStatus(408, 1008, "DEADLINE_EXCEEDED"),
    ErrorCode.IDLE_TIMEOUT: WireStatus(408, 1008, "DEADLINE_EXCEEDED"),
    ErrorCode.SLOW_CONSUMER: WireStatus(408, 1008, "RESOURCE_EXHAUSTED"),
    ErrorCode.OVERLOADED: WireStatus(503, 1013, "UNAVAILABLE"),
    ErrorCode.GOING_AWAY: WireStatus(503, 1012, "UNAVAILABLE"),
    ErrorCode.ENGINE_FAILED: WireStatus(500, 1011, "INTERNAL"),
    ErrorCode.INTERNAL: WireStatus(500, 1011, "INTERNAL"),
}
