import json

import pytest

from loadtest.target_runs import RunError, judged, report_of, told_if_kept
from loadtest.targets import Limit, Material, Measurement, measurements

pytestmark = pytest.mark.unit

MATERIAL = Material("manifest.tsv", overload_voices=64, soak_voices=22)


@pytest.mark.parametrize(
    ("limit", "found", "is_met"),
    [
        (Limit("s", None, most=1.5), 1.5, True),
        (Limit("s", None, most=1.5), 1.51, False),
        (Limit("share", None, least=0.85), 0.85, True),
        (Limit("share", None, least=0.85), 0.84, False),
        (Limit("s", None, most=1.5), None, False),
    ],
)
def test_what_is_not_measured_is_not_met(limit, found, is_met):
    assert limit.is_met(found) is is_met


def test_names_tell_measurements_apart():
    names = [measurement.name for measurement in measurements(MATERIAL)]
    assert len(set(names)) == len(names)


LOSSES = {"finals_lost": 0, "error_rate_rise": 0.001, "broken_commitments": 0}
DELAYS = {"final": {"p50_s": 1.0, "p95_s": 1.2}, "first_text": {"p50_s": 0.8}}
PART = {"rss_mb": 300, "final": {"p95_s": 1.2}}
REPORTS = {
    "share": {"ceiling": {"share": 0.9}, "losses": LOSSES},
    "voice": {
        "timing": {"delays": DELAYS, "revision_rate": 0.05},
        "broken_commitments": 0,
    },
    "voices": {"timing": {"final": {"p95_s": 1.4}}, "losses": LOSSES},
    "front": {"cpu_ms_per_stream_s": {"total": 1.3}, "loop_lag_ms": {"p99": 12.0}},
    "accuracy": {
        "groups": [
            {"kind": "read", "difference": 0.02},
            {"kind": "phone", "difference": -0.01},
            {"kind": "all", "difference": -0.001},
        ],
        "no_speech": {"words": 0},
        "broken_commitments": 0,
    },
    "overload": {
        "losses": LOSSES,
        "recovery_s": 5.0,
        "phases": [{"server": {"rss_mb": mb}} for mb in (300, 400, 390)],
    },
    "soak": {"losses": LOSSES, "slices": [PART] * 9 + [{**PART, "rss_mb": 400}]},
}


@pytest.mark.parametrize("measurement", measurements(MATERIAL), ids=lambda m: m.name)
def test_limits_find_their_numbers(measurement):
    words = measurement.name.replace(",", " ").split()
    report = next(report for name, report in REPORTS.items() if name in words)
    missed = [what for what, _, _, is_met in judged(measurement, report) if not is_met]
    expected = {
        "accuracy": ["worst kind, above offline"],
        "soak": ["RSS of the last tenth, of the second's"],
    }
    assert missed == next((w for name, w in expected.items() if name in measurement.name), [])


def test_a_report_is_kept_and_not_made_again(tmp_path):
    code = "import json, time; print(json.dumps({'at': time.monotonic_ns()}))"
    measurement = Measurement("tiny.en, 32 short voices", ("-c", code), ())
    assert told_if_kept(measurement, tmp_path) is None
    first = report_of(measurement, tmp_path)
    assert "remove" in told_if_kept(measurement, tmp_path)
    assert report_of(measurement, tmp_path) == first
    (kept,) = tmp_path.iterdir()
    assert kept.name == "tiny.en-32-short-voices.json"
    assert json.loads(kept.read_text()) == first


def test_a_command_that_fails_leaves_no_report(tmp_path):
    with pytest.raises(RunError, match="the command was: python -c"):
        report_of(Measurement("broken", ("-c", "raise SystemExit(3)"), ()), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_a_report_leaves_out_is_missed():
    shares = [m for m in measurements(MATERIAL) if m.name.startswith("share")]
    for share in shares:
        what, limit, found, is_met = next(judged(share, {"losses": LOSSES}))
        assert (limit, found, is_met) == ("≥ 0.85", None, False), what
    assert shares
