"""`starling.json`: what a fetched model folder holds, so that damage is noticed.

It is written last, inside the folder, before the folder gets its name. Starting a server compares
sizes only (cheap); `starling models verify` reads every byte.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from server.models.catalogue import Pin
from server.models.errors import ModelError

MANIFEST_NAME = "starling.json"
_READ_BYTES = 1 << 20


@dataclass(frozen=True)
class Manifest:
    """Where a model came from and what its files are."""

    name: str
    source: str
    files: Mapping[str, Pin]

    @property
    def size_bytes(self) -> int:
        """Bytes of all files together."""
        return sum(pin.size_bytes for pin in self.files.values())

    def write(self, folder: Path) -> None:
        """Write `starling.json` into `folder`."""
        files = {
            name: {"bytes": pin.size_bytes, "sha256": pin.sha256}
            for name, pin in sorted(self.files.items())
        }
        text = json.dumps({"name": self.name, "source": self.source, "files": files}, indent=2)
        (folder / MANIFEST_NAME).write_text(text + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> "Manifest":
        """Read `starling.json` of `folder`.

        Raises:
            ModelError: it is missing or unreadable.
        """
        try:
            raw = json.loads((folder / MANIFEST_NAME).read_text(encoding="utf-8"))
            files = {
                name: Pin(int(entry["bytes"]), str(entry["sha256"]))
                for name, entry in raw["files"].items()
            }
            return cls(str(raw["name"]), str(raw["source"]), files)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ModelError(
                f"The model folder {folder} is not complete: {MANIFEST_NAME} is missing or broken.",
                mending(folder.name.replace("--", "/")),
            ) from error


def mending(name: str) -> str:
    """Return the hint that tells how to replace a damaged model."""
    return f"Fetch it again: `starling models fetch {name} --force`"


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file as lower-case hex; reads it in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_READ_BYTES):
            digest.update(piece)
    return digest.hexdigest()


def pins_of(folder: Path) -> dict[str, Pin]:
    """Measure every file of a finished download, by file name."""
    return {
        path.name: Pin(path.stat().st_size, sha256_of(path))
        for path in sorted(folder.iterdir())
        if path.is_file() and path.name != MANIFEST_NAME
    }


def check_sizes(folder: Path, files: Mapping[str, Pin], hint: str) -> None:
    """Compare file sizes only; opens nothing.

    Raises:
        ModelError: a file is missing, cut off or too long.
    """
    for name, pin in files.items():
        path = folder / name
        if not path.is_file():
            raise ModelError(f"The model in {folder} is damaged: {name} is missing.", hint)
        got = path.stat().st_size
        if got != pin.size_bytes:
            raise ModelError(
                f"The model in {folder} is damaged: {name} has {got:,} bytes"
                f" instead of {pin.size_bytes:,}.",
                hint,
            )


def check_hashes(folder: Path, files: Mapping[str, Pin], hint: str) -> None:
    """Compare sizes, then the SHA-256 of every file.

    Raises:
        ModelError: a file is missing, has another size, or other bytes.
    """
    check_sizes(folder, files, hint)
    for name, pin in files.items():
        got = sha256_of(folder / name)
        if got != pin.sha256:
            raise ModelError(
                f"{name} in {folder} does not match its SHA-256: expected {pin.sha256}, got {got}.",
                hint,
            )
