"""When a batch of file segments may run, so that live sessions do not feel it.

Live decodes always go first; files take the workers that are left. A running batch cannot be
interrupted, so while a live session is open, files get half of the workers at most, a single row a
batch, and only begin when no live decode waits or runs. A segment that has waited for `MAX_WAIT_S`
goes before live decodes, one at a time, or a busy server would never finish a file.
"""

from dataclasses import dataclass

MAX_WAIT_S = 5.0


@dataclass(frozen=True, slots=True)
class WorkerLoad:
    """What the engine's workers do at this moment."""

    num_workers: int
    num_file_batches: int
    has_live_session: bool
    is_live_waiting: bool
    is_live_running: bool = False


def file_rows(load: WorkerLoad, longest_wait_s: float, max_batch: int) -> int:
    """Return how many file segments a free worker may take as its next batch; 0 is none."""
    if load.has_live_session:
        if load.num_file_batches >= max(1, load.num_workers // 2):
            return 0
        is_overdue = longest_wait_s >= MAX_WAIT_S and load.num_file_batches == 0
        is_live_busy = load.is_live_waiting or load.is_live_running
        return 1 if is_overdue or not is_live_busy else 0
    return 0 if load.is_live_waiting else max_batch
