from dataclasses import replace

import pytest

from streaming.safe_place import ACK_STEP_SAMPLES, MAX_OPTIONS_SINCE, SafePlace
from tests.support.session_harness import DEFAULTS

pytestmark = pytest.mark.unit


def silences(number: int):
    return replace(DEFAULTS, endpoint_silence_ms=number)


def test_the_place_is_told_at_every_final_and_seldom_in_silence():
    place = SafePlace(1_000, DEFAULTS)
    assert not place.advance(1_000, at_once=True)
    assert place.advance(1_001, at_once=True)
    assert not place.advance(1_000 + ACK_STEP_SAMPLES, at_once=False)
    assert place.advance(1_001 + ACK_STEP_SAMPLES, at_once=False)


def test_the_options_are_those_that_held_before_the_place():
    place = SafePlace(0, silences(500))
    place.note_options(100, silences(600))
    place.note_options(200, silences(700))
    held = [place.options_at(at).endpoint_silence_ms for at in (0, 100, 101, 200, 201)]
    assert held == [500, 500, 600, 600, 700]
    assert place.advance(150, at_once=True)
    assert place.options_at(150).endpoint_silence_ms == 600
    assert place.options_at(201).endpoint_silence_ms == 700


def test_countless_changes_are_merged_but_the_first_and_the_last_are_kept():
    place = SafePlace(0, silences(500))
    for number in range(1, 3 * MAX_OPTIONS_SINCE):
        place.note_options(number, silences(500 + number))
    assert place.options_at(1).endpoint_silence_ms == 500
    assert place.options_at(10_000).endpoint_silence_ms == 499 + 3 * MAX_OPTIONS_SINCE
    assert len(place._options_since) == MAX_OPTIONS_SINCE
