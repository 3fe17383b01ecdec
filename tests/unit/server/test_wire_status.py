import pytest

from server.wire_status import WIRE_STATUS
from streaming.errors import RETRYABLE, ErrorCode

pytestmark = pytest.mark.unit

GRPC_NAMES = {
    "INVALID_ARGUMENT",
    "FAILED_PRECONDITION",
    "NOT_FOUND",
    "UNAUTHENTICATED",
    "RESOURCE_EXHAUSTED",
    "DEADLINE_EXCEEDED",
    "UNAVAILABLE",
    "INTERNAL",
    "ABORTED",
}


def test_every_error_code_has_a_row_and_no_other():
    assert set(WIRE_STATUS) == set(ErrorCode)


@pytest.mark.parametrize("code", ErrorCode)
def test_statuses_are_ones_that_a_server_may_send(code):
    status = WIRE_STATUS[code]
    assert 400 <= status.http < 600
    # 1004 to 1006 and 1015 must not be sent (RFC 6455, 7.4.1).
    assert status.websocket in {1002, 1003, 1007, 1008, 1009, 1011, 1012, 1013}
    assert status.grpc in GRPC_NAMES


@pytest.mark.parametrize("code", ErrorCode)
def test_our_own_failures_are_worth_a_retry(code):
    if WIRE_STATUS[code].http >= 500:
        assert code in RETRYABLE
