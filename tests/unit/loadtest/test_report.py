"""An evaluation's report, from outcomes written by hand."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from loadtest.evaluation import Outcome
from loadtest.manifest import Recording
from loadtest.measures import Seen
from loadtest.report import build_report
from loadtest.report_tables import accuracy_table, all_delays_table, summary_lines
from loadtest.speech_map import FRAMES_PER_S, SpeechMap
from loadtest.streamed import Streamed
from loadtest.word_delays import TimedWord
from starling_client import ConnectionLost, Final, SpeechStarted

pytestmark = pytest.mark.unit


def outcome(reference, text, *, kind="read", language="en", offline=None, started_at=None):
    recording = Recording(
        "a.flac", Path("a.flac"), language, kind, reference, is_scored=language != "none"
    )
    seen = [Seen(101.0, SpeechStarted(seq=2, utterance=1, channel=0, start=0.5))]
    if text:
        said = Final(
            seq=3,
            utterance=1,
            channel=0,
            text=text,
            start=0.5,
            end=2.0,
            language="en",
            confidence=0.9,
        )
        seen.append(Seen(103.0, said))
    streamed = Streamed(tuple(seen), 30.0, 3.0, started_at)
    is_loud = np.zeros(3000, dtype=bool)
    is_loud[round(0.5 * FRAMES_PER_S) : round(1.9 * FRAMES_PER_S)] = True
    spoken = (TimedWord("a", 1.8),)
    return Outcome(recording, streamed, SpeechMap(is_loud), spoken, offline_text=offline)


def test_kinds_are_rows_and_each_language_ends_with_its_total():
    report = build_report(
        [
            outcome("he was not", "he was", kind="read"),
            outcome("an ill disposed young man", "an ill disposed young man", kind="phone"),
            outcome("eins", "eins", language="de"),
        ]
    )

    rows = [(g["language"], g["kind"], g["errors"], g["files"]) for g in report["groups"]]
    assert rows == [
        ("de", "read", 0, 1),
        ("de", "all", 0, 1),
        ("en", "phone", 0, 1),
        ("en", "read", 1, 1),
        ("en", "all", 1, 2),
    ]
    assert report["groups"][-1]["error_rate"] == pytest.approx(1 / 8)


def test_the_difference_is_streaming_less_offline():
    report = build_report([outcome("a b c d", "a b c", offline="a b c d")])

    assert report["groups"][0]["difference"] == pytest.approx(0.25)


def test_words_where_nobody_spoke_are_counted_by_the_minute():
    report = build_report(
        [
            outcome("", "thank you", language="none", kind="noise", offline="bye"),
            outcome("", "", language="none", kind="music", offline=""),
        ]
    )

    assert report["groups"] == []
    assert report["no_speech"] == {
        "files": 2,
        "files_with_text": 1,
        "words": 2,
        "words_per_minute": 2.0,
        "offline_words": 1,
    }
    assert summary_lines(report)[0] == (
        "Without speech: 2 words in 1 of 2 files, 2.0 a minute (offline: 1 words)."
    )


def test_delays_are_measured_in_real_time_only():
    fast = build_report([outcome("a", "a")])["timing"]
    live = build_report([outcome("a", "a", started_at=100.0)])["timing"]

    assert fast["delays"] is None
    assert fast["real_time_factor"] == pytest.approx(0.1)
    assert live["delays"]["final"]["p50_s"] == pytest.approx(1.1)
    assert live["delays"]["first_text"]["p50_s"] == pytest.approx(2.5)
    assert live["delays"]["shown"]["mean_s"] == pytest.approx(1.2)
    assert live["real_time_factor"] is None


def test_letters_are_counted_beside_words():
    group = build_report([outcome("he was", "he is", offline="he was")])["groups"][0]

    assert group["error_rate"] == pytest.approx(1 / 2)
    assert group["character_error_rate"] == pytest.approx(2 / 5)
    assert group["offline_character_error_rate"] == 0


def test_the_table_has_a_line_for_each_group_and_columns_for_what_was_measured():
    report = build_report([outcome("a b", "a c", offline="a b")])
    shown = accuracy_table(report)

    assert shown.row_count == 2
    headers = [column.header for column in shown.columns]
    assert headers[-3:] == ["offline %", "difference", "letters %"]
    assert all_delays_table(report) is None


def test_real_time_adds_delays_to_the_tables():
    report = build_report([outcome("a", "a", started_at=100.0)])

    assert "final s, p50 / p95" in [column.header for column in accuracy_table(report).columns]
    delays = all_delays_table(report)
    assert delays is not None
    assert delays.row_count == 6


def test_a_broken_session_counts_all_words_as_missed_and_is_named():
    whole = outcome("young man", "")
    broken = replace(whole, failure=ConnectionLost("it broke without a goodbye"))

    report = build_report([broken])

    assert report["groups"][0]["errors"] == 2
    assert "a.flac: The connection to the server was lost" in summary_lines(report)[0]
