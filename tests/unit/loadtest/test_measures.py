"""What is measured of a session, on sessions written by hand."""

import numpy as np
import pytest

from loadtest import measures
from loadtest.measures import Seen
from loadtest.speech_map import FRAMES_PER_S, SpeechMap
from starling_client import Ack, Final, Interim, SpeechStarted, UtteranceEnded

pytestmark = pytest.mark.unit


def started(at, start, utterance=1):
    return Seen(at, SpeechStarted(seq=2, utterance=utterance, channel=0, start=start))


def interim(at, committed, tentative, utterance=1):
    return Seen(
        at,
        Interim(
            seq=3,
            utterance=utterance,
            channel=0,
            committed=committed,
            tentative=tentative,
            start=0.0,
            end=1.0,
        ),
    )


def final(at, text, end=1.0, utterance=1):
    return Seen(
        at,
        Final(
            seq=4,
            utterance=utterance,
            channel=0,
            text=text,
            start=0.0,
            end=end,
            language="en",
            confidence=0.9,
        ),
    )


def speech(*spans_s, duration_s=10.0):
    is_loud = np.zeros(round(duration_s * FRAMES_PER_S), dtype=bool)
    for start_s, end_s in spans_s:
        is_loud[round(start_s * FRAMES_PER_S) : round(end_s * FRAMES_PER_S)] = True
    return SpeechMap(is_loud)


def ended(at, end, utterance=1):
    return Seen(
        at, UtteranceEnded(seq=5, utterance=utterance, channel=0, end=end, reason="silence")
    )


def delays_s(found):
    return [pytest.approx(delay.delay_s) for delay in found]


def test_final_delay_counts_from_when_the_last_word_was_really_spoken():
    seen = [started(100.6, 0.5), final(103.5, "he was", end=2.5)]

    assert delays_s(measures.final_delays(seen, 100.0, speech((0.4, 2.3)))) == [1.2]


def test_the_speech_of_the_next_utterance_does_not_end_this_one():
    seen = [started(100.6, 0.5), started(102.6, 2.5, utterance=2), final(103.5, "he", end=2.4)]

    found = measures.final_delays(seen, 100.0, speech((0.5, 2.2), (2.5, 4.0)))

    assert delays_s(found) == [1.3]


def test_first_text_is_the_first_interim_that_shows_something():
    seen = [
        started(100.6, 0.5),
        interim(101.0, "", ""),
        interim(101.5, "", " he"),
        interim(102.0, "", " he was"),
    ]

    assert delays_s(measures.first_text_delays(seen, 100.0, speech((0.4, 2.0)))) == [1.1]


def test_a_final_without_interims_is_the_first_text():
    seen = [started(100.6, 0.5), final(102.5, "no")]

    assert delays_s(measures.first_text_delays(seen, 100.0, speech((0.5, 1.0)))) == [2.0]


def test_the_age_of_an_interim_is_that_of_its_newest_audio():
    assert delays_s(measures.interim_ages([interim(101.25, "", " he")], 100.0)) == [0.25]


def test_committed_text_that_grows_breaks_nothing():
    seen = [interim(1.0, "", " he"), interim(2.0, "he", " was"), final(3.0, "he was"), ended(3, 1)]

    assert measures.count_broken_commitments(seen) == 0


@pytest.mark.parametrize(
    "later", [interim(2.0, "He", " was"), final(2.0, "she was"), ended(2.0, 1.0)]
)
def test_committed_text_that_changes_or_never_comes_is_broken(later):
    assert measures.count_broken_commitments([interim(1.0, "he", " was"), later]) == 1


def test_an_utterance_that_never_ends_is_unanswered():
    seen = [started(1.0, 0.0), ended(2.0, 1.0), started(3.0, 2.0, utterance=2)]

    assert measures.num_unanswered(seen) == 1


def test_words_taken_back_are_revisions_and_added_words_are_not():
    seen = [
        interim(1.0, "", " he was"),
        interim(2.0, " he", " is not"),
        final(3.0, "He is not an"),
    ]

    revisions = measures.count_revisions(seen)

    assert (revisions.revised_words, revisions.final_words) == (1, 4)
    assert revisions.rate == 0.25


def test_case_and_punctuation_are_no_revisions():
    seen = [interim(1.0, "", " so he said"), final(2.0, "So, he said.")]

    assert measures.count_revisions(seen).revised_words == 0


def test_an_inserted_word_does_not_count_the_words_behind_it():
    seen = [interim(1.0, "", " he not an ill"), final(2.0, "he was not an ill")]

    assert measures.count_revisions(seen).revised_words == 0


def test_utterances_do_not_revise_each_other():
    seen = [
        interim(1.0, "", " one", utterance=1),
        interim(1.1, "", " two", utterance=2),
        final(2.0, "one", utterance=1),
        final(2.1, "two", utterance=2),
    ]

    assert measures.count_revisions(seen).revised_words == 0


@pytest.mark.parametrize(
    ("share", "expected"), [(0.5, 5), (0.95, 10), (0.9, 9), (0.0, 1), (1.0, 10)]
)
def test_percentiles_are_values_that_occurred(share, expected):
    assert measures.percentile(range(10, 0, -1), share) == expected


def test_nothing_has_no_percentile():
    assert measures.percentile([], 0.95) is None


def test_numbers_may_jump_but_never_fall():
    def acks(*numbers):
        return [Seen(0.0, Ack(seq=number, offset=0.0)) for number in numbers]

    assert not measures.is_out_of_order(acks(2, 3, 5))
    assert measures.is_out_of_order(acks(2, 4, 3))
    assert measures.is_out_of_order(acks(1, 2))
