"""The cache: what is in it, and whether it is whole. Fetching is in tests/integration."""

import hashlib
import io
import socket
import subprocess
from pathlib import Path

import pytest

from server.models.errors import ModelError
from server.models.manifest import Manifest, pins_of
from server.models.progress import LineProgress
from server.models.store import ModelStore, default_cache_dir
from tests.support.small_model import FILES, NAME, small_model

pytestmark = pytest.mark.unit

MODEL = small_model()


@pytest.fixture
def told():
    return io.StringIO()


@pytest.fixture
def store(tmp_path, told):
    return ModelStore(tmp_path / "cache", LineProgress(told), {NAME: MODEL})


@pytest.fixture
def fetched(tmp_path):
    """The model's folder in the cache, as a fetch leaves it."""
    folder = tmp_path / "cache" / "models" / NAME
    folder.mkdir(parents=True)
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    source = "pypi:" + " + ".join(wheel.requirement for wheel in MODEL.wheels.wheels)
    Manifest(NAME, source, pins_of(folder)).write(folder)
    return folder


def test_a_cached_model_needs_neither_pip_nor_network(store, fetched, monkeypatch):
    def refuse(*_args, **_kwargs):
        raise AssertionError("a cached model must not reach outside")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert store.resolve(NAME) == fetched
    assert store.fetch(NAME) == fetched


def test_resolving_a_cached_model_writes_nothing(store, fetched):
    root = fetched.parent.parent
    before = {path: path.stat().st_mtime_ns for path in root.rglob("*")}
    store.resolve(NAME)
    assert {path: path.stat().st_mtime_ns for path in root.rglob("*")} == before


def test_cut_off_weights_are_told_with_the_command_that_mends_them(store, fetched):
    with (fetched / "model.bin").open("rb+") as file:
        file.truncate(1000)
    with pytest.raises(ModelError, match=r"model\.bin has 1,000 bytes instead of 900,000") as told:
        store.resolve(NAME)
    assert f"starling models fetch {NAME} --force" in told.value.hint


@pytest.mark.parametrize("name", ["model.bin", "starling.json"])
def test_a_missing_file_is_told(store, fetched, name):
    (fetched / name).unlink()
    with pytest.raises(ModelError, match=f"{name} is missing"):
        store.resolve(NAME)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"files": 3}', '{"files": {"a": 1}}', "\x00"])
def test_a_broken_manifest_is_told(store, fetched, text):
    (fetched / "starling.json").write_text(text)
    with pytest.raises(ModelError, match=r"starling\.json is missing or broken"):
        store.resolve(NAME)


def test_verify_finds_one_changed_byte(store, fetched):
    with (fetched / "model.bin").open("rb+") as file:
        file.seek(450_000)
        byte = file.read(1)
        file.seek(450_000)
        file.write(bytes([byte[0] ^ 1]))
    assert store.resolve(NAME) == fetched
    pinned = MODEL.wheels.files["model.bin"].sha256
    with pytest.raises(ModelError, match=f"does not match its SHA-256: expected {pinned}, got"):
        store.verify(NAME)


def test_verify_does_not_believe_an_edited_manifest(store, fetched):
    (fetched / "config.json").write_bytes(b"[]")
    manifest = fetched / "starling.json"
    old, new = (FILES["config.json"], b"[]")
    manifest.write_text(manifest.read_text().replace(sha256(old), sha256(new)))
    with pytest.raises(ModelError, match=r"config\.json"):
        store.verify(NAME)


def test_verify_of_an_absent_model_says_how_to_get_it(store):
    with pytest.raises(ModelError, match="not on this machine") as told:
        store.verify(NAME)
    assert f"starling models fetch {NAME}" in told.value.hint


def test_locate_never_downloads(store, told):
    with pytest.raises(ModelError, match="not on this machine"):
        store.locate(NAME)
    assert told.getvalue() == ""


def test_all_cached_lists_damaged_folders_too(store, fetched):
    assert list(store.all_cached()) == [NAME]
    assert store.all_cached()[NAME].manifest is not None
    (fetched / "model.bin").write_bytes(b"")
    assert store.all_cached()[NAME].manifest is None


def test_the_cache_folder_follows_the_environment():
    home = Path("/home/ada")
    assert default_cache_dir({}, home) == home / ".cache" / "starling"
    assert default_cache_dir({"XDG_CACHE_HOME": "/x"}, home) == Path("/x/starling")
    chosen = {"XDG_CACHE_HOME": "/x", "STARLING_CACHE_DIR": "/models"}
    assert default_cache_dir(chosen, home) == Path("/models")


def sha256(content):
    return hashlib.sha256(content).hexdigest()
