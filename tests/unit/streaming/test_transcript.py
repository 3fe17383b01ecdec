import pytest

from streaming.transcript import Hypothesis, Word, join_words

pytestmark = pytest.mark.unit


def test_words_join_to_the_text_with_the_spaces_they_brought():
    assert join_words((Word(" Hello"), Word(" there."))) == "Hello there."
    assert join_words((Word("你"), Word("好。"))) == "你好。"
    assert join_words(()) == ""


def test_a_hypothesis_tells_its_text():
    assert Hypothesis((Word(" One"), Word(" two")), "en").text == "One two"
