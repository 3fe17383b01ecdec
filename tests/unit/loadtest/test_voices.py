"""Scripts of load tests."""

import itertools
import random
from collections import Counter

import pytest

from loadtest.recordings import BYTES_PER_S
from loadtest.voices import GAP_S, Clip, Style, deal_styles, parse_mix, write_script

pytestmark = pytest.mark.unit

CLIPS = [Clip("one.wav", bytes(2 * BYTES_PER_S)), Clip("two.wav", bytes(3 * BYTES_PER_S))]


def script(style, duration_s=20.0, clips=CLIPS):
    return write_script(clips, style, duration_s, random.Random(1))


def test_continuous_speech_has_short_gaps_and_is_repeatable():
    first = script(Style.CONTINUOUS)

    assert first == script(Style.CONTINUOUS)
    assert first.duration_s >= 20.0
    for before, after in itertools.pairwise(first.placements):
        assert after.start_s == before.end_s + GAP_S


def test_voices_begin_anywhere_but_a_clip_always_follows_the_same_one():
    clips = [Clip(str(index), bytes(BYTES_PER_S)) for index in range(4)]
    scripts = [
        write_script(clips, Style.CONTINUOUS, 20.0, random.Random(seed)) for seed in range(20)
    ]

    assert {written.placements[0].clip for written in scripts} == {0, 1, 2, 3}
    for written in scripts:
        for before, after in itertools.pairwise(written.placements):
            assert after.clip == (before.clip + 1) % 4


def test_a_conversation_is_half_silence():
    placements = script(Style.CONVERSATION, 60.0).placements

    spoken_s = sum(placement.end_s - placement.start_s for placement in placements)
    assert spoken_s == pytest.approx(script(Style.CONVERSATION, 60.0).duration_s / 2)


def test_an_idle_voice_says_nothing_for_all_its_time():
    idle = script(Style.IDLE)

    assert idle.placements == ()
    assert len(idle.pcm(CLIPS)) == 20 * BYTES_PER_S


def test_a_session_says_at_least_one_clip():
    assert len(script(Style.CONTINUOUS, 0.5).placements) == 1


def test_the_audio_has_the_clips_at_their_places():
    loud = Clip("loud.wav", b"\x00\x40" * 16_000)
    written = script(Style.CONTINUOUS, 3.0, [loud])

    pcm = written.pcm([loud])

    assert len(pcm) == round(written.duration_s * BYTES_PER_S)
    for placement in written.placements:
        at = round(placement.start_s * BYTES_PER_S)
        assert pcm[at : at + BYTES_PER_S] == loud.pcm


def test_mixes_are_names_or_weights():
    assert parse_mix("idle") == {Style.IDLE: 1.0}
    assert parse_mix("continuous=3,idle=1") == {Style.CONTINUOUS: 3.0, Style.IDLE: 1.0}


@pytest.mark.parametrize("text", ["shouting", "idle=-1,continuous=2", "idle=0", "idle=many", ""])
def test_what_is_no_mix_is_refused(text):
    with pytest.raises(ValueError, match=r"mix|weights"):
        parse_mix(text)


def test_styles_are_dealt_by_their_weights_from_the_first_on():
    styles = deal_styles(parse_mix("continuous=3,idle=1"), 8)

    assert Counter(styles) == {Style.CONTINUOUS: 6, Style.IDLE: 2}
    assert Counter(styles[:4]) == {Style.CONTINUOUS: 3, Style.IDLE: 1}
