"""Errors of exported kernels beside PyTorch, torch.compile and JAX, against long double.

    python scripts/accuracy_kernels.py [-o reports/accuracy.md]

Needs the extras `fast`, `peers`, `plot` and a C compiler. Writes the tables, and beside them the
chart of the batch normalisation's error against the offset of its input.
"""

from __future__ import annotations

import argparse
import inspect
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from benchmark_kernels import circumstances
from kernel_peers import EPS, Layer, compiled, drawn, jitted, layers, native

Kernel = Callable[[], Any]
Errors = dict[str, float]
OURS = ("numpy", "numba", "c", "torch", "jax", "array-api")
PEERS = ("torch native", "torch.compile", "JAX", "eager formula")
OFFSETS = (0.0, 1.0, 10.0, 1e2, 1e3, 1e4, 1e5, 1e6)
SMALL: dict[int, tuple[int, ...]] = {
    1: (20000,),
    2: (1000, 257),
    3: (200, 60, 90),
    4: (40, 4, 3, 70),
}
ONE: dict[int, tuple[int, ...]] = {1: (1,), 2: (1, 257), 3: (1, 60, 90), 4: (1, 4, 3, 70)}


@cache
def exported(document: str, backend: str) -> Callable[..., Any]:
    """The kernel of a document."""
    import derive

    return derive.load(document).kernel(backend)


def ours(layer: Layer, backend: str, values: tuple[Any, ...]) -> Kernel:
    """A call of an exported kernel on arrays of its back end."""
    dtype = values[0].dtype
    kernel, convert = exported(layer.document, backend), _converter(backend)
    kinds = [str(p.annotation) for p in inspect.signature(kernel).parameters.values()]
    given = [
        value if isinstance(value, float) and kind == "float" else convert(np.asarray(value, dtype))
        for value, kind in zip(values, kinds, strict=False)
    ]
    return lambda: [getattr(kernel(*given, want=layer.want), name) for name in layer.want]


def _converter(backend: str) -> Callable[[Any], Any]:
    match backend:
        case "torch":
            import torch

            return torch.from_numpy
        case "jax":
            import jax

            jax.config.update("jax_enable_x64", True)
            return jax.numpy.asarray
        case _:
            return np.asarray


def peers(layer: Layer, values: tuple[Any, ...]) -> dict[str, Kernel]:
    """What others compute from the same arrays."""
    return {
        "torch native": native(layer, values),
        "torch.compile": compiled(layer, values),
        "JAX": jitted(layer, values),
        "eager formula": lambda: layer.naive(*values),
    }


def errors(layer: Layer, values: tuple[Any, ...], columns: bool) -> Errors:
    """The largest error of the first result, as a share of its root mean square.

    That of its column, or of the whole. NaN where a result holds none or an infinity.
    """
    long = [v if isinstance(v, float) else v.astype(np.longdouble) for v in values]
    kind = values[0].dtype.type
    exact = layer.naive(*(np.longdouble(kind(v)) if isinstance(v, float) else v for v in long))[0]
    size = np.sqrt((exact * exact).mean(axis=0 if columns else None))
    size = np.where(size == 0, np.abs(np.asarray(values[1])).max(), size)
    functions = peers(layer, values)
    functions |= {f"derive: {name}": ours(layer, name, values) for name in OURS}
    found = {}
    for name, function in functions.items():
        with np.errstate(all="ignore"):
            first = np.asarray(function()[0]).reshape(exact.shape)
            found[name] = float(np.max(np.abs(first - exact) / size))
    return found


# ---- cases --------------------------------------------------------------------------------------


def batches(offset: float) -> tuple[Any, ...]:
    """The batch normalisation's arguments around an offset, dy correlated with x."""
    x, dy, gamma, eps = drawn(layers()["batchnorm"], (8192, 256), "float32")
    return x + np.float32(offset), dy + x, gamma, eps


def hard_batches() -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Inputs of the batch normalisation that are hard in different ways, float32."""
    layer = layers()["batchnorm"]
    x, dy, gamma, eps = drawn(layer, (8192, 256), "float32")
    yield "standard normal, 8192 × 256", (x, dy, gamma, eps)
    for offset in (1e4, 1e6):
        yield f"offset {offset:g}, dy correlated with x", batches(offset)
    half = x.copy()
    half[:, ::2] = np.float32(3.3)
    yield "half the columns constant", (half, dy, gamma, eps)
    yield "variance 1e-12", (x * np.float32(1e-6), dy, gamma, eps)
    yield "one row", (x[:1], dy[:1], gamma, eps)
    x, dy, gamma, eps = drawn(layer, (524288, 16), "float32")
    yield "524288 × 16, dy correlated with x", (x, dy + x, gamma, eps)
    x, dy, gamma, eps = drawn(layer, (4000000, 2), "float32")
    yield "4000000 × 2, offset 100", (x + np.float32(100), dy, gamma, eps)


def cases(layer: Layer, dtype: str) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Benign and hard inputs of one layer."""
    rank = len(layer.shapes[0])
    if layer.document == "gelu":
        yield "normal", drawn(layer, SMALL[rank], dtype)
        return
    yield "normal", drawn(layer, SMALL[rank], dtype)
    if rank != 3:
        yield "offset 1e4", drawn(layer, SMALL[rank], dtype, 1e4)
    x, *others = drawn(layer, SMALL[rank], dtype)
    yield "variance 1e-12", (x * x.dtype.type(1e-6), *others)
    yield "one row", drawn(layer, ONE[rank], dtype)


# ---- the report ---------------------------------------------------------------------------------


def table(rows: list[tuple[str, Errors]], unit: float) -> list[str]:
    """A row for each case; shares, or multiples of a unit."""
    names = list(rows[0][1])
    lines = [f"| input | {' | '.join(names)} |", f"|{'---|' * (len(names) + 1)}"]
    for case, found in rows:
        cells = [f"{found[n]:.0e}" if unit == 1 else f"{found[n] / unit:.3g}" for n in names]
        lines.append(f"| {case} | {' | '.join(cells)} |")
    return lines


def chart(rows: list[tuple[float, Errors]], path: Path) -> None:
    """Error against offset, both on logarithmic axes."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7.6, 4.2), layout="constrained")
    x = [max(offset, 0.1) for offset, _ in rows]
    shown = {name: name for name in PEERS} | {"derive: c": "derive (c, numba, numpy)"}
    for name, label in shown.items():
        thick = name.startswith("derive")
        y = [max(found[name], 1e-8) for _, found in rows]
        axes.loglog(x, y, marker="o", ms=4, lw=2.6 if thick else 1.3, label=label)
    axes.set_xticks(x, ["0", *(f"{offset:g}" for offset, _ in rows[1:])], minor=False)
    axes.set_xlabel("offset of the input: x = offset + standard normal")
    axes.set_ylabel("largest error of dx / rms of its column")
    axes.set_title("Batch normalisation backward in float32, 8192 × 256", fontsize=11)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, fontsize=9)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def report(picture: Path) -> str:
    """The page; the chart is written on the way."""
    layer = layers()["batchnorm"]
    offsets = [(offset, errors(layer, batches(offset), columns=True)) for offset in OFFSETS]
    chart(offsets, picture)
    hard = [(name, errors(layer, values, columns=True)) for name, values in hard_batches()]
    lines = [
        "# Exported kernels: their errors",
        "",
        "Against the closed form in long double at the very numbers that the kernels got.",
        "PyTorch's own operators get mean and deviation computed in float64 and rounded;",
        "`torch.compile` and JAX differentiate the formula of the forward pass.",
        "",
        "## Batch normalisation, float32",
        "",
        "The largest error of dx as a share of its column's root mean square.",
        "",
        *table(hard, 1),
        "",
        f"![Error against offset]({picture.name})",
        "",
        *table([(f"offset {offset:g}", found) for offset, found in offsets], 1),
        "",
    ]
    for name, each in layers().items():
        for dtype in ("float32", "float64"):
            rows = [(case, errors(each, values, False)) for case, values in cases(each, dtype)]
            unit = float(np.finfo(dtype).eps)
            lines += [f"## {name}, {dtype}", "", _UNITS, "", *table(rows, unit), ""]
    lines += [circumstances(), "", f"ε = {EPS:g}. Written by `scripts/accuracy_kernels.py`.", ""]
    return "\n".join(lines)


_UNITS = "The largest error of the first gradient, in ulps of its root mean square."


def main() -> None:
    """Write the tables and the chart."""
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", default="reports/accuracy.md")
    output = Path(parser.parse_args().output)
    output.write_text(report(output.with_name("error_against_offset.svg")), encoding="utf-8")


if __name__ == "__main__":
    main()
