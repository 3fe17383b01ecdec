"""What each viewer of a session is told next, and when one is dropped."""

import pytest

from streaming.events import Closed, EndReason, Final, Finalized, Interim, UtteranceEnded
from streaming.fan_out import MAX_BEHIND, FeedLog, ViewerCursor
from streaming.transcript import Word

pytestmark = pytest.mark.unit


def interim(utterance: int, text: str = "guess", channel: int = 0) -> Interim:
    return Interim(utterance, channel, (), (Word(text),), 0, 100, "en")


def final(utterance: int, channel: int = 0) -> Final:
    return Final(utterance, channel, (Word(f"u{utterance}"),), 0, 100, "en", 0.9)


def ended(utterance: int, channel: int = 0) -> UtteranceEnded:
    return UtteranceEnded(utterance, channel, 100, EndReason.SILENCE)


CLOSED = Closed("stop", 0, 0, 0, 0)


def told(cursor: ViewerCursor) -> list[int]:
    seqs = []
    while (message := cursor.next()) is not None:
        seqs.append(message.seq)
    return seqs


def a_log(*seqs: int) -> FeedLog:
    log = FeedLog()
    for seq in seqs:
        log.take_logged(seq, final(seq))
    return log


def test_a_late_viewer_is_told_everything_kept_and_then_the_open_interim():
    log = a_log(3, 7)
    log.take_interim(9, interim(9))
    assert told(ViewerCursor(log)) == [3, 7, 9]


def test_a_viewer_that_comes_back_goes_on_behind_the_last_it_has_seen():
    assert told(ViewerCursor(a_log(3, 7, 8), after_seq=3)) == [7, 8]
    assert told(ViewerCursor(a_log(3, 7, 8), after_seq=5)) == [7, 8]


def test_of_interims_only_the_newest_of_each_channel_is_told():
    log = a_log()
    cursor = ViewerCursor(log)
    log.take_interim(1, interim(1, "a"))
    log.take_interim(2, interim(2, "b", channel=1))
    log.take_interim(3, interim(1, "c"))
    assert told(cursor) == [3, 2]
    assert told(cursor) == []


def test_an_interim_that_waits_is_gone_when_its_utterance_has_ended():
    log = a_log()
    cursor = ViewerCursor(log)
    log.take_interim(1, interim(1))
    log.take_logged(2, final(1))
    log.take_logged(3, ended(1))
    assert told(cursor) == [2, 3]


def test_an_interim_that_comes_after_its_final_is_no_news():
    log = a_log()
    log.take_logged(5, final(2))
    assert not log.take_interim(4, interim(2))
    assert log.take_interim(6, interim(3))
    assert log.take_interim(4, interim(2, channel=1))


def test_an_interim_that_is_sent_again_is_no_news():
    log = a_log()
    assert log.take_interim(4, interim(2))
    assert not log.take_interim(4, interim(2))


def test_a_new_owner_may_begin_with_smaller_numbers_of_interims():
    log = a_log()
    log.take_interim(40, interim(2, "old owner"))
    assert log.take_interim(31, interim(2, "new owner"))


def test_what_is_logged_twice_is_told_once():
    log = a_log(3)
    log.take_logged(3, final(3))
    assert told(ViewerCursor(log)) == [3]


def test_what_is_between_client_and_server_is_not_told():
    log = a_log()
    log.take_logged(4, Finalized("x", 0))
    log.take_logged(5, None)
    assert (told(ViewerCursor(log)), log.last_seq) == ([], 5)


def test_a_viewer_is_done_when_it_has_heard_the_end():
    log = a_log(1)
    cursor = ViewerCursor(log)
    log.take_interim(2, interim(2))
    log.take_logged(3, CLOSED)
    assert not cursor.is_done
    assert told(cursor) == [1, 3]
    assert cursor.is_done
    assert not log.take_interim(4, interim(9))


def test_a_viewer_too_far_behind_is_dropped():
    log = a_log()
    cursor = ViewerCursor(log)
    for seq in range(1, MAX_BEHIND + 1):
        log.take_logged(seq, final(seq))
    assert not cursor.is_too_slow
    log.take_logged(MAX_BEHIND + 1, final(MAX_BEHIND + 1))
    assert cursor.is_too_slow


def test_a_late_viewer_may_first_take_what_was_said_before():
    log = a_log(*range(1, 3 * MAX_BEHIND))
    cursor = ViewerCursor(log)
    assert not cursor.is_too_slow
    told(cursor)
    for seq in range(3 * MAX_BEHIND, 4 * MAX_BEHIND + 1):
        log.take_logged(seq, final(seq))
    assert cursor.is_too_slow


def test_a_message_is_encoded_once_for_all_viewers():
    log = a_log(1)
    calls = []

    def encode(seq: int, event: object) -> str:
        calls.append(event)
        return f"{seq}"

    cursors = [ViewerCursor(log) for _ in range(3)]
    assert [cursor.next().encoded(encode) for cursor in cursors] == ["1"] * 3
    assert len(calls) == 1
