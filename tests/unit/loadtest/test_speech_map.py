"""Where recordings made by hand are speech."""

import numpy as np
import pytest

from loadtest.recordings import SAMPLE_RATE_HZ, room_noise, silence
from loadtest.speech_map import joined, map_speech

pytestmark = pytest.mark.unit


def tone(duration_s, level):
    at = np.arange(round(duration_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    return (level * np.sin(2 * np.pi * 300 * at)).astype("<i2").tobytes()


def test_the_edges_of_speech_are_found_between_noise():
    spoken = map_speech(room_noise(1.0) + tone(2.0, 8000) + room_noise(1.0))

    assert spoken.onset_s(1.2, 0.0) == pytest.approx(1.0, abs=0.02)
    assert spoken.end_s(1.0, 3.2, 9.0) == pytest.approx(3.0, abs=0.02)


def test_a_soft_ending_is_speech_and_a_click_is_not():
    click = tone(0.01, 8000)
    pcm = tone(1.0, 8000) + tone(0.5, 1000) + silence(0.3) + click + silence(1.0)

    assert map_speech(pcm).end_s(0.0, 1.9, 9.0) == pytest.approx(1.5, abs=0.02)


def test_an_edge_far_from_where_the_server_heard_one_is_none():
    spoken = map_speech(silence(1.0) + tone(1.0, 8000) + silence(2.0))

    assert spoken.onset_s(3.5, 0.0) == 3.5
    assert spoken.end_s(3.0, 3.4, 9.0) == 3.4


def test_nothing_has_no_edges():
    assert map_speech(b"").end_s(0.0, 1.0, 2.0) == 1.0


def test_maps_are_laid_at_their_places_and_cut_at_the_end():
    part = map_speech(silence(0.5) + tone(1.0, 8000))

    whole = joined([(2.0, part), (9.0, part)], 10.0)

    assert len(whole.is_loud) == 1000
    assert whole.onset_s(2.6, 0.0) == pytest.approx(2.5, abs=0.02)
    assert whole.end_s(9.0, 10.0, 10.0) == pytest.approx(10.0)
