import ctypes
import sys
from pathlib import Path

import pytest

from server import freed_memory
from server.freed_memory import give_back_freed_memory, trim_heaps

pytestmark = pytest.mark.unit

CHUNK_BYTES = 60_000
NUM_CHUNKS = 2_000


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.skipif(sys.platform != "linux", reason="only GNU's C library keeps so much")
def test_freed_memory_between_what_is_still_used_is_given_back():
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    chunks = [libc.malloc(ctypes.c_size_t(CHUNK_BYTES)) for _ in range(NUM_CHUNKS)]
    for chunk in chunks:
        ctypes.memset(chunk, 1, CHUNK_BYTES)
    for chunk in chunks[:-1]:
        libc.free(ctypes.c_void_p(chunk))
    before = resident_bytes()
    assert trim_heaps()
    assert before - resident_bytes() > CHUNK_BYTES * NUM_CHUNKS // 2
    libc.free(ctypes.c_void_p(chunks[-1]))


async def test_a_library_that_cannot_is_not_asked_again(monkeypatch):
    monkeypatch.setattr(freed_memory.ctypes, "CDLL", lambda _: object())
    monkeypatch.setattr(freed_memory, "PERIOD_S", 0.0)
    assert not trim_heaps()
    await give_back_freed_memory()
