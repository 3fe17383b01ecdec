import pytest

from streaming.silence_watch import SilenceWatch
from streaming.speech_gate import WINDOW_SAMPLES

pytestmark = pytest.mark.unit


def told(watch: SilenceWatch, windows: str) -> list[tuple[int, int]]:
    """Return (window, length) of what is told; `s` is a window of speech, `.` one without."""
    found, speech_end = [], None
    for number, window in enumerate(windows, start=1):
        if window == "s":
            speech_end = number * WINDOW_SAMPLES
        found += [(number, mark) for mark in watch.advance(number * WINDOW_SAMPLES, speech_end)]
    return found


def test_each_length_is_told_once_a_silence():
    watch = SilenceWatch((64, 200))
    assert told(watch, "ss..........ss....") == [(4, 64), (9, 200), (16, 64)]


def test_nothing_is_told_before_there_was_speech():
    assert told(SilenceWatch((64,)), "........") == []


def test_an_utterance_that_closes_goes_on_counting():
    watch = SilenceWatch((100,))
    assert watch.advance(512, 512) == []
    assert [mark for window in range(2, 9) for mark in watch.advance(window * 512, None)] == [100]


def test_two_lengths_in_one_window_are_both_told():
    assert told(SilenceWatch((33, 34)), "s...") == [(3, 33), (3, 34)]
