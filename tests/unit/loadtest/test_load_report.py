"""What a load test says about sessions written by hand."""

import itertools
import random

import pytest

from loadtest.load_report import load_lines, load_report
from loadtest.measures import Seen
from loadtest.recordings import BYTES_PER_S
from loadtest.sessions import GAP_S, Clip, Placement, SessionResult, place_clips
from starling_client import Final

pytestmark = pytest.mark.unit

ONE = Clip("one.wav", bytes(2 * BYTES_PER_S))
TWO = Clip("two.wav", bytes(3 * BYTES_PER_S))
ALONE = {"one.wav": "He was not.", "two.wav": "Ill disposed."}


def final(seq, at, text, start, end):
    return Seen(
        at,
        Final(
            seq=seq,
            utterance=seq,
            channel=0,
            text=text,
            start=start,
            end=end,
            language="en",
            confidence=0.9,
        ),
    )


def session(*seen, failure=None):
    placements = (Placement(ONE, 0.0), Placement(TWO, 3.0))
    return SessionResult(placements, seen, 100.0, failure)


def test_finals_are_given_to_the_clip_they_lie_in():
    result = session(
        final(2, 102.5, "he was not", 0.2, 1.9),
        final(3, 107.0, "ill disposed", 3.1, 6.2),
    )

    report = load_report([result], ALONE, {}, {})

    assert (report["clips"], report["lost_clips"], report["same_text_share"]) == (2, 0, 1.0)
    assert report["final_latency_p50_s"] == pytest.approx(0.7)
    assert report["sequence_gaps"] == 0


def test_a_clip_without_text_is_lost_and_another_text_is_not_the_same():
    result = session(final(2, 102.5, "he is not", 0.2, 1.9))

    report = load_report([result], ALONE, {}, {})

    assert (report["lost_clips"], report["same_text_share"]) == (1, 0.0)


def test_a_clip_that_is_empty_alone_cannot_be_lost():
    report = load_report([session()], {"one.wav": "", "two.wav": ""}, {}, {})

    assert (report["clips"], report["lost_clips"]) == (0, 0)


def test_failed_sessions_are_counted_by_code_and_lose_their_clips():
    report = load_report([session(failure="overloaded")], ALONE, {}, {})

    assert report["failures"] == {"overloaded": 1}
    assert report["lost_clips"] == 2
    assert "1 x overloaded" in load_lines(report)[0]


def test_the_mean_batch_size_is_that_of_the_run_alone():
    before = {"starling_batch_size_sum": 10.0, "starling_batch_size_count": 10.0}
    after = {"starling_batch_size_sum": 34.0, "starling_batch_size_count": 18.0}

    assert load_report([session()], ALONE, before, after)["mean_batch_size"] == 3.0


def test_clips_fill_the_time_with_silence_between_and_repeatably():
    placements = place_clips([ONE, TWO], 20.0, random.Random(1))

    assert placements == place_clips([ONE, TWO], 20.0, random.Random(1))
    for before, after in itertools.pairwise(placements):
        assert after.start_s == before.end_s + GAP_S
    assert placements[-1].end_s <= 20.0


def test_a_session_plays_at_least_one_clip():
    assert len(place_clips([TWO], 1.0, random.Random(1))) == 1
