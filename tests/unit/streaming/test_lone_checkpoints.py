"""What a busy server commits of long utterances, so that none is decoded whole at its end."""

import pytest

from streaming.checkpoints import LONE_FROM_SAMPLES, LONE_HELD_BACK_SAMPLES, LONE_STEP_SAMPLES
from streaming.effects import Purpose
from streaming.events import UtteranceEnded
from streaming.options import Task
from streaming.overload import MAX_STRETCH, NO_CHECKPOINTS_STRETCH, Load, Rung
from tests.support.session_harness import busy, say

pytestmark = pytest.mark.unit

SECOND = 16_000
LONG = list(range(1, 76))
"""26 s."""

BUSY = [
    Load(Rung.STRETCHED, NO_CHECKPOINTS_STRETCH),
    Load(Rung.NO_INTERIMS, MAX_STRETCH),
    Load(Rung.REFUSING, MAX_STRETCH),
]


def all_of(numbers: list[int]) -> str:
    return " ".join(f"w{number}" for number in numbers)


@pytest.mark.parametrize("load", BUSY)
def test_a_long_utterance_is_never_decoded_whole(load):
    harness = busy(load)
    say(harness, 0.5, LONG, 1.0)
    assert harness.text == all_of(LONG)
    lengths_s = [len(d.request.audio) / SECOND for d in harness.asked]
    assert max(lengths_s) < 16.0, lengths_s
    assert harness.decodes(Purpose.FINAL)[-1].request.said


def test_lone_checkpoints_are_few_and_come_when_decodes_get_long():
    harness = busy(BUSY[1])
    say(harness, 0.5, LONG, 1.0)
    starts = {d.request.start_sample for d in harness.decodes(Purpose.CHECKPOINT)[:1]}
    ends = [d.request.end_sample - min(starts) for d in harness.decodes(Purpose.CHECKPOINT)]
    assert len(ends) == 2
    assert 0 <= ends[0] - LONE_FROM_SAMPLES < SECOND
    assert 0 <= ends[1] - ends[0] - LONE_STEP_SAMPLES < SECOND


def test_most_utterances_have_none():
    harness = busy(BUSY[1])
    say(harness, 0.5, LONG[:40], 1.0, LONG[40:], 1.0)
    assert not harness.decodes(Purpose.CHECKPOINT)
    assert harness.text == all_of(LONG)


def test_its_words_are_committed_but_for_those_of_its_last_seconds():
    harness = busy(BUSY[0])
    say(harness, 0.5, LONG)
    (checkpoint, *_) = harness.decodes(Purpose.CHECKPOINT)
    committed = next(e.committed for e in harness.interims if e.committed)
    left_s = len(LONG) * 0.35 - len(committed) * 0.35
    after_checkpoint_s = (len(LONG) * 0.35) - (checkpoint.request.end_sample / SECOND - 0.5)
    held_back_s = left_s - after_checkpoint_s
    assert held_back_s == pytest.approx(LONE_HELD_BACK_SAMPLES / SECOND, abs=0.5)


def test_the_final_waits_for_no_checkpoint():
    harness = busy(BUSY[1])
    harness.holds_decodes = True
    say(harness, 0.5, LONG[:50], 1.5)
    (checkpoint,) = harness.decodes(Purpose.CHECKPOINT)
    assert checkpoint.request.id in harness.withdrawn
    assert not harness.of(UtteranceEnded)
    harness.release(harness.held.index(harness.decodes(Purpose.FINAL)[-1]))
    assert harness.text == all_of(LONG[:50])
    assert harness.of(UtteranceEnded)


@pytest.mark.parametrize("changes", [{"interim": False}, {"task": Task.TRANSLATE}])
def test_where_nothing_can_be_shown_or_forced_there_are_none(changes):
    harness = busy(BUSY[1], **changes)
    say(harness, 0.5, LONG, 1.0)
    assert not harness.decodes(Purpose.CHECKPOINT)
    assert harness.text == all_of(LONG)


def test_checkpoints_come_as_usual_once_the_server_has_caught_up():
    harness = busy(BUSY[1])
    say(harness, 0.5, LONG[:50])
    harness.session.set_load(Load())
    say(harness, LONG[50:], 1.0)
    assert len(harness.decodes(Purpose.CHECKPOINT)) > 2
    assert harness.text == all_of(LONG)
