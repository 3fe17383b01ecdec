import pytest

from streaming.language_lock import LOCK_PROBABILITY, LanguageLock
from streaming.transcript import Hypothesis, Word

pytestmark = pytest.mark.unit

WORDS = (Word(" Hallo"),)


def test_a_named_language_stays():
    lock = LanguageLock("en")
    lock.observe_final(Hypothesis(WORDS, "de", 1.0))
    assert lock.language == "en"


def test_auto_is_unknown_until_a_final_is_sure():
    lock = LanguageLock("auto")
    assert lock.language is None
    lock.observe_final(Hypothesis(WORDS, "nl", LOCK_PROBABILITY - 0.01))
    assert lock.language is None
    lock.observe_final(Hypothesis(WORDS, "de", LOCK_PROBABILITY))
    assert lock.language == "de"


def test_the_first_sure_final_decides_for_good():
    lock = LanguageLock("auto")
    lock.observe_final(Hypothesis(WORDS, "de", 0.9))
    lock.observe_final(Hypothesis(WORDS, "nl", 0.99))
    assert lock.language == "de"


def test_a_final_without_words_says_nothing_of_the_language():
    lock = LanguageLock("auto")
    lock.observe_final(Hypothesis((), "cy", 0.99))
    assert lock.language is None
