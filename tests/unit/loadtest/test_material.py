"""Which recordings a load test takes."""

import wave

import numpy as np
import pytest

from loadtest.material import SPEECH_RMS, at_speech_level, load_clips

pytestmark = pytest.mark.unit

ROWS = [
    ("a.wav", "en", "read", "he was", "yes"),
    ("b.wav", "en", "phone", "an ill", "yes"),
    ("c.wav", "de", "read", "eins", "yes"),
    ("d.wav", "none", "noise", "", "yes"),
    ("e.wav", "en", "read", "doubtful", "no"),
]


@pytest.fixture
def manifest(tmp_path):
    lines = ["file\tlanguage\tkind\treference\tscore", *("\t".join(row) for row in ROWS)]
    for name, *_ in ROWS:
        with wave.open(str(tmp_path / name), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(16_000)
            file.writeframes(bytes(3200))
    path = tmp_path / "manifest.tsv"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def names(paths, **choice):
    given = {"language": None, "kinds": frozenset(), "limit": 24} | choice
    return [clip.name.rsplit("/", 1)[-1] for clip in load_clips(paths, **given)]


def test_speech_with_a_trusted_text_is_taken_english_unless_said_otherwise(manifest):
    assert names([manifest]) == ["a.wav", "b.wav"]
    assert names([manifest], language="de") == ["c.wav"]
    assert names([manifest], kinds=frozenset({"phone"})) == ["b.wav"]


def test_bare_files_have_no_text(manifest):
    clip = load_clips([manifest.with_name("d.wav")], language=None, kinds=frozenset(), limit=9)[0]

    assert (clip.reference, clip.duration_s) == (None, 0.1)


def test_no_more_are_taken_than_asked_for(manifest):
    assert names([manifest], limit=1) == ["a.wav"]


def test_none_longer_than_asked_for_is_taken(manifest):
    bare = manifest.with_name("d.wav")  # 0.1 s

    assert names([manifest], longest_s=0.2, limit=1) == ["a.wav"]
    assert names([manifest, bare], longest_s=0.05) == []


@pytest.mark.parametrize("loudest", [40, 4_000, 32_767])
def test_recordings_are_brought_to_one_level(loudest):
    spoken = (loudest * np.sin(np.arange(16_000) / 10)).astype("<i2")

    level = np.frombuffer(at_speech_level(spoken.tobytes()), dtype="<i2").astype(float).std()

    assert level == pytest.approx(SPEECH_RMS, rel=0.05)


def test_the_loudest_moments_do_not_wrap_around():
    click = np.zeros(16_000, dtype="<i2")
    click[100:104] = (1_000, -1_000, 1_000, -1_000)

    louder = np.frombuffer(at_speech_level(click.tobytes()), dtype="<i2")

    assert louder[100:104].tolist() == [32_767, -32_768, 32_767, -32_768]


def test_silence_stays_silence():
    assert at_speech_level(bytes(64)) == bytes(64)
    assert at_speech_level(b"") == b""


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(OSError, match="nothing"):
        names([tmp_path / "nothing.wav"])
