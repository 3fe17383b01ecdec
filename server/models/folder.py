"""What a usable model folder looks like, and what its files say about the model."""

import json
from pathlib import Path

from server.models.errors import ModelError
from server.models.manifest import MANIFEST_NAME, Manifest, check_sizes

_REQUIRED = ("model.bin", "config.json")
_TEXT_FILES = ("tokenizer.json", "vocabulary.txt", "vocabulary.json")

# Whisper's English-only vocabulary has 51,864 tokens; the multilingual ones have 51,865 and more.
_ENGLISH_VOCABULARY_TOKENS = 51_864
# The first special token sits just behind the plain ones: one place earlier in English-only models.
_ENGLISH_END_OF_TEXT_ID = 50_256


def missing_files(folder: Path) -> list[str]:
    """Name what `folder` lacks to be a CTranslate2 Whisper model; empty when it is one."""
    missing = [name for name in _REQUIRED if not (folder / name).is_file()]
    if not any((folder / name).is_file() for name in _TEXT_FILES):
        missing.append("tokenizer.json or vocabulary.txt")
    return missing


def given_folder(name: str) -> Path | None:
    """Return the model folder that the user named by its path; None if `name` is no path.

    A plain word is taken as a path only if a folder of that name holds `model.bin`, so that an
    unrelated folder called `base` does not hide the model.

    Raises:
        ModelError: it is clearly a path, but not that of a usable model.
    """
    folder = Path(name).expanduser()
    if name.startswith((".", "~")) or folder.is_absolute():
        if not folder.is_dir():
            raise ModelError(f"There is no folder {folder}.", "Check the path of the model folder.")
    elif not (folder / "model.bin").is_file():
        return None
    missing = missing_files(folder)
    if missing:
        raise ModelError(
            f"The folder {folder} is not a CTranslate2 Whisper model: it has no"
            f" {', no '.join(missing)}.",
            "Convert the model with ct2-transformers-converter, or name one of"
            " `starling models list`.",
        )
    if (folder / MANIFEST_NAME).is_file():
        check_sizes(folder, Manifest.read(folder).files, "Copy or fetch the folder again.")
    return folder.resolve()


def is_multilingual(folder: Path) -> bool:
    """Tell from its vocabulary whether a model knows more than English.

    Raises:
        ModelError: the folder has no vocabulary that can be read.
    """
    try:
        if (folder / "vocabulary.txt").is_file():
            with (folder / "vocabulary.txt").open("rb") as file:
                return sum(1 for _ in file) > _ENGLISH_VOCABULARY_TOKENS
        if (folder / "vocabulary.json").is_file():
            tokens = json.loads((folder / "vocabulary.json").read_bytes())
            return len(tokens) > _ENGLISH_VOCABULARY_TOKENS
        tokenizer = json.loads((folder / "tokenizer.json").read_bytes())
        ids = {token["content"]: token["id"] for token in tokenizer["added_tokens"]}
        return bool(ids["<|endoftext|>"] > _ENGLISH_END_OF_TEXT_ID)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"The vocabulary of the model in {folder} cannot be read.",
            "Fetch or convert the model again.",
        ) from error
