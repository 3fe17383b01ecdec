"""The plan of each kind of load test, and what is made of its run."""

import pytest

from loadtest.experiments import NUM_TURNS, RAMP_S, TURN_S, Stage, in_turns, recovery_s
from loadtest.load_report import Material, Window
from loadtest.load_run import LoadRun
from loadtest.metric_readings import Reading
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


class DecodingStage(Stage):
    """A server that decodes 9 windows a second, the first of each run in no time."""

    async def run(self, label, voices):
        def reading(run_s, windows):
            return Reading(run_s, {"starling_decodes_total": {(("purpose", "final"),): windows}})

        before, after = reading(RAMP_S, 50.0), reading(TURN_S, 50.0 + 9 * (TURN_S - RAMP_S))
        return LoadRun(0.0, [], [reading(0.0, 0.0), before, after], 0.2 * TURN_S, 0.0)


async def test_the_bare_engine_decodes_in_turns_what_the_server_decoded():
    stage = DecodingStage(**{name: getattr(STAGE, name) for name in STAGE.__dataclass_fields__})
    asked_s = []

    def bare_windows_per_s(seconds, used):
        assert used["decodes"] == {"final": 9 * seconds}
        asked_s.append(seconds)
        return 9.0 if len(asked_s) % 2 else 15.0

    found = await in_turns(stage, 4, bare_windows_per_s)

    assert asked_s == [TURN_S - RAMP_S] * NUM_TURNS
    assert found["server_windows_per_s"] == pytest.approx(9.0)
    assert found["windows_per_s"] == pytest.approx(12.0)
    assert found["share"] == pytest.approx(0.75)
    assert found["client_cores"] == pytest.approx(0.2)
