"""What the modules for PyTorch are tried on: layers and their arguments."""

from __future__ import annotations

import importlib.util
import inspect
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

import numpy as np
from closed_forms import forms_of
from compiled import expected, given
from require import require
from torch_processes import chosen, loaded

import derive
from derive.kernel.front import parameter_names
from derive.kernel.inputs import cases
from derive.kernel.names import identifier
from derive.kernel.plan import Plan, plan_of
from derive.kernel.to_torch import emit_torch

TWO_OUTPUTS = r"""
Let $X \in \mathbb{R}^{N \times D}$, $w \in \mathbb{R}^D$ and

$$u_{ij} = w_j x_{ij}^2, \qquad v_i = \sum_{j=1}^{D} \sin x_{ij}$$

A loss $f : \mathbb{R}^{N \times D} \times \mathbb{R}^N \to \mathbb{R}$ is taken of $u$ and $v$.

$$\frac{\partial f}{\partial x_{ij}} = 2 w_j x_{ij} \frac{\partial f}{\partial u_{ij}} +
\cos(x_{ij}) \frac{\partial f}{\partial v_i}$$

$$\frac{\partial f}{\partial w_j} = \sum_{i=1}^{N} x_{ij}^2 \frac{\partial f}{\partial u_{ij}}$$
"""


@cache
def planned(layer: str) -> Plan:
    """The plan of a document of the library, or of `two_outputs`."""
    if layer == "two_outputs":
        return plan_of(forms_of(TWO_OUTPUTS))
    return derive.load(layer).plan()


@cache
def module(layer: str) -> ModuleType:
    require("torch", importlib.util.find_spec("torch") is not None)
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"torch_{layer}.py"
        path.write_text(emit_torch(planned(layer), f"{layer}_backward"), encoding="utf-8")
        return loaded(path)


def tensors(layer: str, dtype: str = "float64") -> tuple[dict[str, Any], dict[str, Any]]:
    """Arguments of the layer and of its gradients, by name, and the reference's results."""
    import torch

    plan = planned(layer)
    case = next(c for c in cases(plan, "float64") if not c.hard)
    values = given(plan, case)
    made = module(layer)
    known = {identifier(key).lower(): v for key, v in case.inputs.items()}
    known |= values
    functions = (getattr(made, f"{layer}_backward"), made.layer)
    held = {n: v for function in functions for n, v in chosen(function, known).items()}
    names = {n: p for f in functions for n, p in inspect.signature(f).parameters.items()}
    numbers = {n for n, p in names.items() if p.annotation == "float"}
    kind = getattr(torch, dtype)
    all_given = {
        n: float(v) if n in numbers else torch.tensor(np.asarray(v), dtype=kind)
        for n, v in held.items()
    }
    return all_given, expected(
        plan, {n: np.asarray(values[n]) for n in parameter_names(plan).values()}
    )


def gradients(layer: str, arguments: dict[str, Any], **options: Any) -> Any:
    """The gradients of a layer, from the arguments that they take."""
    kernel = getattr(module(layer), f"{layer}_backward")
    return kernel(**chosen(kernel, arguments), **options)


CONSTRAINED = {"softmax_cross_entropy": {"t"}}
"""Inputs that an assumption ties, so that no difference along one entry is allowed."""


def of_layer(layer: str, arguments: dict[str, Any], free: bool = False) -> list[Any]:
    """The arguments of the layer; those with a gradient, or only the `free` ones, require it."""
    import torch

    made = module(layer)
    names = inspect.signature(made.layer).parameters
    found = [arguments[n] for n in names]
    wanted = {n.removeprefix("d") for n in made.Gradients._fields}
    wanted -= CONSTRAINED.get(layer, set()) if free else set()
    for name, value in zip(names, found, strict=True):
        if isinstance(value, torch.Tensor) and name in wanted:
            value.requires_grad_()
    return found
