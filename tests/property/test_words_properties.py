"""Words join to the text, but for untimed ones; their times are ordered and inside the audio."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.engine.words import TimedPiece, plain_words, timed_words

pytestmark = pytest.mark.property

TEXTS = st.one_of(st.text(max_size=40), st.text(alphabet=" ab,.你好。はい12-", max_size=40))
LANGUAGES = st.sampled_from(["en", "de", "zh", "ja", "th"])
TIMES = st.floats(-5, 40, allow_nan=False)
PIECES = st.lists(
    st.builds(
        lambda word, tokens, start, end, probability: TimedPiece(
            word=word, tokens=tokens, start=start, end=end, probability=probability
        ),
        st.text(alphabet=" ab你好.", max_size=6),
        st.lists(st.integers(0, 9), max_size=3),
        TIMES,
        TIMES,
        st.floats(0, 1),
    ),
    max_size=12,
)


@given(TEXTS, LANGUAGES)
@settings(max_examples=400, deadline=None)
def test_words_join_to_the_text(text, language):
    joined = "".join(word.text for word in plain_words(text, language))
    assert joined.strip() == text.strip()
    assert text.startswith(joined)


@given(TEXTS, LANGUAGES, PIECES, st.integers(0, 10**6), st.integers(0, 480_000))
@settings(max_examples=400, deadline=None)
def test_timed_words_are_words_of_the_text_in_order_inside_the_span(
    text, language, pieces, at, size
):
    words = timed_words(text, language, pieces, (at, at + size))
    plain = [word.text for word in plain_words(text, language)]
    rest = iter(plain)
    assert all(word.text in rest for word in words)
    assert bool(words) == bool(plain)
    assert len(words) == len(plain) or (language in {"en", "de"} and len(plain) - len(words) >= 3)
    flat = [sample for word in words for sample in (word.start_sample, word.end_sample)]
    assert flat == sorted(flat)
    assert all(at <= sample <= at + size for sample in flat)
    assert all(word.confidence is not None and 0 <= word.confidence <= 1 for word in words)
