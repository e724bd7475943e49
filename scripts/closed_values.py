"""Values of proved closed forms at random inputs, beside the automatic derivatives of a framework.

The closed form is evaluated term by term as it stands in the document, and by the exported kernel
where there is one. The framework differentiates its own forward pass.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from peers_jax import jax_table
from peers_torch import torch_table

from derive.kernel.forward import At, Forward
from derive.kernel.plan import make_plan
from derive.kernel.proved import ClosedForm
from derive.kernel.to_numpy import emit_numpy, load_kernel, result_names
from derive.meaning import terms as t

Array = np.ndarray[Any, Any]
Arrays = Mapping[str, Array]
LENGTHS = (5, 3, 4, 2)
CONSTANTS = frozenset(["\\epsilon"])
"""Inputs that the frameworks take as plain numbers; no gradient by them is wanted."""
FRAMEWORKS = ("torch", "jax")


@dataclass
class Backward(Forward):
    """Values of terms that hold the upstream gradients, by the key of the output."""

    upstream: Arrays | None = None

    def value(self, term: t.Term, at: At) -> Array:
        if isinstance(term, t.Derivative) and self.upstream is not None:
            given = np.asarray(self.upstream[term.target.key])
            return np.asarray(
                given[tuple(slice(None) if p is None else p.value(at) - 1 for p in term.at)]
            )
        return super().value(term, at)


@dataclass(frozen=True)
class Point:
    """Inputs, sizes and upstream gradients at which all closed forms of a document are compared."""

    context: t.Context
    sizes: Mapping[str, int]
    inputs: Arrays
    upstream: Arrays

    def closed(self, form: ClosedForm) -> Array:
        """The closed form, entry by entry along its free indices."""
        backward = Backward(self.context, self.sizes, self.inputs, upstream=self.upstream)
        lengths = [size.value(self.sizes) for size in form.target.shape]
        leading = lengths[: len(form.free)]
        values = [
            backward.value(
                form.term,
                {**self.sizes, **{n: k + 1 for n, k in zip(form.free, place, strict=True)}},
            )
            for place in np.ndindex(*leading)
        ]
        return np.broadcast_to(np.array(values).reshape([*leading, *values[0].shape]), lengths)


def point_for(forms: Sequence[ClosedForm], seed: int = 0) -> Point:
    """Random inputs in double precision that meet the document's assumptions."""
    context, objective = forms[0].context, forms[0].objective.key
    random = np.random.default_rng(seed)
    sizes = {name: LENGTHS[k % len(LENGTHS)] for k, name in enumerate(context.sizes)}
    inputs = {
        symbol.key: _meeting(random.standard_normal(_lengths(symbol, sizes)), symbol, context)
        for symbol in context.symbols.values()
        if symbol.role == "input"
    }
    upstream = {
        output.key: random.standard_normal(_lengths(output, sizes))
        for output in context.outputs[objective]
    }
    return Point(context, sizes, inputs, upstream)


def _lengths(symbol: t.Symbol, sizes: Mapping[str, int]) -> list[int]:
    return [size.value(sizes) for size in symbol.shape]


def _meeting(value: Array, symbol: t.Symbol, context: t.Context) -> Array:
    """The value changed to meet what is assumed of this input alone."""
    value, variable = np.asarray(value), t.Variable(symbol)
    for given in context.assumptions:
        match given.left, given.sign, given.right:
            case left, ">", t.Number() | t.Filled() if left == variable:
                value = np.abs(value) + 0.1
            case left, "==", t.Transposed(base) if left == base == variable:
                value = value @ value.T + np.eye(len(value))
            case t.Sum((bound,), (), t.Element(base, at)), "==", t.Number() if base == variable:
                axis = next(k for k, p in enumerate(at) if p is not None and p.single == bound.name)
                value = np.exp(value) / np.exp(value).sum(axis=axis, keepdims=True)
    return value


def by_kernels(forms: Sequence[ClosedForm], point: Point) -> dict[str, Array]:
    """The gradients of the exported kernel, by the key of the input."""
    plan = make_plan(list(forms), "kernel")
    kernel = load_kernel(emit_numpy(plan, "kernel"), "kernel")
    names = result_names(plan)
    held = {"input": point.inputs, "upstream": point.upstream}
    computed = kernel(*(np.asarray(held[p.kind][p.symbol.key])[()] for p in plan.parameters))
    return {r.form.target.key: np.asarray(getattr(computed, names[r.array])) for r in plan.results}


def by_torch(document: str, point: Point, wanted: Sequence[str]) -> dict[str, Array]:
    """PyTorch's gradients by the wanted inputs."""
    torch = importlib.import_module("torch")
    tensors = {
        key: float(value)
        if key in CONSTANTS
        else torch.tensor(value, dtype=torch.float64, requires_grad=True)
        for key, value in point.inputs.items()
    }
    outputs = torch_table()[document](torch.nn.functional, tensors)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    total = sum(
        (torch.as_tensor(given) * output).sum()
        for given, output in zip(point.upstream.values(), outputs, strict=True)
    )
    found = torch.autograd.grad(total, [tensors[key] for key in wanted])
    return {key: value.numpy() for key, value in zip(wanted, found, strict=True)}


def by_jax(document: str, point: Point, wanted: Sequence[str]) -> dict[str, Array]:
    """JAX's gradients by the wanted inputs."""
    jax = importlib.import_module("jax")
    jax.config.update("jax_enable_x64", True)
    jnp = importlib.import_module("jax.numpy")
    forward = jax_table()[document]
    held = {key: jnp.asarray(value) for key, value in point.inputs.items()}

    def total(moved: Mapping[str, Any]) -> Any:
        outputs = forward(jax.nn, {**held, **moved})
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        pairs = zip(point.upstream.values(), outputs, strict=True)
        return sum((given * output).sum() for given, output in pairs)

    found = jax.grad(total)({key: held[key] for key in wanted})
    return {key: np.asarray(value) for key, value in found.items()}


PEERS: Mapping[str, Callable[[str, Point, Sequence[str]], dict[str, Array]]] = {
    "torch": by_torch,
    "jax": by_jax,
}


def apart(value: Array, other: Array) -> float:
    """The largest difference, relative to the largest entry; infinite where shapes differ."""
    if value.shape != other.shape or not np.all(np.isfinite(value)):
        return float("inf")
    largest = max(float(np.max(np.abs(other), initial=0.0)), 1e-300)
    return float(np.max(np.abs(value - other), initial=0.0)) / largest
