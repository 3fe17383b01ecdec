import errno

import pytest

from server.models.disk import check_space, explain
from server.models.errors import ModelError

pytestmark = pytest.mark.unit


def test_a_download_larger_than_the_disk_is_refused_before_it_starts(tmp_path):
    with pytest.raises(ModelError, match=r"is full: .* MB are needed") as refused:
        check_space(tmp_path, 1 << 60)
    assert "STARLING_CACHE_DIR" in refused.value.hint


def test_a_small_download_fits(tmp_path):
    check_space(tmp_path, 1)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "is full"),
        (errno.EDQUOT, "is full"),
        (errno.EROFS, "cannot be written"),
        (errno.EACCES, "cannot be written"),
        (errno.EIO, "failed: broken"),
    ],
)
def test_file_system_errors_become_one_sentence_and_a_next_step(tmp_path, number, words):
    told = explain(OSError(number, "broken"), tmp_path)
    assert words in told.message
    assert "STARLING_CACHE_DIR" in told.hint
