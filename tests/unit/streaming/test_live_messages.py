"""Live messages survive the way through Redis, and foreign ones harm nothing."""

import pytest

from server.stores.keys import log_notice
from streaming.events import Interim
from streaming.live_messages import (
    InterimSaid,
    LogGrown,
    SessionErased,
    ShareRevoked,
    live_from_bytes,
    live_to_bytes,
)
from streaming.transcript import Word

pytestmark = pytest.mark.unit

INTERIM = Interim(
    3, 1, (Word(" über", 0, 5, 0.5),), (Word(" naïve 語"), Word(" b\n")), 10, 99, "de"
)


@pytest.mark.parametrize(
    "message", [LogGrown(7), InterimSaid(12, INTERIM), SessionErased(), ShareRevoked("ab12")]
)
def test_messages_survive_the_way(message):
    assert live_from_bytes(live_to_bytes(message)) == message


def test_the_stores_notice_is_understood():
    assert live_from_bytes(log_notice(12)) == LogGrown(12)


@pytest.mark.parametrize(
    "data",
    [b"", b"log", b"log x", b"interim", b"interim 1 {}", b'interim 1 {"a":', b"new word", b"\xff"],
)
def test_what_is_not_understood_is_nothing(data):
    assert live_from_bytes(data) is None
