import pytest

from starling_client.replay import NotHeldError, ReplayBuffer

pytestmark = pytest.mark.unit

FINALIZE = {"type": "finalize"}
PING = {"type": "ping"}


def sent(buffer: ReplayBuffer) -> list:
    items = []
    while (item := buffer.next()) is not None:
        items.append(item)
    return items


def filled(*items, max_bytes: int = 100) -> ReplayBuffer:
    buffer = ReplayBuffer(max_bytes)
    for item in items:
        buffer.add(item, is_once=item == PING)
    return buffer


def test_what_is_added_is_sent_once_in_order():
    buffer = filled(b"ab", FINALIZE, b"cd")
    assert sent(buffer) == [b"ab", FINALIZE, b"cd"]
    assert sent(buffer) == []


def test_a_new_connection_begins_at_the_named_place():
    buffer = filled(b"abcd", FINALIZE, b"efgh")
    sent(buffer)
    buffer.rewind(2)
    assert sent(buffer) == [b"cd", FINALIZE, b"efgh"]
    buffer.rewind(4)
    assert sent(buffer) == [FINALIZE, b"efgh"]
    buffer.rewind(6)
    assert sent(buffer) == [b"gh"]


def test_what_the_server_needs_no_more_is_let_go_of():
    buffer = filled(b"abcd", FINALIZE, b"efgh")
    sent(buffer)
    buffer.forget(4)
    assert buffer.kept_bytes == 4
    buffer.rewind(4)
    assert sent(buffer) == [FINALIZE, b"efgh"]
    buffer.forget(5)
    with pytest.raises(NotHeldError):
        buffer.rewind(3)


def test_what_is_not_sent_yet_is_never_let_go_of():
    buffer = filled(b"abcd")
    buffer.forget(4)
    assert sent(buffer) == [b"abcd"]


def test_a_ping_is_for_one_connection_only():
    buffer = filled(b"ab", PING, b"cd")
    sent(buffer)
    buffer.rewind(0)
    assert sent(buffer) == [b"ab", b"cd"]


def test_too_much_audio_pushes_out_the_oldest_that_was_sent():
    buffer = filled(b"abcd", b"efgh", b"ijkl", max_bytes=8)
    assert buffer.is_full
    sent(buffer)
    assert buffer.kept_bytes == 8
    with pytest.raises(NotHeldError):
        buffer.rewind(0)
    buffer.rewind(4)
    assert sent(buffer) == [b"efgh", b"ijkl"]
