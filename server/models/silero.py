"""Finding Silero's voice activity model in the installed `silero-vad` wheel.

The package is never imported: importing it imports torch, of which Starling needs nothing.
"""

import importlib.util
from pathlib import Path

from server.models.errors import ModelError
from server.models.manifest import sha256_of

SILERO_SHA256 = "7671cd04b004e9076da0d4a7b1a5aec36adf161c39230c1cb94a4fd5db6bbd28"
_INSTALL = "Install it with `pip install --no-deps silero-vad==6.2.3`"


def silero_onnx_path() -> Path:
    """Return the path of the ONNX file, after comparing its SHA-256.

    Raises:
        ModelError: the wheel is not installed, or holds another file than the pinned one.
    """
    spec = importlib.util.find_spec("silero_vad")
    if spec is None or not spec.submodule_search_locations:
        raise ModelError("The voice activity model (silero-vad) is not installed.", _INSTALL)
    data = Path(spec.submodule_search_locations[0]) / "data"
    return checked_onnx(data / "silero_vad_op18_ifless.onnx")


def checked_onnx(path: Path) -> Path:
    """Return `path` if it holds the pinned model.

    Raises:
        ModelError: it is missing or differs.
    """
    if not path.is_file():
        raise ModelError(f"The installed silero-vad has no {path.name}.", _INSTALL)
    got = sha256_of(path)
    if got != SILERO_SHA256:
        raise ModelError(
            f"The file {path} does not match its SHA-256: expected {SILERO_SHA256}, got {got}.",
            f"{_INSTALL} after `pip uninstall silero-vad`",
        )
    return path
