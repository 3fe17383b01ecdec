"""When a channel's finals are decoded with the words before them, and with which."""

from dataclasses import replace

import pytest

from streaming.effects import Purpose
from streaming.events import OptionsChanged
from streaming.options import OptionLimits, OptionRequest, Task
from streaming.overload import NO_CHECKPOINTS_STRETCH, Load, Rung
from streaming.session_limits import SessionLimits
from streaming.session_plan import SessionPlan
from streaming.speech_gate import SpeechPolicy
from streaming.windows import INTERIM_FRAMES, frames_of
from tests.support.scripted_speech import said, silence, transcribe
from tests.support.session_harness import MULTILINGUAL, RecordingHarness, heard, with_options

pytestmark = pytest.mark.unit


def test_a_final_is_decoded_together_with_the_words_just_before_it():
    harness = heard(said(0.5, [1, 2, 3, 4], 1.0, [5, 6], 1.0))
    first, second = (decode.request for decode in harness.decodes(Purpose.FINAL))
    assert (first.context_text, first.num_context_samples) == ("", 0)
    assert second.context_text == " w1 w2 w3 w4"
    assert second.start_sample == 8_000, "where the first of them begins"
    assert second.without_context().start_sample > harness.finals[0].end_sample
    assert harness.text == "w1 w2 w3 w4 w5 w6"
    for interim in harness.decodes(Purpose.INTERIM):
        assert interim.request.context_text == ""


def test_speech_after_a_long_silence_has_no_context():
    harness = heard(said(0.5, [1, 2, 3, 4], 3.5, [5, 6], 1.0))
    assert [decode.request.context_text for decode in harness.decodes(Purpose.FINAL)] == ["", ""]


@pytest.mark.parametrize(
    "options", [with_options(task=Task.TRANSLATE), with_options(language="auto")]
)
def test_no_context_where_it_would_not_help(options):
    def unsure(request):
        return replace(transcribe(request), language_probability=0.3)

    harness = RecordingHarness(options)
    harness.engine = unsure
    for audio in (said(0.5, [1, 2, 3, 4], 1.0), said([5, 6], 1.0)):
        harness.send(audio)
    assert [decode.request.context_text for decode in harness.decodes(Purpose.FINAL)] == ["", ""]


BUSY = [
    Load(Rung.STRETCHED, NO_CHECKPOINTS_STRETCH),
    Load(Rung.NO_INTERIMS),
    Load(Rung.CHEAP_FINALS),
]


@pytest.mark.parametrize("load", BUSY)
def test_a_busy_servers_finals_have_the_context_that_is_known(load):
    harness = RecordingHarness(with_options())
    harness.session.set_load(load)
    for audio in (said(0.5, [1, 2, 3, 4], 1.0), said([5, 6], 1.0)):
        harness.send(audio)
    contexts = [decode.request.context_text for decode in harness.decodes(Purpose.FINAL)]
    assert contexts == ["", " w1 w2 w3 w4"]
    assert harness.text == "w1 w2 w3 w4 w5 w6"


def test_cheap_finals_have_what_context_their_window_has_room_for():
    harness = RecordingHarness(with_options())
    harness.session.set_load(Load(Rung.CHEAP_FINALS))
    for audio in (said(0.5, [1, 2, 3, 4], 1.0), said(list(range(5, 17)), 1.0)):
        harness.send(audio)
    finals = [decode.request for decode in harness.decodes(Purpose.FINAL)]
    assert [request.is_cheap for request in finals] == [True, True]
    assert [request.context_text for request in finals] == ["", " w3 w4"]
    assert frames_of(finals[1]) == frames_of(finals[1].without_context()) == INTERIM_FRAMES


@pytest.mark.parametrize("load", BUSY)
def test_a_busy_servers_finals_do_not_wait_for_their_context(load):
    harness = RecordingHarness(with_options())
    harness.session.set_load(load)
    harness.holds_decodes = True
    harness.send(said(0.5, [1, 2, 3, 4], 1.0, [5, 6], 1.0))
    assert [decode.request.context_text for decode in harness.decodes(Purpose.FINAL)] == ["", ""]
    while harness.held:
        harness.release()
    assert harness.text == "w1 w2 w3 w4 w5 w6"


@pytest.mark.parametrize("change", [{"language": "de"}, {"task": "transcribe"}])
@pytest.mark.parametrize("state", ["published", "pending", "open"])
def test_nothing_begun_before_a_change_of_language_or_task_is_context_after_it(change, state):
    task = Task.TRANSLATE if "task" in change else Task.TRANSCRIBE
    options = with_options(model="base", task=task, words=True)
    plan = SessionPlan("s1", options, MULTILINGUAL, OptionLimits(), SessionLimits(), SpeechPolicy())
    is_open = state == "open"
    said_before = said(0.5, [1, 2, 3], 0.0 if is_open else 1.0)
    harness = heard(said_before, plan=plan, holds_decodes=state == "pending")
    harness.control(OptionsChanged(OptionRequest(**change)))
    harness.send(silence(1.0 if is_open else 0.1))
    while harness.held:
        harness.release()
    harness.holds_decodes = False
    harness.send(said([4, 5], 1.0, [6], 1.0))
    contexts = [decode.request.context_text for decode in harness.decodes(Purpose.FINAL)]
    assert contexts[-2:] == ["", " w4 w5"]


def test_a_final_and_its_checkpoints_are_asked_for_when_the_final_before_is_out():
    harness = heard(
        said(0.5, [1, 2, 3], 1.0, list(range(10, 22)), 1.0),
        holds_decodes=True,
    )
    (first,) = harness.decodes(Purpose.FINAL)
    assert harness.decodes(Purpose.CHECKPOINT) == []
    harness.release(harness.held.index(first))
    checkpoint, second = harness.asked[-2:]
    assert checkpoint.request.purpose is Purpose.CHECKPOINT
    assert second.request.purpose is Purpose.FINAL
    assert checkpoint.request.context_text == second.request.context_text == " w1 w2 w3"
    while harness.held:
        harness.release()
    assert harness.text == " ".join(f"w{number}" for number in [1, 2, 3, *range(10, 22)])


def test_the_audio_of_the_context_is_still_needed_after_its_final():
    harness = heard(said(0.5, [1, 2, 3], 1.0))
    snapshot = harness.session.snapshot()
    assert snapshot.safe_sample == 8_000, "where the first word of its context begins"
    assert [word.text for word in snapshot.channels[0].context.words] == [" w1", " w2", " w3"]
    harness.send(silence(3.0))
    assert harness.session.snapshot().safe_sample > harness.finals[0].end_sample


@pytest.mark.parametrize("load", BUSY)
def test_no_context_where_a_final_between_is_not_written(load):
    harness = RecordingHarness(with_options())
    harness.session.set_load(load)
    harness.send(said(0.5, [1, 2, 3, 4], 1.0))
    harness.holds_decodes = True
    harness.send(said([5, 6], 1.0, [7, 8], 1.0))
    finals = [decode.request for decode in harness.decodes(Purpose.FINAL)]
    assert [bool(request.context_text) for request in finals[1:]] == [True, False]
    while harness.held:
        harness.release()
    assert harness.text == "w1 w2 w3 w4 w5 w6 w7 w8"
