"""The shell: sockets, threads, clocks and models around the pure core."""

import os

from server.cpu_kernels import prefer_avx512

# Before numpy is imported: the engine's workers are the parallelism here. Threads inside one small
# matrix product fight with them for the cores and make log-mel features several times slower.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
prefer_avx512(os.environ)
