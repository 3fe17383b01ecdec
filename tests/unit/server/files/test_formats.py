import numpy as np
import pytest

from server.files.formats import SIGNATURE_BYTES, file_format
from tests.support.recordings import contained

pytestmark = pytest.mark.unit

TONE = np.sin(np.arange(8_000, dtype=np.float32) / 10)


@pytest.mark.parametrize(
    ("container", "codec", "rate_hz", "name"),
    [
        ("wav", "pcm_s16le", 16_000, "wav"),
        ("mp3", "libmp3lame", 16_000, "mp3"),
        ("flac", "flac", 16_000, "flac"),
        ("ogg", "libopus", 48_000, "ogg"),
        ("webm", "libopus", 48_000, "matroska"),
        ("mp4", "aac", 16_000, "mov"),
        ("adts", "aac", 16_000, "aac"),
        ("aiff", "pcm_s16be", 16_000, "aiff"),
        ("au", "pcm_s16be", 16_000, "au"),
        ("caf", "pcm_s16le", 16_000, "caf"),
        ("mpegts", "aac", 16_000, "mpegts"),
    ],
)
def test_a_file_is_known_by_its_first_bytes(container, codec, rate_hz, name):
    assert file_format(contained(TONE, container, codec, rate_hz)[:SIGNATURE_BYTES]) == name


@pytest.mark.parametrize(
    "head", [b"", b"#EXTM3U\n", b"ffconcat version 1.0", b"<html>", b"v=0\r\n"]
)
def test_playlists_and_other_texts_are_not_taken(head):
    assert file_format(head) is None
