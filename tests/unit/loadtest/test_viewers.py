"""What is made of the arrivals that a crowd of viewers noted."""

from typing import Any

import pytest

from loadtest.viewers import Voice, _fan_out

pytestmark = pytest.mark.unit


def test_delays_count_from_the_arrival_at_the_voice_and_missing_finals_are_told():
    nobody: Any = None
    voice = Voice(nobody, "s", "secret")
    voice.kinds = {1: "interim", 2: "final", 3: "closed"}
    voice.arrived_at = {1: 10.0, 2: 20.0, 3: 30.0}
    arrivals = {1: [10.01, 10.03], 2: [20.02, 20.02], 3: [30.0]}
    found = _fan_out(voice, arrivals, num_viewers=2)
    assert found["interim"]["median_ms"] == 20.0
    assert found["all"]["n"] == 4
    assert found["finals_missed"] == 1
