"""Models by name: where they are, how they get here, and whether they are whole."""

from server.models.errors import ModelError
from server.models.folder import is_multilingual
from server.models.progress import FetchProgress, stderr_progress
from server.models.silero import silero_onnx_path
from server.models.store import ModelStore, default_cache_dir

__all__ = [
    "FetchProgress",
    "ModelError",
    "ModelStore",
    "default_cache_dir",
    "is_multilingual",
    "silero_onnx_path",
    "stderr_progress",
]
