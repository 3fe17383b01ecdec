import shutil

import pytest
from typer.testing import CliRunner

from server.cli.models import app
from server.models.manifest import Manifest, pins_of
from tests.support.small_model import FILES

pytestmark = pytest.mark.unit

REPO = "org/speech"


@pytest.fixture
def cache(tmp_path):
    """A cache with one whole model in it."""
    folder = tmp_path / "models" / "org--speech"
    folder.mkdir(parents=True)
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    Manifest(REPO, "huggingface:org/speech@abc", pins_of(folder)).write(folder)
    return tmp_path


def run(cache, *arguments):
    return CliRunner().invoke(app, [*arguments, "--cache-dir", str(cache)])


def test_path_prints_the_folder_and_nothing_else(cache):
    told = run(cache, "path", REPO)
    assert (told.exit_code, told.stdout) == (0, f"{cache / 'models' / 'org--speech'}\n")
    assert told.stderr == ""


def test_path_of_an_absent_model_prints_only_on_stderr(cache):
    told = run(cache, "path", "base")
    assert (told.exit_code, told.stdout) == (1, "")
    assert told.stderr == (
        "starling: The model base is not on this machine. Fetch it: `starling models fetch base`.\n"
    )


def test_an_unknown_name_is_one_line_with_a_hint(cache):
    told = run(cache, "fetch", "bse")
    assert (told.exit_code, told.stdout) == (1, "")
    assert told.stderr.startswith("starling: No model is called 'bse'. Did you mean base")
    assert len(told.stderr.splitlines()) == 1


def test_list_shows_the_catalogue_and_what_is_cached(cache):
    told = run(cache, "list")
    assert told.exit_code == 0
    for words in ("tiny.en", "large-v3-turbo", "about 148 MB", REPO, "yes"):
        assert words in told.stdout


def test_list_points_at_a_damaged_model(cache):
    (cache / "models" / "org--speech" / "model.bin").write_bytes(b"")
    assert "damaged" in run(cache, "list").stdout


def test_list_of_an_empty_cache_works(tmp_path):
    assert run(tmp_path / "nothing", "list").exit_code == 0


def test_verify_reads_all_models_though_one_is_damaged(cache):
    models = cache / "models"
    shutil.copytree(models / "org--speech", models / "org--damaged")
    manifest = (models / "org--damaged" / "starling.json").read_text()
    (models / "org--damaged" / "starling.json").write_text(manifest.replace(REPO, "org/damaged"))
    (models / "org--damaged" / "model.bin").write_bytes(bytes(len(FILES["model.bin"])))
    told = run(cache, "verify")
    assert told.exit_code == 1
    damaged, whole = told.stderr.splitlines()
    assert "model.bin" in damaged
    assert "`starling models fetch org/damaged --force`" in damaged
    assert whole == f"{REPO}: 4 files, 1 MB, all as they should be"


def test_verify_of_nothing_says_how_to_begin(tmp_path):
    told = run(tmp_path, "verify")
    assert told.exit_code == 0
    assert "starling models fetch tiny.en" in told.stderr
