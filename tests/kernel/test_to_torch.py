"""Layers for PyTorch: gradcheck, autograd of the forward pass, the reference, refusals."""

from __future__ import annotations

import importlib.util
import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from closed_forms import BATCHNORM, forms_of, plan_for
from compiled import code_of
from require import require
from test_to_numpy import HOSTILE, hostile_forms
from torch_layers import gradients, module, of_layer, planned, tensors
from torch_processes import chosen, loaded

from derive.errors import UnsupportedError, UsageError
from derive.kernel.forward import Forward
from derive.kernel.inputs import cases
from derive.kernel.outputs import forward_name
from derive.kernel.plan import plan_of
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
    "groupnorm",
    "attention",
    "two_outputs",
    "mse",
    "batchnorm_double_backward",
)


@pytest.mark.parametrize("layer", LIBRARY)
def test_equals_the_reference(layer: str) -> None:
    arguments, right = tensors(layer)
    found = gradients(layer, arguments)
    for name, value in right.items():
        assert np.abs(getattr(found, name).numpy() - value).max() <= 1e-12 * (
            1 + np.abs(value).max()
        )


@pytest.mark.parametrize("layer", LIBRARY)
def test_outputs_equal_the_definitions(layer: str) -> None:
    """The function beside that of the gradients, and the layer."""
    import torch

    made, plan = module(layer), planned(layer)
    values = tensors(layer)[0]
    forward = getattr(made, forward_name(f"{layer}_backward"))
    found, layered = forward(**chosen(forward, values)), made.layer(**chosen(made.layer, values))
    torch.testing.assert_close(tuple(found), layered if len(found) > 1 else (layered,))
    case = next(c for c in cases(plan, "float64") if not c.hard)
    defined = Forward(plan.context, case.sizes, case.inputs)
    outputs = plan.context.outputs[plan.results[0].form.objective.key]
    for one, output in zip(found, outputs, strict=True):
        right = torch.tensor(defined.name(output.key))
        torch.testing.assert_close(one, right, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize(
    ("want", "given"), [("u", ["u"]), (("v",), ["v"]), (("v", "u"), ["u", "v"])]
)
def test_wanted_outputs_only(want: Any, given: list[str]) -> None:
    made, values = module("two_outputs"), tensors("two_outputs")[0]
    forward = made.two_outputs_forward
    found = forward(**chosen(forward, values), want=want)
    assert [n for n in found._fields if getattr(found, n) is not None] == given


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("x", lambda t: t[:0], "x: every axis needs at least one entry"),
        ("beta", lambda t: t[:1], r"beta: expected shape \(D,\)"),
        ("eps", lambda e: 0.0, "eps: must satisfy"),
        ("beta", lambda t: t * float("inf"), "beta: holds a value that is not finite"),
        ("want", lambda _: "dx", "want: expected some of"),
    ],
)
def test_refusals_of_the_forward_function(name: str, change: Any, message: str) -> None:
    forward = module("layernorm").layernorm_forward
    arguments = chosen(forward, tensors("layernorm")[0])
    arguments[name] = change(arguments.get(name))
    with pytest.raises(ValueError, match=message):
        forward(**arguments, check_finite="finite" in message)


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


def test_double_backward_is_the_documents_own() -> None:
    """Autograd of the gradient of one layer, and the closed forms of another document."""
    import torch

    first, second = module("batchnorm"), module("batchnorm_double_backward")
    torch.manual_seed(0)
    x, g, d, gamma = (torch.randn(n, 1, dtype=torch.float64) for n in (7, 7, 7, 1))
    for value in (x, g, gamma):
        value.requires_grad_()
    y = first.layer(x, gamma[0], torch.zeros(1, dtype=torch.float64), 1e-2)
    (dx,) = torch.autograd.grad(y, x, g, create_graph=True)
    found = torch.autograd.grad(dx, (g, gamma, x), d)
    right = second.batchnorm_double_backward_backward(x[:, 0], d[:, 0], g[:, 0], gamma[0, 0], 1e-2)
    for one, other in zip(found, right, strict=True):
        torch.testing.assert_close(one.flatten(), other.flatten())


@pytest.mark.parametrize("layer", ["batchnorm", "layernorm", "groupnorm"])
@pytest.mark.parametrize("offset", [0.0, 1e4, 1e6])
def test_digits_at_an_offset(layer: str, offset: float) -> None:
    """float32 against the same arguments in float64: dx along x, outputs and gradients."""
    import torch

    made, arguments = module(layer), tensors(layer, "float32")[0]
    torch.manual_seed(0)
    shape = (64, *arguments["x"].shape[1:])
    arguments["x"] = torch.randn(shape) + offset
    arguments["dy"] = arguments["x"] - offset + torch.randn(shape) / 8
    wide = {n: v.double() if isinstance(v, torch.Tensor) else v for n, v in arguments.items()}
    names = list(inspect.signature(made.layer).parameters)
    results = []
    for given_ in (arguments, wide):
        found = gradients(layer, given_)
        results.append([*found, made.layer(*(given_[n] for n in names))])
    for one, other in zip(*results, strict=True):
        assert (one - other).abs().max() <= 3e-6 * other.abs().max()


LAYOUTS = {
    "transposed": lambda v: v.T.contiguous().T,
    "every second": lambda v: v.repeat_interleave(2, -1)[..., ::2],
    "flipped twice": lambda v: v.flip(0).flip(0),
    "expanded": lambda v: v[:1].expand(v.shape),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("layer", ["batchnorm", "softmax", "linear"])
def test_strides(layer: str, layout: str) -> None:
    import torch

    made, change = module(layer), LAYOUTS[layout]
    arguments, _ = tensors(layer)
    strided = {
        n: change(v) if isinstance(v, torch.Tensor) and v.ndim == 2 else v
        for n, v in arguments.items()
    }
    plain = {n: v.contiguous() if isinstance(v, torch.Tensor) else v for n, v in strided.items()}
    own, other = gradients(layer, strided), gradients(layer, plain)
    torch.testing.assert_close(tuple(own), tuple(other))
    names = list(inspect.signature(made.layer).parameters)
    found = made.layer(*(strided[n] for n in names))
    assert found.is_contiguous()
    torch.testing.assert_close(found, made.layer(*(plain[n] for n in names)))


@pytest.mark.parametrize("layer", ["batchnorm", "linear", "two_outputs"])
def test_wanted_gradients_only(layer: str) -> None:
    import torch

    arguments, _ = tensors(layer)
    whole = gradients(layer, arguments)
    for name in whole._fields:
        found = gradients(layer, arguments, want=(name,))
        assert [n for n in found._fields if getattr(found, n) is not None] == [name]
        torch.testing.assert_close(getattr(found, name), getattr(whole, name))


def test_results_share_no_memory_with_arguments() -> None:
    arguments, _ = tensors("mse")
    found = gradients("mse", arguments)
    kept = [v.clone() for v in found]
    for value in arguments.values():
        value.zero_()
    assert all((one == other).all() for one, other in zip(found, kept, strict=True))


def test_only_proved_gradients_are_given() -> None:
    made, arguments = module("batchnorm"), tensors("batchnorm")[0]
    arguments["gamma"].requires_grad_()
    y = made.layer(*(arguments[n] for n in ("x", "gamma", "beta", "eps")))
    y.sum().backward()
    assert arguments["gamma"].grad is not None and arguments["x"].grad is None


def test_modules_of_one_name_do_not_disturb_each_other(tmp_path: Path) -> None:
    require("torch", importlib.util.find_spec("torch") is not None)
    import torch

    x, found = torch.tensor([-1.0, 2.0]), list[Any]()
    for layer in ("tanh", "sigmoid"):
        path = tmp_path / f"{layer}.py"
        path.write_text(emit_torch(planned(layer), "kernel"), encoding="utf-8")
        found.append(loaded(path))
    torch.testing.assert_close(found[0].layer(x), x.tanh())
    torch.testing.assert_close(found[1].layer(x), x.sigmoid())


def test_pytorch_is_missing(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise ImportError('none')", encoding="utf-8")
    (tmp_path / "made.py").write_text(emit_torch(planned("gelu"), "gelu"), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", "import made"], cwd=tmp_path, capture_output=True, text=True
    )
    assert "ImportError: this kernel needs PyTorch: pip install torch" in done.stderr


@pytest.mark.parametrize("layer", [*LIBRARY, "sinkhorn_step"])
def test_lines_are_short(layer: str) -> None:
    assert max(map(len, emit_torch(planned(layer), "kernel").splitlines())) <= 100


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32"])
def test_narrow_tensors(dtype: str) -> None:
    """Sums are in float32: rounded once, from arguments that are exact in both."""
    import torch

    arguments, _ = tensors("layernorm", dtype)
    wide = {n: v.double() if isinstance(v, torch.Tensor) else v for n, v in arguments.items()}
    found, right = gradients("layernorm", arguments), gradients("layernorm", wide)
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
        ("eps", lambda e: 0.0, "eps: must satisfy"),
        ("eps", lambda e: 10**400, "eps: too large for torch.float64"),
        ("x", lambda t: t.to_sparse(), "x: expected a dense tensor"),
        ("x", lambda t: t * float("inf"), "x: holds a value that is not finite"),
        ("dy", lambda t: t * float("nan"), "dy: holds a value that is not finite"),
        ("want", lambda _: ("dz",), "want: expected some of"),
        ("want", lambda _: (), "want: expected some of"),
        ("want", lambda _: None, "want: expected some of"),
    ],
)
def test_refusals_name_the_argument(name: str, change: Any, message: str) -> None:
    kernel = module("layernorm").layernorm_backward
    arguments = chosen(kernel, tensors("layernorm")[0])
    arguments[name] = change(arguments.get(name))
    with pytest.raises(ValueError, match=message):
        kernel(**arguments, check_finite="finite" in message)


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
