import pytest

from streaming.errors import RETRYABLE, ErrorCode, StarlingError

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("code", ErrorCode)
def test_retryability_follows_the_code(code):
    error = StarlingError(code, "what", "next", retry_after_s=3.0)
    assert error.is_retryable is (code in RETRYABLE)
    assert (str(error), error.hint, error.retry_after_s) == ("what", "next", 3.0)


def test_the_clients_own_mistakes_are_not_worth_a_retry():
    mistakes = {code for code in ErrorCode if code.startswith(("invalid", "unsupported", "unauth"))}
    assert mistakes
    assert not mistakes & RETRYABLE
