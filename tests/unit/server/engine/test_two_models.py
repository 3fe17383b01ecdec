from dataclasses import replace

import pytest

from server.engine.two_models import TwoModelEngine
from streaming.effects import DecodeRequest, Purpose
from streaming.options import Task
from tests.support.scripted_engine import ScriptedEngine
from tests.support.scripted_speech import speech

pytestmark = pytest.mark.unit

REQUEST = DecodeRequest(
    1, Purpose.INTERIM, speech([1]), 0, "en", Task.TRANSCRIBE, words=False, prompt="", keyterms=()
)


@pytest.mark.parametrize(
    ("request_", "is_small"),
    [
        (REQUEST, True),
        (replace(REQUEST, purpose=Purpose.CHECKPOINT), False),
        (replace(REQUEST, purpose=Purpose.FINAL), False),
        (replace(REQUEST, purpose=Purpose.FILE), False),
        (replace(REQUEST, language="de"), False),
        (replace(REQUEST, language=None), False),
        (replace(REQUEST, task=Task.TRANSLATE), False),
    ],
)
def test_only_interims_that_the_small_model_can_do_go_to_it(request_, is_small):
    large, small = ScriptedEngine(), ScriptedEngine()
    engine = TwoModelEngine(large, small)
    (answer,) = engine.decode([request_])
    assert not isinstance(answer, Exception)
    assert (len(small.batches), len(large.batches)) == ((1, 0) if is_small else (0, 1))


def test_requests_for_different_models_never_share_a_batch():
    engine = TwoModelEngine(ScriptedEngine(), ScriptedEngine())
    final = replace(REQUEST, purpose=Purpose.FINAL)
    assert engine.batch_key(REQUEST) != engine.batch_key(final)
    assert engine.batch_key(final) == engine.batch_key(replace(final, language="de"))


def test_clients_see_the_larger_model():
    large = ScriptedEngine()
    assert TwoModelEngine(large, ScriptedEngine()).offer == large.offer
