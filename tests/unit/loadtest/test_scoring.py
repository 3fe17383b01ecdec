"""Errors are counted as the Whisper paper counts them."""

import pytest

from loadtest.scoring import Tally, tally, unit

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("reference", "hypothesis", "language", "errors", "words"),
    [
        ("mister dashwood", "Mr. Dashwood.", "en", 0, 2),
        ("he was not an ill man", "he is not an man", "en", 2, 6),
        ("eins zwei drei", "Eins, zwei vier!", "de", 1, 3),
        ("今日は", "今日わ", "ja", 1, 3),
        ("young man", "", "en", 2, 2),
        ("", "made up words", "en", 3, 0),
    ],
)
def test_errors_and_reference_words(reference, hypothesis, language, errors, words):
    counted = tally(reference, hypothesis, language)

    assert (counted.errors, counted.reference_words) == (errors, words)


def test_rates_are_pooled_over_words_not_averaged_over_files():
    pooled = Tally(1, 2, 1) + Tally(0, 8, 1)

    assert pooled.rate == pytest.approx(0.1)
    assert pooled.num_files == 2


def test_no_words_have_no_rate():
    assert Tally().rate is None


def test_characters_are_counted_where_words_have_no_spaces():
    assert (unit("ja"), unit("en")) == ("CER", "WER")
