import pytest

from server.engine.words import (
    TimedPiece,
    pieces_after,
    plain_words,
    split_words,
    timed_words,
    writes_phrase_twice,
)
from streaming.transcript import join_words

pytestmark = pytest.mark.unit

SPAN = (16_000, 64_000)


def piece(word: str, start: float, end: float, probability: float = 0.8, num_tokens: int = 1):
    return TimedPiece(
        word=word, tokens=[1] * num_tokens, start=start, end=end, probability=probability
    )


@pytest.mark.parametrize(
    ("text", "language", "words"),
    [
        (" The young man,  he said.", "en", [" The", " young", " man,", "  he", " said."]),
        ("Hello", "en", ["Hello"]),
        ("", "en", []),
        (" l'homme aujourd'hui", "fr", [" l'homme", " aujourd'hui"]),
        ("你好。再见", "zh", ["你", "好。", "再", "见"]),
        ("用 Python 3 写", "zh", ["用 ", "Python ", "3 ", "写"]),
        ("「はい」", "ja", ["「は", "い」"]),
        ("", "ja", []),
    ],
)
def test_words_keep_their_space_and_punctuation(text, language, words):
    if text.startswith("「"):
        assert "".join(split_words(text, language)) == text
    else:
        assert split_words(text, language) == words


def test_pieces_after_the_context_are_timed_from_its_end():
    pieces = [
        piece(" we", 0.1, 0.3),
        piece(" gathered,", 0.3, 1.0, num_tokens=3),
        piece(" to", 1.5, 1.75),
    ]
    assert pieces_after(pieces, 0, 0) == pieces
    (kept,) = pieces_after(pieces, 3, 16_000)
    assert (kept["word"], kept["start"], kept["end"]) == (" to", 0.5, 0.75)


def test_plain_words_have_no_times():
    (first, second) = plain_words(" One two.", "en")
    assert (first.text, second.text) == (" One", " two.")
    assert first.start_sample is None
    assert first.confidence is None


def test_three_words_in_a_row_that_take_no_time_were_not_said():
    pieces = [piece(" ready.", 0.2, 0.8), *(piece(f" {w}", 0.8, 0.8) for w in ["we", "are", "all"])]
    pieces += [piece(" ready.", 0.8, 0.9)]
    words = timed_words(" ready. we are all ready.", "en", pieces, SPAN)
    assert join_words(words) == "ready. ready."


def test_words_past_the_end_of_the_audio_were_not_said():
    pieces = [piece(" I", 2.0, 2.9)]
    pieces += [piece(f" {w}", 3.0 + i, 4.0 + i) for i, w in enumerate(["did", "not", "say"])]
    assert join_words(timed_words(" I did not say", "en", pieces, SPAN)) == "I"


@pytest.mark.parametrize(
    ("again", "ends", "kept"),
    [
        (" All right, then", 1.26, "All right. Then!"),
        (" All right, then", 1.3, "All right. Then! All right, then"),
        (" All right, than", 1.12, "All right. Then! All right, than"),
    ],
)
def test_a_phrase_said_again_faster_than_anybody_speaks_was_not(again, ends, kept):
    said = [piece(" All", 0.1, 0.1), piece(" right.", 0.1, 0.6), piece(" Then!", 0.6, 0.9)]
    begins = [piece(" All", 1.1, 1.1), piece(" right,", 1.1, 1.1)]
    ending = [piece(again.removeprefix(" All right,"), 1.1, ends)]
    text = f" All right. Then!{again}"
    assert join_words(timed_words(text, "en", [*said, *begins, *ending], SPAN)) == kept


@pytest.mark.parametrize(
    ("text", "language", "pieces"),
    [
        (
            " two words here",
            "en",
            [piece(" two words", 1, 1), piece(" here", 1, 2)],
        ),
        (" all of it", "en", [piece(" all", 1, 1), piece(" of", 1, 1), piece(" it", 1, 1)]),
        (" no piece for most", "en", [piece(" no", 1.0, 2.0)]),
        ("今天天气", "zh", [piece("今天天", 1.0, 1.0), piece("气", 1.0, 2.0)]),
        (" no no no no no no", "en", [piece(" no no", 1.0, 2.0)]),
        ("不不不不不不", "zh", [piece("不不不不不不", 1.0, 1.1)]),
    ],
)
def test_fewer_or_all_or_unaligned_words_stay(text, language, pieces):
    assert join_words(timed_words(text, language, pieces, SPAN)) == text.strip()


AGAIN = [" The", " best", " is", " at", " hand."]


def test_a_phrase_written_again_without_time_is_left_out_with_what_ends_it():
    """The alignment has to end with the last words, so it gives them what time is left."""
    said = [piece(word, 0.2 * at, 0.2 * at + 0.2) for at, word in enumerate(AGAIN)]
    copy = [piece(word, 1.0, 1.0) for word in AGAIN[:3]]
    end = [piece(" at", 1.0, 1.1), piece(" hand.", 1.1, 1.9)]

    words = timed_words("".join(AGAIN * 2), "en", said + copy + end, SPAN)

    assert [word.text for word in words] == AGAIN


def test_a_phrase_written_again_within_a_text_is_left_out():
    said = [piece(word, 0.2 * at, 0.2 * at + 0.2) for at, word in enumerate(AGAIN)]
    copy = [piece(word, 1.0, 1.0) for word in AGAIN[:4]] + [piece(AGAIN[4], 1.0, 1.1)]
    rest = [piece(" So", 1.2, 1.4), piece(" there.", 1.4, 1.9)]

    words = timed_words("".join(AGAIN * 2) + " So there.", "en", said + copy + rest, SPAN)

    assert [word.text for word in words] == [*AGAIN, " So", " there."]


def test_a_phrase_said_again_stays():
    twice = [piece(word, 0.2 * at, 0.2 * at + 0.2) for at, word in enumerate(AGAIN * 2)]

    words = timed_words("".join(AGAIN * 2), "en", twice, SPAN)

    assert [word.text for word in words] == AGAIN * 2


@pytest.mark.parametrize(
    ("text", "is_twice"),
    [
        (" Will we ever forget it? will we ever forget it?", True),
        (" Well, all at hand, all at hand, he said.", True),
        (" There also, there also.", False),
        (" No no no.", False),
        (" No no no no no no.", True),
        ("", False),
    ],
)
def test_three_words_or_more_in_a_row_are_a_phrase(text, is_twice):
    assert writes_phrase_twice(text) is is_twice


def test_a_word_takes_the_times_of_the_pieces_that_spell_it():
    pieces = [
        piece(" Dash", 0.1, 0.3, 0.9),
        piece("wood", 0.3, 0.6, 0.5, 3),
        piece(" is", 0.7, 0.9),
    ]
    dashwood, is_ = timed_words(" Dashwood is", "en", pieces, SPAN)
    assert (dashwood.start_sample, dashwood.end_sample) == (17_600, 25_600)
    assert dashwood.confidence == pytest.approx((0.9 + 3 * 0.5) / 4)
    assert (is_.start_sample, is_.end_sample) == (27_200, 30_400)


def test_times_outside_the_span_or_out_of_order_are_pulled_in():
    pieces = [piece(" a", -1.0, 0.5), piece(" b", 0.2, 0.1), piece(" c", 2.5, 9.0)]
    words = timed_words(" a b c", "en", pieces, SPAN)
    places = [sample for word in words for sample in (word.start_sample, word.end_sample)]
    assert places == [16_000, 24_000, 24_000, 24_000, 56_000, 64_000]


def test_words_without_pieces_follow_the_last_one_and_are_not_believed():
    words = timed_words(" a b", "en", [piece(" a", 0.0, 0.5)], SPAN)
    assert words[1].start_sample == words[1].end_sample == 24_000
    assert words[1].confidence == 0.0


def aligned(*words: tuple[str, float, float]) -> list[TimedPiece]:
    return [
        TimedPiece(word=word, tokens=[1], start=start, end=end, probability=0.9)
        for word, start, end in words
    ]


def test_the_pause_after_a_sentence_is_not_part_of_its_last_word():
    pieces = aligned(
        (" for", 0, 0.2), (" them.", 0.2, 2.0), (" He", 2.0, 2.3), (" might", 2.3, 2.5)
    )
    words = timed_words(" for them. He might", "en", pieces, (0, 48_000))
    assert [(w.start_sample, w.end_sample) for w in words] == [
        (0, 3_200),
        (3_200, 12_800),
        (32_000, 36_800),
        (36_800, 40_000),
    ]


def test_the_pause_before_a_sentence_is_not_part_of_its_first_word():
    pieces = aligned((" them.", 0, 0.2), (" He", 0.2, 2.0), (" might", 2.0, 2.2))
    words = timed_words(" them. He might", "en", pieces, (0, 48_000))
    assert (words[1].start_sample, words[1].end_sample) == (32_000 - 6_400, 32_000)


def test_a_long_word_within_a_sentence_is_left_as_heard():
    pieces = aligned((" a", 0, 0.2), (" long", 0.2, 2.0), (" word", 2.0, 2.2))
    words = timed_words(" a long word", "en", pieces, (0, 48_000))
    assert (words[1].start_sample, words[1].end_sample) == (3_200, 32_000)
