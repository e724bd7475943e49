"""Both functions of a module against PyTorch's autograd in float64, for layers of the library."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest
from compiled import LAYOUTS, laid_out
from hypothesis import given as drawing
from hypothesis import settings
from hypothesis import strategies as st
from require import require, require_compiler

import derive
from derive.kernel.backends import emitter
from derive.kernel.front import load_kernel, parameter_names, result_names
from derive.kernel.outputs import forward_name, forward_plan
from derive.kernel.plan import Plan

Torch = Any
SIZES = {"N": 37, "D": 19, "M": 6, "K": 5, "G": 3, "S": 7}
TOLERANCE = {"float32": 1e-5, "float64": 1e-12}


def _normed(x: Torch, gamma: Torch, beta: Torch, axes: tuple[int, ...], eps: float) -> Torch:
    centred = x - x.mean(axes, keepdim=True)
    return gamma * centred / ((centred**2).mean(axes, keepdim=True) + eps).sqrt() + beta


LAYERS: dict[str, Callable[[dict[str, Torch]], Torch]] = {
    "batchnorm": lambda a: _normed(a["x"], a["gamma"], a["beta"], (0,), a["eps"]),
    "layernorm": lambda a: _normed(a["x"], a["gamma"], a["beta"], (1,), a["eps"]),
    "groupnorm": lambda a: _normed(
        a["x"], a["gamma"][..., None], a["beta"][..., None], (2, 3), a["eps"]
    ),
    "rmsnorm": lambda a: a["gamma"] * a["x"] / ((a["x"] ** 2).mean(1, True) + a["eps"]).sqrt(),
    "softmax": lambda a: a["x"].softmax(1),
    "log_softmax": lambda a: a["x"].log_softmax(1),
    "logsumexp": lambda a: a["x"].logsumexp(1),
    "silu": lambda a: a["x"] * (a["b"] * a["x"]).sigmoid(),
    "tanh": lambda a: a["x"].tanh(),
    "linear": lambda a: a["x"] @ a["w"].T + a["b"],
    "cosine_similarity": lambda a: (
        (a["x"] * a["z"]).sum(1) / (a["x"].norm(dim=1) * a["z"].norm(dim=1))
    ),
}
SAVED = {"batchnorm": ("mu", "sigma"), "layernorm": ("mu", "r"), "logsumexp": ("y",)}


@pytest.fixture(scope="module", autouse=True)
def cache_of_kernels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Compiled kernels of these tests in a folder of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DERIVE_KERNEL_CACHE", str(tmp_path_factory.mktemp("kernels")))
        yield


@cache
def plan_for(layer: str, saved: tuple[str, ...] = ()) -> Plan:
    """The plan of a document of the library."""
    return derive.load(layer).plan(saved)


def drawn(plan: Plan, dtype: str) -> dict[str, Any]:
    """Arguments of a plan by name, saved ones left out."""
    random, names = np.random.default_rng(5), parameter_names(plan)
    found = dict[str, Any]()
    for p in plan.parameters:
        shape = [size.value(SIZES) for size in p.symbol.shape]
        value = random.standard_normal(shape).astype(dtype)
        if p.kind != "saved":
            found[names[p.array]] = value if shape else 0.25
    return found


def autograd(
    layer: str, plan: Plan, given: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The output and the gradients by name, from PyTorch in float64."""
    import torch

    leaves = {n: torch.tensor(v, dtype=torch.float64) for n, v in given.items()}
    names = parameter_names(plan)
    wanted = {result_names(plan)[r.array]: r.form.target.key for r in plan.results}
    by_key = {p.symbol.key: names[p.array] for p in plan.parameters if p.kind == "input"}
    for key in wanted.values():
        if key in by_key:
            leaves[by_key[key]].requires_grad_()
    found = LAYERS[layer](leaves)
    (upstream,) = (names[p.array] for p in plan.parameters if p.kind == "upstream")
    found.backward(leaves[upstream])
    (output,) = (
        n
        for r, n in zip(
            forward_plan(plan).results, result_names(forward_plan(plan)).values(), strict=True
        )
        if r.form.target.key in {p.symbol.key for p in plan.parameters if p.kind == "upstream"}
    )
    gradients = {
        name: leaves[by_key[key]].grad.numpy() for name, key in wanted.items() if key in by_key
    }
    return {output: found.detach().numpy()}, gradients


def compare(layer: str, backend: str, dtype: str, saved: tuple[str, ...] = ()) -> None:
    """Both functions, without and with `out`, against autograd."""
    require("torch", importlib.util.find_spec("torch") is not None)
    plan = plan_for(layer, saved)
    source = emitter(backend)(plan, "kernel")
    forward, backward = (load_kernel(source, n) for n in (forward_name("kernel"), "kernel"))
    inputs = drawn(forward_plan(plan), dtype)
    named = drawn(plan, dtype)
    named |= {name: inputs[name] for name in named if name in inputs}
    whole = plan_for(layer)
    outputs, gradients = autograd(layer, whole, drawn(whole, dtype) | inputs | named)
    computed = forward(**inputs)
    kept = {
        n: getattr(computed, n)
        for p, n in zip(plan.parameters, parameter_names(plan).values(), strict=True)
        if p.kind == "saved"
    }
    taken = {n: v for n, v in named.items() if n not in kept} | kept
    for found, right in ((computed, outputs), (backward(**taken), gradients)):
        for name, value in right.items():
            own = getattr(found, name)
            assert own.dtype == dtype and own.shape == value.shape
            assert np.abs(own - value).max() <= TOLERANCE[dtype] * max(1, np.abs(value).max())
    out = {n: np.full_like(getattr(computed, n), np.nan) for n in computed._fields}
    again = forward(**inputs, out=out, threads=2)
    assert all(getattr(again, n) is out[n] for n in out)
    assert all(np.allclose(out[n], getattr(computed, n), rtol=1e-5) for n in out)


@pytest.mark.parametrize(
    ("layer", "dtype"), [*((layer, "float32") for layer in LAYERS), ("layernorm", "float64")]
)
def test_c(layer: str, dtype: str) -> None:
    require_compiler()
    compare(layer, "c", dtype)


@pytest.mark.parametrize("layer", SAVED)
def test_c_with_saved_statistics(layer: str) -> None:
    require_compiler()
    compare(layer, "c", "float64", SAVED[layer])


def test_numba() -> None:
    require("numba", importlib.util.find_spec("numba") is not None)
    compare("layernorm", "numba", "float64", ("mu", "r"))


# ---- shapes, layouts, types ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def functions(cache_of_kernels: None) -> tuple[Any, Any]:
    """The forward and the backward function of a layer normalisation with saved statistics."""
    require_compiler()
    source = emitter("c")(plan_for("layernorm", ("mu", "r")), "kernel")
    return load_kernel(source, "kernel_forward"), load_kernel(source, "kernel")


def in_numpy(a: dict[str, Any]) -> dict[str, Any]:
    """A layer normalisation and its gradients in float64, written down by hand."""
    x, dy, gamma, beta = (a[n].astype(float) for n in ("x", "dy", "gamma", "beta"))
    mu = x.mean(1)
    r = 1 / np.sqrt(x.var(1) + a["eps"])
    hat = (x - mu[:, None]) * r[:, None]
    g = gamma * dy
    inner = g - g.mean(1, keepdims=True) - hat * (g * hat).mean(1, keepdims=True)
    found = {"y": gamma * hat + beta, "mu": mu, "r": r, "dx": r[:, None] * inner}
    return found | {"dgamma": (dy * hat).sum(0), "dbeta": dy.sum(0)}


@settings(max_examples=60, deadline=None, derandomize=True)
@drawing(
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
    st.tuples(*[st.sampled_from(LAYOUTS)] * 3),
    st.sampled_from(["float32", "float64"]),
    st.booleans(),
    st.booleans(),
)
def test_shapes_and_layouts(
    functions: tuple[Any, Any],
    shape: tuple[int, int],
    layouts: tuple[str, str, str],
    dtype: str,
    wide: bool,
    strided: bool,
) -> None:
    """Any order and strides, repeated rows, `out` with strides, saved statistics of both types."""
    forward, backward = functions
    random = np.random.default_rng(shape[0] * 41 + shape[1])
    a = {n: random.standard_normal(shape).astype(dtype) for n in ("x", "dy")}
    a |= {n: random.standard_normal(shape[1]).astype(dtype) for n in ("gamma", "beta")}
    a |= {
        n: laid_out(a[n], layout) for n, layout in zip(("x", "dy", "gamma"), layouts, strict=True)
    }
    a["eps"] = 0.5
    right = in_numpy(a)
    out = np.full((shape[0], 2 * shape[1]), np.nan, dtype)[:, ::2] if strided else None
    y = forward(a["x"], a["gamma"], a["beta"], a["eps"], out=None if out is None else {"y": out})
    saved = [getattr(y, n).astype("float64" if wide else dtype) for n in ("mu", "r")]
    found = backward(a["x"], a["dy"], a["gamma"], *saved)._asdict() | y._asdict()
    for name, value in right.items():
        assert found[name].dtype == dtype and found[name].shape == value.shape
        room = {"float32": 3e-5, "float64": 1e-12}[dtype]
        assert np.abs(found[name] - value).max() <= room * max(1, np.abs(value).max()), name


# ---- refusals -----------------------------------------------------------------------------------

ONES = np.ones((5, 3))
FORWARD = {"x": ONES, "gamma": ONES[0], "beta": ONES[0], "eps": 0.5}
BACKWARD = {"x": ONES, "dy": ONES, "gamma": ONES[0], "mu": ONES[:, 0], "r": ONES[:, 0]}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"x": [[1.0]]}, "x: expected a NumPy array, got list"),
        ({"x": np.ones((0, 3))}, "x: every axis needs at least one entry"),
        ({"gamma": np.ones(2)}, r"gamma: expected shape \(D,\) = \(3,\), got \(2,\)"),
        ({"beta": np.ones(3, "float32")}, "beta: dtype float32, while x has float64"),
        ({"eps": 0.0}, "eps: must satisfy"),
        ({"eps": float("nan")}, "eps: must satisfy"),
        ({"eps": "1"}, "eps: expected a real number, got str"),
        ({"want": "dx"}, r"want: expected some of \('y', 'mu', 'r'\), got 'dx'"),
        ({"want": ()}, "want: expected some of"),
        ({"want": 3}, "want: expected some of .*, got 3"),
        ({"threads": -1}, "threads: expected a whole number"),
        ({"check_finite": True, "beta": np.full(3, np.inf)}, "beta: holds a value that is not fin"),
        ({"out": {"dx": ONES}}, "out: 'dx' is not one of the wanted"),
        ({"out": {"y": np.ones((5, 2))}}, "out: y: expected shape"),
        ({"out": {"mu": np.ones(5, "float32")}}, "out: mu: expected shape .* float32"),
        ({"out": {"y": np.broadcast_to(1.0, (5, 3))}}, "out: y: is read-only"),
        ({"out": {"y": FORWARD["x"]}}, "out: y overlaps another array"),
    ],
)
def test_the_forward_function_refuses(
    functions: tuple[Any, Any], changed: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        functions[0](**FORWARD | changed)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"mu": 1.0}, "mu: expected a NumPy array, got float"),
        ({"mu": np.ones(3)}, r"mu: expected shape \(N,\) = \(5,\), got \(3,\)"),
        ({"r": np.ones(5, "float32")}, "r: dtype float32, while x has float64"),
        ({"r": np.ones(5, "float16")}, "r: expected dtype float32 or float64, got float16"),
        ({"check_finite": True, "r": np.full(5, np.nan)}, "r: holds a value that is not finite"),
        ({"out": {"dx": BACKWARD["dy"]}}, "out: dx overlaps another array"),
    ],
)
def test_saved_statistics_are_checked(
    functions: tuple[Any, Any], changed: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        functions[1](**BACKWARD | changed)


def test_results_do_not_share_memory(functions: tuple[Any, Any]) -> None:
    line = np.ones(40)
    out = {"dgamma": line[:3], "dbeta": line[2:5]}
    with pytest.raises(ValueError, match="overlaps another array"):
        functions[1](**BACKWARD, out=out)
