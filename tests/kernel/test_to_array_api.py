"""Modules over array API namespaces: every layer, every namespace at hand, refusals."""

from __future__ import annotations

import importlib.util
import math
import sys
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from closed_forms import BATCHNORM, forms_of, plan_for
from compiled import code_of
from layers import (
    LAYERS,
    chosen,
    forward_of,
    planned,
    right_gradients,
    right_outputs,
    values_of,
    written,
)
from require import require
from test_to_numpy import HOSTILE, hostile_forms

from derive.errors import UnsupportedError, UsageError
from derive.kernel.array_api_text import array_api_text
from derive.kernel.plan import plan_of
from derive.kernel.to_array_api import emit_array_api
from derive.kernel.to_numpy import emit_numpy, load_kernel

NAMESPACES = {"array_api_strict": "array-api-strict", "torch": "torch", "dask.array": "dask"}
SEVERAL = ("layernorm", "gelu", "attention", "conv1d", "huber")


def module(layer: str) -> ModuleType:
    require("array-api-compat", importlib.util.find_spec("array_api_compat") is not None)
    return written(layer, emit_array_api)


def made_in(namespace: str, values: dict[str, Any], dtype: str = "float64") -> dict[str, Any]:
    """Arguments as arrays of a namespace; numbers stay."""
    if namespace == "numpy":
        return {n: np.asarray(v, dtype) if np.ndim(v) else v for n, v in values.items()}
    top = namespace.split(".")[0]
    require(NAMESPACES[namespace], importlib.util.find_spec(top) is not None)
    xp = importlib.import_module(namespace)

    def made(value: Any) -> Any:
        value = np.array(value, dtype)
        if namespace == "dask.array":
            return xp.from_array(value, chunks=tuple(math.ceil(n / 2) for n in value.shape))
        return xp.asarray(value)

    return {n: made(v) if np.ndim(v) else v for n, v in values.items()}


def as_numpy(value: Any) -> Any:
    if hasattr(value, "compute"):
        value = value.compute()
    return np.asarray(value._array if hasattr(value, "_array") else value)


def close(found: Any, right: Any, within: float = 1e-11) -> None:
    assert tuple(found.shape) == np.shape(right)
    assert np.abs(as_numpy(found) - right).max() <= within * (1 + np.abs(right).max())


def agrees(layer: str, namespace: str) -> None:
    """Outputs and gradients beside the definitions and the closed forms."""
    made, values = module(layer), values_of(layer)
    found = made.backward(**made_in(namespace, chosen(made.backward, values)))
    kind = type(next(v for v in made_in(namespace, values).values() if np.ndim(v)))
    for name, right in right_gradients(layer).items():
        assert isinstance(getattr(found, name), kind)
        close(getattr(found, name), right)
    forward = forward_of(made)
    outputs = forward(**made_in(namespace, chosen(forward, values)))
    for one, right in zip(outputs, right_outputs(layer), strict=True):
        close(one, right)


@pytest.mark.parametrize("layer", LAYERS)
def test_every_layer_in_the_strict_namespace(layer: str) -> None:
    """It refuses whatever the standard does not hold."""
    agrees(layer, "array_api_strict")


@pytest.mark.parametrize("namespace", ["numpy", "torch", "dask.array"])
@pytest.mark.parametrize("layer", SEVERAL)
def test_namespaces(layer: str, namespace: str) -> None:
    agrees(layer, namespace)


def test_dask_stays_lazy() -> None:
    made = module("layernorm")
    given = made_in("dask.array", chosen(made.backward, values_of("layernorm")))
    for name in ("x", "dy"):
        given[name] = given[name].map_blocks(_not_yet, dtype=float, meta=np.empty((0, 0)))
    assert type(made.backward(**given).dx) is type(given["x"])


def _not_yet(block: Any) -> Any:
    raise AssertionError("computed too early")


def test_jax_traces_it() -> None:
    require("jax", importlib.util.find_spec("jax") is not None)
    import jax

    made, values = module("layernorm"), values_of("layernorm")
    with jax.enable_x64(True):
        given = {n: jax.numpy.asarray(v) for n, v in chosen(made.backward, values).items()}
        found = jax.jit(made.backward)(**given)
        for name, right in right_gradients("layernorm").items():
            close(getattr(found, name), right)


@pytest.mark.parametrize("layer", ["layernorm", "softmax"])
def test_equals_the_numpy_kernel(layer: str) -> None:
    made, values = module(layer), values_of(layer)
    given = chosen(made.backward, values)
    plain = load_kernel(emit_numpy(planned(layer), "kernel"), "kernel")
    right = plain(**chosen(plain, values))
    for one, other in zip(made.backward(**given), right, strict=True):
        close(one, other, 1e-13)


@pytest.mark.parametrize("namespace", ["numpy", "array_api_strict", "torch"])
def test_means_that_are_large(namespace: str) -> None:
    made = module("batchnorm")
    random = np.random.default_rng(0)
    x = (random.standard_normal((4096, 3)) + 1e6).astype("float32")
    dy = random.standard_normal((4096, 3)).astype("float32")
    given = {"x": x, "dy": dy, "gamma": np.ones(3), "eps": 1e-5}
    given = {n: np.float32(v) if np.ndim(v) else v for n, v in given.items()}
    right = made.backward(**made_in("numpy", given)).dx
    found = as_numpy(made.backward(**made_in(namespace, given, "float32")).dx)
    assert found.dtype == np.float32
    assert np.abs(found - right).max() <= 1e-6 * np.abs(right).max()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_error_function(dtype: str) -> None:
    """To 4 ulps, from one piece to the next and beyond."""
    made = module("gelu")
    x = np.concatenate([np.linspace(-8, 8, 4001), [0, 1e-30, -1e-30, np.inf, -np.inf]])
    x = x.astype(dtype)
    right = np.array([math.erf(v) for v in x])
    found = made._erf(sys.modules["array_api_compat"].array_namespace(x), x)
    assert found.dtype == x.dtype
    assert (np.abs(found - right) <= 4 * np.finfo(dtype).eps * np.abs(right)).all()
    assert np.isnan(made._erf(np, np.full(1, np.nan, dtype))).all()


def test_results_are_arrays_of_their_own() -> None:
    """Where a gradient is that by the output, writing into it leaves the argument alone."""
    made, values = module("linear"), values_of("linear")
    given = chosen(made.backward, values)
    for gradient in made.backward(**given):
        assert gradient.flags.writeable
        assert not any(np.shares_memory(gradient, v) for v in given.values())


def test_want() -> None:
    made = module("layernorm")
    found = made.backward(**chosen(made.backward, values_of("layernorm")), want="dgamma")
    assert (found.dx, found.dbeta) == (None, None) and found.dgamma is not None


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("x", lambda v: v.tolist(), "x: expected an array of an array API namespace, got list"),
        ("x", lambda v: np.ma.array(v), "x: expected a plain array, got MaskedArray"),
        ("x", lambda v: v.astype(int), "x: expected dtype float32 or float64, got int64"),
        ("x", lambda v: v.astype("float16"), "x: expected dtype float32 or float64"),
        ("x", lambda v: v[0], "x: expected 2 axes"),
        ("x", lambda v: v[:0], "x: every axis needs at least one entry"),
        ("dy", lambda v: v[:, :1], r"dy: expected shape \(N, D\)"),
        ("dy", lambda v: v.astype("float32"), "dy: dtype float32, while x has float64"),
        ("gamma", lambda v: v[:1], r"gamma: expected shape \(D,\)"),
        ("eps", lambda v: -v, "eps: must satisfy"),
        ("eps", lambda v: 0, "eps: must satisfy"),
        ("eps", lambda v: np.asarray(-v), "eps: must satisfy"),
        ("eps", lambda v: float("nan"), "eps: must satisfy"),
        ("eps", lambda v: "1", "eps: expected a real number, got str"),
        ("eps", lambda v: True, "eps: expected a real number, got bool"),
        ("eps", lambda v: np.ones(2), "eps: expected 0 axes"),
        ("eps", lambda v: 10**400, "eps: too large"),
        ("want", lambda v: ("dz",), "want: expected some of"),
        ("want", lambda v: (), "want: expected some of"),
        ("want", lambda v: None, "want: expected some of"),
    ],
)
def test_refusals_name_the_argument(name: str, change: Any, message: str) -> None:
    made = module("layernorm")
    given = chosen(made.backward, values_of("layernorm"))
    given[name] = change(given.get(name))
    with pytest.raises(ValueError, match=message):
        made.backward(**given)


def test_namespaces_and_devices_are_not_mixed() -> None:
    made = module("layernorm")
    given = made_in("torch", chosen(made.backward, values_of("layernorm")))
    dy = as_numpy(given["dy"])
    with pytest.raises(ValueError, match=r"dy: of .*numpy, while x is of .*torch"):
        made.backward(**given | {"dy": dy})
    with pytest.raises(ValueError, match="dy: on meta, while x is on cpu"):
        made.backward(**given | {"dy": given["dy"].to("meta")})


def test_values_that_are_not_finite() -> None:
    made = module("layernorm")
    given = chosen(made.backward, values_of("layernorm"))
    with pytest.raises(ValueError, match="dy: holds a value that is not finite"):
        made.backward(**given | {"dy": given["dy"] * np.inf}, check_finite=True)


def test_the_package_is_asked_for_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "array_api_compat", None)
    source = compile(emit_array_api(planned("gelu"), "backward"), "made", "exec")
    with pytest.raises(ImportError, match="pip install array-api-compat"):
        exec(source, {"__name__": "made"})


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text(text: str) -> None:
    honest = emit_array_api(plan_of(forms_of(BATCHNORM)), "kernel", version="1")
    hostile = emit_array_api(plan_of(hostile_forms(text)), "kernel", version=text)
    assert code_of(hostile) == code_of(honest)


@pytest.mark.parametrize("name", ["", "a b", "class", "forward", "xp"])
def test_function_names_are_checked(name: str) -> None:
    with pytest.raises(UsageError):
        emit_array_api(plan_for("softmax"), name)


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("numpy.arcsin(x)", "xp.asin(x)"),
        ("x**2", "x * x"),
        ("numpy.sum(x, axis=0)", "_sum(xp, x, axis=0)"),
        ("numpy.max(x, axis=1)", "xp.max(x, axis=1)"),
        ("numpy.sqrt(d)*x", "xp.sqrt(_value(xp, d, work, device)) * x"),
        ("numpy.maximum(x, 0)", "xp.maximum(x, _value(xp, 0, work, device))"),
        ("x[numpy.arange(1, d)]", "_gather(xp, x, xp.arange(1, d, device=device))"),
        ("x[:, None]", "x[:, None]"),
        ("numpy.nanmax(x, axis=0)", "_nanmax(xp, x, axis=0)"),
        ("3", "_value(xp, 3, work, device)"),
    ],
)
def test_texts(text: str, right: str) -> None:
    assert array_api_text(text, ("d",)) == right


@pytest.mark.parametrize("text", ["numpy.bessel(x)", "_own(x)", "numpy.inf"])
def test_an_unknown_function_is_refused(text: str) -> None:
    with pytest.raises(UnsupportedError, match="no counterpart"):
        array_api_text(text)


@pytest.mark.parametrize(
    ("subscripts", "shapes"),
    [
        ("ab,bc->ac", [(2, 3), (3, 4)]),
        ("abc,abd->acd", [(2, 3, 4), (2, 3, 5)]),
        ("ab,ab->ab", [(2, 3), (2, 3)]),
        ("ab,cb->b", [(2, 3), (4, 3)]),
        ("ab,a,b->", [(2, 3), (2,), (3,)]),
        ("ab,cd->dbac", [(2, 3), (4, 5)]),
        ("abcd,bdae,ce->dc", [(2, 3, 4, 5), (3, 5, 2, 6), (4, 6)]),
        ("ab->b", [(2, 3)]),
    ],
)
def test_contractions(subscripts: str, shapes: list[tuple[int, ...]]) -> None:
    random = np.random.default_rng(0)
    operands = [random.standard_normal(shape) for shape in shapes]
    made = module("attention")
    close(made._einsum(np, subscripts, *operands), np.einsum(subscripts, *operands))
