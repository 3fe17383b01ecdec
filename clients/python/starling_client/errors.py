"""What can go wrong, as exceptions that say what to do next."""


class StarlingError(Exception):
    """The server refused or ended the session, or could not be reached.

    `code` is stable and made for programs; `message` and `hint` are made for people.
    `retryable` tells whether the same call may succeed later, `retry_after_s` when (seconds).
    """

    def __init__(
        self,
        code: str,
        message: str,
        hint: str = "",
        *,
        retryable: bool = False,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(code, message, hint)
        self.code = code
        self.message = message
        self.hint = hint
        self.retryable = retryable
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        """Message, hint and code in one line."""
        hint = f" {self.hint}" if self.hint else ""
        return f"{self.message}{hint} [{self.code}]"


class ConnectionLost(StarlingError):  # noqa: N818 - reads as what happened
    """The connection ended before the server had said `closed`: later finals are missing."""

    def __init__(self, reason: str) -> None:
        super().__init__(
            "connection_lost",
            f"The connection to the server was lost: {reason}.",
            "Open a new session and send the audio after the last ack again.",
            retryable=True,
        )
