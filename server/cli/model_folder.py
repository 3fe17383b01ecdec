"""Where a model's weights are on this machine."""

import os
from pathlib import Path

from server.cli.failures import CommandError, ExitCode
from server.models.errors import ModelError
from server.models.progress import stderr_progress
from server.models.store import ModelStore, default_cache_dir


def model_folder(name: str) -> Path:
    """Find a model's folder, fetching the model if it is not here yet.

    Raises `CommandError` when the name is unknown or the model can't be had.
    """
    store = ModelStore(default_cache_dir(os.environ, Path.home()), stderr_progress())
    try:
        return store.resolve(name)
    except ModelError as error:
        raise CommandError(error.message, error.hint, ExitCode.MODEL_UNKNOWN) from error
