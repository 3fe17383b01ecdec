import ctypes
import os
import platform
from pathlib import Path

import pytest

from server import freed_memory
from server.freed_memory import give_back_freed_memory, trim_heaps

pytestmark = pytest.mark.unit

CHUNK_BYTES = 60_000
NUM_CHUNKS = 2_000


def resident_bytes() -> int:
    num_pages = int(Path("/proc/self/statm").read_text().split()[1])
    return num_pages * os.sysconf("SC_PAGE_SIZE")


def test_freed_memory_between_what_is_still_used_is_given_back_where_the_library_can():
    if platform.libc_ver()[0] != "glibc":
        assert not trim_heaps()
        return
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    chunks = [libc.malloc(ctypes.c_size_t(CHUNK_BYTES)) for _ in range(NUM_CHUNKS)]
    for chunk in chunks:
        ctypes.memset(chunk, 1, CHUNK_BYTES)
    for chunk in chunks[:-1]:
        libc.free(ctypes.c_void_p(chunk))
    before = resident_bytes()
    assert trim_heaps()
    given_back = before - resident_bytes()
    libc.free(ctypes.c_void_p(chunks[-1]))
    assert given_back > CHUNK_BYTES * NUM_CHUNKS // 2


async def test_a_library_that_cannot_is_not_asked_again(monkeypatch):
    monkeypatch.setattr(freed_memory.ctypes, "CDLL", lambda _: object())
    monkeypatch.setattr(freed_memory, "PERIOD_S", 0.0)
    assert not trim_heaps()
    await give_back_freed_memory()
