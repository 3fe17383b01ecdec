import json

import pytest

from server.models.errors import ModelError
from server.models.folder import given_folder, is_multilingual
from server.models.manifest import Manifest, pins_of
from tests.support.small_model import FILES

pytestmark = pytest.mark.unit


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "mine"
    made.mkdir()
    for name, content in FILES.items():
        (made / name).write_bytes(content)
    return made


def test_a_complete_folder_is_taken_by_its_path(folder):
    assert given_folder(str(folder)) == folder


def test_a_relative_path_is_taken_too(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    assert given_folder("mine") == folder
    assert given_folder("./mine") == folder


def test_a_folder_without_weights_does_not_hide_a_model_of_that_name(tmp_path, monkeypatch):
    (tmp_path / "base").mkdir()
    monkeypatch.chdir(tmp_path)
    assert given_folder("base") is None


def test_a_path_to_nothing_is_told(tmp_path):
    with pytest.raises(ModelError, match="There is no folder"):
        given_folder(str(tmp_path / "nowhere"))


@pytest.mark.parametrize("name", ["model.bin", "config.json"])
def test_the_missing_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(ModelError, match=f"no {name}"):
        given_folder(str(folder))


def test_a_vocabulary_can_stand_in_for_the_tokenizer(folder):
    (folder / "tokenizer.json").unlink()
    assert given_folder(str(folder)) == folder
    (folder / "vocabulary.txt").unlink()
    with pytest.raises(ModelError, match=r"no tokenizer\.json or vocabulary\.txt"):
        given_folder(str(folder))


def test_a_copied_cache_folder_is_still_checked_for_damage(folder):
    Manifest("mine", "test", pins_of(folder)).write(folder)
    (folder / "model.bin").write_bytes(b"short")
    with pytest.raises(ModelError, match=r"model\.bin has 5 bytes instead of 900,000"):
        given_folder(str(folder))


@pytest.mark.parametrize(("tokens", "expected"), [(51_864, False), (51_865, True), (51_866, True)])
def test_the_size_of_the_vocabulary_tells_whether_it_is_multilingual(tmp_path, tokens, expected):
    words = [str(number) for number in range(tokens)]
    (tmp_path / "vocabulary.json").write_text(json.dumps(words))
    assert is_multilingual(tmp_path) is expected
    (tmp_path / "vocabulary.txt").write_text("\n".join(words) + "\n")
    assert is_multilingual(tmp_path) is expected


@pytest.mark.parametrize(("end_of_text", "expected"), [(50_256, False), (50_257, True)])
def test_without_a_vocabulary_the_tokenizer_tells(tmp_path, end_of_text, expected):
    token = {"content": "<|endoftext|>", "id": end_of_text}
    (tmp_path / "tokenizer.json").write_text(json.dumps({"added_tokens": [token]}))
    assert is_multilingual(tmp_path) is expected


def test_a_folder_without_any_vocabulary_is_told(tmp_path):
    with pytest.raises(ModelError, match="vocabulary"):
        is_multilingual(tmp_path)
