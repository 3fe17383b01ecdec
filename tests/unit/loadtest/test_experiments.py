"""The plan of each kind of load test, and what is made of its run."""

import pytest

from loadtest.experiments import Stage, recovery_s
from loadtest.load_report import Material, Window
from loadtest.streamed import Target
from loadtest.voices import Style

pytestmark = pytest.mark.unit

STAGE = Stage(
    Target("ws://nowhere"),
    Material([], [], []),
    {Style.CONTINUOUS: 1.0},
    None,
    seed=3,
    tell=lambda *_: None,
)


def test_voices_start_at_different_moments_of_the_ramp_and_end_together():
    voices = STAGE.voices(8, Window(60.0, 160.0))

    assert len({voice.starts_s for voice in voices}) == 8
    assert all(60.0 <= voice.starts_s <= 68.0 for voice in voices)
    assert {voice.ends_s for voice in voices} == {160.0}
    assert voices == STAGE.voices(8, Window(60.0, 160.0))


def test_more_voices_are_others():
    more = STAGE.voices(2, Window(0.0, 60.0), first=8)

    assert [voice.number for voice in more] == [8, 9]


def test_one_voice_starts_at_once():
    assert STAGE.voices(1, Window(0.0, 60.0))[0].starts_s == 0.0


def test_recovery_is_the_end_of_the_last_late_slice():
    finals = [(61.0, 4.0), (66.0, 3.0), (71.0, 1.0), (80.0, 1.0)]

    assert recovery_s(finals, 60.0, limit_s=1.5) == 10.0


def test_no_late_final_means_at_once():
    assert recovery_s([(50.0, 9.0), (61.0, 1.0)], 60.0, limit_s=1.5) == 0.0


def test_finals_late_to_the_end_mean_no_recovery():
    assert recovery_s([(61.0, 4.0), (66.0, 3.0)], 60.0, limit_s=1.5) is None
