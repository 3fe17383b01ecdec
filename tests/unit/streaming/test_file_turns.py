import pytest

from streaming.file_turns import MAX_WAIT_S, WorkerLoad, file_rows

pytestmark = pytest.mark.unit


def rows(
    *,
    files: int = 0,
    live: bool = False,
    waiting: bool = False,
    wait_s: float = 0.0,
    workers: int = 2,
) -> int:
    return file_rows(WorkerLoad(workers, files, live, waiting), wait_s, 8)


def test_files_alone_take_every_worker_in_full_batches():
    assert rows() == 8
    assert rows(files=1) == 8


def test_beside_live_sessions_files_take_half_of_the_workers_a_row_at_a_time():
    assert rows(live=True) == 1
    assert rows(live=True, files=1) == 0
    assert rows(live=True, files=1, workers=4) == 1
    assert rows(live=True, files=2, workers=4) == 0


def test_a_live_decode_goes_before_files():
    assert rows(live=True, waiting=True) == 0
    assert rows(live=False, waiting=True) == 0


def test_beside_live_sessions_files_begin_only_when_no_live_decode_runs():
    load = WorkerLoad(2, 0, has_live_session=True, is_live_waiting=False, is_live_running=True)
    assert file_rows(load, 0.0, 8) == 0
    assert file_rows(load, MAX_WAIT_S, 8) == 1


def test_a_segment_that_waited_too_long_goes_before_live_decodes_one_at_a_time():
    assert rows(live=True, waiting=True, wait_s=MAX_WAIT_S) == 1
    assert rows(live=True, waiting=True, wait_s=MAX_WAIT_S, files=1, workers=4) == 0


def test_a_single_worker_serves_files_between_live_decodes():
    assert rows(live=True, workers=1) == 1
    assert rows(live=True, workers=1, waiting=True) == 0
