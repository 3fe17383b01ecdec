"""The Whisper engine on real weights: unlike rows in a batch, word times, long windows, faults."""

from dataclasses import replace

import numpy as np
import pytest

from server.engine.base import Later
from streaming.effects import DecodeRequest, Purpose
from streaming.options import Task
from streaming.transcript import Hypothesis
from tests.support.real_engine import (
    alone,
    assert_heard,
    decoded,
    hypothesis_of,
    make_request,
    said,
)
from tests.support.recordings import references, silence, spoken

pytestmark = pytest.mark.model

SHORT = ("0880", "0930")


def test_a_batch_says_what_its_rows_say_alone(tiny):
    requests = [make_request(said(number)) for number in references() if number != "0870"]
    together = decoded(tiny, requests)
    assert together == alone(tiny, requests)
    for number, hypothesis in zip(("0880", "0890", "0920", "0930"), together, strict=True):
        assert_heard(hypothesis, number)
        assert 0.5 < hypothesis.confidence <= 1


def test_rows_of_one_batch_have_language_task_and_words_of_their_own(base):
    short, other = said("0880"), said("0930")
    requests = [
        make_request(short),
        make_request(short, language=None),
        make_request(short, language="de"),
        make_request(other, task=Task.TRANSLATE),
        make_request(other, words=True),
        make_request(short, words=True),
        make_request(other, language="de", task=Task.TRANSLATE, words=True),
    ]
    together = decoded(base, requests)
    single = alone(base, requests)
    assert [h.text for h in together] == [h.text for h in single]
    assert [h.language for h in together] == ["en", "en", "de", "en", "en", "en", "de"]
    has_times = [h.words[0].start_sample is not None for h in together]
    assert has_times == [False, False, False, False, True, True, True]
    for mixed, plain in zip(together, single, strict=True):
        assert mixed.confidence == pytest.approx(plain.confidence, abs=0.02)
        for word, same in zip(mixed.words, plain.words, strict=True):
            if word.start_sample is not None and same.start_sample is not None:
                assert abs(word.start_sample - same.start_sample) <= 1_600


def test_finals_and_checkpoints_are_decoded_with_a_wider_beam_and_so_apart_from_interims(tiny):
    audio = said("0880")
    keys = {p: tiny.batch_key(make_request(audio, purpose=p)) for p in Purpose}
    assert keys[Purpose.FINAL] == keys[Purpose.CHECKPOINT] != keys[Purpose.INTERIM]
    cheap = tiny.batch_key(make_request(audio, is_cheap=True))
    assert cheap not in keys.values()


def test_rows_with_prompts_of_one_length_share_a_batch_and_of_others_do_not(base):
    audio = said("0880")
    prompts = ["In Sussex.", "In Norland.", "In the county of Sussex, long ago."]
    requests = [make_request(audio, prompt=prompt) for prompt in prompts]
    by_length: dict[object, list[DecodeRequest]] = {}
    for each in [*requests, make_request(audio)]:
        by_length.setdefault(base.batch_key(each), []).append(each)
    assert len(by_length) >= 3
    for rows in by_length.values():
        pair = [rows[0], replace(rows[-1], audio=said("0930"))]
        for hypothesis, number in zip(decoded(base, pair), SHORT, strict=True):
            assert_heard(hypothesis, number)


def test_windows_of_unlike_length_never_share_a_batch(tiny):
    keys = {tiny.batch_key(make_request(silence(seconds))) for seconds in (2, 9, 12, 20, 28)}
    assert len(keys) == 5


@pytest.mark.parametrize("number", references())
def test_the_language_is_detected(base, number):
    (hypothesis,) = decoded(base, [make_request(said(number), language=None)])
    assert hypothesis.language == "en"
    assert hypothesis.language_probability > 0.9
    assert_heard(hypothesis, number)


def test_a_model_of_one_language_detects_nothing(tiny):
    (hypothesis,) = decoded(tiny, [make_request(said("0930"), language=None)])
    assert (hypothesis.language, hypothesis.language_probability) == ("en", 1.0)


@pytest.mark.parametrize("numbers", [("0930",), ("0870",), ("0880", "0890", "0930")])
def test_word_times_are_ordered_and_inside_the_span(tiny, numbers):
    start = 5_000
    audio = said(*numbers)
    (hypothesis,) = decoded(tiny, [make_request(audio, words=True, start_sample=start)])
    (untimed,) = decoded(tiny, [make_request(audio)])
    assert hypothesis.text == untimed.text
    times = [at for word in hypothesis.words for at in (word.start_sample, word.end_sample)]
    assert all(start <= at <= start + len(audio) for at in times)
    assert times == sorted(times)
    assert all(0 < word.confidence <= 1 for word in hypothesis.words)
    # Spread over the speech, not heaped at one end.
    assert times[0] < start + 16_000
    assert times[-1] > start + len(audio) - 24_000


def test_a_row_that_cannot_be_read_harms_only_itself(tiny):
    good = [make_request(said(number)) for number in SHORT]
    stereo = make_request(np.zeros((2, 30_000), dtype=np.float32))
    before, answer, after = tiny.decode([good[0], stereo, good[1]])
    assert isinstance(answer, Exception)
    assert [before, after] == alone(tiny, good)


def test_rows_that_are_not_encoded_when_it_must_hurry_are_left_for_later(tiny):
    rows = [make_request(said(number), purpose=Purpose.INTERIM) for number in SHORT]
    hurries = iter([False, True])
    answers = tiny.decode([*rows, *rows], lambda: next(hurries))
    assert answers == [*alone(tiny, rows), Later(), Later()]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_row_of_broken_numbers_says_nothing_and_harms_only_itself(tiny, value):
    good = [make_request(said(number)) for number in SHORT]
    broken = make_request(np.full(30_000, value, dtype=np.float32))
    with np.errstate(invalid="ignore"):
        before, answer, after = tiny.decode([good[0], broken, good[1]])
    if not isinstance(answer, Exception):
        assert hypothesis_of(tiny, answer).words == ()
    assert [before, after] == alone(tiny, good)


@pytest.mark.parametrize("make", [lambda: silence(2.0), lambda: silence(0.0)])
def test_silence_has_no_words(tiny, make):
    (hypothesis,) = decoded(tiny, [make_request(make())])
    assert hypothesis.is_degenerate
    assert hypothesis.words == ()


@pytest.mark.parametrize("model", ["tiny", "base"])
@pytest.mark.parametrize("numbers", [("0880", "0890", "0930"), ("0930", "0920", "0880")])
def test_a_long_window_with_pauses_is_heard_to_its_end(model, numbers, request):
    engine = request.getfixturevalue(model)
    audio = said(*numbers, pause_s=0.35)
    assert len(audio) > 7 * 16_000
    (hypothesis,) = decoded(engine, [make_request(audio)])
    assert_heard(hypothesis, *numbers)
    assert spoken(hypothesis.text)[-2:] == spoken(references()[numbers[-1]])[-2:]


def test_key_terms_change_the_spelling_of_names(base):
    audio = said("0870")
    (plain,) = decoded(base, [make_request(audio)])
    (spelt,) = decoded(base, [make_request(audio, keyterms=("Dashwoode",))])
    assert "Dashwood " in plain.text
    assert "Dashwoode " in spelt.text


def test_an_interim_is_never_repeated_and_a_final_that_fails_twice_is_silent(tiny):
    noise = np.random.default_rng(1).normal(0, 0.05, 48_000).astype(np.float32)
    for purpose in Purpose:
        (hypothesis,) = decoded(tiny, [make_request(noise, purpose=purpose)])
        assert hypothesis.words == ()
    (answer,) = tiny.decode([make_request(noise, purpose=Purpose.INTERIM)])
    assert isinstance(answer, Hypothesis)


@pytest.mark.parametrize("model", ["tiny", "base"])
def test_warming_up_works(model, request):
    request.getfixturevalue(model).warm_up()
