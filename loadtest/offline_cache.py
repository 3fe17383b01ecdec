"""Offline transcripts on disk: the same weights, file and options give the same text."""

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path

WEIGHTS_FILE = "model.bin"


class OfflineCache:
    """One small file a transcript, named by a hash of all that decides it; safe to delete."""

    def __init__(self, folder: Path, model_path: Path, options: object) -> None:
        """Keep transcripts of the weights in `model_path` with `options` (plain JSON values).

        Raises `OSError` when the weights cannot be read.
        """
        self._folder = folder
        self._base = hashlib.sha256(_file_hash(model_path / WEIGHTS_FILE).encode())
        self._base.update(json.dumps(options, sort_keys=True).encode())

    def find(self, path: Path, language: str | None) -> str | None:
        """Return a kept transcript, or None."""
        try:
            kept = json.loads(self._entry(path, language).read_text(encoding="utf-8"))
            return str(kept["text"])
        except (OSError, ValueError, KeyError):
            return None

    def keep(self, path: Path, language: str | None, text: str) -> None:
        """Keep a transcript; a folder that cannot be written to only costs the next run time."""
        entry = self._entry(path, language)
        unfinished = entry.with_suffix(f".{os.getpid()}")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            unfinished.write_text(json.dumps({"text": text}), encoding="utf-8")
            unfinished.replace(entry)
        except OSError:
            with suppress(OSError):
                unfinished.unlink()

    def _entry(self, path: Path, language: str | None) -> Path:
        key = self._base.copy()
        key.update(f"{_file_hash(path)} {language}".encode())
        return self._folder / f"{key.hexdigest()}.json"


def _file_hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
