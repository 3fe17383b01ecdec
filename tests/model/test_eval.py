"""`starling eval` and `starling loadtest` on the fixtures, with real weights."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.model

FIXTURES = Path(__file__).parents[1] / "fixtures"
ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": os.pathsep.join(sys.path),
}


def report_of(*arguments):
    done = subprocess.run(
        [sys.executable, "-m", "server", *map(str, arguments), "--json"],
        capture_output=True,
        env=ENVIRONMENT,
        timeout=240,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


def test_streaming_is_about_as_accurate_as_plain_faster_whisper():
    report = report_of("eval", FIXTURES / "manifest.tsv", "--model", "tiny.en")

    total = report["groups"][-1]
    assert (total["language"], total["kind"], total["files"]) == ("en", "all", 5)
    assert total["reference_words"] > 60
    assert total["error_rate"] < 0.10
    assert total["difference"] < 0.05
    assert all(file["offline_text"] for file in report["files"])


def test_real_time_measures_delays():
    report = report_of(
        "eval",
        FIXTURES / "manifest.tsv",
        *("--model", "tiny.en", "--realtime", "--no-offline", "--limit", 2),
    )

    delays = report["timing"]["delays"]
    assert delays["final"]["p95_s"] >= delays["final"]["p50_s"] > 0
    assert delays["first_text"]["p50_s"] > 0
    assert delays["committed"]["count"] == delays["shown"]["count"] > 10
    assert report["broken_commitments"] == 0
    assert report["groups"][-1]["offline_error_rate"] is None


def test_sessions_side_by_side_lose_nothing():
    report = report_of(
        "loadtest",
        FIXTURES / "manifest.tsv",
        *("--model", "tiny.en", "--sessions", 2, "--seconds", 13, "--clips", 2),
    )

    losses, timing = report["losses"], report["timing"]
    assert (losses["failures"], losses["refused"]) == ({}, 0)
    assert losses["clips"] >= 4
    assert (losses["finals_lost"], losses["out_of_order"]) == (0, 0)
    assert losses["broken_commitments"] == 0
    assert losses["clips_compared"] > 0
    assert losses["error_rate"] < 0.2
    assert timing["final"]["p95_s"] >= timing["final"]["p50_s"] > 0
    assert timing["server"]["batch_size_mean"] >= 1
    assert timing["server"]["cpu_ms_per_stream_s"] > 0
    assert report["timeline"]


def test_a_knee_is_found_and_each_try_told():
    clip = FIXTURES / "sense-and-sensibility-01-0880.flac"
    report = report_of(
        "loadtest",
        clip,
        *("--model", "tiny.en", "--find-knee", "--sessions", 2, "--seconds", 9),
        *("--final-limit", 0.1),  # No server is that quick, so the search is short.
    )

    assert report["knee"] == 0
    assert [run["voices"] for run in report["tries"]] == [1, 2]
    assert all(run["broken_limits"][0].startswith("final p95") for run in report["tries"])
