"""Whatever breaks between client, replicas and store: the transcript is that of a quiet run."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streaming.events import Final, FinalizeRequested
from streaming.options import AudioFormat, Encoding
from tests.support.resume_world import Step, World
from tests.support.scripted_speech import said
from tests.support.session_harness import with_options

pytestmark = pytest.mark.property

words = st.lists(st.integers(1, 90), min_size=1, max_size=12)
pauses = st.sampled_from([0.1, 0.3, 0.5, 1.0, 3.0])
sides = st.lists(st.one_of(words, pauses), min_size=1, max_size=6)


long_sides = st.lists(
    st.one_of(st.lists(st.integers(1, 90), min_size=55, max_size=75), pauses),
    min_size=1,
    max_size=3,
)


@st.composite
def scripts(draw, num_channels: int, sides=sides) -> list[Step]:
    audio = [said(*draw(sides), 0.2) for _ in range(num_channels)]
    length = max(map(len, audio))
    both = np.stack([np.pad(side, (0, length - len(side))) for side in audio])
    cuts = sorted(draw(st.lists(st.integers(1, length), max_size=12)))
    steps: list[Step] = [part for part in np.split(both, cuts, axis=1) if part.shape[1]]
    for index, at in enumerate(draw(st.lists(st.integers(0, len(steps)), max_size=3))):
        steps.insert(at, FinalizeRequested(f"f{index}"))
    return steps


troubles = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["say", "decode", "commit"]), st.integers(0, 5)),
        st.tuples(st.just("deliver"), st.integers(1, 20)),
        st.tuples(st.just("acks"), st.integers(0, 1)),
        st.tuples(st.sampled_from(["crash", "cut", "hand over", "zombies"]), st.just(0)),
    ),
    max_size=60,
)


def suffer(world: World, trouble: str, number: int) -> None:
    match trouble:
        case "say":
            world.say()
        case "decode":
            world.decode(number)
        case "commit":
            world.commit()
        case "deliver":
            world.deliver(number)
        case "acks":
            world.take_acks(newest_first=bool(number))
        case "crash":
            world.crash()
        case "cut":
            world.cut()
        case "hand over":
            world.hand_over()
        case "zombies":
            world.wake_zombies()


@settings(max_examples=150, deadline=None)
@given(st.data(), st.sampled_from([1, 2]), troubles, st.booleans())
def test_no_trouble_changes_the_transcript(data, num_channels, troubles, interim):
    options = with_options(
        audio=AudioFormat(Encoding.PCM_S16LE, 16_000, num_channels),
        endpoint_silence_ms=400,
        max_utterance_s=2.5,
        interim=interim,
    )
    assert_transcript_unchanged(options, data.draw(scripts(num_channels)), troubles)


def test_a_word_that_a_finalize_cuts_in_half_is_said_once():
    audio = said([1] * 9, 0.2)[np.newaxis]
    steps = [audio[:, :8000], FinalizeRequested("f0"), audio[:, 8000:]]
    world = World(with_options(endpoint_silence_ms=400), steps)
    world.finish()
    finals = [event for event in world.transcript() if isinstance(event, Final)]
    assert [word.text for final in finals for word in final.words] == [" w1"] * 9


@settings(max_examples=60, deadline=None)
@given(scripts(1, long_sides), troubles)
def test_no_trouble_changes_what_goes_on_from_committed_words(script, troubles):
    assert_transcript_unchanged(with_options(), script, troubles)


def assert_transcript_unchanged(options, script, troubles):
    quiet = World(options, script)
    quiet.finish()
    troubled = World(options, script)
    for trouble, number in troubles:
        suffer(troubled, trouble, number)
    troubled.finish()
    troubled.wake_zombies()
    assert troubled.is_closed
    assert troubled.transcript() == quiet.transcript()
    assert set(troubled.finalized_ids()) == set(quiet.finalized_ids())
    assert quiet.heard[-1][1] == troubled.heard[-1][1], "the summary, too"
