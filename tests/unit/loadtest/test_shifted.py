import pytest

from loadtest.manifest import read_manifest
from loadtest.recordings import load_pcm
from loadtest.shifted import STEP_S, write_shifted
from tests.support.recordings import FIXTURES

pytestmark = pytest.mark.unit


def test_copies_begin_later_and_say_the_same(tmp_path):
    recordings = read_manifest(FIXTURES / "manifest.tsv")[:2]
    copies = read_manifest(write_shifted(recordings, tmp_path / "copies", 3))
    assert [copy.reference for copy in copies] == [r.reference for r in recordings for _ in "abc"]
    assert [copy.is_scored for copy in copies] == [True] * 6
    original = load_pcm(recordings[0].path)
    for number, copy in enumerate(copies[:3]):
        pcm = load_pcm(copy.path)
        assert pcm.endswith(original)
        assert len(pcm) - len(original) == 2 * round(number * STEP_S * 16_000)


def test_references_of_long_recordings_stay_files(tmp_path):
    recording = read_manifest(FIXTURES / "manifest.tsv")[0]
    (tmp_path / "long.txt").write_text("what was said", encoding="utf-8")
    (tmp_path / "manifest.tsv").write_text(
        f"file\tlanguage\tkind\treference\n{recording.path}\ten\tlong\tlong.txt\n", encoding="utf-8"
    )
    recordings = read_manifest(tmp_path / "manifest.tsv")
    copies = read_manifest(write_shifted(recordings, tmp_path / "copies", 2))
    assert [copy.reference for copy in copies] == ["what was said"] * 2
