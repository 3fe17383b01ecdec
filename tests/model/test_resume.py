"""Real weights and real speech: a killed replica changes no word."""

import pytest

from loadtest.drill import Plan, drill
from loadtest.drill_voices import Speech
from loadtest.faults import cut, kill, roll
from tests.support.recordings import clip, pcm16

pytestmark = pytest.mark.model

CLIPS = ("0880", "0890", "0920", "0930")


@pytest.mark.timeout(200)
@pytest.mark.parametrize("fault", [kill(4.0), cut(4.0), roll(3.0)], ids=["kill", "cut", "roll"])
async def test_a_fault_in_mid_utterance_changes_no_word(fault):
    speech = Speech(tuple(pcm16(clip(number)) for number in CLIPS), ping_timeout_s=2.0)
    report = await drill(Plan(4, speech, settings={"model": "tiny.en"}), fault)
    assert report["failures"] == []
    assert report["closed"] == report["identical_words"] == 4
    assert (report["finals_doubled"], report["seqs_doubled"]) == (0, 0)
    assert report["resumes"] >= 1
