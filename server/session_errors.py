"""What ends a session that its client did not end, as the client is told."""

from streaming.errors import ErrorCode, StarlingError


def traceless(error: StarlingError) -> StarlingError:
    """Return it without the frames it came through, which hold the session."""
    error.__traceback__ = error.__context__ = error.__cause__ = None
    return error


def session_taken() -> StarlingError:
    """Return what a connection is told whose session is no longer its own."""
    return StarlingError(
        ErrorCode.SESSION_TAKEN,
        "the session was resumed on another connection, or erased",
        "go on there; this connection is over",
    )


def internal_error() -> StarlingError:
    """Return what a client is told of a failure of ours, which says nothing of it."""
    return StarlingError(
        ErrorCode.INTERNAL,
        "the server made a mistake",
        "try again; the operator finds the cause in the log under this session's id",
    )
