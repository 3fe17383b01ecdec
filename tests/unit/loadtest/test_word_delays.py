"""When words could be read, in sessions written by hand."""

import pytest

from loadtest.measures import Seen
from loadtest.word_delays import TimedWord, timed_words, word_delays
from starling_client import Final, Interim, Word

pytestmark = pytest.mark.unit


def interim(at, committed, tentative, utterance=1):
    return Seen(at, Interim(2, utterance, 0, committed, tentative, 0.0, 1.0))


def final(at, text, utterance=1, start=0.0, end=1.0):
    return Seen(at, Final(3, utterance, 0, text, start, end, "en", 0.9))


def spoken(*ends):
    return [TimedWord(word, end_s) for word, end_s in ends]


def of(found):
    return [pytest.approx(delay.delay_s) for delay in found]


def test_a_word_is_shown_when_it_first_stands_in_its_place():
    seen = [interim(101.0, "", " he"), interim(102.0, "he", " was"), final(103.0, "he was")]

    delays = word_delays(seen, 100.0, spoken(("he", 0.5), ("was", 0.9)))

    assert of(delays.shown) == [0.5, 1.1]
    assert of(delays.settled) == [0.5, 1.1]
    assert of(delays.committed) == [1.5, 2.1]


def test_a_word_that_goes_away_again_is_settled_when_it_comes_back():
    seen = [interim(101.0, "", " he"), interim(102.0, "", " she"), final(103.0, "he")]

    delays = word_delays(seen, 100.0, spoken(("he", 0.5)))

    assert of(delays.shown) == [0.5]
    assert of(delays.settled) == [2.5]


def test_words_that_were_not_spoken_are_left_out():
    delays = word_delays([final(103.0, "he never was")], 100.0, spoken(("he", 0.5), ("was", 0.9)))

    assert of(delays.shown) == [2.5, 2.1]


def test_the_same_words_said_again_are_others():
    seen = [
        final(102.0, "oh yes", utterance=1, start=0.0, end=1.0),
        interim(104.0, "", "Yes.", utterance=2),
        final(105.0, "yes oh yes", utterance=2, start=2.5, end=4.0),
    ]
    said = spoken(("oh", 0.6), ("yes", 1.0), ("yes", 3.0), ("oh", 3.4), ("yes", 3.5))

    delays = word_delays(seen, 100.0, said)

    assert of(delays.committed) == [1.4, 1.0, 2.0, 1.6, 1.5]
    assert min(delay.delay_s for delay in delays.shown) > 0


def test_word_times_are_taken_from_finals_that_have_them():
    said = Final(3, 1, 0, "Well, no", 0, 1, "en", 0.9, (Word("Well,", 0.1, 0.4, 1.0),))

    assert timed_words([said]) == [TimedWord("well", pytest.approx(0.4))]
