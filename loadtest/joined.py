"""Recordings said one after the other, as somebody speaks who does not stop for long.

Alone they have no words before them, which decide much of how exact the next ones are.
`python -m loadtest.joined MANIFEST FOLDER --kind read,phone` writes files of about a minute, with a
second of a quiet room after each recording, and a manifest of them for `starling eval`.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from loadtest.derived import run, write_manifest, write_wav
from loadtest.manifest import Recording
from loadtest.recordings import BYTES_PER_S, load_pcm, room_noise
from loadtest.voices import GAP_S


def write_joined(recordings: Sequence[Recording], folder: Path, least_s: float) -> Path:
    """Join recordings in their order to WAV files of at least `least_s` seconds.

    The last of each kind may be shorter. Returns the path of their manifest.
    Raises `OSError` for a recording that cannot be read or a folder that cannot be written to.
    """
    folder.mkdir(parents=True, exist_ok=True)
    joined = []
    for number, (parts, pcm) in enumerate(_groups(recordings, least_s)):
        path = folder / f"joined-{number:03}.wav"
        write_wav(path, pcm)
        text = " ".join(part.reference.strip() for part in parts)
        joined.append(replace(parts[0], name=path.name, path=path, reference=text))
    return write_manifest(folder, joined)


def _groups(
    recordings: Sequence[Recording], least_s: float
) -> Iterator[tuple[list[Recording], bytes]]:
    parts: list[Recording] = []
    pcm = b""
    for recording in recordings:
        is_full = len(pcm) >= least_s * BYTES_PER_S
        if parts and (is_full or recording.kind != parts[0].kind):
            yield parts, pcm
            parts, pcm = [], b""
        parts.append(recording)
        pcm += load_pcm(recording.path) + room_noise(GAP_S)
    if parts:
        yield parts, pcm


def main() -> None:
    """Join what the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="how long they are at least")

    def write(chosen: Sequence[Recording], asked: argparse.Namespace) -> tuple[int, Path]:
        scored = [recording for recording in chosen if recording.is_scored]
        return len(scored), write_joined(scored, asked.folder, asked.seconds)

    run(parser, write)


if __name__ == "__main__":
    main()
