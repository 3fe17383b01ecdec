import pytest

from streaming.agreement import HELD_BACK_WORDS, HypothesisBuffer, align_prefix
from streaming.transcript import Word, join_words

pytestmark = pytest.mark.unit

SECOND = 16_000


def words(text: str) -> tuple[Word, ...]:
    return tuple(Word(f" {word}") for word in text.split())


def timed(text: str, start: int = 0, step: int = 1_000, confidence: float = 0.9):
    return tuple(
        Word(f" {word}", start + at * step, start + (at + 1) * step, confidence)
        for at, word in enumerate(text.split())
    )


def buffer_after(*hypotheses: tuple[float, str]) -> HypothesisBuffer:
    buffer = HypothesisBuffer()
    for seconds, text in hypotheses:
        assert buffer.update(words(text), int(seconds * SECOND))
    return buffer


def committed(buffer: HypothesisBuffer) -> str:
    return join_words(buffer.committed)


def tentative(buffer: HypothesisBuffer) -> str:
    return join_words(buffer.tentative)


def test_a_first_hypothesis_is_all_tentative():
    buffer = buffer_after((3, "the young man was there"))
    assert committed(buffer) == ""
    assert tentative(buffer) == "the young man was there"


def test_what_all_hypotheses_of_two_seconds_say_is_committed_but_its_last_words():
    buffer = buffer_after(
        (1, "the young man"), (2, "the young man was"), (3, "the young man was a")
    )
    assert HELD_BACK_WORDS == 2
    assert committed(buffer) == "the"
    assert tentative(buffer) == "young man was a"


def test_agreement_over_less_than_two_seconds_commits_nothing():
    buffer = buffer_after((1, "the young man was"), (2.9, "the young man was there"))
    assert committed(buffer) == ""


def test_one_dissent_within_the_two_seconds_holds_the_word_back():
    buffer = buffer_after(
        (1, "a b c d e f"), (2, "a b X d e f"), (3, "a b c d e f g"), (3.5, "a b c d e f g h")
    )
    assert committed(buffer) == ""
    buffer.update(words("a b c d e f g h i"), int(5.1 * SECOND))
    assert committed(buffer) == "a b c d e"


def test_how_often_load_lets_us_decode_does_not_matter():
    often = buffer_after(*((1 + step / 4, "a b c d e f") for step in range(9)))
    seldom = buffer_after((1, "a b c d e f"), (3, "a b c d e f"))
    assert committed(often) == committed(seldom) == "a b c d"


def test_changed_punctuation_is_no_agreement():
    buffer = buffer_after((1, "a b. c d e"), (3, "a b, c d e"))
    assert committed(buffer) == ""


def test_a_hypothesis_that_lost_half_of_the_words_is_refused():
    buffer = buffer_after((1, "a b c d e"))
    assert buffer.update(words("a b"), 3 * SECOND) is False
    assert tentative(buffer) == "a b c d e"
    assert buffer.update(words("a b c"), 3 * SECOND) is True


def test_short_text_may_be_corrected_to_less():
    buffer = buffer_after((1, "a b c"))
    assert buffer.update(words("a"), 2 * SECOND) is True
    assert tentative(buffer) == "a"


def test_a_later_hypothesis_that_disagrees_changes_only_what_is_tentative():
    buffer = buffer_after((1, "a b c d e f"), (3, "a b c d e f"))
    assert committed(buffer) == "a b c d"
    buffer.update(words("a X c d e g h"), int(3.5 * SECOND))
    assert committed(buffer) == "a b c d"
    assert tentative(buffer) == "e g h"


def test_the_final_begins_with_the_committed_words_and_goes_on_with_the_engines():
    buffer = buffer_after((1, "a b c d e f"), (3, "a b c d e f"))
    assert join_words(buffer.finish(words("a X c d e g h"))) == "a b c d e g h"
    assert join_words(buffer.finish(words("a b c d"))) == "a b c d"
    assert join_words(buffer.finish(())) == "a b c d"


def test_without_committed_words_the_final_is_what_the_engine_says():
    said = timed("one two three")
    assert HypothesisBuffer().finish(said) == said


def test_committed_words_take_the_newest_times():
    buffer = buffer_after((1, "a b c d e f"), (3, "a b c d e f"))
    final = buffer.finish(timed("A, b c d e f", start=500))
    assert [word.text for word in final] == [" a", " b", " c", " d", " e", " f"]
    assert [word.start_sample for word in final] == [500, 1500, 2500, 3500, 4500, 5500]


def test_words_that_align_to_fewer_ones_share_their_span():
    buffer = buffer_after((1, "on the way side x y"), (3, "on the way side x y"))
    heard = (*timed("on the", confidence=0.9), *timed("wayside x", 2_000, 2_000, 0.5))
    final = buffer.finish(heard)
    assert join_words(final) == "on the way side x"
    places = [(word.start_sample, word.end_sample) for word in final]
    assert places == [(0, 1000), (1000, 2000), (2000, 3000), (3000, 4000), (4000, 6000)]
    assert {word.confidence for word in final} == {0.5}


def test_words_that_nothing_aligns_to_keep_the_times_they_had():
    buffer = HypothesisBuffer()
    buffer.update(timed("a b c d"), SECOND)
    buffer.update(timed("a b c d"), 3 * SECOND)
    assert buffer.finish(()) == timed("a b")


@pytest.mark.parametrize(
    ("kept", "heard", "split"),
    [
        ("", "a b", 0),
        ("a b", "", 0),
        ("a b", "a b c", 2),
        ("a b", "A, B! c", 2),
        ("a b c", "a b", 2),
        ("a b c", "a X c d", 3),
        ("a b c", "a c d", 2),
        ("a b c", "a x b c d", 4),
        ("a b", "x y z", 2),
        ("way side", "wayside inn", 1),
        ("wayside", "way side inn", 2),
        ("I", "eye see", 1),
    ],
)
def test_the_aligned_prefix_is_the_one_with_the_fewest_edits(kept, heard, split):
    assert align_prefix(words(kept), words(heard)) == split


def test_words_that_nothing_aligns_to_end_before_what_follows():
    buffer = HypothesisBuffer()
    buffer.update(timed("- a a"), SECOND)
    buffer.update(timed("- a a"), 3 * SECOND)
    final = buffer.finish(timed("a", start=400))
    assert join_words(final) == "- a"
    assert [(word.start_sample, word.end_sample) for word in final] == [(0, 400), (400, 1400)]
