"""The list of recordings to evaluate on.

A manifest is a tab-separated file without quoting, columns found by name: `file` (relative to the
manifest's folder), `language`, `kind`, `reference`; `score` is optional. The reference of
kind `long` is the path of a text file. Rows with language `none` hold no speech: any word that
comes out of them is made up. Rows with `score` other than `yes` stay out of error rates.
"""

import csv
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

NO_LANGUAGE = "none"
_REQUIRED = ("file", "language", "kind", "reference")


class ManifestError(Exception):
    """The manifest cannot be used; the message says why and what it should look like."""


@dataclass(frozen=True)
class Recording:
    """One row: a file, what was said in it, and whether that counts for error rates."""

    name: str
    path: Path
    language: str
    kind: str
    reference: str
    is_scored: bool

    @property
    def has_speech(self) -> bool:
        """Whether there is anything to transcribe."""
        return self.language != NO_LANGUAGE


def read_manifest(path: Path) -> list[Recording]:
    """Read all rows in order.

    Raises `ManifestError` when it is missing, has no rows or lacks a column.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    except (OSError, UnicodeDecodeError) as error:
        raise ManifestError(f"{path} cannot be read: {error}") from error
    if not rows:
        raise ManifestError(f"{path} has no rows")
    missing = [column for column in _REQUIRED if column not in rows[0]]
    if missing:
        raise ManifestError(f"{path} has no column named {', '.join(missing)}")
    return [_recording(path.parent, row) for row in rows]


def select(
    recordings: Sequence[Recording],
    *,
    languages: Collection[str],
    kinds: Collection[str] = (),
    limit: int | None = None,
) -> list[Recording]:
    """Keep what a model can be asked about: its languages and rows without speech.

    Empty `kinds` means all; `limit` keeps that many, spread evenly over the rows.
    """
    kept = [
        recording
        for recording in recordings
        if (not recording.has_speech or recording.language in languages)
        and (not kinds or recording.kind in kinds)
    ]
    if limit is None or limit >= len(kept):
        return kept
    return [kept[index * len(kept) // limit] for index in range(limit)]


def _recording(folder: Path, row: dict[str, str]) -> Recording:
    path = folder / row["file"]
    reference = row["reference"] or ""
    if row["kind"] == "long":
        try:
            reference = (folder / reference).read_text(encoding="utf-8")
        except OSError as error:
            raise ManifestError(
                f"The reference of {row['file']} cannot be read: {error}"
            ) from error
    return Recording(
        name=row["file"],
        path=path,
        language=row["language"],
        kind=row["kind"],
        reference=reference,
        is_scored=row.get("score", "yes") == "yes" and row["language"] != NO_LANGUAGE,
    )
