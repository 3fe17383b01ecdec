"""Fetching weights from Hugging Face.

`huggingface_hub` does the download, so a user's HF_TOKEN, HF_ENDPOINT and proxy hold here too. Its
own bars differ from version to version and count files in some, so the bytes on disk are watched.
"""

import errno
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree

from server.models.catalogue import Model, Pin
from server.models.disk import check_space, explain
from server.models.errors import ModelError
from server.models.folder import missing_files
from server.models.manifest import pins_of
from server.models.progress import FetchProgress
from server.models.wheels import UnreachableError

# The files faster-whisper loads.
_NAMES = (
    "config.json",
    "preprocessor_config.json",
    "model.bin",
    "tokenizer.json",
    "vocabulary.json",
    "vocabulary.txt",
)
_WATCH_EVERY_S = 0.25


@dataclass(frozen=True)
class HubListing:
    """One revision of a repository.

    Args:
        repo: Its id, `org/name`.
        revision: The commit.
        sizes_bytes: Size of each file that a model needs, by name.
        sha256: SHA-256 where Hugging Face tells it: for large files.
    """

    repo: str
    revision: str
    sizes_bytes: Mapping[str, int]
    sha256: Mapping[str, str]

    @property
    def total_bytes(self) -> int:
        """Bytes of all those files."""
        return sum(self.sizes_bytes.values())

    @property
    def source(self) -> str:
        """What the manifest says about the origin."""
        return f"huggingface:{self.repo}@{self.revision}"


def list_hub(model: Model) -> HubListing:
    """Ask Hugging Face what a model's repository holds.

    Raises:
        UnreachableError: Hugging Face cannot be reached.
        ModelError: there is no such public repository, or no CTranslate2 model in it.
    """
    # Importing it takes a third of a second, which only a fetch should cost.
    from huggingface_hub import HfApi  # noqa: PLC0415
    from huggingface_hub.errors import RepositoryNotFoundError  # noqa: PLC0415

    try:
        info = HfApi().model_info(model.repo, files_metadata=True)
    except RepositoryNotFoundError as error:
        raise ModelError(
            f"Hugging Face has no public model {model.repo}.",
            "Check the name or path; for a private or gated model set HF_TOKEN.",
        ) from error
    except Exception as error:  # the HTTP library's own errors, which differ between hub versions
        raise UnreachableError(f"Hugging Face cannot be reached ({_first_line(error)})") from error
    wanted = [file for file in info.siblings or [] if file.rfilename in _NAMES]
    if not any(file.rfilename == "model.bin" for file in wanted):
        raise ModelError(
            f"{model.repo} on Hugging Face is not a CTranslate2 model: it has no model.bin.",
            "Convert it with ct2-transformers-converter and give the folder, or see"
            " `starling models list`.",
        )
    return HubListing(
        model.repo,
        info.sha or "main",
        {file.rfilename: file.size or 0 for file in wanted},
        {file.rfilename: file.lfs.sha256 for file in wanted if file.lfs is not None},
    )


def fetch_hub(listing: HubListing, target: Path, progress: FetchProgress) -> dict[str, Pin]:
    """Download the listed files into the empty folder `target`; return what came.

    Raises:
        UnreachableError: the connection broke.
        ModelError: a file is not the one listed, or the disk is full.
    """
    from huggingface_hub import snapshot_download  # noqa: PLC0415
    from huggingface_hub.utils.tqdm import disable_progress_bars  # noqa: PLC0415

    check_space(target, listing.total_bytes)
    disable_progress_bars()
    try:
        with _watched(target, progress):
            snapshot_download(
                listing.repo,
                revision=listing.revision,
                local_dir=target,
                allow_patterns=list(listing.sizes_bytes),
            )
    except Exception as error:  # see list_hub
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EACCES):
            raise explain(error, target) from error
        raise UnreachableError(f"the download broke off ({_first_line(error)})") from error
    rmtree(target / ".cache", ignore_errors=True)
    return _checked(listing, target)


def _checked(listing: HubListing, target: Path) -> dict[str, Pin]:
    missing = missing_files(target)
    if missing:
        raise ModelError(
            f"{listing.repo} on Hugging Face is not a complete model: no {', no '.join(missing)}.",
            "Choose another repository, or see `starling models list`.",
        )
    found = pins_of(target)
    for name, expected in listing.sha256.items():
        if found[name].sha256 != expected:
            raise ModelError(
                f"The file {name} of {listing.repo} does not match its SHA-256:"
                f" expected {expected}, got {found[name].sha256}.",
                "The download was damaged or changed; nothing was kept. Try once more.",
            )
    return found


@contextmanager
def _watched(folder: Path, progress: FetchProgress) -> Iterator[None]:
    """Report the growth of `folder` from a thread while the body runs."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(_WATCH_EVERY_S):
            progress.reach(_size_bytes(folder))

    watcher = threading.Thread(target=watch, name="model-download-progress")
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def _size_bytes(folder: Path) -> int:
    total_bytes = 0
    for path in folder.rglob("*"):
        try:
            total_bytes += path.stat().st_size if path.is_file() else 0
        except FileNotFoundError:  # renamed between the listing and the look
            continue
    return total_bytes


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
