import pytest

from server.dialects.sockets import Closing, SocketManners
from server.wire_status import WIRE_STATUS
from streaming.errors import ErrorCode, StarlingError

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("code", ErrorCode)
def test_failures_close_and_refuse_with_the_codes_of_the_table(code):
    error = StarlingError(code, "what happened", "what to do")
    assert SocketManners().closing(error) == Closing(WIRE_STATUS[code].websocket)
    refusal = SocketManners().refusal(error)
    assert refusal.status == WIRE_STATUS[code].http
    assert refusal.body["error"]["hint"] == "what to do"


def test_no_failure_closes_normally():
    assert SocketManners().closing(None).code == 1000
