"""Report pages."""

import pytest

from loadtest.report_page import eval_page, load_page

pytestmark = pytest.mark.unit


def test_an_evaluation_has_bars_and_in_real_time_curves():
    group = {"language": "en", "kind": "read", "error_rate": 0.1, "offline_error_rate": None}
    report = {
        "groups": [group, group | {"kind": "all"}],
        "files": [{}],
        "timing": {"audio_s": 90.0, "curves": {"final": [0.8, 1.0], "shown": []}},
    }

    page = eval_page(report)

    assert page.count("<figure>") == 2
    assert "1 recordings, 1.5 min." in page


def test_an_overload_shows_its_course():
    point = {"at_s": 1.0, "rss_mb": 300.0, "cpu_cores": 1.0, "sessions": 2.0, "queue_length": 0.0}
    point |= {"interims_per_s": 3.0, "finals_per_s": 0.5}
    report = {
        "voices": 4,
        "factor": 1.5,
        "voices_at_overload": 6,
        "timeline": [point],
        "finals": [[1.0, 0.9]],
        "curves": {"final": [0.9, 0.9]},
    }

    page = load_page(report)

    assert page.count("<figure>") == 6
    assert "4 voices, 6 at overload." in page


def test_a_knee_shows_tries_and_limit():
    server = {
        "cpu_cores": 1.0,
        "decoded_windows_per_s": 9.0,
        "batch_size_mean": 2.0,
        "rss_mb": 300.0,
    }
    final = {"count": 9, "p50_s": 0.9, "p95_s": 1.2}
    tries = [{"voices": n, "timing": {"final": final, "server": server}} for n in (4, 8)]

    page = load_page({"knee": 8, "limits": {"final_p95_s": 1.5}, "tries": tries})

    assert page.count("<figure>") == 5
    assert 'class="limit"' in page
