"""Two voices in one channel, one of them much quieter, as in calls and meetings.

`python -m loadtest.quieter MANIFEST FOLDER --kind read --below-db 20,30` writes each recording
with the next few, once with the second quieter and once with the first, and a manifest of them for
`starling eval`; the kinds of its report are which voice is how much quieter.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from loadtest.derived import run, write_manifest, write_wav
from loadtest.manifest import Recording
from loadtest.recordings import load_pcm, room_noise

PAUSE_S = 0.5
"""Too short to end an utterance, so both voices are decoded together."""


def write_pairs(
    recordings: Sequence[Recording], folder: Path, num_partners: int, below_db: Sequence[float]
) -> Path:
    """Write each recording with the `num_partners` after it and return the path of the manifest.

    Raises `OSError` for a recording that cannot be read or a folder that cannot be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pairs = [
        _write_pair(folder, first, second, gains_db)
        for first, second in _pairs(recordings, num_partners)
        for level_db in below_db
        for gains_db in ((0.0, -level_db), (-level_db, 0.0))
    ]
    return write_manifest(folder, pairs)


def _pairs(
    recordings: Sequence[Recording], num_partners: int
) -> Iterator[tuple[Recording, Recording]]:
    num = len(recordings)
    for index, first in enumerate(recordings):
        for ahead in range(1, min(num_partners, num - 1) + 1):
            yield first, recordings[(index + ahead) % num]


def _write_pair(
    folder: Path, first: Recording, second: Recording, gains_db: tuple[float, float]
) -> Recording:
    which, level_db = ("first", gains_db[0]) if gains_db[0] else ("second", gains_db[1])
    kind = f"{which} {level_db:g} dB"
    names = [recording.name.replace("/", "-") for recording in (first, second)]
    path = folder / f"{'-'.join([*names, *kind.split()])}.wav"
    voices = [_louder(load_pcm(r.path), g) for r, g in zip((first, second), gains_db, strict=True)]
    write_wav(path, room_noise(PAUSE_S).join(voices))
    text = f"{first.reference.strip()} {second.reference.strip()}"
    return replace(first, name=path.name, path=path, kind=kind, reference=text)


def _louder(pcm: bytes, gain_db: float) -> bytes:
    samples = np.frombuffer(pcm, dtype="<i2") * 10 ** (gain_db / 20)
    return samples.round().clip(-32768, 32767).astype("<i2").tobytes()


def main() -> None:
    """Write the pairs that the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--below-db", default="20,30", help="how much quieter, such as 20,30")
    parser.add_argument("--partners", type=int, default=3, help="pairs for each recording")

    def write(chosen: Sequence[Recording], asked: argparse.Namespace) -> tuple[int, Path]:
        try:
            below_db = [float(level) for level in asked.below_db.split(",")]
        except ValueError:
            below_db = []
        if not below_db or min(below_db) <= 0:
            parser.error("--below-db is numbers over 0 with commas between them, such as 20,30")
        scored = [recording for recording in chosen if recording.is_scored]
        manifest = write_pairs(scored, asked.folder, asked.partners, below_db)
        num_pairs = sum(1 for _ in _pairs(scored, asked.partners))
        return 2 * len(below_db) * num_pairs, manifest

    run(parser, write)


if __name__ == "__main__":
    main()
