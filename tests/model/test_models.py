"""The pinned weights themselves; `make test` fetches them first."""

import os
import shutil
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from faster_whisper import WhisperModel

from server.models.errors import ModelError
from server.models.folder import is_multilingual
from server.models.progress import LineProgress
from server.models.silero import silero_onnx_path
from server.models.store import ModelStore, default_cache_dir

pytestmark = pytest.mark.model

CLIP = Path(__file__).parents[1] / "fixtures" / "sense-and-sensibility-01-0880.flac"


@pytest.fixture
def store():
    return ModelStore(default_cache_dir(os.environ, Path.home()), LineProgress(sys.stderr))


@pytest.mark.parametrize(("name", "multilingual"), [("tiny.en", False), ("base", True)])
def test_fetched_weights_are_the_pinned_ones_and_hear_speech(store, name, multilingual):
    folder = store.resolve(name)
    assert store.verify(name).name == name
    assert is_multilingual(folder) is multilingual
    model = WhisperModel(str(folder), compute_type="int8", local_files_only=True)
    assert model.model.is_multilingual is multilingual
    segments, _ = model.transcribe(str(CLIP), language="en")
    assert "young man" in " ".join(segment.text for segment in segments)


def test_cut_off_real_weights_are_refused(store, tmp_path):
    copy = tmp_path / "models" / "tiny.en"
    shutil.copytree(store.resolve("tiny.en"), copy)
    os.truncate(copy / "model.bin", 1_000_000)
    with pytest.raises(ModelError, match=r"model\.bin has 1,000,000 bytes instead of 75,537,502"):
        ModelStore(tmp_path, LineProgress(sys.stderr)).resolve("tiny.en")


def test_the_voice_activity_model_runs():
    session = onnxruntime.InferenceSession(
        str(silero_onnx_path()), providers=["CPUExecutionProvider"]
    )
    inputs = {
        "input": np.zeros((1, 576), np.float32),
        "state": np.zeros((2, 1, 128), np.float32),
        "sr": np.array(16_000, np.int64),
    }
    speech, _ = session.run(None, inputs)
    assert 0.0 <= float(speech[0, 0]) < 0.1
