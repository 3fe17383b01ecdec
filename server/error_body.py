"""Errors as JSON bodies of HTTP responses."""

from typing import Any

from streaming.errors import StarlingError


def error_body(error: StarlingError) -> dict[str, Any]:
    """Return the body that every HTTP route of ours answers a failure with."""
    return {
        "error": {
            "code": error.code.value,
            "message": error.message,
            "hint": error.hint,
            "retryable": error.is_retryable,
        }
    }
