"""Times and errors of the exported batch normalisation beside torch and plain NumPy.

    python scripts/benchmark_kernels.py [-o reports/kernels.md]

Needs the extras `fast` and `peers` and a C compiler. Every number is a median of runs that take
turns, in one process with two threads. A second process repeats them with an allocator that keeps
freed memory, which spares torch and NumPy the page faults of fresh results.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

THREADS = 2
SHAPES = ((32, 128), (256, 256), (1024, 1024), (8192, 512), (65536, 64), (65536, 1024))
DTYPES = ("float32", "float64")
CONTENDERS = ("torch", "naive NumPy", "numpy", "numba", "c", "c, out=")
SECONDS = 3.0
ROUNDS = (5, 101)
KEEPING = {
    "MALLOC_MMAP_THRESHOLD_": str(1 << 40),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 40),
    "MALLOC_TOP_PAD_": str(1 << 28),
    "THP_MEM_ALLOC_ENABLE": "1",
}
EPS = 1e-5


def naive(x: Any, dy: Any, gamma: Any, eps: float) -> tuple[Any, Any, Any]:
    """The closed forms as one would type them."""
    mean = x.mean(axis=0)
    centred = x - mean
    inverse = 1 / ((centred**2).mean(axis=0) + x.dtype.type(eps)) ** 0.5
    hat = centred * inverse
    dgamma, dbeta = (dy * hat).sum(axis=0), dy.sum(axis=0)
    dx = gamma * inverse * (dy - dbeta / len(x) - hat * dgamma / len(x))
    return dx, dgamma, dbeta


@cache
def exported() -> dict[str, Callable[..., Any]]:
    """The kernel of each back end."""
    import derive

    derivation = derive.load("batchnorm")
    return {name: derivation.kernel(name) for name in ("numpy", "numba", "c")}


def contenders(x: Any, dy: Any, gamma: Any) -> dict[str, Callable[[], Any]]:
    """What is timed, on the same arrays; torch gets the mean and the deviation for nothing."""
    import numpy as np
    import torch

    kernels = exported()
    tx, tdy, tgamma = map(torch.from_numpy, (x, dy, gamma))
    wide = tx.double()
    mean = wide.mean(0).to(tx.dtype)
    inverse = (1 / torch.sqrt(wide.var(0, unbiased=False) + EPS)).to(tx.dtype)
    out = {"dx": np.empty_like(x)}
    backward = torch.ops.aten.native_batch_norm_backward
    flags = [True, True, True]
    return {
        "torch": lambda: backward(tdy, tx, tgamma, None, None, mean, inverse, True, EPS, flags),
        "naive NumPy": lambda: naive(x, dy, gamma, EPS),
        "numpy": lambda: kernels["numpy"](x, dy, gamma, EPS),
        "numba": lambda: kernels["numba"](x, dy, gamma, EPS, threads=THREADS),
        "c": lambda: kernels["c"](x, dy, gamma, EPS, threads=THREADS),
        "c, out=": lambda: kernels["c"](x, dy, gamma, EPS, threads=THREADS, out=out),
    }


def arrays(shape: tuple[int, int], dtype: str, offset: float = 0.0) -> tuple[Any, Any, Any]:
    """Normal x around an offset, dy and γ."""
    import numpy as np

    random = np.random.default_rng(7)
    x, dy = (random.standard_normal(shape, dtype=dtype) for _ in range(2))
    return x + x.dtype.type(offset), dy, random.standard_normal(shape[1]).astype(dtype)


# ---- times --------------------------------------------------------------------------------------


def times(shape: tuple[int, int], dtype: str) -> dict[str, tuple[float, float]]:
    """The median and the least seconds of each contender, in turns."""
    functions = contenders(*arrays(shape, dtype))
    for function in functions.values():
        function()
    taken: dict[str, list[float]] = {name: [] for name in functions}
    start = time.perf_counter()
    for number in range(ROUNDS[1]):
        if number >= ROUNDS[0] and time.perf_counter() - start > SECONDS:
            break
        for name, function in functions.items():
            before = time.perf_counter()
            function()
            taken[name].append(time.perf_counter() - before)
    return {name: (statistics.median(values), min(values)) for name, values in taken.items()}


def measured() -> list[dict[str, Any]]:
    """The times for all shapes and dtypes, in this process."""
    import torch

    torch.set_num_threads(THREADS)
    rows = []
    for dtype in DTYPES:
        for shape in SHAPES:
            print(f"{dtype} {shape}", file=sys.stderr)
            rows.append({"shape": shape, "dtype": dtype, "times": times(shape, dtype)})
    return rows


def in_a_process(variables: dict[str, str]) -> list[dict[str, Any]]:
    """The times from a process of its own with environment variables."""
    environment = os.environ | {"OMP_NUM_THREADS": str(THREADS)} | variables
    command = [sys.executable, __file__, "--measure"]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    return rows


# ---- errors -------------------------------------------------------------------------------------


def errors(offset: float) -> dict[str, float]:
    """The largest error of dx in float32 as a share of its column's root mean square."""
    import numpy as np

    x, dy, gamma = arrays((8192, 256), "float32", offset)
    dy = dy + (x - x.mean(axis=0, dtype=float)).astype("float32")
    long = [value.astype(np.longdouble) for value in (x - x[0].astype(float), dy, gamma)]
    exact = naive(*long, np.float32(EPS))[0]
    size = np.sqrt((exact * exact).mean(axis=0))
    found = {}
    for name, function in contenders(x, dy, gamma).items():
        dx = np.asarray(function()[0])
        found[name] = float((np.abs(dx - exact) / size).max())
    return found


# ---- the report ---------------------------------------------------------------------------------


def table(rows: list[dict[str, Any]]) -> list[str]:
    """Milliseconds of torch, and every other time as a share of it; least times in brackets."""
    others = CONTENDERS[1:]
    lines = [
        f"| dtype | N × D | torch, ms | {' | '.join(others)} | naive NumPy / c, out= |",
        f"|{'---|' * (len(others) + 4)}",
    ]
    for row in rows:
        found = row["times"]
        shares = [_both(found[name], found["torch"], ".2f") for name in others]
        shares.append(_both(found["naive NumPy"], found["c, out="], ".1f"))
        shape = " × ".join(map(str, row["shape"]))
        torch = _both(found["torch"], (1e-3, 1e-3), ".3g")
        lines.append(f"| {row['dtype']} | {shape} | {torch} | {' | '.join(shares)} |")
    return lines


def _both(times: list[float], other: Sequence[float], style: str) -> str:
    """Median by median, and least by least in brackets."""
    median, least = (one / two for one, two in zip(times, other, strict=True))
    return f"{median:{style}} ({least:{style}})"


def report(plain: list[dict[str, Any]], keeping: list[dict[str, Any]]) -> str:
    """The page."""
    import numba
    import numpy
    import torch

    offsets = {offset: errors(offset) for offset in (0.0, 1e4, 1e6)}
    lines = [
        "# Kernels: the batch normalisation's gradient, timed",
        "",
        "`derive export batchnorm --backend …` beside torch's `native_batch_norm_backward`, which",
        "gets mean and deviation from the forward pass, and beside the closed forms typed into",
        "NumPy. The exported kernels compute mean and variance themselves. Medians of runs that",
        f"take turns in one process, {THREADS} threads; times other than torch's are shares of it,",
        "so less than 1 is faster. In brackets the same of the fastest runs: where the two are far",
        "apart, other work on the processor was in the way. Less than a quarter means little.",
        "",
        "## As it comes",
        "",
        *table(plain),
        "",
        "## With an allocator that keeps memory",
        "",
        "Fresh results of tens of megabytes cost page faults. Here glibc keeps what",
        f"is freed ({', '.join(f'`{name}`' for name in KEEPING)}).",
        "",
        *table(keeping),
        "",
        "## Errors",
        "",
        "The largest error of dx in float32 against long double, as a share of its column's root",
        "mean square; 8192 × 256 normal entries around an offset, dy correlated with x.",
        "",
        f"| offset | {' | '.join(CONTENDERS[:-1])} |",
        f"|{'---|' * len(CONTENDERS)}",
    ]
    for offset, found in offsets.items():
        shown = " | ".join(f"{found[name]:.0e}" for name in CONTENDERS[:-1])
        lines.append(f"| {offset:g} | {shown} |")
    versions = f"torch {torch.__version__}, NumPy {numpy.__version__}, numba {numba.__version__}"
    lines += ["", f"{versions}, Python {platform.python_version()}, {processor()}.", ""]
    load = os.getloadavg()[1]
    lines += [f"Load average over the run's last minutes: {load:.1f}. Where that is more than the"]
    lines += [f"number of threads, {THREADS}, threads have waited for other work.", ""]
    lines += ["Written by `scripts/benchmark_kernels.py`.", ""]
    return "\n".join(lines)


def processor() -> str:
    """The processor's name and how many cores this process may use."""
    name = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        lines = information.read_text(encoding="utf-8").splitlines()
        name = next((x.split(":", 1)[1].strip() for x in lines if x.startswith("model name")), name)
    return f"{name}, {len(os.sched_getaffinity(0))} cores"


def main() -> None:
    """Measure in two processes, then write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", default="reports/kernels.md")
    parser.add_argument("--measure", action="store_true", help="Print the times as JSON and end.")
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measured()))
        return
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("DERIVE_KERNEL_CACHE", folder)
        plain, keeping = in_a_process({}), in_a_process(KEEPING)
        text = report(plain, keeping)
    Path(options.output).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
