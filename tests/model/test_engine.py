"""The Whisper engine on real weights: unlike rows in a batch, word times, long windows, faults."""

import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from server.engine.base import Again, Answer, Later, Why
from server.engine.whisper import EngineSettings, WhisperEngine
from server.models.progress import LineProgress
from server.models.store import ModelStore, default_cache_dir
from streaming.continuation import going_on_from
from streaming.effects import DecodeRequest, Purpose
from streaming.options import Task
from streaming.transcript import Hypothesis, Word
from streaming.windows import window_frames
from tests.support.recordings import clip, references, silence, spoken, word_errors

pytestmark = pytest.mark.model

TAIL_S = 0.2
SHORT = ("0880", "0930")
MAX_DECODES = 4
"""Of one request in these tests."""


def engine(name: str, final_beam: int = 3) -> WhisperEngine:
    store = ModelStore(default_cache_dir(os.environ, Path.home()), LineProgress(sys.stderr))
    settings = EngineSettings(num_workers=1, final_beam=final_beam)
    return WhisperEngine(name, store.resolve(name), settings)


SAID_NOTHING = Hypothesis((), "en", 1.0, 1.0)


@pytest.fixture(scope="module")
def tiny() -> WhisperEngine:
    return engine("tiny.en")


@pytest.fixture(scope="module")
def base() -> WhisperEngine:
    return engine("base")


def said(*numbers: str, pause_s: float = 0.35) -> np.ndarray:
    """Return the recordings with these numbers one after another, with a short tail."""
    parts = [part for number in numbers for part in (clip(number), silence(pause_s))]
    return np.concatenate([*parts[:-1], silence(TAIL_S)])


def make_request(audio: np.ndarray, **changes: object) -> DecodeRequest:
    plain = DecodeRequest(
        1, Purpose.FINAL, audio, 0, "en", Task.TRANSCRIBE, words=False, prompt="", keyterms=()
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def decoded(engine: WhisperEngine, requests: Sequence[DecodeRequest]) -> list[Hypothesis]:
    keys = {engine.batch_key(each) for each in requests}
    assert len(keys) == 1, "such rows never share a batch"
    return [hypothesis_of(engine, answer) for answer in engine.decode(requests)]


def hypothesis_of(engine: WhisperEngine, answer: Answer) -> Hypothesis:
    """Return an answer, from the last decode where one is not enough."""
    for _ in range(MAX_DECODES):
        if isinstance(answer, Again):
            (answer,) = engine.decode([answer.request])
    assert isinstance(answer, Hypothesis), answer
    return answer


def alone(engine: WhisperEngine, requests: Sequence[DecodeRequest]) -> list[Hypothesis]:
    return [decoded(engine, [each])[0] for each in requests]


def assert_heard(hypothesis: Hypothesis, *numbers: str) -> None:
    reference = " ".join(references()[number] for number in numbers)
    assert word_errors(reference, hypothesis.text) <= len(numbers) * 2, hypothesis.text


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


def with_context(before: str, number: str, said_before: str | None = None) -> DecodeRequest:
    """Return a request for one recording, after another as its context."""
    context = np.concatenate([clip(before), silence(0.5)])
    return make_request(
        np.concatenate([context, said(number)]),
        context=" " + (references()[before] if said_before is None else said_before),
        num_context_samples=len(context),
        start_sample=80_000,
        words=True,
    )


@pytest.mark.parametrize("model", ["tiny", "base"])
def test_only_what_follows_the_context_is_said_and_timed(model, request):
    engine = request.getfixturevalue(model)
    asked = with_context("0880", "0930")
    (answer,) = engine.decode([asked])
    assert isinstance(answer, Hypothesis), "the context must not be in the way"
    assert_heard(answer, "0930")
    (plain,) = alone(engine, [asked.without_context()])
    assert [word.text for word in answer.words] == [word.text for word in plain.words]
    for word, same in zip(answer.words, plain.words, strict=True):
        assert asked.start_sample + asked.num_context_samples <= word.start_sample
        assert abs(word.start_sample - same.start_sample) <= 4_800
        assert word.end_sample <= asked.end_sample


def test_rows_with_contexts_of_unlike_length_share_a_batch_with_rows_without(tiny):
    long = with_context("0880", "0930")
    short = with_context("0930", "0880")
    plain = make_request(said("0880", "0930"), words=True)
    assert len(plain.audio) // 16_000 in range(6, 10)
    requests = [long, plain, short]
    together = decoded(tiny, requests)
    for mixed, single in zip(together, alone(tiny, requests), strict=True):
        assert mixed.text == single.text
        assert mixed.confidence == pytest.approx(single.confidence, abs=0.02)


def test_a_context_that_is_said_again_is_taken_away(tiny):
    """It was not said where it is told to be, but in what is to be transcribed."""
    text = references()["0930"]
    audio = np.concatenate([silence(0.5), said("0930")])
    asked = make_request(audio, context=f" {text}", num_context_samples=8_000)
    (answer,) = tiny.decode([asked])
    assert isinstance(answer, Again)
    assert (answer.request.context, answer.request.num_context_samples) == ("", 0)
    assert len(answer.request.audio) == asked.num_own_samples
    (hypothesis,) = decoded(tiny, [answer.request])
    assert_heard(hypothesis, "0930")


def test_noise_after_speech_has_no_words(tiny):
    noise = np.random.default_rng(1).normal(0, 0.05, 32_000).astype(np.float32)
    context = np.concatenate([clip("0880"), silence(0.5)])
    asked = make_request(
        np.concatenate([context, noise]),
        context=" " + references()["0880"],
        num_context_samples=len(context),
    )
    (answer,) = tiny.decode([asked])
    while isinstance(answer, Again):
        (answer,) = tiny.decode([answer.request])
    assert isinstance(answer, Hypothesis)
    assert answer.words == ()


def test_there_is_no_context_beside_a_long_prompt_or_for_finals_without_a_beam(tiny):
    asked = with_context("0880", "0930")
    long_prompt = replace(asked, prompt="and so on " * 100)
    for model, request in ((tiny, long_prompt), (engine("tiny.en", final_beam=1), asked)):
        assert model.decode([request]) == model.decode([request.without_context()])
        assert model.batch_key(request) == model.batch_key(request.without_context())


LONG = ("0890", "0870", "0880", "0930")
"""More than 13.5 s."""


@pytest.mark.parametrize("purpose", [Purpose.FINAL, Purpose.CHECKPOINT, Purpose.INTERIM])
@pytest.mark.parametrize("model", ["tiny", "base"])
def test_a_long_decode_goes_on_from_the_words_that_are_committed(model, purpose, request):
    engine = request.getfixturevalue(model)
    whole = make_request(said(*LONG), purpose=purpose, start_sample=32_000, words=True)
    (heard,) = alone(engine, [replace(whole, purpose=Purpose.FINAL)])
    committed = heard.words[: 2 * len(heard.words) // 3]
    asked = going_on_from(committed, whole)
    assert window_frames(len(asked.audio), purpose) < window_frames(len(whole.audio), purpose)
    (answer,) = engine.decode([asked])
    assert isinstance(answer, Hypothesis), "what is committed must not be in the way"
    assert answer.words[: len(committed)] == committed
    assert_heard(answer, *LONG)
    starts = [word.start_sample for word in answer.words]
    assert starts == sorted(starts)
    for word, same in zip(answer.words[-3:], heard.words[-3:], strict=True):
        assert abs(word.start_sample - same.start_sample) <= 8_000


def test_what_does_not_go_on_from_the_committed_words_is_decoded_whole(tiny):
    whole = make_request(said(*LONG), words=True)
    (heard,) = alone(tiny, [whole])
    num = len(heard.words) // 2
    wrong = [
        replace(word, text=f" {heard.words[num + at].text}")
        for at, word in enumerate(heard.words[:num])
    ]
    asked = going_on_from(tuple(wrong), whole)
    assert asked.said
    assert tiny.decode([asked]) == [Again(whole, Why.CONTEXT)]


def voices(*parts: tuple[str, float], pause_s: float = 0.6) -> np.ndarray:
    """Return recordings one after another, each as loud as its factor says, with a short tail."""
    sounds = [sound for number, gain in parts for sound in (gain * clip(number), silence(pause_s))]
    return np.concatenate([*sounds[:-1], silence(TAIL_S)])


@pytest.mark.parametrize(("model", "gain"), [("tiny", 0.1), ("base", 0.03)])
def test_a_voice_much_quieter_than_the_one_before_is_not_left_out(model, gain, request):
    engine = request.getfixturevalue(model)
    asked = make_request(voices(("0920", 1.0), ("0890", gain)), words=True)
    (answer,) = engine.decode([asked])
    assert isinstance(answer, Again), "Whisper takes the window for over where the quiet voice is"
    assert answer.why is Why.UNSAID
    assert_heard(replace(SAID_NOTHING, words=answer.request.said), "0920")
    whole = hypothesis_of(engine, answer)
    assert_heard(whole, "0920", "0890")
    assert whole.words[: len(answer.request.said)] == answer.request.said
    starts = [word.start_sample for word in whole.words]
    assert starts == sorted(starts)


def test_what_a_greedy_final_has_so_far_is_not_said_twice_when_it_goes_on():
    """Greedy finals have timestamps, by which they go on where they stopped."""
    greedy = engine("tiny.en", final_beam=1)
    long = make_request(said("0920", "0890", "0870", pause_s=0.8), words=True)
    before = (Word(" Indeed,", 0, 0, 0.9),)
    (answer,) = alone(greedy, [replace(long, said=before)])
    (plain,) = alone(greedy, [long])
    assert [word.text for word in answer.words] == [word.text for word in (*before, *plain.words)]
    times = [at for word in answer.words for at in (word.start_sample, word.end_sample)]
    assert times == sorted(times)


@pytest.mark.parametrize(
    "parts",
    [
        (("0880", 0.03), ("0920", 1.0)),
        (("0930", 0.03), ("0870", 1.0)),
        (("0880", 1.0), ("0920", 0.03), ("0930", 1.0)),
    ],
)
@pytest.mark.parametrize("model", ["tiny", "base"])
def test_a_voice_much_quieter_than_the_one_after_is_heard(model, parts, request):
    engine = request.getfixturevalue(model)
    (heard,) = alone(engine, [make_request(voices(*parts), words=True)])
    assert_heard(heard, *(number for number, _ in parts))


@pytest.mark.parametrize("model", ["tiny", "base"])
def test_noise_after_a_final_adds_no_words(model, request):
    engine = request.getfixturevalue(model)
    noise = np.random.default_rng(1).normal(0, 0.02, 64_000).astype(np.float32)
    (noisy,) = alone(engine, [make_request(np.concatenate([clip("0880"), noise]), words=True)])
    assert_heard(noisy, "0880")
    assert spoken(noisy.text)[-2:] == spoken(references()["0880"])[-2:]


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
