"""Layers for JAX: the reference, automatic differentiation, transformations, refusals."""

from __future__ import annotations

import importlib.util
import inspect
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
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
from derive.kernel.jax_text import jax_text
from derive.kernel.plan import plan_of
from derive.kernel.to_jax import emit_jax

LINKED = {"softmax_cross_entropy": {"t"}, "label_smoothing": {"t"}, "rayleigh": {"a"}}
"""Inputs that an assumption ties: their gradients hold along the entries that it allows."""

QUICK = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}


@pytest.fixture(autouse=True)
def wide() -> Iterator[None]:
    require("jax", importlib.util.find_spec("jax") is not None)
    import jax

    with jax.enable_x64(True):
        yield


def module(layer: str) -> ModuleType:
    return written(layer, emit_jax)


def arrays(values: dict[str, Any], dtype: str = "float64") -> dict[str, Any]:
    import jax.numpy as jnp

    return {n: jnp.asarray(v, dtype) if np.ndim(v) else v for n, v in values.items()}


def plain(made: ModuleType) -> Callable[..., Any]:
    """The only output, which JAX differentiates by itself."""

    def output(**inputs: Any) -> Any:
        (found,) = forward_of(made)(**inputs)
        return found

    return output


def normalised(dtype: str = "float64") -> dict[str, Any]:
    """Arguments of the gradients of layer normalisation."""
    return arrays(chosen(module("layernorm").backward, values_of("layernorm")), dtype)


def close(found: Any, right: Any, within: float = 1e-11) -> None:
    found, right = np.asarray(found, float), np.asarray(right, float)
    assert found.shape == right.shape
    assert np.abs(found - right).max() <= within * (1 + np.abs(right).max())


@pytest.mark.parametrize("layer", LAYERS)
def test_every_layer(layer: str) -> None:
    """Outputs, gradients, and reverse mode beside that of the definitions."""
    import jax
    import jax.numpy as jnp

    made = module(layer)
    values = values_of(layer)
    inputs = chosen(made.layer, values)
    free = {n: jnp.asarray(v) for n, v in arrays(inputs).items() if _differentiable(made, n)}
    fixed = {n: v for n, v in arrays(inputs).items() if n not in free}
    right = right_outputs(layer)

    def both(given: dict[str, Any]) -> list[Any]:
        sent = []
        for function in (made.layer, forward_of(made)):
            out, pull = jax.vjp(lambda held, of=function: of(**held, **fixed), given)
            leaves, shape = jax.tree.flatten(out)
            grads = [jnp.cos(jnp.arange(o.size)).reshape(o.shape) for o in leaves]
            sent.append((leaves, pull(jax.tree.unflatten(shape, grads))[0]))
        return [*sent, made.backward(**arguments)]

    arguments = arrays(chosen(made.backward, values))
    (out, own), (_, plain), found = jax.jit(both, compiler_options=QUICK)(free)
    for name, gradient in right_gradients(layer).items():
        close(getattr(found, name), gradient)
    for one, other in zip(out, right, strict=True):
        close(one, other)
    for name in free.keys() - LINKED.get(layer, set()):
        close(own[name], plain[name], 1e-9)


def _differentiable(made: ModuleType, name: str) -> bool:
    return f"d{name}" in made.Gradients._fields


@pytest.mark.parametrize("layer", ["layernorm", "gelu", "softmax", "linear"])
def test_second_derivatives(layer: str) -> None:
    import jax
    import jax.numpy as jnp

    made = module(layer)
    inputs = arrays(chosen(made.layer, values_of(layer)))
    x, rest = inputs.pop("x"), inputs

    def slope(function: Any) -> Any:
        first = jax.grad(lambda v: jnp.sum(jnp.sin(function(x=v, **rest))))
        return jax.jit(jax.grad(lambda v: jnp.sum(jnp.cos(first(v)))))(x)

    close(slope(made.layer), slope(plain(made)), 1e-9)


def test_any_axis_is_mapped() -> None:
    import jax
    import jax.numpy as jnp

    made = module("gelu")
    x = jnp.cos(jnp.arange(24.0)).reshape(2, 4, 3)
    sent = jax.vmap(jax.grad(lambda x: jnp.sum(jnp.sin(made.layer(x)))), in_axes=1, out_axes=-1)
    found = jax.jit(jax.vmap(sent, in_axes=-1))(x)
    right = jax.grad(lambda x: jnp.sum(jnp.sin(plain(made)(x=x.reshape(-1)))))(x)
    close(found, jnp.transpose(right, (2, 0, 1)))


def test_a_gradient_that_is_not_proved() -> None:
    import jax
    import jax.numpy as jnp

    made = module("layernorm")
    given = arrays(chosen(made.layer, values_of("layernorm")))
    with pytest.raises(ValueError, match="eps: is differentiated by, and no gradient is proved"):
        jax.grad(lambda eps: jnp.sum(made.layer(**given | {"eps": eps})))(1e-5)


@pytest.mark.parametrize(("dtype", "within"), [("float16", 1), ("bfloat16", 1), ("float32", 3)])
def test_narrow_arrays(dtype: str, within: float) -> None:
    """Half precision is computed in float32 and rounded once."""
    import jax.numpy as jnp

    made = module("layernorm")
    given = normalised(dtype)
    exact = {n: v.astype("float64") if hasattr(v, "dtype") else v for n, v in given.items()}
    found, right = made.backward(**given), made.backward(**exact)
    for one, other in zip(found, right, strict=True):
        assert one.dtype == jnp.dtype(dtype)
        most = within * float(jnp.finfo(dtype).eps) * float(jnp.abs(other).max())
        assert float(jnp.abs(one.astype("float64") - other).max()) <= most


def test_means_that_are_large() -> None:
    import jax.numpy as jnp

    made = module("batchnorm")
    random = np.random.default_rng(0)
    x = (random.standard_normal((4096, 3)) + 1e6).astype("float32")
    dy = random.standard_normal((4096, 3)).astype("float32")
    rest = {"gamma": np.ones(3, "float32")}
    found = made.backward(**arrays({"x": x, "dy": dy, **rest, "eps": 1e-5}, "float32"))
    right = made.backward(**arrays({"x": x, "dy": dy, **rest, "eps": 1e-5}, "float64"))
    assert float(jnp.abs(found.dx - right.dx).max()) <= 1e-6 * float(jnp.abs(right.dx).max())


def test_numbers_may_be_traced() -> None:
    import jax

    made = module("layernorm")
    given = normalised()
    eps = given.pop("eps")
    traced = jax.jit(lambda eps, given: made.backward(**given, eps=eps))(eps, given)
    for one, other in zip(traced, made.backward(**given, eps=eps), strict=True):
        close(one, other)


def test_gradients_by_numbers() -> None:
    import jax
    import jax.numpy as jnp

    made = module("huber")
    given = arrays(chosen(made.layer, values_of("huber")))
    x, t = given["x"], given["t"]
    by = jax.grad(lambda k, of: jnp.sum(of(x, t, k)))
    close(by(0.3, made.layer), by(0.3, lambda x, t, k: plain(made)(x=x, t=t, kappa=k)))


def test_want() -> None:
    found = module("layernorm").backward(**normalised(), want="dgamma")
    assert (found.dx, found.dbeta) == (None, None) and found.dgamma is not None


SHARDED = """
import sys
import importlib.util
import jax, jax.numpy as jnp, numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec as P
spec = importlib.util.spec_from_file_location("made", sys.argv[1])
made = importlib.util.module_from_spec(spec)
spec.loader.exec_module(made)
assert len(jax.devices()) == 2
rows = NamedSharding(Mesh(np.array(jax.devices()), ("rows",)), P("rows", None))
x = jnp.cos(jnp.arange(48.0)).reshape(8, 6)
g, b = jnp.linspace(1, 2, 6), jnp.zeros(6)
grad = jax.grad(lambda x: jnp.sum(jnp.sin(made.layer(x, g, b, 1e-5))))
held = jax.device_put(x, rows)
for function in (grad, jax.jit(grad), jax.jit(lambda x: made.layer(x, g, b, 1e-5))):
    found = function(held)
    assert len(found.sharding.device_set) == 2, found.sharding
    assert found.sharding.is_equivalent_to(rows, 2), found.sharding
    assert jnp.allclose(function(x), np.asarray(found), atol=1e-5)
"""


@pytest.mark.parametrize("layer", ["layernorm", "batchnorm"])
def test_arrays_on_two_devices(layer: str, tmp_path: Path) -> None:
    path = tmp_path / "made.py"
    path.write_text(emit_jax(planned(layer), "backward"), encoding="utf-8")
    devices = {"XLA_FLAGS": "--xla_force_host_platform_device_count=2", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", SHARDED, str(path)],
        env={**os.environ, **devices},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("x", np.asarray, "x: expected a JAX array, got ndarray"),
        ("x", lambda v: v.astype(int), "x: expected a floating dtype, got int64"),
        ("x", lambda v: v[0], "x: expected 2 axes"),
        ("x", lambda v: v[:0], "x: every axis needs at least one entry"),
        ("dy", lambda v: v[:, :1], r"dy: expected shape \(N, D\)"),
        ("dy", lambda v: v.astype("float32"), "dy: dtype float32, while x has float64"),
        ("gamma", lambda v: v[:1], r"gamma: expected shape \(D,\)"),
        ("eps", lambda v: -v, "eps: must satisfy"),
        ("eps", lambda v: 0, "eps: must satisfy"),
        ("eps", lambda v: float("nan"), "eps: must satisfy"),
        ("eps", lambda v: np.float64(-v), "eps: must satisfy"),
        ("eps", lambda v: "1", "eps: expected a real number, got str"),
        ("eps", lambda v: True, "eps: expected a real number, got bool"),
        ("eps", lambda v: np.ones(2), "eps: expected a real number, got ndarray"),
        ("eps", lambda v: 10**400, "eps: too large"),
        ("want", lambda v: ("dz",), "want: expected some of"),
        ("want", lambda v: (), "want: expected some of"),
        ("want", lambda v: None, "want: expected some of"),
    ],
)
def test_refusals_name_the_argument(name: str, change: Any, message: str) -> None:
    given = normalised()
    given[name] = change(given.get(name))
    with pytest.raises(ValueError, match=message):
        module("layernorm").backward(**given)


def test_refusals_while_jax_traces() -> None:
    """Shapes, and values that are not traced."""
    import jax

    made, given = module("layernorm"), normalised()
    for change, message in ((("eps", -1.0), "eps: must"), (("dy", given["dy"][:1]), "dy: exp")):
        with pytest.raises(ValueError, match=message):
            held = {n: v for n, v in (given | dict([change])).items() if n != "x"}
            jax.jit(lambda x, held=held: made.backward(x=x, **held))(given["x"])


def test_values_that_are_not_finite() -> None:
    given = normalised()
    given["dy"] = given["dy"].at[0, 0].set(np.inf)
    with pytest.raises(ValueError, match="dy: holds a value that is not finite"):
        module("layernorm").backward(**given, check_finite=True)


def test_jax_is_asked_for_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jax", None)
    with pytest.raises(ImportError, match="pip install jax"):
        exec(compile(emit_jax(planned("gelu"), "backward"), "made", "exec"), {"__name__": "made"})


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text(text: str) -> None:
    honest = emit_jax(plan_of(forms_of(BATCHNORM)), "kernel", version="1")
    assert code_of(emit_jax(plan_of(hostile_forms(text)), "kernel", version=text)) == code_of(
        honest
    )


@pytest.mark.parametrize("name", ["", "a b", "class", "layer", "forward", "jax"])
def test_function_names_are_checked(name: str) -> None:
    with pytest.raises(UsageError):
        emit_jax(plan_for("softmax"), name)


@pytest.mark.parametrize("text", ["numpy.bessel(x)", "_own(x)", "numpy.inf"])
def test_an_unknown_function_is_refused(text: str) -> None:
    with pytest.raises(UnsupportedError, match="no counterpart"):
        jax_text(text)


def test_signatures() -> None:
    made = module("layernorm")
    assert list(inspect.signature(made.layer).parameters) == ["x", "gamma", "beta", "eps"]
