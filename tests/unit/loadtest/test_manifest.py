"""Manifests are read by column name, without quoting."""

from pathlib import Path

import pytest

from loadtest.manifest import ManifestError, read_manifest, select

pytestmark = pytest.mark.unit

FIXTURES = Path(__file__).parents[2] / "fixtures" / "manifest.tsv"


def written(folder, *lines):
    path = folder / "manifest.tsv"
    path.write_text("\n".join("\t".join(line) for line in lines) + "\n", encoding="utf-8")
    return path


def test_the_fixtures_manifest_is_read():
    recordings = read_manifest(FIXTURES)

    assert len(recordings) == 5
    assert all(recording.path.is_file() and recording.is_scored for recording in recordings)
    assert recordings[1].reference == "he was not an ill disposed young man"


def test_columns_are_found_by_name_and_quotes_are_letters(tmp_path):
    path = written(
        tmp_path,
        ("reference", "kind", "file", "language"),
        ('he said "no', "read", "a.flac", "en"),
    )

    (recording,) = read_manifest(path)

    assert recording.reference == 'he said "no'
    assert recording.path == tmp_path / "a.flac"


def test_a_long_reference_is_a_file_beside_the_manifest(tmp_path):
    (tmp_path / "a.txt").write_text("a whole chapter", encoding="utf-8")
    path = written(
        tmp_path,
        ("file", "language", "kind", "reference"),
        ("a.flac", "en", "long", "a.txt"),
    )

    assert read_manifest(path)[0].reference == "a whole chapter"


def test_rows_out_of_totals_and_rows_without_speech_are_not_scored(tmp_path):
    path = written(
        tmp_path,
        ("file", "language", "kind", "reference", "score"),
        ("a.flac", "en", "phone", "one two", "no"),
        ("b.flac", "none", "noise", "", "yes"),
        ("c.flac", "en", "read", "one", "yes"),
    )

    recordings = read_manifest(path)

    assert [recording.is_scored for recording in recordings] == [False, False, True]
    assert not recordings[1].has_speech


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([("file", "language", "kind", "reference")], "no rows"),
        ([("file", "kind"), ("a", "read")], "no column named language, reference"),
        ([("file", "language", "kind", "reference"), ("a", "en", "long", "no.txt")], "of a "),
    ],
)
def test_an_unusable_manifest_is_told(tmp_path, lines, said):
    with pytest.raises(ManifestError, match=said):
        read_manifest(written(tmp_path, *lines))


def test_a_missing_manifest_is_told(tmp_path):
    with pytest.raises(ManifestError, match="cannot be read"):
        read_manifest(tmp_path / "no.tsv")


def test_only_languages_of_the_model_and_material_without_speech_are_kept(tmp_path):
    path = written(
        tmp_path,
        ("file", "language", "kind", "reference"),
        ("a.flac", "en", "read", "one"),
        ("b.flac", "de", "read", "eins"),
        ("c.flac", "none", "music", ""),
    )
    recordings = read_manifest(path)

    kept = select(recordings, languages={"en"})
    read_only = select(recordings, languages={"en", "de"}, kinds={"read"})

    assert [recording.name for recording in kept] == ["a.flac", "c.flac"]
    assert [recording.name for recording in read_only] == ["a.flac", "b.flac"]


def test_a_limit_spreads_over_the_rows():
    recordings = read_manifest(FIXTURES)

    kept = select(recordings, languages={"en"}, limit=2)

    assert [recording.name[-9:-5] for recording in kept] == ["0870", "0890"]
