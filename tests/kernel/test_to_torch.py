"""Layers for PyTorch: gradcheck, autograd of the forward pass, the reference, refusals."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from closed_forms import BATCHNORM, forms_of, plan_for
from compiled import code_of, expected, given
from require import require
from test_to_numpy import HOSTILE, hostile_forms

import derive
from derive.errors import UnsupportedError, UsageError
from derive.kernel.front import parameter_names
from derive.kernel.inputs import cases
from derive.kernel.names import identifier
from derive.kernel.plan import Plan, plan_of
from derive.kernel.to_torch import emit_torch
from derive.kernel.torch_text import torch_text

LIBRARY = (
    "batchnorm",
    "layernorm",
    "rmsnorm",
    "softmax",
    "linear",
    "softmax_cross_entropy",
    "gelu",
    "swiglu",
    "conv1d",
)


@cache
def planned(layer: str) -> Plan:
    return derive.load(layer).plan()


@cache
def module(layer: str) -> ModuleType:
    require("torch", importlib.util.find_spec("torch") is not None)
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"torch_{layer}.py"
        path.write_text(emit_torch(planned(layer), f"{layer}_backward"), encoding="utf-8")
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None and spec.loader is not None
        made = importlib.util.module_from_spec(spec)
        sys.modules[path.stem] = made
        spec.loader.exec_module(made)
    return made


def tensors(layer: str, dtype: str = "float64") -> tuple[dict[str, Any], dict[str, Any]]:
    """Arguments of the layer and of its gradients, by name, and the reference's results."""
    import torch

    plan = planned(layer)
    case = next(c for c in cases(plan, "float64") if not c.hard)
    values = given(plan, case)
    made = module(layer)
    known = {identifier(key).lower(): v for key, v in case.inputs.items()}
    known |= values
    names = inspect.signature(getattr(made, f"{layer}_backward")).parameters
    held = {n: known[n] for n, p in names.items() if p.kind == p.POSITIONAL_OR_KEYWORD}
    numbers = {n for n, p in names.items() if p.annotation == "float"}
    kind = getattr(torch, dtype)
    all_given = {
        n: float(v) if n in numbers else torch.tensor(np.asarray(v), dtype=kind)
        for n, v in held.items()
    }
    return all_given, expected(
        plan, {n: np.asarray(values[n]) for n in parameter_names(plan).values()}
    )


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


@pytest.mark.parametrize("layer", LIBRARY)
def test_equals_the_reference(layer: str) -> None:
    made = module(layer)
    arguments, right = tensors(layer)
    found = getattr(made, f"{layer}_backward")(**arguments)
    for name, value in right.items():
        assert np.abs(getattr(found, name).numpy() - value).max() <= 1e-12 * (
            1 + np.abs(value).max()
        )


@pytest.mark.parametrize("layer", LIBRARY)
def test_gradients_and_double_backward(layer: str) -> None:
    """Finite differences of the forward pass, and of the closed forms."""
    import torch

    made = module(layer)
    arguments = of_layer(layer, tensors(layer)[0], free=True)
    for function in (made.layer, made.Function.apply):
        assert torch.autograd.gradcheck(function, arguments)
    assert torch.autograd.gradgradcheck(made.layer, arguments)


@pytest.mark.parametrize("layer", LIBRARY)
def test_equals_automatic_differentiation(layer: str) -> None:
    import torch

    made = module(layer)
    arguments = of_layer(layer, tensors(layer)[0])
    inputs = [a for a in arguments if isinstance(a, torch.Tensor) and a.requires_grad]
    own, plain = made.layer(*arguments), made._forward(*arguments)
    own = own if isinstance(own, tuple) else (own,)
    torch.manual_seed(0)
    grads = [torch.randn_like(o) for o in own]
    found = torch.autograd.grad(own, inputs, grads)
    right = torch.autograd.grad(plain, inputs, grads)
    for one, other in zip(found, right, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("layer", ["layernorm", "softmax_cross_entropy"])
def test_the_operator_traces(layer: str) -> None:
    import torch

    made = module(layer)
    arguments = of_layer(layer, tensors(layer)[0])
    tests = ("test_schema", "test_autograd_registration", "test_faketensor")
    torch.library.opcheck(made._operator, tuple(arguments), test_utils=tests)
    compiled = torch.compile(made.layer, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(*arguments), made.layer(*arguments))


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_narrow_tensors(dtype: str) -> None:
    """Sums are in float32: rounded once, from arguments that are exact in both."""
    import torch

    made = module("layernorm")
    arguments, _ = tensors("layernorm", dtype)
    wide = {n: v.double() if isinstance(v, torch.Tensor) else v for n, v in arguments.items()}
    found, right = made.layernorm_backward(**arguments), made.layernorm_backward(**wide)
    for one, other in zip(found, right, strict=True):
        assert one.dtype == getattr(torch, dtype)
        assert (one - other).abs().max() <= 2 * torch.finfo(one.dtype).eps * other.abs().max()


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("x", lambda t: t.numpy(), "x: expected a tensor, got ndarray"),
        ("x", lambda t: t.long(), "x: expected a floating dtype"),
        ("x", lambda t: t[0], "x: expected 2 axes"),
        ("x", lambda t: t[:0], "x: every axis needs at least one entry"),
        ("dy", lambda t: t[:, :1], r"dy: expected shape \(N, D\)"),
        ("gamma", lambda t: t[:1], r"gamma: expected shape \(D,\)"),
        ("gamma", lambda t: t.float(), "gamma: dtype torch.float32, while x has torch.float64"),
        ("gamma", lambda t: t.to("meta"), "gamma: on meta, while x is on cpu"),
        ("eps", lambda e: -e, "eps: must satisfy"),
        ("eps", lambda e: float("nan"), "eps: must satisfy"),
        ("eps", lambda e: "1", "eps: expected a real number, got str"),
    ],
)
def test_refusals_name_the_argument(name: str, change: Any, message: str) -> None:
    made = module("layernorm")
    arguments, _ = tensors("layernorm")
    arguments[name] = change(arguments[name])
    with pytest.raises(ValueError, match=message):
        made.layernorm_backward(**arguments)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text(text: str) -> None:
    honest = emit_torch(plan_of(forms_of(BATCHNORM)), "kernel", version="1")
    assert code_of(emit_torch(plan_of(hostile_forms(text)), "kernel", version=text)) == code_of(
        honest
    )


@pytest.mark.parametrize("name", ["", "a b", "class", "layer", "torch"])
def test_function_names_are_checked(name: str) -> None:
    with pytest.raises(UsageError):
        emit_torch(plan_for("softmax"), name)


def test_an_unknown_function_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="no counterpart"):
        torch_text("numpy.bessel(x)")
