"""Entries of typed terms in floating point, straight from the forward definitions.

It knows no rule of the calculus: derivatives come from central differences.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import product

import numpy as np

from derive.meaning import terms as t

FUNCTIONS: dict[str, Callable[..., float]] = {
    "exp": math.exp,
    "log": math.log,
    "tanh": math.tanh,
    "erf": math.erf,
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "abs": abs,
    "max": max,
    "phi": math.sin,
    "phi'": math.cos,
}
COMPARED: dict[str, Callable[[float, float], bool]] = {
    "==": lambda a, b: a == b,
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
    "!=": lambda a, b: a != b,
}


@dataclass
class Numbers:
    """Values of the inputs of a context; definitions are worked out entry by entry."""

    context: t.Context
    sizes: Mapping[str, int]
    inputs: Mapping[str, np.ndarray]
    memory: dict[tuple[str, tuple[int, ...]], float] = field(default_factory=dict)

    def name(self, key: str, at: tuple[int, ...]) -> float:
        """One entry of a name; indices count from 1."""
        if key in self.inputs:
            return float(self.inputs[key][tuple(k - 1 for k in at)])
        if (key, at) not in self.memory:
            definition = self.context.definitions[key]
            count = len(definition.parameters)
            index = dict(zip(definition.parameters, at, strict=False))
            value = self.entry(definition.body, at[count:], index)
            self.memory[key, at] = math.sqrt(value) if definition.squares else value
        return self.memory[key, at]

    def position(self, at: t.Affine, index: Mapping[str, int]) -> int:
        return at.value({**self.sizes, **index})

    def entry(self, term: t.Term, at: tuple[int, ...], index: Mapping[str, int]) -> float:
        """One entry of a term."""

        def part(inner: t.Term) -> float:
            return self.entry(inner, at[len(at) - len(inner.shape) :], index)

        match term:
            case t.Number(value):
                return float(value)
            case t.Constant(name):
                return math.pi if name == "pi" else math.e
            case t.Position(place):
                return float(self.position(place, index))
            case t.Variable(symbol):
                return self.name(symbol.key, at)
            case t.Element(base, places):
                known = tuple(self.position(p, index) for p in places if p is not None)
                return self.entry(base, known + at, index)
            case t.Add(terms):
                return sum(map(part, terms))
            case t.Multiply(factors):
                return math.prod(map(part, factors))
            case t.Divide(above, below):
                return part(above) / part(below)
            case t.Power(base, exponent):
                return part(base) ** self.entry(exponent, (), index)
            case t.Sum(bounds, _, body):
                return self._sum(bounds, body, at, index)
            case t.Function(name, arguments, _, orders):
                return FUNCTIONS[name.strip("\\") + "'" * sum(orders)](*map(part, arguments))
            case t.Indicator(condition):
                return float(all(self._holds(c, index) for c in condition))
            case t.Cases(rows):
                held = (v for v, c in rows if all(self._holds(x, index) for x in c or ()))
                return part(next(held))
            case t.Transposed(base):
                return self.entry(base, at[::-1], index)
            case t.MatrixProduct(left, right):
                rank = len(left.shape) - 1
                inner = range(1, self.position(left.shape[-1], index) + 1)
                return sum(
                    self.entry(left, (*at[:rank], k), index)
                    * self.entry(right, (k, *at[rank:]), index)
                    for k in inner
                )
            case t.MatrixFunction("trace", argument):
                size = self.position(argument.shape[0], index)
                return sum(self.entry(argument, (k, k), index) for k in range(1, size + 1))
        raise NotImplementedError(type(term).__name__)

    def _sum(
        self,
        bounds: tuple[t.Bound, ...],
        body: t.Term,
        at: tuple[int, ...],
        index: Mapping[str, int],
    ) -> float:
        ranges = [
            range(self.position(b.low, index), self.position(b.high, index) + 1) for b in bounds
        ]
        names = [b.name for b in bounds]
        return sum(
            self.entry(body, at, {**index, **dict(zip(names, values, strict=True))})
            for values in product(*ranges)
        )

    def _holds(self, comparison: t.Comparison, index: Mapping[str, int]) -> bool:
        sides = (self.entry(s, (), index) for s in (comparison.left, comparison.right))
        return COMPARED[comparison.sign](*sides)


def slope(
    context: t.Context,
    sizes: Mapping[str, int],
    inputs: Mapping[str, np.ndarray],
    objective: str,
    by: tuple[str, tuple[int, ...]],
    at: tuple[int, ...] = (),
    step: float = 1e-5,
) -> float:
    """The central difference of one entry of a name by one entry of an input."""
    values = []
    for sign in (1, -1):
        moved = {key: np.array(value) for key, value in inputs.items()}
        moved[by[0]][tuple(k - 1 for k in by[1])] += sign * step
        values.append(Numbers(context, sizes, moved).name(objective, at))
    return (values[0] - values[1]) / (2 * step)
