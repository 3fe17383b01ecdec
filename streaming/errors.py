"""Every failure a client can be told of: one code, one sentence, one next step."""

from enum import StrEnum


class ErrorCode(StrEnum):
    """Names of failures on every wire; `server/wire_status.py` maps them to status codes."""

    INVALID_MESSAGE = "invalid_message"
    INVALID_OPTIONS = "invalid_options"
    UNSUPPORTED_AUDIO = "unsupported_audio"
    PROTOCOL_VIOLATION = "protocol_violation"
    MODEL_NOT_AVAILABLE = "model_not_available"
    UNAUTHENTICATED = "unauthenticated"
    MESSAGE_TOO_LARGE = "message_too_large"
    FILE_TOO_LARGE = "file_too_large"
    AUDIO_TOO_FAST = "audio_too_fast"
    SESSION_TOO_LONG = "session_too_long"
    IDLE_TIMEOUT = "idle_timeout"
    SESSION_NOT_FOUND = "session_not_found"
    SESSION_TAKEN = "session_taken"
    TENANT_LIMIT = "tenant_limit"
    STORE_UNAVAILABLE = "store_unavailable"
    SLOW_CONSUMER = "slow_consumer"
    OVERLOADED = "overloaded"
    GOING_AWAY = "going_away"
    INTERNAL = "internal"


class StarlingError(Exception):
    """A failure told to the client with a code, a sentence and a next step.

    Args:
        code: Which failure; fixes retryability and wire status.
        message: What happened, in one sentence, without audio or transcript.
        hint: What the client should do next.
        retry_after_s: Seconds to wait before trying again, where that is known.
    """

    def __init__(
        self, code: ErrorCode, message: str, hint: str, *, retry_after_s: float | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.retry_after_s = retry_after_s

    @property
    def is_retryable(self) -> bool:
        """Whether the same request may succeed later, unchanged."""
        return self.code in RETRYABLE


RETRYABLE = frozenset(
    {
        ErrorCode.IDLE_TIMEOUT,
        ErrorCode.SLOW_CONSUMER,
        ErrorCode.OVERLOADED,
        ErrorCode.TENANT_LIMIT,
        ErrorCode.STORE_UNAVAILABLE,
        ErrorCode.GOING_AWAY,
        ErrorCode.INTERNAL,
    }
)
