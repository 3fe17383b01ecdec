"""What is measured of a session, on sessions written by hand."""

import pytest

from loadtest import measures
from loadtest.measures import Seen
from starling_client import Ack, Final, Interim, SpeechStarted

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


def test_final_latency_counts_from_when_the_last_word_was_spoken():
    assert measures.final_latencies_s([final(103.5, "he was", end=2.5)], started_at=100.0) == [1.0]


def test_first_text_is_the_first_interim_that_shows_something():
    seen = [
        started(100.6, 0.5),
        interim(101.0, "", ""),
        interim(101.5, "", " he"),
        interim(102.0, "", " he was"),
    ]

    assert measures.first_text_delays_s(seen, started_at=100.0) == [1.0]


def test_a_final_without_interims_is_the_first_text():
    seen = [started(100.6, 0.5), final(102.5, "no")]

    assert measures.first_text_delays_s(seen, started_at=100.0) == [2.0]


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


def test_a_missing_message_is_noticed():
    def acks(*numbers):
        return [Seen(0.0, Ack(seq=number, offset=0.0)) for number in numbers]

    assert not measures.has_sequence_gap(acks(2, 3, 4))
    assert measures.has_sequence_gap(acks(2, 4))
    assert measures.has_sequence_gap(acks(3, 4))
