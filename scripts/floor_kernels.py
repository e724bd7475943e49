"""How near the exported C and numba kernels come to what the memory of a machine allows.

    python scripts/floor_kernels.py [-o reports/floor.md]

Needs the extras `fast` and `peers` and a C compiler. The backward pass of a batch normalisation
reads x and dy, and reads both again and writes dx once the sums are known; where columns of all
rows stay in a cache, reading once is enough. The floor is a loop in C that does this and nothing
else: it adds up what it reads, then writes one multiple of x plus dy. It has no columns, no
float64, no checks. The best of one thread and two, past the cache and through it, counts.
"""

from __future__ import annotations

import argparse
import ctypes
import math
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmark_kernels import DTYPES, KEEPING, THREADS, circumstances
from kernel_peers import Arrays, drawn, layers, native
from scaling_kernels import taken

IN_CACHE = 256
"""Rows up to which some columns of x and dy stay in the second cache."""
OURS = ("c", "numba")
FLOOR = """
#include <immintrin.h>
#include <stdint.h>

double reads(const T *x, const T *dy, int64_t n, int threads) {
    T sum = 0;
    #pragma omp parallel for simd num_threads(threads) schedule(static) reduction(+ : sum)
    for (int64_t k = 0; k < n; k++) sum += x[k] * dy[k];
    return sum;
}

void writes(const T *x, const T *dy, T *dx, int64_t n, int threads, int past) {
    const int64_t line = 64 / sizeof(T);
    #pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t k = 0; k < n / line; k++) {
        T own[64 / sizeof(T)] __attribute__((aligned(64)));
        T *const to = past ? own : dx + k * line;
        #pragma omp simd
        for (int64_t i = 0; i < line; i++) to[i] = (T)0.5 * x[k * line + i] + dy[k * line + i];
        if (past)
            for (int i = 0; i < 4; i++)
                _mm_stream_si128((__m128i *)(dx + k * line) + i, ((const __m128i *)own)[i]);
    }
    _mm_sfence();
}
"""


def library(dtype: str, folder: str) -> ctypes.CDLL:
    """The floor's loops for one type."""
    path = Path(folder) / f"floor_{dtype}"
    path.with_suffix(".c").write_text(FLOOR, encoding="ascii")
    kind = {"float32": "float", "float64": "double"}[dtype]
    flags = ["-O3", "-march=native", "-ffast-math", "-fopenmp", "-fPIC", "-shared", f"-DT={kind}"]
    subprocess.run(["cc", *flags, f"{path}.c", "-o", f"{path}.so"], check=True)
    code = ctypes.CDLL(f"{path}.so")
    code.reads.restype = ctypes.c_double
    return code


def floors(code: ctypes.CDLL, values: Arrays) -> Iterator[Callable[[], Any]]:
    """The floor's variants; each makes a fresh result, on lines of the cache."""
    import numpy as np

    x, dy = values[:2]
    at = [ctypes.c_void_p(value.ctypes.data) for value in (x, dy)]
    n = ctypes.c_int64(x.size)

    def variant(threads: int, past: int) -> Any:
        room = np.empty(x.nbytes + 64, np.uint8)
        start = -room.ctypes.data % 64
        if len(x) > IN_CACHE:
            code.reads(*at, n, threads)
        code.writes(*at, ctypes.c_void_p(room.ctypes.data + start), n, threads, past)
        return room

    for threads in (1, THREADS):
        for past in (0, 1):
            yield lambda threads=threads, past=past: variant(threads, past)


def measured() -> list[str]:
    """The rows of the table, in this process."""
    import derive

    layer, rows = layers()["batchnorm"], list[str]()
    derivation = derive.load(layer.document)
    kernels = {backend: derivation.kernel(backend) for backend in OURS}
    shares: dict[str, list[float]] = {"floor": [], **{backend: [] for backend in OURS}}
    with tempfile.TemporaryDirectory() as folder:
        codes = {dtype: library(dtype, folder) for dtype in DTYPES}
        for dtype, shape in ((d, s) for d in DTYPES for s in layer.shapes):
            values = drawn(layer, shape, dtype)
            functions = {"torch": native(layer, values)}
            for backend, kernel in kernels.items():
                functions[backend] = lambda kernel=kernel, v=values: kernel(*v, threads=THREADS)
            functions |= {f"floor {k}": f for k, f in enumerate(floors(codes[dtype], values))}
            found = taken(functions)
            found["floor"] = min(value for name, value in found.items() if "floor" in name)
            cells = [dtype, " × ".join(map(str, shape)), f"{1e3 * found['torch']:.3g}"]
            for name, logs in shares.items():
                share = found[name] / found["torch"]
                logs.append(math.log(share))
                cells.append(f"{share:.2f}")
            cells.append(f"{found['c'] / found['floor']:.2f}")
            rows.append(f"| {' | '.join(cells)} |")
            print(rows[-1], file=sys.stderr, flush=True)
    means = {name: statistics.fmean(logs) for name, logs in shares.items()}
    cells = [f"**{math.exp(mean):.2f}**" for mean in means.values()]
    cells.append(f"**{math.exp(means['c'] - means['floor']):.2f}**")
    return [*rows, f"| | geometric mean | | {' | '.join(cells)} |"]


def report(rows: list[str]) -> str:
    """The page."""
    return "\n".join(
        [
            "# Exported kernels and the memory's limit",
            "",
            "Written by `python scripts/floor_kernels.py`, which says what the floor is: what",
            "a batch normalisation's backward pass that computes its statistics itself reads and",
            "writes, with hardly any arithmetic. Shares of PyTorch's `native_batch_norm_backward`,",
            "which is given them; medians of runs that take turns, two threads, fresh results",
            "from an allocator that keeps freed memory.",
            "",
            circumstances(),
            "",
            "| dtype | shape | torch, ms | floor | c | numba | c / floor |",
            "|---|---|---|---|---|---|---|",
            *rows,
            "",
        ]
    )


def main() -> None:
    """Measure with the tuned allocator and write the page."""
    parser = argparse.ArgumentParser(description="Time exported kernels beside the memory's limit.")
    parser.add_argument("-o", type=Path, default=Path("reports/floor.md"))
    options = parser.parse_args()
    if any(os.environ.get(name) != value for name, value in KEEPING.items()):
        environment = os.environ | KEEPING | {"OMP_NUM_THREADS": str(THREADS)}
        os.execve(sys.executable, [sys.executable, *sys.argv], environment)
    import torch

    torch.set_num_threads(THREADS)
    options.o.write_text(report(measured()), encoding="utf-8")


if __name__ == "__main__":
    main()
