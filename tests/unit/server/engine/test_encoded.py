"""What is encoded of windows, made as long as they are."""

import numpy as np
import pytest

from server.engine.encoded import PADDING_PLACES, lengthened, side_by_side

pytestmark = pytest.mark.unit


def window(num_places: int, width: int = 3) -> np.ndarray:
    places = np.arange(num_places, dtype=np.float32) + 1000 * num_places
    return np.repeat(places[None, :, None], width, axis=2)


@pytest.mark.parametrize("num_places", [384, 385, 444, 500, 1500])
def test_a_window_is_lengthened_by_its_own_padding_in_order(num_places):
    short = window(384)
    long = lengthened(short, num_places)
    assert long.shape == (1, num_places, 3)
    assert long.dtype == np.float32
    np.testing.assert_array_equal(long[:, :384], short)
    for at in range(384, num_places):
        np.testing.assert_array_equal(long[:, at], long[:, at - PADDING_PLACES])


def test_rows_are_as_long_as_asked_for_and_come_back_as_they_were():
    windows = [window(500), window(384), window(625), window(384)]
    rows = side_by_side(windows, 750)
    assert len(rows) == 4
    assert rows.together.shape == [4, 750, 3]
    for index, each in enumerate(windows):
        np.testing.assert_array_equal(np.array(rows.chosen([index])), each)
    pair = np.array(rows.chosen([1, 3]))
    np.testing.assert_array_equal(pair, np.concatenate([windows[1], windows[3]]))


def test_a_row_alone_is_what_it_was():
    (alone,) = np.array(side_by_side([window(384)], 384).together)
    np.testing.assert_array_equal(alone, window(384)[0])


def test_rows_of_one_length_are_not_copied_to_be_chosen_all():
    rows = side_by_side([window(384), window(384)], 384)
    assert rows.chosen([0, 1]) is rows.together
