import pytest

from streaming.utterance import OpenUtterance

pytestmark = pytest.mark.unit


def utterance(*flags: bool) -> OpenUtterance:
    made = OpenUtterance(
        1, 5_120, 4_096, first_window=10, last_speech_end_sample=5_632, speech_flags=[True]
    )
    for is_speech in flags:
        made.push_window(is_speech=is_speech)
    return made


def test_windows_extend_what_is_scored_and_speech_extends_the_speech():
    made = utterance(True, False, True, False, False)
    assert made.scored_end_sample == 16 * 512
    assert made.last_speech_end_sample == 14 * 512


def test_speech_after_a_place_counts_the_window_that_the_place_is_in():
    made = utterance(True, False, True, False)
    assert made.speech_after(0) == [10, 11, 13]
    assert made.speech_after(11 * 512 + 100) == [11, 13]
    assert made.speech_after(12 * 512) == [13]
    assert made.speech_after(14 * 512) == []
