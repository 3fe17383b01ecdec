import pytest

from streaming.guards import (
    DecodeSignals,
    Verdict,
    compression_ratio,
    ends_in_cycle,
    is_loop,
    is_stuck,
    judge,
    judge_continuation,
    judge_retry,
    without_loop,
)

pytestmark = pytest.mark.unit

SPEECH = "The young man was of an amiable disposition."


def signals(
    text: str = SPEECH, logprob: float = -0.3, no_speech: float = 0.05, *, capped: bool = False
) -> DecodeSignals:
    return DecodeSignals(text, logprob, no_speech, capped)


def verdicts(given: DecodeSignals) -> tuple[Verdict, Verdict]:
    return judge(given), judge_retry(given)


def test_clear_speech_is_accepted():
    assert verdicts(signals()) == (Verdict.ACCEPT, Verdict.ACCEPT)


@pytest.mark.parametrize("text", ["", " ", "...", " - ?", "♪"])
def test_text_without_a_letter_or_digit_is_dropped(text):
    assert verdicts(signals(text)) == (Verdict.DROP, Verdict.DROP)


@pytest.mark.parametrize("text", ["7", "はい。", "да"])
def test_letters_and_digits_of_any_script_count(text):
    assert judge(signals(text)) is Verdict.ACCEPT


def test_unsure_text_on_what_sounds_like_no_speech_is_dropped():
    assert verdicts(signals("Thank you.", -0.7, 0.8)) == (Verdict.DROP, Verdict.DROP)


def test_sure_text_is_believed_even_where_non_speech_is_likely():
    assert judge(signals("Thank you.", -0.4, 0.8)) is Verdict.ACCEPT
    assert judge(signals("Thank you.", -0.7, 0.5)) is Verdict.ACCEPT


def test_unlikely_text_is_tried_again_and_then_believed_unless_very_unlikely():
    assert verdicts(signals(logprob=-1.2)) == (Verdict.RETRY, Verdict.ACCEPT)
    assert verdicts(signals(logprob=-1.6)) == (Verdict.RETRY, Verdict.DROP)
    assert judge(signals(logprob=-1.0)) is Verdict.ACCEPT


def test_what_went_on_from_committed_words_must_be_surer():
    assert judge_continuation(signals(logprob=-0.35)) is Verdict.ACCEPT
    assert judge_continuation(signals(logprob=-0.45)) is Verdict.RETRY
    assert judge_continuation(signals("")) is Verdict.DROP
    assert judge_continuation(signals(capped=True)) is Verdict.RETRY


@pytest.mark.parametrize(
    "given",
    [
        signals(capped=True),
        signals("and then " * 4),
        signals("It was a dark and stormy night, and it was dark. " * 6),
    ],
)
def test_loops_are_tried_again_and_then_dropped(given):
    assert verdicts(given) == (Verdict.RETRY, Verdict.DROP)


def test_compression_tells_repetition():
    assert compression_ratio("") == 0.0
    assert compression_ratio(SPEECH) < 1.5
    assert compression_ratio("so and so " * 20) > 2.4


@pytest.mark.parametrize(
    ("text", "is_cycle"),
    [
        ("no no no no", True),
        ("well no No NO no", True),
        ("no no no", False),
        ("I know that I know that I know that I know that", True),
        ("one two three four five six " * 4, True),
        ("one two three four five six seven " * 4, False),
        ("no no no no more", False),
        ("", False),
    ],
)
def test_a_phrase_said_four_times_at_the_end_is_a_cycle(text, is_cycle):
    assert ends_in_cycle(text) is is_cycle


@pytest.mark.parametrize(
    ("text", "is_it"),
    [
        ("Quotsa" + "'a" * 8, True),
        ("She said lalalalalalalala and went on.", True),
        ("Aaaaaaaaaaaaaaaah", True),
        ("ありがとうございます。" * 8, True),
        ("Quotsa" + "'a" * 7, False),
        ("Hahahahaha, no-no-no-no-no.", False),
        ("はい、" * 4, False),
        ("no no no no no no no no no", False),
        ("1" + "0" * 24 + " -- " + "-" * 40, False),
        ("", False),
    ],
)
def test_letters_written_eight_times_without_a_space_are_stuck(text, is_it):
    assert is_stuck(text) is is_it


def test_a_stuck_final_is_tried_again_and_then_believed():
    given = signals("A word of it is Quotsa" + "'a" * 9)
    assert not is_loop(given)
    assert verdicts(given) == (Verdict.RETRY, Verdict.ACCEPT)
    less_stuck = signals("A word of it is Quotsa" + "'a" * 7)
    assert verdicts(less_stuck) == (Verdict.ACCEPT, Verdict.ACCEPT)


BABBLE = "This is the city of all. This is the city of all."


def test_one_phrase_said_again_and_again_is_many_voices_unless_it_is_sure():
    assert judge(DecodeSignals(BABBLE, -0.86, 0.47, has_hit_token_cap=False)) is Verdict.DROP
    assert judge(DecodeSignals(BABBLE, -0.3, 0.1, has_hit_token_cap=False)) is Verdict.ACCEPT
    other = "This is the city of all. That is the city of all."
    assert judge(DecodeSignals(other, -0.86, 0.47, has_hit_token_cap=False)) is Verdict.ACCEPT
    short = DecodeSignals("No, no. No, no.", -0.86, 0.47, has_hit_token_cap=False)
    assert judge(short) is Verdict.ACCEPT


@pytest.mark.parametrize(
    ("tokens", "left"),
    [
        ([1, 2, 3, 4] * 3, [1, 2, 3, 4] * 2),
        ([9, *[1, 2, 3, 4, 5] * 6, 1, 2], [9, *[1, 2, 3, 4, 5] * 2]),
        ([8, 9, *[1, 2, 3, 4] * 2, 1, 2, 3], None),
        ([*[1, 2, 3, 4] * 3, 7], None),
        ([1, 2, 3] * 3, None),
        ([1, 2, 3] * 6, [1, 2, 3] * 4),
        ([], None),
    ],
)
def test_of_a_loop_two_times_are_left(tokens, left):
    assert without_loop(tokens) == (tokens if left is None else left)
