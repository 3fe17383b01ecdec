"""What `starling serve` does once it listens."""

import gc

import pytest

from server.cli.serve import GARBAGE_THRESHOLDS, spare_garbage_collector

pytestmark = pytest.mark.unit


def test_what_was_loaded_to_start_is_left_out_of_garbage_collections():
    before = gc.get_threshold()
    try:
        spare_garbage_collector()
        assert gc.get_freeze_count() > 10_000
        assert gc.get_threshold() == GARBAGE_THRESHOLDS
        assert gc.isenabled()
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
