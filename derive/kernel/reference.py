"""A plan computed in this process: SymPy's `lambdify` for the expressions, NumPy for the sums."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from derive.kernel.entries import Const, Entry, Load, Place, Reduce, Where, is_label
from derive.kernel.expressions import VALUES, Atom, Expressions, Index
from derive.kernel.plan import Plan, Step
from derive.meaning.terms import Affine, Bound

Array = np.ndarray[Any, Any]
FOLDS: Mapping[str, Callable[..., Any]] = {
    "sum": np.sum,
    "prod": np.prod,
    "max": np.max,
    "min": np.min,
}
OF_MATRICES: Mapping[str, Callable[..., Any]] = {
    "inverse": np.linalg.inv,
    "det": np.linalg.det,
    "logdet": lambda matrix: np.log(np.linalg.det(matrix)),
    "detsign": lambda matrix: np.sign(np.linalg.det(matrix)),
}
NEUTRAL = {"sum": 0.0, "prod": 1.0, "max": -np.inf, "min": np.inf}


@dataclass(frozen=True)
class _Compiled:
    step: Step
    atoms: tuple[Atom, ...]
    function: Callable[..., Any]
    condition_atoms: tuple[Atom, ...]
    condition: Callable[..., Any] | None


def reference(plan: Plan) -> Callable[[Mapping[str, Any]], dict[str, Array]]:
    """A function from parameter arrays to result arrays, both by their keys in the plan."""
    compiled = [_compile(step) for step in plan.steps]
    axes = {step.array: step.axes for step in plan.steps}

    def run(parameters: Mapping[str, Any]) -> dict[str, Array]:
        values = {array: np.asarray(value) for array, value in parameters.items()}
        kind = np.result_type(*values.values())
        sizes = sizes_of(plan, values)
        for each in compiled:
            values[each.step.array] = _Run(values, axes, sizes, kind).step(each)
        return {result.array: values[result.array].astype(kind) for result in plan.results}

    return run


def sizes_of(plan: Plan, values: Mapping[str, Array]) -> dict[str, int]:
    """Each size from the shape of a parameter."""
    sizes: dict[str, int] = {}
    for parameter in plan.parameters:
        shape = values[parameter.array].shape
        for axis, length in zip(parameter.symbol.shape, shape, strict=True):
            if axis.single is not None:
                sizes[axis.single] = length
    return sizes


def _compile(step: Step) -> _Compiled:
    if step.of_matrix is not None:
        name, matrix = step.of_matrix
        return _Compiled(step, (matrix,), OF_MATRICES[name], (), None)
    atoms, function = _lambda(lambda made: made.of(step.inner))
    if isinstance(step.body, Reduce) and step.body.condition:
        where: Entry = Where(step.body.condition, Place(Affine.number(1)), Place(Affine.number(0)))
        condition_atoms, condition = _lambda(lambda made: made.of(where))
        return _Compiled(step, atoms, function, condition_atoms, condition)
    return _Compiled(step, atoms, function, (), None)


def _lambda(build: Callable[[Expressions], sp.Expr]) -> tuple[tuple[Atom, ...], Callable[..., Any]]:
    made = Expressions()
    expression = build(made)
    symbols = list(made.atoms)
    function = sp.lambdify(symbols, expression, modules=[dict(VALUES), "numpy"])
    return tuple(made.atoms[symbol] for symbol in symbols), function


@dataclass(frozen=True)
class _Run:
    values: Mapping[str, Array]
    axes: Mapping[str, tuple[Bound, ...]]
    sizes: Mapping[str, int]
    kind: np.dtype[Any]

    def step(self, compiled: _Compiled) -> Array:
        step = compiled.step
        labels = {b.name: b for b in (*step.axes, *step.bounds)}
        order = step.order
        shape = tuple(self._length(labels[name]) for name in order)
        value = compiled.function(*(self._atom(a, order, labels) for a in compiled.atoms))
        if step.of_matrix is not None:
            return np.asarray(value)
        value = np.broadcast_to(value, shape)
        if not isinstance(step.body, Reduce):
            return value
        if compiled.condition is not None:
            atoms = (self._atom(a, order, labels) for a in compiled.condition_atoms)
            value = np.where(compiled.condition(*atoms), value, NEUTRAL[step.body.kind])
        bound = {b.name for b in step.bounds}
        places = tuple(k for k, name in enumerate(order) if name in bound)
        return np.asarray(FOLDS[step.body.kind](value, axis=places))

    def _length(self, bound: Bound) -> int:
        return max(0, bound.high.value(self.sizes) - bound.low.value(self.sizes) + 1)

    def _atom(self, atom: Atom, order: tuple[str, ...], labels: Mapping[str, Bound]) -> Any:
        match atom:
            case Const():
                return self.kind.type(np.nan)
            case Place(at):
                return self._place(at, order, labels).astype(self.kind)
            case Index(at):
                return self._place(at, order, labels)
            case Load(array, at):
                axes = self.axes.get(array, ())
                lows = [axis.low.value(self.sizes) for axis in axes] or [1] * len(at)
                picked = [
                    self._place(a, order, labels) - low for a, low in zip(at, lows, strict=True)
                ]
                value = self.values[array]
                inside = [np.clip(p, 0, n - 1) for p, n in zip(picked, value.shape, strict=True)]
                return value[tuple(inside)]

    def _place(self, at: Affine, order: tuple[str, ...], labels: Mapping[str, Bound]) -> Array:
        """A position as an array of whole numbers over its labels."""
        total = np.asarray(at.constant)
        for name, factor in at.terms:
            if not is_label(name):
                total = total + factor * self.sizes[name]
                continue
            low = labels[name].low.value(self.sizes)
            line = np.arange(low, low + self._length(labels[name]))
            shape = [len(line) if other == name else 1 for other in order]
            total = total + factor * line.reshape(shape)
        return total
