"""Matrix products of compiled kernels are NumPy's; what lies between them stays compiled loops."""

from __future__ import annotations

import importlib.util
import warnings
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from closed_forms import forms_of
from require import require, require_backend

import derive
from derive.kernel.backends import emitter
from derive.kernel.front import load_kernel
from derive.kernel.inputs import cases
from derive.kernel.plan import Plan, plan_of
from derive.kernel.products import without_products

LAYERS = ("linear", "swiglu", "attention", "conv1d", "lstm_cell")
WITHOUT = ("batchnorm", "softmax", "weightnorm", "rbf_kernel")

CENTRED = r"""
Let $X \in \mathbb{R}^{N \times D}$, $A \in \mathbb{R}^{N \times K}$,
$B \in \mathbb{R}^{K \times D}$, $c \in \mathbb{R}^D$, with
$$\mu_i = \frac{1}{D} \sum_{k=1}^{D} x_{ik}, \qquad
y_{ij} = c_j (x_{ij} - \mu_i) \sum_{k=1}^{K} a_{ik} b_{kj}$$
with $\mu \in \mathbb{R}^N$, $Y \in \mathbb{R}^{N \times D}$ and a loss
$f : \mathbb{R}^{N \times D} \to \mathbb{R}$. Then
$$\frac{\partial f}{\partial c_j} = \sum_{i=1}^{N} \frac{\partial f}{\partial y_{ij}}
(x_{ij} - \mu_i) \sum_{k=1}^{K} a_{ik} b_{kj}$$
"""

READ = r"""
Let $X \in \mathbb{R}^{N \times D}$, $S, U, B \in \mathbb{R}^{D \times M}$ and
$Y \in \mathbb{R}^{N \times M}$ with
$$y_{im} = \sum_{j=1}^{D} x_{ij} (s_{jm} u_{jm} + b_{jm})$$
for a loss $f : \mathbb{R}^{N \times M} \to \mathbb{R}$. Then
$$\frac{\partial f}{\partial u_{jm}}
= s_{jm} \sum_{i=1}^{N} x_{ij} \frac{\partial f}{\partial y_{im}}, \qquad
\frac{\partial f}{\partial b_{jm}} = \sum_{i=1}^{N} x_{ij} \frac{\partial f}{\partial y_{im}}$$
"""

STACKS = r"""
Let $Q \in \mathbb{R}^{H \times N \times D}$, $K \in \mathbb{R}^{L \times H \times D}$ and
$S \in \mathbb{R}^{N \times H \times L}$ with $s_{ihj} = \sum_{k=1}^{D} q_{hik} k_{jhk}$
for a loss $f : \mathbb{R}^{N \times H \times L} \to \mathbb{R}$. Then
$$\frac{\partial f}{\partial q_{hik}}
= \sum_{j=1}^{L} \frac{\partial f}{\partial s_{ihj}} k_{jhk}, \qquad
\frac{\partial f}{\partial k_{jhk}} = \sum_{i=1}^{N} \frac{\partial f}{\partial s_{ihj}} q_{hik}$$
"""

TEXTS = {"centred": CENTRED, "read": READ, "stacks": STACKS}


@cache
def planned(name: str) -> Plan:
    return plan_of(forms_of(TEXTS[name])) if name in TEXTS else derive.load(name).plan()


@cache
def kernel(name: str, backend: str) -> Any:
    require_backend(backend)
    return load_kernel(emitter(backend)(planned(name), "kernel"), "kernel")


def arguments(name: str, dtype: str, case: int) -> list[Any]:
    plan = planned(name)
    found = list(cases(plan, dtype))[case]
    values = [
        (found.inputs if p.kind == "input" else found.upstream)[p.symbol.key]
        for p in plan.parameters
    ]
    return [value if value.ndim else float(value) for value in values]


def wide(values: list[Any]) -> list[Any]:
    return [v if isinstance(v, float) else v.astype(float) for v in values]


def agree(found: Any, expected: Any, dtype: str) -> None:
    for name, value in zip(expected._fields, expected, strict=True):
        part = getattr(found, name)
        if part is not None:
            assert part.dtype == dtype
            bound = 1e-12 if dtype == "float64" else 2e-5
            assert np.max(np.abs(part - value)) <= bound * np.max(np.abs(value))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    ("name", "backend"),
    [*((layer, "c") for layer in (*LAYERS, *TEXTS)), ("swiglu", "numba"), ("read", "numba")],
)
def test_equals_the_numpy_kernel(name: str, backend: str, dtype: str) -> None:
    """Also one result alone, into a given array, in Fortran order, and `precise`."""
    function = kernel(name, backend)
    for case in (0, 2):
        values = arguments(name, dtype, case)
        expected = kernel(name, "numpy")(*wide(values))
        agree(function(*values), expected, dtype)
        agree(function(*values), expected, dtype)
        agree(function(*values, precise=True), expected, dtype)
        turned = [v if isinstance(v, float) else np.asfortranarray(v) for v in values]
        agree(function(*turned), expected, dtype)
        for field, value in zip(expected._fields, expected, strict=True):
            agree(function(*values, want=field), expected, dtype)
            into = np.full(value.shape, np.nan, dtype)
            found = function(*values, want=field, out={field: into})
            assert getattr(found, field) is into
            agree(found, expected, dtype)
            assert [n for n in expected._fields if getattr(found, n) is not None] == [field]


def matrices(dtype: str, rows: int = 40) -> dict[str, Any]:
    """Arguments of CENTRED and of the linear layer."""
    random = np.random.default_rng(3)
    shapes = {"x": (rows, 30), "a": (rows, 20), "b": (20, 30)}
    return {n: random.standard_normal(shape).astype(dtype) for n, shape in shapes.items()}


@pytest.mark.parametrize("backend", ["c", "numba"])
def test_digits_survive_an_offset(backend: str) -> None:
    """A mean that loops after a product centre by, computed by loops before it."""
    values = matrices("float32")
    named = values | {"dy": values["x"][::-1].copy()}
    named["x"] = named["x"] + np.float32(1e6)
    right = kernel("centred", "numpy")(**{n: v.astype(float) for n, v in named.items()}).dc
    found = kernel("centred", backend)(**named).dc
    assert found.dtype == np.float32
    assert np.abs(found - right).max() <= 3e-6 * np.sqrt((right**2).mean())


def test_one_row() -> None:
    values = matrices("float64", rows=1)
    named = {"x": values["a"], "w": values["b"].T.copy(), "dy": values["x"]}
    assert np.allclose(kernel("linear", "c")(**named).dw, named["dy"].T @ named["x"], rtol=1e-13)


def test_other_layouts() -> None:
    """Reversed and interleaved arguments, results in columns of another array."""
    values = matrices("float64")
    x, dy, w = values["a"], values["x"], values["b"].T
    held = np.zeros((30, 40))
    apart = np.repeat(x[::-1], 2, axis=1)[::-1, ::2]
    found = kernel("linear", "c")(x=apart, w=w[::-1][::-1], dy=dy, out={"dw": held[:, ::2]})
    assert np.allclose(held[:, ::2], dy.T @ x, rtol=1e-12) and not held[:, 1::2].any()
    assert np.allclose(found.dx, dy @ w, rtol=1e-12)


def test_infinities_pass_without_a_warning() -> None:
    values = matrices("float64")
    named = {"x": values["a"], "w": np.zeros((30, 20)), "dy": values["x"]}
    named["dy"][0, 0] = np.inf
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = kernel("linear", "c")(**named)
    assert np.isnan(found.dx[0]).all() and np.isfinite(found.dx[1:]).all()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"w": np.ones((30, 19))}, r"w: expected shape \(M, D\) = \(30, 20\)"),
        ({"out": {"dw": np.ones((20, 30))}}, r"out: dw: expected shape \(30, 20\)"),
        ({"threads": -1}, "threads: expected a whole number"),
    ],
)
def test_refusals(changed: dict[str, Any], message: str) -> None:
    values = matrices("float64")
    named = {"x": values["a"], "w": values["b"].T, "dy": values["x"]}
    with pytest.raises(ValueError, match=message):
        kernel("linear", "c")(**(named | changed))


def test_an_argument_may_not_take_a_result() -> None:
    values = matrices("float64")
    named = {"x": values["a"], "w": values["b"].T.copy(), "dy": values["x"]}
    with pytest.raises(ValueError, match="out: dw overlaps another array"):
        kernel("linear", "c")(**named, out={"dw": named["w"]})


# ---- text ---------------------------------------------------------------------------------------


def backward(name: str) -> str:
    """The function of gradients, in text."""
    source = emitter("c")(planned(name), "kernel")
    return source.partition("def kernel(")[2].partition("\n\n\ndef ")[0]


@pytest.mark.parametrize(
    ("name", "calls"), [*((n, 0) for n in WITHOUT), ("linear", 2), ("swiglu", 6), ("stacks", 2)]
)
def test_calls_of_matmul(name: str, calls: int) -> None:
    assert without_products(planned(name)) == (calls == 0)
    text = backward(name)
    assert text.count("numpy.matmul(") == calls and "einsum" not in text
    assert ("held" in text) == (calls > 0)


def test_what_is_read_no_more_is_given_back() -> None:
    lines = backward("swiglu").splitlines()
    drops = [k for k, line in enumerate(lines) if "held.pop(name, None)" in line]
    products = [k for k, line in enumerate(lines) if "numpy.matmul(" in line]
    assert len(drops) == 2 and products[1] < drops[0] < products[2] and products[-1] < drops[1]


# ---- numba --------------------------------------------------------------------------------------


@pytest.fixture
def linear(tmp_path: Path) -> ModuleType:
    require("numba", importlib.util.find_spec("numba") is not None)
    path = tmp_path / "linear_by_numba.py"
    path.write_text(emitter("numba")(planned("linear"), "backward"), encoding="utf-8")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_warmup_compiles_all_pieces_of_a_function(linear: ModuleType) -> None:
    linear.warmup("float32", precise=True, parallel=False, functions="backward")
    built = set(linear._COMPILED)
    assert {(key[1], key[2]) for key in built} == {(4, 4), (8, 8)}
    values = {n: v.astype("float32") for n, v in matrices("float64").items()}
    for precise in (False, True):
        linear.backward(x=values["a"], w=values["b"].T.copy(), dy=values["x"], precise=precise)
    assert set(linear._COMPILED) == built
    with pytest.raises(ValueError, match=r"functions: expected some of .*'backward_forward'"):
        linear.warmup(functions="backward_0")


def test_warmup_for_some_results(linear: ModuleType) -> None:
    linear.warmup("float64", parallel=False, want="db")
    built = set(linear._COMPILED)
    values = {n: v.astype("float64") for n, v in matrices("float64").items()}
    linear.backward(x=values["a"], w=values["b"].T.copy(), dy=values["x"], want="db")
    assert set(linear._COMPILED) == built != set()
    with pytest.raises(ValueError, match="want: expected some of"):
        linear.warmup(want="dz")
