"""What a busy server hears in the pauses of a long utterance, so that its final is short."""

from dataclasses import replace

import pytest

from streaming.effects import DecodeRequest, Purpose
from streaming.left_context import REACH_SAMPLES
from streaming.options import Task
from streaming.overload import MAX_STRETCH, NO_CHECKPOINTS_STRETCH, Load, Rung
from streaming.pacing import HEAR_PAUSE_FROM_S
from streaming.transcript import Hypothesis, join_words, without_times
from tests.support.scripted_speech import transcribe
from tests.support.session_harness import RecordingHarness, busy, say

pytestmark = pytest.mark.unit

SECOND = 16_000
PAUSE_S = 0.4
"""Too short to end an utterance, and for a decode ahead on a server this busy."""

STRETCHED = Load(Rung.STRETCHED, MAX_STRETCH)
BEFORE = list(range(1, 31))
"""10.5 s."""

AFTER = list(range(31, 41))
TEXT = " ".join(f"w{number}" for number in BEFORE + AFTER)


def listening(load: Load = STRETCHED, **changes: object) -> RecordingHarness:
    return busy(load, endpoint_silence_ms=1000, **changes)


def finals(harness: RecordingHarness) -> list[DecodeRequest]:
    return [decode.request for decode in harness.decodes(Purpose.FINAL)]


@pytest.mark.parametrize("stretch", [NO_CHECKPOINTS_STRETCH, MAX_STRETCH])
def test_a_final_goes_on_from_what_was_heard_in_a_pause(stretch):
    harness = listening(Load(Rung.STRETCHED, stretch))
    say(harness, BEFORE, PAUSE_S, AFTER, 1.5)
    in_pause, final = finals(harness)
    assert join_words(final.said) == join_words(transcribe(in_pause).words)
    assert len(final.audio) < 10 * SECOND < len(in_pause.audio) < len(final.whole.audio)
    assert harness.text == TEXT


def test_only_a_long_utterance_is_heard_in_a_pause_whatever_follows():
    harness = listening()
    say(harness, BEFORE[: int(HEAR_PAUSE_FROM_S / 0.35) - 1], PAUSE_S, AFTER)
    assert not finals(harness)


def test_the_next_pause_is_not_heard_again_so_soon():
    harness = listening()
    say(harness, BEFORE, PAUSE_S, AFTER[:5], PAUSE_S, AFTER[5:])
    assert len(finals(harness)) == 1


def test_what_is_heard_in_a_pause_is_not_withdrawn_when_the_voice_goes_on():
    harness = listening()
    harness.holds_decodes = True
    say(harness, BEFORE, PAUSE_S, AFTER)
    (in_pause,) = finals(harness)
    assert in_pause.id not in harness.withdrawn


def test_a_server_on_which_finals_wait_hears_no_pause_in_vain():
    harness = listening(Load(Rung.NO_INTERIMS, MAX_STRETCH))
    say(harness, BEFORE, PAUSE_S, AFTER, 1.5)
    (final,) = finals(harness)
    assert not final.said
    assert harness.text == TEXT


def test_where_words_end_must_be_known_to_go_on_from_them():
    harness = listening()

    def untimed(request: DecodeRequest) -> Hypothesis:
        heard = transcribe(request)
        return replace(heard, words=without_times(heard.words))

    harness.engine = untimed
    say(harness, BEFORE, PAUSE_S, AFTER, 1.5)
    assert not any(request.said for request in finals(harness))
    assert harness.text == TEXT


def test_a_translation_has_no_words_to_go_on_from():
    harness = listening(task=Task.TRANSLATE)
    say(harness, BEFORE, PAUSE_S, AFTER, 1.5)
    assert len(finals(harness)) == 1
    say(harness, BEFORE, 0.7, AFTER, 1.5)
    assert len(finals(harness)) == 3
    assert not any(request.said for request in finals(harness))


def test_a_final_is_decoded_whole_where_that_is_as_short():
    harness = listening()
    say(harness, BEFORE[: REACH_SAMPLES // 5_600], 0.7, AFTER, 1.5)
    assert not any(request.said for request in finals(harness))


def test_an_idle_server_goes_on_from_checkpoints_alone():
    harness = listening(Load())
    say(harness, BEFORE, PAUSE_S, AFTER, 1.5)
    *_, final = finals(harness)
    checkpoints = [decode.request for decode in harness.decodes(Purpose.CHECKPOINT)]
    assert join_words(final.said) != join_words(transcribe(finals(harness)[0]).words)
    assert len(checkpoints) >= 3
