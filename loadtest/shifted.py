"""The same recordings beginning at other moments, to tell a rule's effect from chance.

A few milliseconds decide toss-ups: windows of speech detection and frames of features fall
elsewhere. `python -m loadtest.shifted MANIFEST FOLDER --kind conversation` writes copies with a
little silence before each and a manifest of them for `starling eval`.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from loadtest.derived import run, write_manifest, write_wav
from loadtest.manifest import Recording
from loadtest.recordings import SAMPLE_RATE_HZ, load_pcm, silence

STEP_S = 165 / SAMPLE_RATE_HZ
"""A frame of features and a bit more, so that copies differ in both frames and windows."""


def write_shifted(recordings: Sequence[Recording], folder: Path, num_copies: int) -> Path:
    """Write `num_copies` of each recording as WAV and return the path of their manifest.

    Raises `OSError` for a recording that cannot be read or a folder that cannot be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    copies = [
        _write_copy(recording, folder, number)
        for recording in recordings
        for number in range(num_copies)
    ]
    return write_manifest(folder, copies)


def _write_copy(recording: Recording, folder: Path, number: int) -> Recording:
    name = recording.name.replace("/", "-")  # Two folders may hold files of one name.
    path = folder / f"{name}-{number}.wav"
    write_wav(path, silence(number * STEP_S) + load_pcm(recording.path))
    return replace(recording, name=path.name, path=path)


def main() -> None:
    """Write the copies that the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--copies", type=int, default=8)

    def write(chosen: Sequence[Recording], asked: argparse.Namespace) -> tuple[int, Path]:
        manifest = write_shifted(chosen, asked.folder, asked.copies)
        return len(chosen) * asked.copies, manifest

    run(parser, write)


if __name__ == "__main__":
    main()
