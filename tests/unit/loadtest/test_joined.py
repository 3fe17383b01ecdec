from dataclasses import replace

import pytest

from loadtest.joined import write_joined
from loadtest.manifest import read_manifest
from loadtest.recordings import load_pcm, room_noise
from tests.support.recordings import FIXTURES

pytestmark = pytest.mark.unit


@pytest.fixture
def recordings():
    return [r for r in read_manifest(FIXTURES / "manifest.tsv") if r.has_speech][:3]


def test_all_are_said_once_and_in_their_order_a_pause_apart(recordings, tmp_path):
    (joined,) = read_manifest(write_joined(recordings, tmp_path / "joined", 1000.0))
    assert joined.reference == " ".join(recording.reference for recording in recordings)
    parts = [load_pcm(recording.path) + room_noise(1.0) for recording in recordings]
    assert load_pcm(joined.path) == b"".join(parts)


def test_one_that_is_long_enough_is_followed_by_the_next(recordings, tmp_path):
    joined = read_manifest(write_joined(recordings, tmp_path / "joined", 0.5))
    assert [made.reference for made in joined] == [r.reference for r in recordings]
    assert len({made.name for made in joined}) == len(recordings)


def test_kinds_are_not_mixed(recordings, tmp_path):
    mixed = [recordings[0], replace(recordings[1], kind="phone"), recordings[2]]
    joined = read_manifest(write_joined(mixed, tmp_path / "joined", 1000.0))
    assert [made.kind for made in joined] == [made.kind for made in mixed]
