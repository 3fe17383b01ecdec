"""Which of its kernels CTranslate2 uses on this processor.

What lies between matrix products (activations, normalisation, softmax, quantisation) it has for
AVX2 and for AVX512, and takes the first unless told (`CT2_FORCE_CPU_ISA`: its automatic choice,
src/cpu/cpu_isa.cc, leaves AVX512 out). Where there is VNNI the second is faster
(docs/performance.md, "AVX512"). Matrix products are MKL's on Intel's processors and oneDNN's on
other x86 ones, unless told (`CT2_USE_MKL`, src/cpu/backend.cc).
"""

from collections.abc import Mapping, MutableMapping
from pathlib import Path

VARIABLE = "CT2_FORCE_CPU_ISA"
AVX512 = "AVX512"
MKL_VARIABLE = "CT2_USE_MKL"
MKL_VENDOR = "GenuineIntel"

NEEDED_FLAGS = frozenset({"avx512f", "avx512cd", "avx512vl", "avx512bw", "avx512dq", "avx512_vnni"})
"""All that CTranslate2 asks of a processor with AVX512, and VNNI."""

CPU_INFO = Path("/proc/cpuinfo")


def prefer_avx512(environment: MutableMapping[str, str], cpu_info: Path = CPU_INFO) -> None:
    """Ask for AVX512 where the processor has all it takes, unless the operator chose already.

    Before CTranslate2 is first used: it looks once. Systems other than Linux keep its own choice.
    """
    if set(_told("flags", cpu_info).split()) >= NEEDED_FLAGS:
        environment.setdefault(VARIABLE, AVX512)


def uses_avx512(environment: Mapping[str, str]) -> bool:
    """Say whether CTranslate2 has been told to use AVX512."""
    return environment.get(VARIABLE) == AVX512


def uses_onednn(environment: Mapping[str, str], cpu_info: Path = CPU_INFO) -> bool:
    """Say whether matrix products are oneDNN's; no where the system tells nothing of a vendor.

    Linux tells none for ARM's processors, and other systems have no such file.
    """
    chosen = environment.get(MKL_VARIABLE)
    if chosen:
        return chosen.lower() not in {"1", "true"}
    return _told("vendor_id", cpu_info) not in {"", MKL_VENDOR}


def _told(name: str, cpu_info: Path) -> str:
    """Return what the system says of its first processor under this name; if nothing, ""."""
    try:
        text = cpu_info.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
    line = next((line for line in text.splitlines() if line.startswith(name)), "")
    return line.partition(":")[2].strip()
