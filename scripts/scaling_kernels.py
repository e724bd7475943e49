"""What an exported kernel costs to get, and per element as its input grows.

    python scripts/scaling_kernels.py [-o reports/scaling.md]

Needs the extras `fast`, `peers`, `plot` and a C compiler. The first table times exports, imports
and first calls as processes of their own; the chart and the second table give the time per
element of the batch normalisation's backward from 10⁴ to 10⁹ bytes of input.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmark_kernels import CALLS, KEEPING, PAUSE, THREADS, circumstances, seconds
from kernel_peers import drawn, layers, native

COLUMNS = 256
BYTES = tuple(10 ** (k / 2) for k in range(8, 19))
BACKENDS = ("numpy", "numba", "c")
SECONDS = 1.5
START = """
import sys, time
import numpy
start = time.perf_counter()
sys.path.insert(0, {folder!r})
import {module}
imported = time.perf_counter()
x = numpy.ones((64, 32), numpy.float32)
{module}.batchnorm_backward(x, x, x[0], 1e-5)
print(imported - start, time.perf_counter() - imported)
"""


def start_up() -> list[str]:
    """Export, import and first calls, in seconds."""
    lines = [
        "| back end | export, as a process | import | first call | first call, from cache |",
        "|---|---|---|---|---|",
    ]
    with tempfile.TemporaryDirectory() as folder:
        caches = {"DERIVE_KERNEL_CACHE": folder, "NUMBA_CACHE_DIR": f"{folder}/numba"}
        environment = os.environ | caches
        for backend in BACKENDS:
            module = f"kernel_{backend}"
            command = [sys.executable, "-m", "derive", "export", "batchnorm", "--backend", backend]
            begin = time.perf_counter()
            subprocess.run(
                [*command, "-o", f"{folder}/{module}.py"],
                env=environment,
                check=True,
                stdout=subprocess.DEVNULL,
            )
            exported = time.perf_counter() - begin
            text = START.format(folder=folder, module=module)
            first, second = (_started(text, environment) for _ in range(2))
            cells = (exported, min(first[0], second[0]), first[1], second[1])
            lines.append(f"| {backend} | {' | '.join(f'{cell:.3f} s' for cell in cells)} |")
    return lines


def _started(text: str, environment: dict[str, str]) -> tuple[float, float]:
    command = [sys.executable, "-c", text]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    imported, called = done.stdout.split()
    return float(imported), float(called)


# ---- growth -------------------------------------------------------------------------------------


def growth() -> dict[str, list[float]]:
    """Nanoseconds per element of x, for each size and contender."""
    import torch

    import derive

    torch.set_num_threads(THREADS)
    layer = layers()["batchnorm"]
    kernels = {name: derive.load("batchnorm").kernel(name) for name in BACKENDS}
    found: dict[str, list[float]] = {name: [] for name in (*BACKENDS, "torch native")}
    for size in BYTES:
        rows = max(1, round(size / 4 / COLUMNS))
        values = drawn(layer, (rows, COLUMNS), "float32")
        functions: dict[str, Callable[[], Any]] = {
            name: _call(kernel, values) for name, kernel in kernels.items()
        }
        functions["torch native"] = native(layer, values)
        for name, median in taken(functions).items():
            found[name].append(1e9 * median / (rows * COLUMNS))
    return found


def _call(kernel: Callable[..., Any], values: tuple[Any, ...]) -> Callable[[], Any]:
    return lambda: kernel(*values, threads=THREADS)


def taken(functions: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """The median seconds of each function, in turns."""
    times: dict[str, list[float]] = {name: [] for name in functions}
    start = time.perf_counter()
    for number in range(50):
        if number >= 3 and time.perf_counter() - start > SECONDS:
            break
        for name, function in functions.items():
            time.sleep(PAUSE)
            times[name] += seconds(function, CALLS)[1:]
    return {name: statistics.median(values) for name, values in times.items()}


def chart(found: dict[str, list[float]], path: Path) -> None:
    """Nanoseconds per element against bytes of input."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7.6, 4.2), layout="constrained")
    for name, values in found.items():
        axes.loglog(BYTES, values, marker="o", ms=4, label=name)
    axes.set_xlabel("bytes of x, float32, 256 columns")
    axes.set_ylabel("nanoseconds per element")
    axes.set_title("Batch normalisation backward, two threads", fontsize=11)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, fontsize=9)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def report(picture: Path) -> str:
    """The page; the chart is written on the way."""
    found = growth()
    chart(found, picture)
    lines = [
        "# Exported kernels: start and growth",
        "",
        "The batch normalisation's backward. Import and first calls are measured in fresh",
        "processes that have NumPy imported; the first call compiles what is to be compiled.",
        "",
        *start_up(),
        "",
        "Nanoseconds per element of x, float32, 256 columns, fresh results from an allocator that",
        f"keeps freed memory, {THREADS} threads:",
        "",
        f"| bytes of x | {' | '.join(found)} |",
        f"|{'---|' * (len(found) + 1)}",
    ]
    for number, size in enumerate(BYTES):
        cells = " | ".join(f"{values[number]:.3f}" for values in found.values())
        lines.append(f"| {size:.2g} | {cells} |")
    lines += ["", f"![Nanoseconds per element]({picture.name})", "", circumstances(), ""]
    return "\n".join([*lines, "Written by `scripts/scaling_kernels.py`.", ""])


def main() -> None:
    """Write the tables and the chart, in a process whose allocator keeps freed memory."""
    if "MALLOC_TOP_PAD_" not in os.environ:
        environment = os.environ | KEEPING | {"OMP_NUM_THREADS": str(THREADS)}
        os.execve(sys.executable, [sys.executable, *sys.argv], environment)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", default="reports/scaling.md")
    output = Path(parser.parse_args().output)
    output.write_text(report(output.with_name("time_per_element.svg")), encoding="utf-8")


if __name__ == "__main__":
    main()
