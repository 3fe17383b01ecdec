import pytest
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from server.grpc_status import error_status
from server.wire_status import WIRE_STATUS
from streaming.errors import ErrorCode, StarlingError

pytestmark = pytest.mark.unit


def sent(error: StarlingError) -> Status:
    """What stands in the trailers of a call that ends with `error`."""
    ((key, data),) = error_status(error).trailing_metadata
    assert key == "grpc-status-details-bin"
    return Status.FromString(data)


@pytest.mark.parametrize("code", ErrorCode)
def test_every_error_has_a_status_with_its_code_and_hint(code):
    error = StarlingError(code, "it went wrong", "do this")
    status = sent(error)
    info = ErrorInfo()
    assert status.details[0].Unpack(info)
    assert error_status(error).code.name == WIRE_STATUS[code].grpc
    assert status.message == error_status(error).details == "it went wrong"
    assert (info.domain, info.reason) == ("starling", code.value)
    assert dict(info.metadata) == {
        "hint": "do this",
        "retryable": str(error.is_retryable).lower(),
    }
    assert len(status.details) == 1


def test_when_to_try_again_is_a_retry_info():
    status = sent(StarlingError(ErrorCode.OVERLOADED, "full", "wait", retry_after_s=2.5))
    retry = RetryInfo()
    assert status.details[1].Unpack(retry)
    assert retry.retry_delay.ToMilliseconds() == 2500
