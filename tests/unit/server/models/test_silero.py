import importlib.machinery
import subprocess
import sys

import pytest

from server.models.errors import ModelError
from server.models.silero import checked_onnx, silero_onnx_path

pytestmark = pytest.mark.unit


def test_the_installed_model_is_found_without_importing_its_package():
    # In a process of its own: other tests may have imported torch already.
    code = (
        "import sys; from server.models.silero import silero_onnx_path; print(silero_onnx_path());"
        "sys.exit(bool({'silero_vad', 'torch'} & set(sys.modules)))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip().endswith("silero_vad_op18_ifless.onnx")


def test_without_the_package_the_next_step_is_told(monkeypatch):
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.setattr(sys, "meta_path", [importlib.machinery.PathFinder])
    with pytest.raises(ModelError, match="not installed") as missing:
        silero_onnx_path()
    assert "pip install --no-deps silero-vad" in missing.value.hint


def test_a_changed_file_is_refused(tmp_path):
    path = tmp_path / "silero_vad_op18_ifless.onnx"
    path.write_bytes(b"something else")
    with pytest.raises(ModelError, match="does not match its SHA-256: expected 7671cd04"):
        checked_onnx(path)


def test_a_package_without_the_file_is_told(tmp_path):
    with pytest.raises(ModelError, match=r"has no gone\.onnx"):
        checked_onnx(tmp_path / "gone.onnx")
