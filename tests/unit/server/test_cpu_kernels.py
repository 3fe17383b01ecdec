from pathlib import Path

import pytest

from server.cpu_kernels import MKL_VARIABLE, NEEDED_FLAGS, VARIABLE, prefer_avx512, uses_onednn

pytestmark = pytest.mark.unit


def cpu_info(folder: Path, flags: frozenset[str]) -> Path:
    path = folder / "cpuinfo"
    path.write_text(f"processor\t: 0\nflags\t\t: fpu {' '.join(sorted(flags))}\n", encoding="ascii")
    return path


def test_avx512_is_asked_for_where_the_processor_has_it(tmp_path: Path):
    environment: dict[str, str] = {}
    prefer_avx512(environment, cpu_info(tmp_path, NEEDED_FLAGS | {"amx_int8"}))
    assert environment == {VARIABLE: "AVX512"}


@pytest.mark.parametrize("missing", sorted(NEEDED_FLAGS))
def test_a_processor_without_any_part_of_it_keeps_ctranslate2s_choice(tmp_path: Path, missing: str):
    environment: dict[str, str] = {}
    prefer_avx512(environment, cpu_info(tmp_path, NEEDED_FLAGS - {missing}))
    assert environment == {}


def test_what_the_operator_chose_stays(tmp_path: Path):
    environment = {VARIABLE: "AVX2"}
    prefer_avx512(environment, cpu_info(tmp_path, NEEDED_FLAGS))
    assert environment == {VARIABLE: "AVX2"}


def test_a_system_that_tells_nothing_of_its_processor_keeps_ctranslate2s_choice(tmp_path: Path):
    environment: dict[str, str] = {}
    prefer_avx512(environment, tmp_path / "missing")
    (tmp_path / "empty").touch()
    prefer_avx512(environment, tmp_path / "empty")
    assert environment == {}


@pytest.mark.parametrize(
    ("vendor", "chosen", "expected"),
    [
        ("GenuineIntel", None, False),
        ("AuthenticAMD", None, True),
        ("AuthenticAMD", "1", False),
        ("AuthenticAMD", "true", False),
        ("GenuineIntel", "0", True),
        ("AuthenticAMD", "", True),
        (None, None, False),
    ],
)
def test_products_are_onednns_but_on_intels_processors_or_where_told(
    tmp_path: Path, vendor: str | None, chosen: str | None, expected: bool
):
    told = "" if vendor is None else f"vendor_id\t: {vendor}\n"
    (tmp_path / "cpuinfo").write_text(f"processor\t: 0\n{told}", encoding="ascii")
    environment = {} if chosen is None else {MKL_VARIABLE: chosen}
    assert uses_onednn(environment, tmp_path / "cpuinfo") is expected


def test_a_system_that_tells_nothing_of_its_processor_is_not_taken_for_onednns(tmp_path: Path):
    assert not uses_onednn({}, tmp_path / "missing")
