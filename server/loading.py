"""Settings to loaded models: which device, which model, how many workers."""

import os
from collections.abc import Mapping
from pathlib import Path

import ctranslate2
import structlog

from server.app import Models
from server.cpu_kernels import CPU_INFO, uses_avx512, uses_onednn
from server.engine.base import Engine
from server.engine.two_models import TwoModelEngine
from server.engine.whisper import EngineSettings, WhisperEngine
from server.models.errors import ModelError
from server.models.progress import stderr_progress
from server.models.silero import silero_onnx_path
from server.models.store import ModelStore, default_cache_dir
from server.settings import Settings
from server.vad.silero import SileroVad
from streaming.windows import BUCKET_FRAMES

log = structlog.get_logger()

DEFAULT_MODEL = {"cpu": "base", "cuda": "large-v3-turbo"}
DEFAULT_COMPUTE_TYPE = {"cpu": "int8", "cuda": "float16"}
DEFAULT_MAX_BATCH = {"cpu": 4, "cuda": 32}
"""Rows per batch; measured on 2 cores in docs/performance.md, on a GPU from CTranslate2's curve."""

MKL_VNNI_MAX_BATCH = 2
"""With MKL, AVX512 and VNNI a row costs as much in a batch of two as in one of four or eight, and
what comes meanwhile waits half as long (docs/performance.md, "Rows a batch")."""

ONEDNN_MAX_BATCH = 8
"""oneDNN copies all weights anew for every token, however many rows it is for
(docs/performance.md, "Rows a batch on AMD's processors")."""

MIN_BATCH_FRAMES = 3000
"""Two windows of usual finals with their context may always share a batch."""

MAX_FILE_BATCH = {"cpu": 1, "cuda": 16}
"""Rows per batch of file segments of up to 28 s. On a CPU one: 5 minutes take base 14.4 s with 1
row, 18.8 s with 2 and 28.3 s with 4, and live decodes wait less for a short batch to end."""

MAX_INTERIMS = {"cpu": 4, "cuda": None}
"""Rows per batch of interims, whose answers come together: of eight on a CPU all come later, and
with oneDNN a row of eight costs only an eighth less (docs/performance.md, "Rows a batch on AMD's
processors" and "Who has just begun to speak")."""

GPU_WORKERS = 2


def choose_device(requested: str) -> str:
    """Return `cpu` or `cuda`.

    Raises:
        ModelError: A GPU was asked for and there is none.
    """
    num_gpus = ctranslate2.get_cuda_device_count()
    if requested == "auto":
        return "cuda" if num_gpus else "cpu"
    if requested == "cuda" and not num_gpus:
        raise ModelError(
            "No usable NVIDIA GPU was found.", "Use --device cpu, or check the driver: nvidia-smi"
        )
    return requested


def load_models(settings: Settings) -> Models:
    """Fetch what is missing, load and warm up.

    Raises:
        ModelError: Weights are missing, broken or unloadable.
    """
    device = choose_device(settings.device)
    name = settings.model or DEFAULT_MODEL[device]
    speech = SileroVad(silero_onnx_path())
    folder = _find_weights(settings, name)
    num_workers = settings.workers or (os.cpu_count() or 1 if device == "cpu" else GPU_WORKERS)
    engine_settings = EngineSettings(
        device=device,
        compute_type=settings.compute_type or DEFAULT_COMPUTE_TYPE[device],
        num_workers=num_workers,
        final_beam=settings.final_beam,
    )
    engine: Engine = _load_engine(name, folder, engine_settings)
    small = settings.interim_model
    if small is not None:
        interim_engine = _load_engine(small, _find_weights(settings, small), engine_settings)
        engine = TwoModelEngine(engine, interim_engine)
    log.info("model loaded", model=name, interim_model=small, device=device, workers=num_workers)
    max_batch = settings.max_batch or default_max_batch(device, os.environ)
    max_frames = None if device == "cuda" else max_batch_frames(max_batch)
    return Models(
        engine,
        speech,
        num_workers,
        max_batch,
        max_file_batch=MAX_FILE_BATCH[device],
        max_batch_frames=max_frames,
        max_interims=MAX_INTERIMS[device],
    )


def default_max_batch(
    device: str, environment: Mapping[str, str], cpu_info: Path = CPU_INFO
) -> int:
    """Return how many rows a batch has where the operator does not say."""
    if device != "cpu":
        return DEFAULT_MAX_BATCH[device]
    if uses_onednn(environment, cpu_info):
        return ONEDNN_MAX_BATCH
    return MKL_VNNI_MAX_BATCH if uses_avx512(environment) else DEFAULT_MAX_BATCH["cpu"]


def max_batch_frames(max_batch: int) -> int:
    """Return how many frames a CPU's batch of several rows has at most.

    There encoding takes as long as its rows one by one, so rows with long windows are fewer.
    """
    return max(max_batch * BUCKET_FRAMES[0], MIN_BATCH_FRAMES)


def _load_engine(name: str, folder: Path, settings: EngineSettings) -> WhisperEngine:
    try:
        engine = WhisperEngine(name, folder, settings)
        engine.warm_up()
    except (RuntimeError, ValueError, OSError) as error:
        raise ModelError(
            f"Model {name} could not be loaded: {error}",
            f"Check it with `starling models verify {name}`; on a GPU, check CUDA 12's cuBLAS",
        ) from error
    return engine


def _find_weights(settings: Settings, name: str) -> Path:
    cache_dir = settings.cache_dir or default_cache_dir(os.environ, Path.home())
    store = ModelStore(cache_dir, stderr_progress())
    return store.locate(name) if settings.offline else store.resolve(name)
