"""A voice much quieter than another in the same channel is not left out."""

import numpy as np
import pytest

from server.engine.base import Again, Why
from streaming.transcript import join_words
from tests.support.real_engine import alone, assert_heard, hypothesis_of, make_request, voices
from tests.support.recordings import clip, pcm16, references, silence, spoken, word_errors
from tests.support.running_server import RunningServer, converse, pieces, with_query

pytestmark = pytest.mark.model


@pytest.mark.parametrize(("model", "gain"), [("tiny", 0.1), ("base", 0.03)])
def test_a_voice_much_quieter_than_the_one_before_is_not_left_out(model, gain, request):
    engine = request.getfixturevalue(model)
    asked = make_request(voices(("0920", 1.0), ("0890", gain)), words=True)
    (answer,) = engine.decode([asked])
    assert isinstance(answer, Again), "Whisper takes the window for over where the quiet voice is"
    assert answer.why is Why.UNSAID
    assert spoken(join_words(answer.request.said))[-2:] == spoken(references()["0920"])[-2:]
    whole = hypothesis_of(engine, answer)
    assert_heard(whole, "0920", "0890")
    assert whole.words[: len(answer.request.said)] == answer.request.said
    starts = [word.start_sample for word in whole.words]
    assert starts == sorted(starts)


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
    (answer,) = engine.decode([make_request(np.concatenate([clip("0880"), noise]), words=True)])
    assert isinstance(answer, Again), "the rest is to be decoded before it is known for noise"
    assert answer.why is Why.UNSAID
    noisy = hypothesis_of(engine, answer)
    assert_heard(noisy, "0880")
    assert spoken(noisy.text)[-2:] == spoken(references()["0880"])[-2:]


@pytest.mark.parametrize(
    "voices",
    [
        (("0890", 0.1), ("0920", 1.0)),
        (("0880", 0.1), ("0870", 1.0)),
        (("0880", 0.03), ("0930", 1.0)),
        (("0890", 0.03), ("0930", 1.0)),
    ],
)
async def test_both_voices_are_in_the_finals(tiny_server: RunningServer, voices):
    url = with_query(tiny_server.socket_url, encoding="pcm_s16le", sample_rate=16000, language="en")
    parts = [part for number, gain in voices for part in (gain * clip(number), silence(0.5))]
    audio = pcm16(np.concatenate([*parts, silence(0.5)]))
    heard = await converse(url, pieces(audio, 3_200))
    reference = " ".join(references()[number] for number, _ in voices)
    assert word_errors(reference, heard.text) <= 4, heard.text
