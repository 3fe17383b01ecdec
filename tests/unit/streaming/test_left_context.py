import pytest

from streaming.left_context import (
    MAX_GAP_SAMPLES,
    MAX_SPAN_SAMPLES,
    NO_CONTEXT,
    REACH_SAMPLES,
    LeftContext,
    text_after,
)
from streaming.transcript import Word

pytestmark = pytest.mark.unit

SECOND = 16_000


def words(*starts_s: float) -> tuple[Word, ...]:
    """Return words of half a second that start there."""
    return tuple(
        Word(f" w{index}", int(start_s * SECOND), int((start_s + 0.5) * SECOND))
        for index, start_s in enumerate(starts_s)
    )


def test_the_words_of_a_final_reach_back_from_the_end_of_the_last():
    context = NO_CONTEXT.after(words(0, 1, 2, 3, 4), 0, 5 * SECOND)
    assert [word.text for word in context.words] == [" w2", " w3", " w4"]
    assert context.words[-1].end_sample - context.words[0].start_sample <= REACH_SAMPLES


def test_finals_that_follow_closely_join():
    first = NO_CONTEXT.after(words(0), 0, SECOND)
    near = first.after(words(2), 2 * SECOND, 3 * SECOND)
    assert len(near.words) == 2
    far = SECOND + MAX_GAP_SAMPLES + 1
    assert len(first.after(words(far / SECOND), far, far + SECOND).words) == 1


def test_words_without_times_are_no_context_and_end_what_there_was():
    context = NO_CONTEXT.after(words(0), 0, SECOND)
    assert context.after((Word(" so"),), 2 * SECOND, 3 * SECOND) == NO_CONTEXT


def test_only_speech_that_follows_closely_is_decoded_with_context():
    context = NO_CONTEXT.after(words(0), 0, SECOND)
    soon = SECOND + MAX_GAP_SAMPLES
    assert context.before(soon, soon + SECOND) == context.words
    assert context.before(soon + 1, soon + SECOND) == ()
    assert context.needed_from(soon) == 0
    assert context.needed_from(soon + 1) is None
    assert NO_CONTEXT.needed_from(0) is None


def test_context_and_utterance_fit_the_window():
    context = NO_CONTEXT.after(words(0, 1, 2), 0, 3 * SECOND)
    end = MAX_SPAN_SAMPLES + int(1.2 * SECOND)
    kept = context.before(3 * SECOND, end)
    assert [word.text for word in kept] == [" w2"]
    assert context.before(3 * SECOND, end + 2 * SECOND) == ()


def test_it_is_the_same_after_being_kept():
    context = NO_CONTEXT.after(words(0, 1), 0, 2 * SECOND)
    assert LeftContext.from_record(context.to_record()) == context
    assert LeftContext.from_record(None) == NO_CONTEXT


@pytest.mark.parametrize(
    ("context", "text", "expected"),
    [
        (" we are gathered", " to review", " to review"),
        (" we are gathered", ", to review", " to review"),
        (" we are gathered", " . To review", " To review"),
        (" we are gathered", " we are gathered to review", None),
        (" well, we are gathered.", " We are gathered to review", None),
        (" we are gathered", " are gathered to review", " are gathered to review"),
        (" which is at hand.", " The best is that which is at hand. The dose", None),
        (
            " which is at hand.",
            " The dose for an adult is one of the ten which is at hand",
            " The dose for an adult is one of the ten which is at hand",
        ),
        (" the police?", " Very, very good, very good.", " Very, very good, very good."),
        (" All I see is the desktop here.", " No, see is the other", " No, see is the other"),
        (" so I did not say in the original one.", " I did not say in the original", None),
        (" yes", " yes indeed", None),
        (" we are gather", "ing", None),
        (" we are gathered", "", None),
        (" we are gathered", " ...", None),
        (' he said: "', "go", " go"),
    ],
)
def test_what_follows_the_context(context, text, expected):
    assert text_after(context, text, is_spaced=True) == expected


def test_scripts_without_spaces_go_on_without_one():
    assert text_after("今天", "天气", is_spaced=False) == "天气"
    assert text_after("今天", "今天", is_spaced=False) is None
    assert text_after("我们今天", "们今天去公园", is_spaced=False) is None
    assert text_after("我们今天去大公园里散步", "今天去大公园里散", is_spaced=False) is None
    assert text_after("我们今天去公园散步", "公园散心", is_spaced=False) == "公园散心"


def test_who_goes_on_may_say_the_same_words_again_but_not_begin_so():
    context = " It was the age of wisdom. It was the"

    def after(text: str, *, is_continuation: bool = True) -> str | None:
        return text_after(context, text, is_spaced=True, is_continuation=is_continuation)

    said = " epoch of belief. Yet it was the age of foolishness."
    assert after(said) == said
    assert after(said, is_continuation=False) is None
    assert after(" age of wisdom. It was the epoch of belief.") is None
    assert after(" It was the epoch of belief.") is None
