"""Times of exported Triton kernels on a GPU beside PyTorch and torch.compile.

    python scripts/benchmark_gpu.py [--layers layernorm,softmax] [--dtype float32] [-o gpu.md]

Needs a GPU and the extra `triton`; says "not measured: no GPU" where there is none. Medians of
runs that take turns with an emptied cache. `share` is that of the measured bandwidth of a copy, if
each argument were read once and each result written once: no backward pass does with less.
PyTorch's operators are given the statistics that their forward pass saves; ours are not.
"""

from __future__ import annotations

import argparse
import importlib.util
import inspect
import math
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from kernel_peers import Arrays, Layer, Shape, arguments, drawn, layers

NOT_MEASURED = "not measured: no GPU"
COPIED = 1 << 30
"""Bytes of the copy whose bandwidth is the measure."""
DTYPES = ("float32", "float16", "bfloat16")
Row = tuple[str, str, float, float, float, float]


def has_gpu() -> bool:
    """Whether PyTorch, Triton and a GPU are there."""
    if any(importlib.util.find_spec(name) is None for name in ("torch", "triton")):
        return False
    import torch

    return bool(torch.cuda.is_available())


# ---- contenders ---------------------------------------------------------------------------------


def exported(document: str, folder: Path) -> ModuleType:
    """The emitted module of a document."""
    import derive
    from derive.kernel.to_triton import emit_triton

    path = folder / f"gpu_{document}.py"
    path.write_text(emit_triton(derive.load(document).plan(), "gradients"), encoding="utf-8")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def ours(layer: Layer, module: ModuleType, given: list[Any]) -> Callable[[], Any]:
    """The gradients by the emitted module."""
    import torch

    import derive
    from derive.kernel.front import parameter_names

    known = dict(
        zip(parameter_names(derive.load(layer.document).plan()).values(), given, strict=True)
    )
    shown = inspect.signature(module.gradients).parameters
    for name, parameter in shown.items():
        if parameter.kind is parameter.KEYWORD_ONLY:
            continue
        if isinstance(known[name], float) and parameter.annotation != "float":
            known[name] = torch.tensor(known[name], dtype=given[0].dtype, device="cuda")
    module.gradients(**known, want=layer.want)
    unchecked = {"check_values": False} if "check_values" in shown else {}
    return lambda: module.gradients(**known, want=layer.want, **unchecked)


def compiled(layer: Layer, given: list[Any]) -> Callable[[], Any]:
    """The gradients of the formula by `torch.compile`."""
    import torch

    _, dy, *_ = given
    inputs = [given[0], *given[2:]]

    def gradients(dy: Any, *inputs: Any) -> Any:
        def of(*chosen: Any) -> Any:
            every = list(inputs)
            for place, value in zip(layer.by, chosen, strict=True):
                every[place] = value
            return layer.forward(torch, *every)

        _, pull = torch.func.vjp(of, *(inputs[place] for place in layer.by))
        return pull(dy)

    function = torch.compile(gradients, dynamic=False)
    return lambda: function(dy, *inputs)


# ---- measures -----------------------------------------------------------------------------------


def milliseconds(functions: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """The median time of each function, in three turns; NaN where it cannot run."""
    from triton.testing import do_bench

    found: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(3):
        for name, function in functions.items():
            try:
                found[name].append(float(do_bench(function, return_mode="median")))
            except RuntimeError as failure:
                print(f"{name}: {str(failure)[:200]}", file=sys.stderr)
                found[name].append(math.nan)
    return {name: sorted(times)[1] for name, times in found.items()}


def bandwidth() -> float:
    """Bytes a second that a copy reads and writes."""
    import torch
    from triton.testing import do_bench

    source = torch.ones(COPIED // 4, device="cuda")
    target = torch.empty_like(source)
    return 2 * COPIED / (float(do_bench(lambda: target.copy_(source), return_mode="median")) / 1e3)


def moved(given: Arrays | list[Any], results: Any) -> int:
    """The bytes of all arguments and results."""
    held = [*given, *(result for result in results if result is not None)]
    return sum(v.numel() * v.element_size() for v in held if hasattr(v, "numel"))


def measured(layer: Layer, dtype: str, copying: float, folder: Path) -> Iterator[Row]:
    """Milliseconds of ours, PyTorch's and torch.compile's for each shape, and our share."""
    import torch

    module = exported(layer.document, folder)

    def sent(value: Any) -> Any:
        return torch.from_numpy(value).to("cuda", getattr(torch, dtype))

    for shape in layer.shapes:
        given = arguments(drawn(layer, shape, "float32"), sent)
        own = ours(layer, module, given)
        times = milliseconds(
            {
                "derive": own,
                "torch": layer.native(torch, *given),
                "torch.compile": compiled(layer, given),
            }
        )
        share = moved(given, own()) / (times["derive"] / 1e3) / copying
        yield layer.document, _by(shape), *times.values(), share


def _by(shape: Shape) -> str:
    return " × ".join(map(str, shape))


def table(rows: list[Row], copying: float, dtype: str, device: str) -> str:
    """The rows as Markdown."""
    lines = [
        f"# Triton kernels on {device}, {dtype}",
        "",
        f"Milliseconds; a copy moves {copying / 1e9:.0f} GB/s.",
        "",
        "| layer | shape | derive | torch | torch.compile | share of the copy's bandwidth |",
        "|---|---|---|---|---|---|",
    ]
    for name, shape, own, native, other, share in rows:
        lines.append(f"| {name} | {shape} | {own:.4f} | {native:.4f} | {other:.4f} | {share:.0%} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure and print, or write, the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layers", default=",".join(layers()), help="documents, by commas")
    parser.add_argument("--dtype", choices=DTYPES, default="float32")
    parser.add_argument("-o", "--output", type=Path, help="a file for the table")
    chosen = parser.parse_args()
    names = chosen.layers.split(",")
    if unknown := [name for name in names if name not in layers()]:
        parser.error(f"no such layer: {unknown[0]}; one of {', '.join(layers())}")
    if not has_gpu():
        print(NOT_MEASURED)
        return
    import torch

    copying = bandwidth()
    rows = list[Row]()
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            rows += measured(layers()[name], chosen.dtype, copying, Path(folder))
    text = table(rows, copying, chosen.dtype, torch.cuda.get_device_name())
    if chosen.output is None:
        print(text)
    else:
        chosen.output.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
