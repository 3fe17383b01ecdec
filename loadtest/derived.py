"""Recordings made from those of a manifest, with a manifest of their own for `starling eval`."""

import argparse
import csv
import wave
from collections.abc import Callable, Sequence
from pathlib import Path

from loadtest.manifest import ManifestError, Recording, read_manifest, select
from loadtest.recordings import SAMPLE_RATE_HZ

_LONG = "long"


def write_wav(path: Path, pcm: bytes) -> None:
    """Write 16-bit mono samples at 16 kHz as a WAV file.

    Raises `OSError` where it cannot be written.
    """
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE_HZ)
        file.writeframes(pcm)


def write_manifest(folder: Path, recordings: Sequence[Recording]) -> Path:
    """Write `manifest.tsv` beside the recordings, which lie in `folder`, and return its path.

    Raises `OSError` where it cannot be written.
    """
    manifest = folder / "manifest.tsv"
    with manifest.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t", quoting=csv.QUOTE_NONE, quotechar=None)
        writer.writerow(["file", "language", "kind", "reference", "score"])
        for made in recordings:
            score = "yes" if made.is_scored else "no"
            writer.writerow([made.name, made.language, made.kind, _reference(made), score])
    return manifest


def run(
    parser: argparse.ArgumentParser,
    write: Callable[[Sequence[Recording], argparse.Namespace], tuple[int, Path]],
) -> None:
    """Make recordings of those that the command line names, and say where they are.

    `parser` may have options of its own; `write` returns how many it made, and their manifest.
    """
    parser.add_argument("manifest", type=Path)
    parser.add_argument("folder", type=Path, help="where the recordings that are made go")
    parser.add_argument("--kind", help="only these kinds, such as conversation,phone")
    parser.add_argument("--language", default="en")
    arguments = parser.parse_args()
    kinds = arguments.kind.split(",") if arguments.kind else ()
    try:
        recordings = read_manifest(arguments.manifest)
        spoken = [recording for recording in recordings if recording.has_speech]
        chosen = select(spoken, languages={arguments.language}, kinds=kinds)
        if not chosen:
            parser.error("no recording of the manifest fits; check --kind and --language")
        num_made, manifest = write(chosen, arguments)
    except (ManifestError, OSError) as error:
        parser.error(f"{error}; give a manifest as for starling eval, and a folder to write to")
    print(f"{num_made} recordings in {manifest}")


def _reference(made: Recording) -> str:
    """Return the manifest's column: for kind `long` the name of a text file."""
    if made.kind != _LONG:
        return made.reference
    text = made.path.with_suffix(".txt")
    text.write_text(made.reference, encoding="utf-8")
    return text.name
