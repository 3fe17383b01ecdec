import pytest

from streaming.passages import passages
from streaming.transcript import Word

pytestmark = pytest.mark.unit


def said(*words: str, at_s: float = 0.0) -> list[Word]:
    """Return words of 0.4 s, one after the other."""
    start = int(at_s * 16_000)
    return [Word(w, start + 6_400 * i, start + 6_400 * (i + 1), 0.9) for i, w in enumerate(words)]


def texts(words: list[Word]) -> list[str]:
    return [passage.text for passage in passages(words)]


def test_a_sentence_ends_a_passage():
    assert texts(said(" It", " ended.", " It", " began.")) == ["It ended.", "It began."]


def test_an_abbreviation_ends_none():
    assert texts(said(" Mr.", " John", " left.")) == ["Mr. John left."]


def test_a_pause_ends_a_passage():
    assert texts([*said(" one"), *said(" two", at_s=1.5)]) == ["one", "two"]


def test_no_passage_is_longer_than_seven_seconds_or_two_lines():
    found = passages(said(*[f" w{i}" for i in range(60)]))
    assert all(p.end_sample - p.start_sample <= 7 * 16_000 for p in found)
    letters = passages([Word(" " + "x" * 30, i * 1_600, i * 1_600 + 1_600) for i in range(9)])
    assert all(len(p.text) <= 84 for p in letters)


def test_every_word_is_in_one_passage():
    words = said(*" a b. c d? e".replace(" ", "  ").split("  ")[1:])
    assert [w for p in passages(words) for w in p.words] == words
    assert passages([]) == []
