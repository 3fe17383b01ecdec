import pytest

from server.cpu_kernels import AVX512, VARIABLE
from server.loading import default_max_batch, max_batch_frames
from streaming.windows import BUCKET_FRAMES

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("device", "vendor", "kernels", "rows"),
    [
        ("cpu", "GenuineIntel", None, 4),
        ("cpu", "GenuineIntel", "AVX2", 4),
        ("cpu", "GenuineIntel", AVX512, 2),
        ("cpu", "AuthenticAMD", None, 8),
        ("cpu", "AuthenticAMD", AVX512, 8),
        ("cuda", "GenuineIntel", AVX512, 32),
        ("cuda", "AuthenticAMD", AVX512, 32),
    ],
)
def test_rows_a_batch_depend_on_what_runs_it(tmp_path, device, vendor, kernels, rows):
    cpu_info = tmp_path / "cpuinfo"
    cpu_info.write_text(f"processor\t: 0\nvendor_id\t: {vendor}\n", encoding="ascii")
    environment = {} if kernels is None else {VARIABLE: kernels}
    assert default_max_batch(device, environment, cpu_info) == rows


@pytest.mark.parametrize(("rows", "longest_pair"), [(2, 1500), (4, 2000)])
def test_two_windows_of_finals_with_context_share_a_batch_and_longer_ones_do_not(
    rows, longest_pair
):
    assert max_batch_frames(rows) // longest_pair == 2
    longer = next(frames for frames in BUCKET_FRAMES if frames > longest_pair)
    assert max_batch_frames(rows) // longer == 1
