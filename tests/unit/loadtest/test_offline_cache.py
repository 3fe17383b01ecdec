"""Kept offline transcripts."""

import pytest

from loadtest.offline_cache import OfflineCache

pytestmark = pytest.mark.unit


@pytest.fixture
def paths(tmp_path):
    model = tmp_path / "model"
    model.mkdir()
    (model / "model.bin").write_bytes(b"weights")
    audio = tmp_path / "a.flac"
    audio.write_bytes(b"audio")
    return tmp_path / "kept", model, audio


def test_what_was_kept_is_found_by_another_run(paths):
    kept, model, audio = paths
    OfflineCache(kept, model, {"beam_size": 5}).keep(audio, "en", "Hello.")

    assert OfflineCache(kept, model, {"beam_size": 5}).find(audio, "en") == "Hello."


def test_other_options_language_audio_or_weights_are_not_the_same(paths):
    kept, model, audio = paths
    cache = OfflineCache(kept, model, {"beam_size": 5})
    cache.keep(audio, "en", "Hello.")

    assert OfflineCache(kept, model, {"beam_size": 1}).find(audio, "en") is None
    assert cache.find(audio, None) is None
    audio.write_bytes(b"other audio")
    assert cache.find(audio, "en") is None
    audio.write_bytes(b"audio")
    (model / "model.bin").write_bytes(b"other weights")
    assert OfflineCache(kept, model, {"beam_size": 5}).find(audio, "en") is None


def test_a_broken_entry_is_none_and_an_unwritable_folder_costs_nothing(paths):
    kept, model, audio = paths
    cache = OfflineCache(kept, model, {})
    cache.keep(audio, "en", "Hello.")
    next(kept.iterdir()).write_text("no JSON")

    assert cache.find(audio, "en") is None
    OfflineCache(audio, model, {}).keep(audio, "en", "Hello.")  # A file where the folder should be.
