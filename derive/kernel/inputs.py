"""Inputs to try a kernel on: random ones, and hard ones found from the plan."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from derive.errors import UnsupportedError
from derive.kernel.entries import Reduce, loads
from derive.kernel.forward import COMPARISONS, Forward, assignments
from derive.kernel.plan import Plan
from derive.meaning import terms as t
from derive.meaning.walk import names_in, subterms

Array = np.ndarray[Any, Any]
REGULARISER = 1e-5
OFFSET = 1e4
TINY = 1e-6
SHAPES = ((5, 3, 4, 2), (16, 4, 6, 3))
SMALL_SHAPES = ((3, 2, 4, 2), (4, 3, 2, 5))
"""Sizes by arrays of four axes and more, or where matrices are inverted, by exact arithmetic.

Each entry is varied by itself, so fewer of them.
"""
TRIALS = 50


@dataclass(frozen=True)
class Case:
    """Inputs by symbol key and upstream gradients by output key, with the name of the case.

    A `hard` case is one on which rounding is expected to show.
    """

    name: str
    hard: bool
    sizes: Mapping[str, int]
    inputs: Mapping[str, Array]
    upstream: Mapping[str, Array]


def cases(plan: Plan, dtype: str, seed: int = 0) -> Iterator[Case]:
    """Benign and hard inputs of one dtype: other shapes, length 1, equal entries, offset, tiny."""
    draw = _Drawing(plan, dtype, seed)
    many = max((len(p.symbol.shape) for p in plan.parameters), default=0) > 3
    matrices = any(step.of_matrix for step in plan.steps)
    first, second = SMALL_SHAPES if many or matrices else SHAPES
    small = draw.sizes(first)
    yield draw.case("random", False, small, lambda value, symbol: value)
    yield draw.case("random, larger", False, draw.sizes(second), lambda value, symbol: value)
    if plan.sizes:
        yield draw.case("every axis 1", True, dict.fromkeys(small, 1), lambda value, symbol: value)
    if draw.reduced:
        if not matrices:  # one of equal rows has no inverse
            yield draw.case("equal along the sums", True, small, draw.levelled)
        yield draw.case("offset 1e4", True, small, lambda value, symbol: value + OFFSET)
        yield draw.case("scale 1e-6", True, small, lambda value, symbol: value * TINY)


class _Drawing:
    def __init__(self, plan: Plan, dtype: str, seed: int) -> None:
        self.plan, self.context, self.dtype = plan, plan.context, np.dtype(dtype)
        self.random = np.random.default_rng(seed)
        self.reduced = _reduced_inputs(plan)
        folded = {bound.high.single for step in plan.steps for bound in step.bounds}
        self.folded = {name for name in folded if name is not None}
        self.regularisers = _regularisers(self.context)

    def sizes(self, lengths: tuple[int, ...]) -> dict[str, int]:
        """Lengths for the sizes, in the order in which the parameters show them."""
        shown = [s.single for p in self.plan.parameters for s in p.symbol.shape if s.single]
        names = list(dict.fromkeys([*shown, *self.context.sizes]))
        return {name: lengths[k % len(lengths)] for k, name in enumerate(names)}

    def levelled(self, value: Array, symbol: t.Symbol) -> Array:
        """The first entry repeated along every axis that some sum runs over."""
        for axis, size in enumerate(symbol.shape):
            if size.single in self.folded:
                first = np.take(value, [0], axis=axis)
                value = np.broadcast_to(first, value.shape).copy()
        return value

    def case(
        self,
        name: str,
        hard: bool,
        sizes: Mapping[str, int],
        change: Callable[[Array, t.Symbol], Array],
    ) -> Case:
        """Inputs that meet the assumptions; `change` is made to those that are summed."""
        for _ in range(TRIALS):
            inputs = {
                symbol.key: self._input(symbol, sizes, change)
                for symbol in self.context.symbols.values()
                if symbol.role == "input"
            }
            if self._unmet(inputs, sizes) is None:
                break
        else:
            raise UnsupportedError(
                f"no inputs were found that meet {self._unmet(inputs, sizes)}",
                advice="The kernel is exported, but not cross-checked.",
            )
        outputs = [p.symbol for p in self.plan.parameters if p.kind == "upstream"]
        objective = self.plan.results[0].form.objective.key
        outputs += [o for o in self.context.outputs[objective] if o not in outputs]
        upstream = {symbol.key: self._normal(symbol, sizes) for symbol in outputs}
        return Case(name, hard, sizes, inputs, upstream)

    def _normal(self, symbol: t.Symbol, sizes: Mapping[str, int]) -> Array:
        shape = tuple(size.value(sizes) for size in symbol.shape)
        return np.asarray(self.random.standard_normal(shape)).astype(self.dtype)

    def _input(
        self,
        symbol: t.Symbol,
        sizes: Mapping[str, int],
        change: Callable[[Array, t.Symbol], Array],
    ) -> Array:
        value = self._normal(symbol, sizes)
        if symbol.key in self.reduced:
            value = change(value, symbol).astype(self.dtype)
        for assumption in self.context.assumptions:
            value = self._made_to_meet(value, symbol, assumption)
        return np.asarray(value).astype(self.dtype)

    def _made_to_meet(self, value: Array, symbol: t.Symbol, assumption: t.Assumption) -> Array:
        """The value bent so that a plain assumption about this one input holds."""
        variable = t.Variable(symbol)
        match assumption.left, assumption.sign, assumption.right:
            case left, ">" | ">=", t.Number(low) if left == variable:
                step = REGULARISER if symbol.key in self.regularisers else 0.1
                bent = np.abs(value) * (symbol.key not in self.regularisers) + step
                return np.asarray(bent + float(low))
            case left, "<" | "<=", t.Number(high) if left == variable:
                return np.asarray(float(high) - np.abs(value) - 0.1)
            case left, "==", t.Transposed(right) if left == variable == right:
                return np.asarray((value + value.T) / 2)
            case t.Sum((over,), (), t.Element(left, at)), "==", t.Number(whole) if left == variable:
                return self._parts(value, at, over.name, float(whole))
            case _:
                return value

    def _parts(
        self, value: Array, at: tuple[t.Affine | None, ...], index: str, whole: float
    ) -> Array:
        """Positive entries of 2^-16 steps that sum to the whole exactly along an index."""
        axis = next((k for k, place in enumerate(at) if place and place.single == index), 0)
        weights = np.abs(value.astype(float)) + 0.1
        shares = np.floor(weights / weights.sum(axis=axis, keepdims=True) * 2**16)
        rest = 2**16 - shares.sum(axis=axis)
        np.moveaxis(shares, axis, 0)[0] += rest
        return np.asarray(shares / 2**16 * whole)

    def _unmet(self, inputs: Mapping[str, Array], sizes: Mapping[str, int]) -> str | None:
        wide = {key: value.astype(float) for key, value in inputs.items()}
        forward = Forward(self.context, sizes, wide)
        for assumption in self.context.assumptions:
            names = names_in(assumption.left) | names_in(assumption.right)
            if not names <= inputs.keys():
                continue
            for at in assignments(assumption.free, dict(sizes)):
                if forward.holds(assumption.condition, at) and not _holds(forward, assumption, at):
                    return assumption.latex or "an assumption"
        return None


def _holds(forward: Forward, assumption: t.Assumption, at: dict[str, int]) -> bool:
    left, right = forward.value(assumption.left, at), forward.value(assumption.right, at)
    if assumption.sign == "==":
        return bool(np.allclose(left, right))
    return bool(np.all(COMPARISONS[assumption.sign](left, right)))


def _reduced_inputs(plan: Plan) -> frozenset[str]:
    """The inputs of highest rank that a sum reads, itself or through other steps."""
    read = {load for s in plan.steps if isinstance(s.body, Reduce) for load in loads(s.body)}
    needed = plan.needed(read)
    found = [p.symbol for p in plan.parameters if p.kind == "input" and p.array in needed]
    rank = max((len(symbol.shape) for symbol in found), default=0)
    return frozenset(symbol.key for symbol in found if len(symbol.shape) == rank > 0)


def _regularisers(context: t.Context) -> frozenset[str]:
    """Scalar inputs that only ever stand as a term of a sum, as the ε of a denominator does."""
    inside, anywhere = dict[str, int](), dict[str, int]()
    for definition in context.definitions.values():
        for term in subterms(definition.body):
            if isinstance(term, t.Add):
                for part in term.terms:
                    if isinstance(part, t.Variable):
                        inside[part.symbol.key] = inside.get(part.symbol.key, 0) + 1
            if isinstance(term, t.Variable) and term.symbol.role == "input":
                anywhere[term.symbol.key] = anywhere.get(term.symbol.key, 0) + 1
    scalars = {key for key, symbol in context.symbols.items() if not symbol.shape}
    both = scalars & inside.keys() & anywhere.keys()
    return frozenset(key for key in both if inside[key] == anywhere[key])
