import pytest

from streaming.agreement import HELD_BACK_WORDS, HypothesisBuffer, align_prefix
from streaming.transcript import Word, join_words

pytestmark = pytest.mark.unit


def words(text: str) -> tuple[Word, ...]:
    return tuple(Word(f" {word}") for word in text.split())


def timed(text: str, start: int = 0, step: int = 1_000, confidence: float = 0.9):
    return tuple(
        Word(f" {word}", start + at * step, start + (at + 1) * step, confidence)
        for at, word in enumerate(text.split())
    )


def buffer_after(*checkpoints: str) -> HypothesisBuffer:
    buffer = HypothesisBuffer()
    for text in checkpoints:
        buffer.commit(words(text))
    return buffer


def committed(buffer: HypothesisBuffer) -> str:
    return join_words(buffer.committed)


def tentative(buffer: HypothesisBuffer) -> str:
    return join_words(buffer.tentative)


def test_a_first_checkpoint_is_tentative_and_its_last_word_not_shown():
    buffer = buffer_after("the young man was there")
    assert committed(buffer) == ""
    assert tentative(buffer) == "the young man was"


def test_what_two_checkpoints_say_is_committed_but_its_last_words():
    buffer = buffer_after("the young man", "the young man was a")
    assert HELD_BACK_WORDS == 2
    assert committed(buffer) == "the"
    assert tentative(buffer) == "young man"


def test_hypotheses_between_checkpoints_commit_nothing_and_change_no_commit():
    plain, busy = buffer_after("a b c d e"), buffer_after("a b c d e")
    for text in ("a b c d e f", "a b c d e f g", "X b c d e f"):
        busy.update(words(text))
        assert committed(busy) == ""
    assert tentative(busy) == "a b c d e f"
    for buffer in (plain, busy):
        buffer.commit(words("a b c d e f g"))
    assert committed(plain) == committed(busy) == "a b c"


def test_a_checkpoint_that_dissents_holds_the_word_back():
    buffer = buffer_after("a b c d e f", "a b X d e f", "a b c d e f g")
    assert committed(buffer) == ""
    buffer.commit(words("a b c d e f g h"))
    assert committed(buffer) == "a b c d e"


def test_words_that_end_early_enough_are_committed_without_agreement():
    buffer = HypothesisBuffer()
    assert buffer.commit(timed("one two three four"), sure_until_sample=2_000)
    assert (committed(buffer), tentative(buffer)) == ("one two", "three")
    buffer.commit(timed("one too three four five six"), sure_until_sample=5_000)
    assert committed(buffer) == "one two three four five"


def test_words_without_times_are_committed_by_agreement_alone():
    buffer = HypothesisBuffer()
    buffer.commit(words("one two three four"), sure_until_sample=9_000)
    assert committed(buffer) == ""
    buffer.commit(words("one two three four five"), sure_until_sample=9_000)
    assert committed(buffer) == "one two"


def test_what_was_heard_up_to_a_pause_is_committed_to_its_last_word():
    buffer = HypothesisBuffer()
    buffer.update(timed("one two three"), is_whole=True)
    buffer.update(timed("one two three four five"))
    buffer.update(timed("one two three four five six"))
    buffer.commit_heard(timed("one two three"))
    assert committed(buffer) == "one two three"
    assert tentative(buffer) == "four five", "what is shown after it stays"
    assert buffer.update(timed("one two three four five six seven"))
    assert tentative(buffer) == "four five six", "what was heard before the commit still counts"


@pytest.mark.parametrize("heard", ["one too three", "six eight nine"])
def test_a_pause_no_later_than_what_is_committed_commits_nothing(heard):
    buffer = HypothesisBuffer()
    buffer.commit_heard(timed("one two three"))
    buffer.update(timed("one two three four five"))
    buffer.commit_heard(timed(heard))
    assert (committed(buffer), tentative(buffer)) == ("one two three", "four")


def test_a_pause_in_which_half_of_the_words_were_lost_commits_nothing():
    buffer = HypothesisBuffer()
    buffer.commit_heard(timed("one two three four five"))
    buffer.commit_heard(timed("six ten", step=9_000))
    assert committed(buffer) == "one two three four five"


def test_a_failed_checkpoint_breaks_the_agreement():
    buffer = buffer_after("a b c d e f")
    assert buffer.commit(()) is False
    assert buffer.commit(words("a b c d e f g"))
    assert committed(buffer) == ""


def test_changed_punctuation_is_no_agreement():
    buffer = buffer_after("a b. c d e", "a b, c d e")
    assert committed(buffer) == ""


def test_a_hypothesis_that_lost_half_of_the_words_is_refused():
    buffer = buffer_after("a b c d e")
    assert buffer.update(words("a b")) is False
    assert tentative(buffer) == "a b c d"


def test_a_checkpoint_that_lost_half_of_the_words_is_refused():
    buffer = buffer_after("a b c d e")
    assert buffer.commit(words("a b")) is False
    assert tentative(buffer) == "a b c d"


def shown(*hypotheses: str) -> list[str]:
    """Return what is shown after each of these interims."""
    buffer = HypothesisBuffer()
    texts = []
    for text in hypotheses:
        buffer.update(words(text))
        texts.append(tentative(buffer))
    return texts


def test_what_is_shown_grows_by_what_two_hypotheses_say():
    assert shown("a b", "a b c", "a b c d") == ["a", "a b", "a b c"]


def test_a_word_gives_way_only_to_one_said_twice():
    assert shown("a b c", "a X c", "a X c d") == ["a b", "a b", "a X c"]
    assert shown("a b c", "a X c", "a Y c", "a b c d") == ["a b"] * 4


def test_words_give_way_to_half_as_many_at_least():
    said = ("a b c d e f", "a b c d e f", "a b X", "a b X Y")
    assert shown(*said, "a b X Y") == ["a b c d e", *["a b c d e f"] * 3, "a b X Y"]


def test_a_comma_is_no_other_word():
    assert shown("a b c", "A, b c d") == ["a b", "A, b c"]


def test_a_hypothesis_that_heard_the_pause_is_shown_to_its_last_word():
    buffer = HypothesisBuffer()
    assert buffer.update(words("a b c"), is_whole=True) is True
    assert tentative(buffer) == "a b c"
    assert buffer.update(words("a b c"), is_whole=True) is False


def test_a_later_hypothesis_that_disagrees_changes_only_what_is_tentative():
    buffer = buffer_after("a b c d e f", "a b c d e f")
    assert committed(buffer) == "a b c d"
    for _ in range(2):
        buffer.update(words("a X c d e g h"))
    assert committed(buffer) == "a b c d"
    assert tentative(buffer) == "e g h"


def test_the_final_begins_with_the_committed_words_and_goes_on_with_the_engines():
    buffer = buffer_after("a b c d e f", "a b c d e f")
    assert join_words(buffer.finish(words("a X c d e g h"))) == "a b c d e g h"
    assert join_words(buffer.finish(words("a b c d"))) == "a b c d"
    assert join_words(buffer.finish(())) == "a b c d"


def test_without_committed_words_the_final_is_what_the_engine_says():
    said = timed("one two three")
    assert HypothesisBuffer().finish(said) == said


def test_committed_words_take_the_newest_times():
    buffer = buffer_after("a b c d e f", "a b c d e f")
    final = buffer.finish(timed("A, b c d e f", start=500))
    assert [word.text for word in final] == [" a", " b", " c", " d", " e", " f"]
    assert [word.start_sample for word in final] == [500, 1500, 2500, 3500, 4500, 5500]


def test_words_that_align_to_fewer_ones_share_their_span():
    buffer = buffer_after("on the way side x y", "on the way side x y")
    heard = (*timed("on the", confidence=0.9), *timed("wayside x", 2_000, 2_000, 0.5))
    final = buffer.finish(heard)
    assert join_words(final) == "on the way side x"
    places = [(word.start_sample, word.end_sample) for word in final]
    assert places == [(0, 1000), (1000, 2000), (2000, 3000), (3000, 4000), (4000, 6000)]
    assert {word.confidence for word in final} == {0.5}


def test_words_that_nothing_aligns_to_keep_the_times_they_had():
    buffer = HypothesisBuffer()
    buffer.commit(timed("a b c d"))
    buffer.commit(timed("a b c d"))
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


def test_a_final_that_left_out_what_was_committed_keeps_all_it_has_itself():
    """A quiet voice before a loud one was heard by the checkpoints but not by the final."""
    buffer = buffer_after(
        "he was not an old sposed young man", "he was not an old sposed young man and mister"
    )
    assert join_words(buffer.committed) == "he was not an old sposed"
    final = buffer.finish(words("and mister john dashwood had then leisure"))
    assert join_words(final) == (
        "he was not an old sposed and mister john dashwood had then leisure"
    )


def test_another_wording_of_what_was_committed_is_not_said_twice():
    buffer = buffer_after("uncle sam is here at last", "uncle sam is here at last now")
    assert join_words(buffer.committed) == "uncle sam is here"
    final = buffer.finish(words("ankle some is hear at last now"))
    assert join_words(final) == "uncle sam is here at last now"


def test_words_that_nothing_aligns_to_end_before_what_follows():
    buffer = HypothesisBuffer()
    buffer.commit(timed("- a a"))
    buffer.commit(timed("- a a"))
    final = buffer.finish(timed("a", start=400))
    assert join_words(final) == "- a"
    assert [(word.start_sample, word.end_sample) for word in final] == [(0, 400), (400, 1400)]


def test_committed_words_without_times_get_those_of_the_same_words_heard_later():
    buffer = buffer_after("a b c d", "a b c d e")
    assert [word.end_sample for word in buffer.committed] == [None, None]
    buffer.commit(timed("A, b c d e f"))
    assert [word.text for word in buffer.committed[:2]] == [" a", " b"]
    assert [word.end_sample for word in buffer.committed[:2]] == [1_000, 2_000]
    buffer.commit(timed("a b c d e f g", start=9_000))
    assert [word.end_sample for word in buffer.committed[:2]] == [1_000, 2_000]
