"""What is said in a load test: recordings of a manifest, or bare files."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from loadtest.manifest import Recording, read_manifest
from loadtest.recordings import load_pcm
from loadtest.voices import Clip

MANIFEST_SUFFIX = ".tsv"

RowT = TypeVar("RowT")


def load_clips(
    paths: Sequence[Path], *, language: str | None, kinds: frozenset[str], limit: int
) -> list[Clip]:
    """Load recordings of speech, at most `limit`, spread evenly.

    Of a manifest those with a trusted text in `language` and of these kinds are taken (all kinds
    but `long` when none are named: a load test wants many utterances, not one long reading).

    Raises `ManifestError` for a manifest that cannot be used, `OSError` for a file that is no
    audio.
    """
    clips: list[Clip] = []
    manifests = [path for path in paths if path.suffix == MANIFEST_SUFFIX]
    spoken = language if language not in (None, "auto") else "en"
    for path in manifests:
        chosen = [row for row in read_manifest(path) if _is_wanted(row, str(spoken), kinds)]
        clips += [_clip(row) for row in _spread(chosen, limit)]
    for path in paths:
        if path not in manifests:
            clips.append(Clip(str(path), load_pcm(path), None, str(spoken)))
    return list(_spread(clips, limit))


def _is_wanted(row: Recording, language: str, kinds: frozenset[str]) -> bool:
    is_kind = row.kind in kinds if kinds else row.kind != "long"
    return row.is_scored and row.language == language and is_kind


def _clip(row: Recording) -> Clip:
    return Clip(row.name, load_pcm(row.path), row.reference, row.language)


def _spread(rows: Sequence[RowT], limit: int) -> Sequence[RowT]:
    if len(rows) <= limit:
        return rows
    return [rows[index * len(rows) // limit] for index in range(limit)]
