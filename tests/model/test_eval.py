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

    timing = report["timing"]
    assert timing["final_latency_p95_s"] >= timing["final_latency_p50_s"] > 0
    assert timing["first_text_p50_s"] > 0
    assert report["groups"][-1]["offline_error_rate"] is None


def test_sessions_side_by_side_lose_nothing():
    clips = sorted(FIXTURES.glob("*.flac"))[3:5]
    report = report_of("loadtest", *clips, "--model", "tiny.en", "--sessions", 2, "--seconds", 13)

    assert report["failures"] == {}
    assert report["clips"] >= 4
    assert (report["lost_clips"], report["sequence_gaps"]) == (0, 0)
    assert report["same_text_share"] > 0
    assert report["mean_batch_size"] >= 1
