"""What a load test says about sessions written by hand."""

import numpy as np
import pytest

from loadtest.alone import Alone
from loadtest.load_report import Material, Window, losses, timing
from loadtest.load_run import LoadRun
from loadtest.load_tables import loss_lines
from loadtest.measures import Seen
from loadtest.metric_readings import Reading
from loadtest.recordings import BYTES_PER_S
from loadtest.replay import SaidTwice
from loadtest.speech_map import SpeechMap
from loadtest.voice_process import SessionResult
from loadtest.voices import Clip, Placement, Style
from loadtest.word_delays import TimedWord
from starling_client import Final, Interim, SpeechStarted

pytestmark = pytest.mark.unit

ONE = Clip("one.wav", bytes(2 * BYTES_PER_S), "he was not")
TWO = Clip("two.wav", bytes(3 * BYTES_PER_S))
MATERIAL = Material(
    [ONE, TWO],
    [SpeechMap(np.ones(180, dtype=bool)), SpeechMap(np.ones(290, dtype=bool))],
    [
        Alone("He was not.", (TimedWord("he", 0.5), TimedWord("was", 0.9), TimedWord("not", 1.5))),
        Alone("Ill disposed.", (TimedWord("ill", 1.0), TimedWord("disposed", 2.5))),
    ],
)


def final(seq, at, text, start, end):
    return Seen(at, Final(seq, seq, 0, text, start, end, "en", 0.9))


def session(*seen, failure=None, started_at=100.0):
    placements = (Placement(0, 0.0, 2.0), Placement(1, 3.0, 6.0))
    return SessionResult(0, Style.CONTINUOUS, placements, 7.0, seen, started_at, failure)


def run(*results, readings=()):
    return LoadRun(100.0, results, readings, client_cpu_s=1.0, client_lateness_p99_s=0.002)


def said_twice(*texts):
    """Give the clips their texts at load; without load they say what they say alone."""
    without = ("He was not.", "Ill disposed.")
    return [
        SaidTwice(placement, at_load, text)
        for placement, at_load, text in zip(session().placements, texts, without, strict=True)
    ]


AS_WITHOUT = said_twice("he was not", "ill disposed")

GOOD = session(
    final(2, 102.5, "he was not", 0.2, 1.9),
    final(3, 107.0, "ill disposed", 3.1, 6.2),
)


def test_finals_are_given_to_the_clip_they_lie_in():
    found = losses(run(GOOD), MATERIAL, AS_WITHOUT)

    assert (found["clips"], found["finals_lost"]) == (2, 0)


def test_a_clip_without_text_is_lost():
    found = losses(run(session(final(2, 102.5, "he is not", 0.2, 1.9))), MATERIAL, AS_WITHOUT)

    assert (found["clips"], found["finals_lost"]) == (2, 1)


def test_the_same_words_without_load_are_no_errors_of_the_load():
    found = losses(run(GOOD), MATERIAL, AS_WITHOUT)

    assert (found["clips_compared"], found["words_changed"]) == (2, 0)
    assert found["same_text_share"] == 1.0
    assert found["error_rate"] == found["error_rate_without"] == 0


def test_other_words_than_without_load_are_errors_of_the_load():
    found = losses(run(GOOD), MATERIAL, said_twice("he is not", ""))

    assert (found["words_changed"], found["same_text_share"]) == (3, 0.0)
    assert found["error_rate"] == pytest.approx(3 / 5)
    assert found["error_rate_rise"] == pytest.approx(3 / 5)


def test_it_is_told_when_nothing_could_be_said_again():
    (_, line, _) = loss_lines(losses(run(GOOD), MATERIAL, []), 60.0)

    assert line.startswith("No session could be said again")


def test_a_load_can_make_an_error_fewer():
    said = [SaidTwice(session().placements[0], "he was not", "he is not")]

    assert losses(run(GOOD), MATERIAL, said)["error_rate_rise"] == pytest.approx(-1 / 3)


def test_an_utterance_without_an_end_is_a_lost_final():
    open_for_ever = Seen(106.9, SpeechStarted(9, 9, 0, 6.8))

    found = losses(run(session(*GOOD.seen, open_for_ever)), MATERIAL, AS_WITHOUT)

    assert found["finals_lost"] == 1


def test_a_clip_that_is_empty_alone_cannot_be_lost():
    silent = Material(MATERIAL.clips, MATERIAL.maps, [Alone("", ()), Alone("", ())])

    found = losses(run(session()), silent, [])

    assert (found["clips"], found["finals_lost"], found["error_rate"]) == (0, 0, None)


def test_failed_sessions_are_counted_by_code_and_lose_their_clips():
    found = losses(run(session(failure="internal")), MATERIAL, AS_WITHOUT)

    assert found["failures"] == {"internal": 1}
    assert found["finals_lost"] == 2
    assert "1 x internal" in loss_lines(found, 60.0)[0]


def test_a_refused_session_has_nothing_to_lose():
    found = losses(run(session(failure="overloaded", started_at=None)), MATERIAL, AS_WITHOUT)

    assert (found["failures"], found["refused"], found["finals_lost"]) == ({}, 1, 0)


def test_delays_count_from_true_ends_and_inside_the_window_only():
    everything = timing(run(GOOD), MATERIAL, Window(0.0, 10.0))
    late = timing(run(GOOD), MATERIAL, Window(4.0, 10.0))

    assert everything["final"]["count"] == 2
    assert everything["final"]["p50_s"] == pytest.approx(0.7)
    assert everything["committed"]["count"] == 5
    assert everything["shown"]["max_s"] == pytest.approx(3.0)
    assert late["final"]["p50_s"] == pytest.approx(1.1)


def test_what_comes_after_the_window_counts_in_it_when_its_speech_was_there():
    found = timing(run(GOOD), MATERIAL, Window(0.0, 6.5))

    assert found["final"]["count"] == 2
    assert found["final"]["max_s"] == pytest.approx(1.1)


def test_interims_are_counted_by_the_second_with_their_age():
    interim = Seen(101.0, Interim(2, 1, 0, "", "he", 0.2, 0.8))

    found = timing(run(session(interim, *GOOD.seen)), MATERIAL, Window(0.0, 10.0))

    assert found["interims_per_s"] == pytest.approx(0.1)
    assert found["interim_age"]["p50_s"] == pytest.approx(0.2)


def test_the_servers_use_is_that_of_the_window_alone():
    def reading(at, cpu_s, audio_s):
        samples = {
            "process_cpu_seconds_total": {(): cpu_s},
            "starling_audio_seconds_total": {(): audio_s},
            "starling_decodes_total": {(("purpose", "final"),): audio_s / 5},
        }
        return Reading(at, samples)

    readings = [reading(100.0, 7.0, 0.0), reading(105.0, 8.0, 50.0), reading(110.0, 9.0, 100.0)]
    used = timing(run(GOOD, readings=readings), MATERIAL, Window(5.0, 10.0))["server"]

    assert used["cpu_cores"] == pytest.approx(0.2)
    assert used["cpu_ms_per_stream_s"] == pytest.approx(20.0)
    assert used["decoded_windows_per_s"] == pytest.approx(2.0)


def test_a_server_without_metrics_is_measured_without():
    assert timing(run(GOOD), MATERIAL, Window(0.0, 10.0))["server"] is None
