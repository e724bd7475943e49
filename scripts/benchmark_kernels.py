"""Times of exported kernels beside PyTorch, torch.compile, JAX and plain NumPy.

    python scripts/benchmark_kernels.py [--layers batchnorm,softmax] [-o reports/kernels.md]

Needs the extras `fast` and `peers` and a C compiler. Times are medians of runs that take turns in
one process with two threads; each layer has a process of its own, and a second one with an
allocator that keeps freed memory, which spares all of them the page faults of fresh results.
Every result is a fresh one, ours as theirs. With --data, what was measured is kept as JSON,
so that layers can be measured one by one.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from kernel_peers import Layer, compiled, drawn, jitted, layers, native

THREADS = 2
DTYPES = ("float32", "float64")
OURS = ("numpy", "numba", "c")
PEERS = ("torch.compile", "JAX", "typed NumPy")
SECONDS = 0.5
ROUNDS = (4, 101)
CALLS = 4
PAUSE = 0.02
"""Threads of one pool spin for some milliseconds after their work, in the way of another's."""
COMPILED = 4e6
"""So many entries at most, of the first dtype, for torch.compile and JAX."""
KEEPING = {
    "MALLOC_MMAP_THRESHOLD_": str(1 << 40),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 40),
    "MALLOC_TOP_PAD_": str(1 << 28),
    "THP_MEM_ALLOC_ENABLE": "1",
}
Row = dict[str, Any]


def contenders(layer: Layer, values: tuple[Any, ...]) -> dict[str, Callable[[], Any]]:
    """What is timed, on the same arrays."""
    derivation = derivation_of(layer.document)
    found: dict[str, Callable[[], Any]] = {"torch": native(layer, values)}
    named = list(inspect.signature(derivation.kernel()).parameters)
    given = dict(zip(named, values, strict=False))
    for backend in OURS:
        found[backend] = _exported(loaded(derivation, backend), given, layer.want)
        if layer.saved:
            kernel = loaded(derivation, backend, layer.saved)
            extra = [n for n in inspect.signature(kernel).parameters if n not in named]
            held = given | dict(zip(extra, layer.saving(*values), strict=True))
            found[f"{backend}, saved"] = _exported(kernel, held, layer.want)
    if values[0].size <= COMPILED and values[0].dtype == DTYPES[0]:
        found["torch.compile"] = compiled(layer, values)
        found["JAX"] = jitted(layer, values)
    found["typed NumPy"] = lambda: layer.naive(*values)
    return found


@cache
def derivation_of(document: str) -> Any:
    import derive

    return derive.load(document)


@cache
def loaded(derivation: Any, backend: str, saved: tuple[str, ...] = ()) -> Callable[..., Any]:
    """The kernel from a file, beside which numba keeps what it compiles."""
    name = derivation.kernel_name
    path = Path(os.environ["DERIVE_KERNEL_CACHE"]) / f"{'_'.join((name, backend, *saved))}.py"
    if not path.exists():
        path.write_text(derivation.export(backend, saved=saved), encoding="utf-8")
    if str(path.parent) not in sys.path:
        sys.path.insert(0, str(path.parent))
    kernel: Callable[..., Any] = getattr(importlib.import_module(path.stem), name)
    return kernel


def _exported(
    kernel: Callable[..., Any], given: dict[str, Any], want: tuple[str, ...]
) -> Callable[[], Any]:
    names = inspect.signature(kernel).parameters
    own = {name: value for name, value in given.items() if name in names}
    return lambda: kernel(**own, want=want, threads=THREADS)


# ---- times --------------------------------------------------------------------------------------


def times(layer: Layer, shape: tuple[int, ...], dtype: str) -> dict[str, tuple[float, float]]:
    """The median and the least seconds of each contender, in turns."""
    functions = contenders(layer, drawn(layer, shape, dtype))
    slow = {name for name, function in functions.items() if seconds(function, 2)[1] > SECONDS}
    taken: dict[str, list[float]] = {name: [] for name in functions}
    start = time.perf_counter()
    for number in range(ROUNDS[1]):
        if number >= ROUNDS[0] and time.perf_counter() - start > SECONDS:
            break
        for name, function in functions.items():
            if name not in slow or not number:
                time.sleep(PAUSE)
                taken[name] += seconds(function, CALLS)[1:]
    return {name: (statistics.median(values), min(values)) for name, values in taken.items()}


def seconds(function: Callable[[], Any], calls: int) -> list[float]:
    """The seconds of calls one after another; the first wakes the threads."""
    found = []
    for _ in range(calls):
        before = time.perf_counter()
        result = function()
        found.append(time.perf_counter() - before)
        del result
    return found


def measured(layer: Layer) -> list[Row]:
    """The times of one layer for all shapes and dtypes, in this process."""
    import torch

    torch.set_num_threads(THREADS)
    torch._dynamo.config.recompile_limit = 64
    rows = []
    for dtype in DTYPES:
        for shape in layer.shapes:
            print(f"{layer.document} {dtype} {shape}", file=sys.stderr, flush=True)
            rows.append({"shape": shape, "dtype": dtype, "times": times(layer, shape, dtype)})
    return rows


def in_a_process(name: str, variables: dict[str, str]) -> list[Row]:
    """The times of one layer from a process of its own with environment variables."""
    environment = os.environ | {"OMP_NUM_THREADS": str(THREADS)} | variables
    command = [sys.executable, __file__, "--measure", name]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    rows: list[Row] = json.loads(done.stdout.splitlines()[-1])
    return rows


# ---- the report ---------------------------------------------------------------------------------


def table(rows: list[Row]) -> list[str]:
    """Milliseconds of torch, and every other time as a share of it; least times in brackets."""
    saved = [f"{name}, saved" for name in OURS if f"{name}, saved" in rows[0]["times"]]
    others = [*OURS, *saved, *PEERS]
    lines = [
        f"| dtype | shape | torch, ms | {' | '.join(others)} | typed NumPy / numpy |",
        f"|{'---|' * (len(others) + 4)}",
    ]
    for row in rows:
        found = row["times"]
        shares = [_both(found.get(name), found["torch"]) for name in others]
        shape = " × ".join(map(str, row["shape"]))
        gain = found["typed NumPy"][0] / found["numpy"][0]
        cells = [row["dtype"], shape, f"{1e3 * found['torch'][0]:.3g}", *shares, f"{gain:.1f}"]
        lines.append(f"| {' | '.join(cells)} |")
    means = [_mean(rows, name) for name in others]
    shown = [f"**{mean:.2f}**" if mean else "" for mean in means]
    lines.append(f"| | geometric mean | | {' | '.join(shown)} | |")
    return lines


def _both(times: list[float] | None, other: list[float]) -> str:
    """Median by median, and least by least in brackets."""
    if times is None:
        return ""
    return f"{times[0] / other[0]:.2f} ({times[1] / other[1]:.2f})"


def _mean(rows: list[Row], name: str) -> float | None:
    """The geometric mean of the shares of torch's time where both are measured; None for none."""
    rows = [row for row in rows if name in row["times"]]
    if not rows:
        return None
    shares = [row["times"][name][0] / row["times"]["torch"][0] for row in rows]
    return math.exp(statistics.fmean(map(math.log, shares)))


def summary(found: dict[str, dict[str, list[Row]]]) -> list[str]:
    """Geometric means over the shapes, by layer and contract; both allocators."""
    lines = [
        f"| layer | {' | '.join(f'{name} | tuned' for name in OURS)} | worst c, tuned |",
        f"|{'---|' * (2 * len(OURS) + 2)}",
    ]
    for name, both in found.items():
        for contract in ("", ", saved"):
            if f"c{contract}" not in both["tuned"][0]["times"]:
                continue
            means = [
                _mean(both[allocator], f"{backend}{contract}")
                for backend in OURS
                for allocator in ("plain", "tuned")
            ]
            cells = [f"{mean:.2f}" if mean else "" for mean in means]
            times = [row["times"] for row in both["tuned"]]
            worst = max(each[f"c{contract}"][0] / each["torch"][0] for each in times)
            lines.append(f"| {name}{contract} | {' | '.join(cells)} | {worst:.2f} |")
    return lines


def report(found: dict[str, dict[str, list[Row]]], about: str) -> str:
    """The page."""
    names = ", ".join(f"`{name}`" for name in KEEPING)
    lines = [
        "# Exported kernels, timed",
        "",
        "`derive export NAME --backend …` beside PyTorch's own backward operators, which get what",
        "their forward passes have saved (mean and deviation, softmax, products); the exported",
        "kernels compute all of it from the inputs, but where it says saved: there they get the",
        "same. `torch.compile` and JAX",
        "differentiate the formula of the forward pass; typed NumPy is the closed form as one",
        "would type it. Medians of",
        f"runs that take turns in one process, {THREADS} threads, each result fresh. Before each",
        "turn there is a pause and a call that is not timed: pools of threads spin after their",
        "work and would be in each other's way. Times other than torch's are shares of torch's, so",
        "less than 1 is faster; in brackets the same of the fastest runs: where the two are far",
        "apart, other work was in the way. Less than a quarter means little.",
        "",
        "Tuned: an allocator that keeps freed memory, which spares everybody the page faults of",
        f"fresh results ({names}).",
        "",
        "## Geometric means over the shapes",
        "",
        *summary(found),
        "",
    ]
    for name, both in found.items():
        lines += [f"## {name}", "", "As it comes:", "", *table(both["plain"]), ""]
        lines += ["Tuned allocator:", "", *table(both["tuned"]), ""]
    return "\n".join([*lines, about, "", "Written by `scripts/benchmark_kernels.py`.", ""])


def circumstances() -> str:
    """Versions, processor, load."""
    import jax
    import numba
    import numpy
    import torch

    return (
        f"torch {torch.__version__}, JAX {jax.__version__}, NumPy {numpy.__version__},"
        f" numba {numba.__version__}, Python {platform.python_version()}, {processor()}."
        f" Load average at the end: {os.getloadavg()[1]:.1f}."
    )


def processor() -> str:
    """The processor's name and how many cores this process may use."""
    name = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        lines = information.read_text(encoding="utf-8").splitlines()
        name = next((x.split(":", 1)[1].strip() for x in lines if x.startswith("model name")), name)
    return f"{name}, {len(os.sched_getaffinity(0))} cores"


def main() -> None:
    """Measure each layer in two processes, then write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", default="reports/kernels.md")
    parser.add_argument("--layers", default=",".join(layers()))
    parser.add_argument("--data", default="", help="What was measured, as JSON, kept and added to.")
    parser.add_argument("--measure", metavar="LAYER", help="Print the times as JSON and end.")
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measured(layers()[options.measure])))
        return
    data = Path(options.data) if options.data else None
    found = json.loads(data.read_text()) if data and data.exists() else {}
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("DERIVE_KERNEL_CACHE", folder)
        for name in filter(None, options.layers.split(",")):
            found[name] = {"plain": in_a_process(name, {}), "tuned": in_a_process(name, KEEPING)}
            if data:
                data.write_text(json.dumps(found))
    kept = {name: found[name] for name in layers() if name in found}
    Path(options.output).write_text(report(kept, circumstances()), encoding="utf-8")


if __name__ == "__main__":
    main()
