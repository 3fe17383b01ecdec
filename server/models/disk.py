"""Room on the disk, and making sure that what was written stays written."""

import errno
import os
import shutil
from pathlib import Path

from server.models.errors import ModelError

_MB = 1_000_000
# Left over on purpose, so that a fetch does not fill the disk to its last byte.
_SPARE_BYTES = 16 * _MB


def check_space(folder: Path, needed_bytes: int) -> None:
    """Refuse to begin what cannot end well.

    Raises:
        ModelError: the disk of `folder` has less room than `needed_bytes`.
    """
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < needed_bytes + _SPARE_BYTES:
        raise disk_full(
            folder, f"{needed_bytes // _MB:,} MB are needed and {free_bytes // _MB:,} MB are free"
        )


def disk_full(folder: Path, detail: str) -> ModelError:
    """Return the error for the disk of `folder`, named by where it is mounted."""
    disk = next((place for place in (folder, *folder.parents) if place.is_mount()), folder)
    return ModelError(
        f"The disk at {disk} is full: {detail}.",
        "Free some space, or set STARLING_CACHE_DIR to a folder on a larger disk.",
    )


def explain(error: OSError, folder: Path) -> ModelError:
    """Turn an error of the file system into one that says what to do."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return disk_full(folder, "the download could not be written")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return ModelError(
            f"The model cache {folder} cannot be written.",
            "Give this user write access, or set STARLING_CACHE_DIR to another folder.",
        )
    return ModelError(
        f"The model cache {folder} failed: {error.strerror or error}.",
        "Check the disk, or set STARLING_CACHE_DIR to another folder.",
    )


def sync_folder(folder: Path) -> None:
    """Force a folder's files and its entries to the disk."""
    for path in folder.iterdir():
        if path.is_file():
            with path.open("rb+") as file:
                os.fsync(file.fileno())
    sync_entries(folder)


def sync_entries(folder: Path) -> None:
    """Force the list of a folder's entries to the disk, where the system has such a call."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
