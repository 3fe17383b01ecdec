"""Which of its kernels CTranslate2 uses on this processor.

What lies between matrix products (activations, normalisation, softmax, quantisation) it has for
AVX2 and for AVX512, and takes the first unless told (`CT2_FORCE_CPU_ISA`: its automatic choice,
src/cpu/cpu_isa.cc, leaves AVX512 out). Where there is VNNI the second is faster
(docs/performance.md, "AVX512").
"""

from collections.abc import Mapping, MutableMapping
from pathlib import Path

VARIABLE = "CT2_FORCE_CPU_ISA"
AVX512 = "AVX512"

NEEDED_FLAGS = frozenset({"avx512f", "avx512cd", "avx512vl", "avx512bw", "avx512dq", "avx512_vnni"})
"""All that CTranslate2 asks of a processor with AVX512, and VNNI."""

CPU_INFO = Path("/proc/cpuinfo")


def prefer_avx512(environment: MutableMapping[str, str], cpu_info: Path = CPU_INFO) -> None:
    """Ask for AVX512 where the processor has all it takes, unless the operator chose already.

    Before CTranslate2 is first used: it looks once. Systems other than Linux keep its own choice.
    """
    try:
        text = cpu_info.read_text(encoding="ascii", errors="replace")
    except OSError:
        return
    flags = next((line for line in text.splitlines() if line.startswith("flags")), "")
    if set(flags.split()) >= NEEDED_FLAGS:
        environment.setdefault(VARIABLE, AVX512)


def uses_avx512(environment: Mapping[str, str]) -> bool:
    """Say whether CTranslate2 has been told to use AVX512."""
    return environment.get(VARIABLE) == AVX512
