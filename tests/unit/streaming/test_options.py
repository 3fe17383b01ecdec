from dataclasses import replace

import pytest

from streaming.errors import ErrorCode, StarlingError
from streaming.options import (
    MAX_KEYTERM_CHARS,
    MAX_KEYTERMS,
    MAX_PROMPT_CHARS,
    AudioFormat,
    ChannelMode,
    Encoding,
    ModelOffer,
    OptionLimits,
    OptionRequest,
    SessionOptions,
    Task,
    apply_update,
    resolve_options,
)

pytestmark = pytest.mark.unit

ENGLISH = ModelOffer("tiny.en", frozenset({"en"}))
MANY = ModelOffer("base", frozenset({"en", "de", "fr", "zh", "yue"}))
LIMITS = OptionLimits()


def resolve(*offers: ModelOffer, **named: object) -> SessionOptions:
    request = OptionRequest(**named)  # type: ignore[arg-type]
    return resolve_options(request, SessionOptions(), offers or (MANY,), LIMITS)


def refusal(*offers: ModelOffer, **named: object) -> tuple[ErrorCode, str, str]:
    with pytest.raises(StarlingError) as refused:
        resolve(*offers, **named)
    return refused.value.code, refused.value.message, refused.value.hint


def test_nothing_named_gives_the_defaults_of_the_first_model():
    assert resolve(MANY, ENGLISH) == SessionOptions(model="base")


def test_a_model_of_one_language_fixes_the_language():
    assert resolve(ENGLISH).language == "en"
    assert resolve(ENGLISH, language="auto").language == "en"


def test_server_defaults_are_kept_where_the_client_names_nothing():
    defaults = SessionOptions(endpoint_silence_ms=900, max_utterance_s=20.0, words=True)
    options = resolve_options(OptionRequest(interim=False), defaults, (MANY,), LIMITS)
    assert options == replace(defaults, model="base", interim=False)


def test_every_named_option_is_taken():
    options = resolve(
        language="de",
        task="translate",
        interim=False,
        words=True,
        endpoint_silence_ms=300,
        max_utterance_s=4.5,
        prompt="  Dashwood \n",
        keyterms=("Barton", "Norland"),
        encoding="mulaw",
        sample_rate=8000,
        channels=2,
        channel_mode="mix",
        model="base",
    )
    assert options == SessionOptions(
        audio=AudioFormat(Encoding.MULAW, 8000, 2, ChannelMode.MIX),
        model="base",
        language="de",
        task=Task.TRANSLATE,
        interim=False,
        words=True,
        endpoint_silence_ms=300,
        max_utterance_s=4.5,
        prompt="Dashwood",
        keyterms=("Barton", "Norland"),
    )


@pytest.mark.parametrize("encoding", ["pcm_s16le", "pcm_f32le", "mulaw", "alaw"])
def test_raw_audio_needs_its_sample_rate(encoding):
    code, message, hint = refusal(encoding=encoding)
    assert code is ErrorCode.INVALID_OPTIONS
    assert message == f"sample_rate is missing for encoding={encoding}"
    assert "sample_rate=16000" in hint


@pytest.mark.parametrize("rate_hz", [0, -1, 7_999, 48_001])
def test_sample_rates_outside_the_bounds_are_unsupported(rate_hz):
    code, message, hint = refusal(encoding="alaw", sample_rate=rate_hz)
    assert code is ErrorCode.UNSUPPORTED_AUDIO
    assert f"sample_rate={rate_hz}" in message
    assert "8000 to 48000" in hint


@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 48_000])
def test_sample_rates_inside_the_bounds_are_taken(rate_hz):
    assert resolve(encoding="alaw", sample_rate=rate_hz).audio.sample_rate_hz == rate_hz


def test_a_container_tells_its_own_rate():
    assert resolve(encoding="container", sample_rate=4).audio.sample_rate_hz is None


@pytest.mark.parametrize("channels", [0, 3, -2])
def test_other_than_one_or_two_channels_are_unsupported(channels):
    code, message, hint = refusal(channels=channels)
    assert code is ErrorCode.UNSUPPORTED_AUDIO
    assert f"channels={channels}" in message
    assert "1 or 2" in hint


@pytest.mark.parametrize(
    ("channels", "mode", "num_transcripts"),
    [(1, "split", 1), (1, "mix", 1), (2, "split", 2), (2, "mix", 1)],
)
def test_only_split_channels_have_transcripts_of_their_own(channels, mode, num_transcripts):
    assert resolve(channels=channels, channel_mode=mode).audio.num_transcripts == num_transcripts


@pytest.mark.parametrize(
    ("name", "value", "choices"),
    [
        ("encoding", "gsm", "pcm_s16le, pcm_f32le, mulaw, alaw, container"),
        ("task", "summarise", "transcribe, translate"),
        ("channel_mode", "left", "split, mix"),
    ],
)
def test_unknown_choices_are_told_with_the_known_ones(name, value, choices):
    code, message, hint = refusal(**{name: value})
    assert code is ErrorCode.INVALID_OPTIONS
    assert message == f"{name}={value!r} is not known"
    assert hint == f"use one of: {choices}"


def test_choices_are_read_without_case_and_space():
    assert resolve(task=" Translate ").task is Task.TRANSLATE


@pytest.mark.parametrize(
    ("asked", "language"),
    [
        ("en", "en"),
        ("EN", "en"),
        (" de ", "de"),
        ("en_US", "en"),
        ("zh-Hant-TW", "zh"),
        ("yue", "yue"),
        ("AUTO", "auto"),
    ],
)
def test_language_codes_are_read_generously(asked, language):
    assert resolve(language=asked).language == language


@pytest.mark.parametrize("asked", ["xx", "", "english", "e"])
def test_unknown_languages_are_refused(asked):
    code, message, hint = refusal(language=asked)
    assert code is ErrorCode.INVALID_OPTIONS
    assert message == f"model 'base' does not know language {asked!r}"
    assert "auto" in hint


def test_another_language_than_english_points_to_a_multilingual_model():
    code, _, hint = refusal(ENGLISH, language="de")
    assert code is ErrorCode.INVALID_OPTIONS
    assert "multilingual model" in hint


def test_a_model_of_one_language_cannot_translate():
    code, message, hint = refusal(ENGLISH, task="translate")
    assert code is ErrorCode.INVALID_OPTIONS
    assert "'tiny.en'" in message
    assert "task=transcribe" in hint


def test_a_model_that_is_not_loaded_is_told_with_those_that_are():
    code, message, hint = refusal(MANY, ENGLISH, model="huge")
    assert code is ErrorCode.MODEL_NOT_AVAILABLE
    assert "'huge'" in message
    assert hint.endswith("base, tiny.en")
    assert resolve(MANY, ENGLISH, model="tiny.en").model == "tiny.en"


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("endpoint_silence_ms", LIMITS.min_endpoint_silence_ms, LIMITS.max_endpoint_silence_ms),
        ("max_utterance_s", LIMITS.min_utterance_s, LIMITS.max_utterance_s),
    ],
)
def test_numbers_are_taken_within_the_operators_bounds_and_never_bent(name, low, high):
    assert getattr(resolve(**{name: low}), name) == low
    assert getattr(resolve(**{name: high}), name) == high
    for value in (low - 1, high + 1, float("nan"), float("inf")):
        code, message, hint = refusal(**{name: value})
        assert code is ErrorCode.INVALID_OPTIONS
        assert message == f"{name}={value} is out of range"
        assert hint == f"use {low} to {high}"


def test_long_prompts_are_refused_after_trimming():
    longest = "x" * MAX_PROMPT_CHARS
    assert resolve(prompt=f"  {longest}  ").prompt == longest
    code, message, hint = refusal(prompt=longest + "x")
    assert code is ErrorCode.INVALID_OPTIONS
    assert str(MAX_PROMPT_CHARS + 1) in message
    assert "shorten" in hint


def test_keyterms_are_bounded_in_number_and_length():
    longest = "x" * MAX_KEYTERM_CHARS
    assert resolve(keyterms=(longest,) * MAX_KEYTERMS).keyterms == (longest,) * MAX_KEYTERMS
    for terms in [("x",) * (MAX_KEYTERMS + 1), ("",), ("a", "  "), (longest + "x",)]:
        code, _, hint = refusal(keyterms=terms)
        assert code is ErrorCode.INVALID_OPTIONS
        assert "100" in hint


def test_an_update_changes_only_what_it_names():
    before = resolve(language="de", words=True, prompt="a", keyterms=("b",), task="translate")
    assert apply_update(before, OptionRequest(), MANY, LIMITS) == before
    after = apply_update(before, OptionRequest(words=False, prompt=""), MANY, LIMITS)
    assert after == replace(before, words=False, prompt="")


def test_an_update_cannot_change_the_audio():
    before = resolve(encoding="mulaw", sample_rate=8000)
    request = OptionRequest(encoding="alaw", sample_rate=16_000, channels=2, model="huge")
    assert apply_update(before, request, MANY, LIMITS) == before
