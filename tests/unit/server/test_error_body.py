import pytest

from server.error_body import error_body
from streaming.errors import ErrorCode, StarlingError

pytestmark = pytest.mark.unit


def test_http_errors_say_what_sockets_say():
    error = StarlingError(ErrorCode.OVERLOADED, "all taken", "wait", retry_after_s=5)
    assert error_body(error) == {
        "error": {"code": "overloaded", "message": "all taken", "hint": "wait", "retryable": True}
    }
