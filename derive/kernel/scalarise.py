"""Typed terms as entries: every axis of an array gets a label, every operation is of scalars.

Definitions that only combine entries are opened; those with a sum or a function in them stay
names of their own, so that what the author centred stays centred.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import count
from typing import Any, Protocol

from derive.errors import UnsupportedError
from derive.kernel.entries import (
    ONE,
    ZERO,
    Apply,
    Condition,
    Const,
    Entry,
    Kind,
    Load,
    Num,
    Place,
    Reduce,
    Where,
    is_label,
    power,
    product,
    total,
)
from derive.meaning import terms as t
from derive.meaning.terms import Affine, Bound
from derive.meaning.walk import subterms

Axes = tuple[Affine, ...]
Env = Mapping[str, Affine]
HALF = Fraction(1, 2)


class Names(Protocol):
    """Where the value of a name comes from."""

    def of_symbol(self, symbol: t.Symbol) -> str: ...
    def of_gradient(self, objective: t.Symbol, target: t.Symbol) -> str: ...
    def of_matrix(self, entry: Entry, axes: Axes) -> str: ...
    def of_inverse(self, matrix: str, axes: Axes) -> str: ...


@dataclass
class Scalariser:
    """Turns the terms of one context into entries; `ranges` holds the range of each label.

    The names in `whole` are arrays even where their definition is pointwise.
    """

    context: t.Context
    names: Names
    whole: frozenset[str] = frozenset()
    ranges: dict[str, Bound] = field(default_factory=dict)
    _labels: Iterator[int] = field(default_factory=count)

    def fresh(self, low: Affine, high: Affine) -> Affine:
        """A new label with its range."""
        name = f"@{next(self._labels)}"
        self.ranges[name] = Bound(name, low, high)
        return Affine.name(name)

    def axes_of(self, shape: t.Shape) -> Axes:
        """A new label for each axis of an array."""
        return tuple(self.fresh(Affine.number(1), size) for size in shape)

    def entry(self, term: t.Term, axes: Axes, env: Env) -> Entry:
        """The entry of a term at a position; `env` gives the values of index names."""
        rule: Callable[[Scalariser, Any, Axes, Env], Entry] = RULES[type(term)]
        return rule(self, term, axes, env)

    def condition(self, condition: t.Condition, env: Env) -> Condition:
        """A condition on scalars."""
        return tuple(
            (self.entry(c.left, (), env), c.sign, self.entry(c.right, (), env)) for c in condition
        )

    def defined(self, definition: t.Definition, axes: Axes) -> Entry:
        """One entry of a defined name, from its definition."""
        indices = len(definition.parameters)
        env = dict(zip(definition.parameters, axes[:indices], strict=True))
        body = self.entry(definition.body, axes[indices:], env)
        return power(body, HALF) if definition.squares else body

    def ranges_of(self, at: Affine) -> tuple[Affine, Affine]:
        """The least and the greatest value of a position over the ranges of its labels."""
        low, high = Affine.number(at.constant), Affine.number(at.constant)
        for name, factor in at.terms:
            if not is_label(name):
                low, high = low + Affine.name(name) * factor, high + Affine.name(name) * factor
                continue
            bound = self.ranges[name]
            ends = (bound.low, bound.high) if factor > 0 else (bound.high, bound.low)
            low, high = low + ends[0] * factor, high + ends[1] * factor
        return low, high


def moved_to(at: Affine, env: Env) -> Affine:
    """A position with index names replaced by their values."""
    result = Affine.number(at.constant)
    for name, factor in at.terms:
        result = result + env.get(name, Affine.name(name)) * factor
    return result


def is_pointwise(definition: t.Definition) -> bool:
    """Whether a definition only combines entries: no sum, product of matrices or function."""
    folding = t.Sum | t.MatrixProduct | t.MatrixFunction | t.Function | t.Inverse | t.Cases
    return not any(isinstance(part, folding) for part in subterms(definition.body))


# ---- one function for each kind of term ---------------------------------------------------------


def _number(to: Scalariser, term: t.Number, axes: Axes, env: Env) -> Entry:
    return Num(term.value)


def _constant(to: Scalariser, term: t.Constant, axes: Axes, env: Env) -> Entry:
    return Const(term.name)


def _position(to: Scalariser, term: t.Position, axes: Axes, env: Env) -> Entry:
    at = moved_to(term.at, env)
    return Place(at) if at.terms else Num(Fraction(at.constant))


def _variable(to: Scalariser, term: t.Variable, axes: Axes, env: Env) -> Entry:
    definition = to.context.definitions.get(term.symbol.key)
    kept = term.symbol.key in to.whole
    if definition is not None and not kept and is_pointwise(definition):
        return to.defined(definition, axes)
    return Load(to.names.of_symbol(term.symbol), axes)


def _element(to: Scalariser, term: t.Element, axes: Axes, env: Env) -> Entry:
    return to.entry(term.base, _merged(term.at, axes, env), env)


def _merged(at: tuple[Affine | None, ...], axes: Axes, env: Env) -> Axes:
    rest = iter(axes)
    taken = tuple(next(rest) if place is None else moved_to(place, env) for place in at)
    return taken + tuple(rest)


def _add(to: Scalariser, term: t.Add, axes: Axes, env: Env) -> Entry:
    return total(spread(to, part, term.shape, axes, env) for part in term.terms)


def _multiply(to: Scalariser, term: t.Multiply, axes: Axes, env: Env) -> Entry:
    return product(spread(to, part, term.shape, axes, env) for part in term.factors)


def _divide(to: Scalariser, term: t.Divide, axes: Axes, env: Env) -> Entry:
    below = spread(to, term.denominator, term.shape, axes, env)
    above = spread(to, term.numerator, term.shape, axes, env)
    return product((above, power(below, Fraction(-1))))


def spread(to: Scalariser, part: t.Term, whole: t.Shape, axes: Axes, env: Env) -> Entry:
    """A part of a broadcasting operation: trailing axes meet, an axis of length 1 is repeated."""
    rank = len(part.shape)
    one = Affine.number(1)
    sizes = zip(part.shape, whole[len(whole) - rank :], axes[len(axes) - rank :], strict=True)
    own = tuple(one if size == one and size != full else axis for size, full, axis in sizes)
    return to.entry(part, own, env)


def _power(to: Scalariser, term: t.Power, axes: Axes, env: Env) -> Entry:
    base, exponent = to.entry(term.base, axes, env), to.entry(term.exponent, (), env)
    if isinstance(exponent, Num):
        return power(base, exponent.value)
    return Apply("power", (base, exponent))


def _matrix_product(to: Scalariser, term: t.MatrixProduct, axes: Axes, env: Env) -> Entry:
    inner = to.fresh(Affine.number(1), term.left.shape[-1])
    split = len(term.left.shape) - 1
    left = to.entry(term.left, (*axes[:split], inner), env)
    right = to.entry(term.right, (inner, *axes[split:]), env)
    return _sum_over(to, (inner,), product((left, right)))


def _sum_over(to: Scalariser, labels: Axes, body: Entry, kind: Kind = "sum") -> Entry:
    names = [label.terms[0][0] for label in labels]
    return Reduce(kind, tuple(to.ranges[name] for name in names), (), body)


def _outer(to: Scalariser, term: t.Outer, axes: Axes, env: Env) -> Entry:
    return product((to.entry(term.left, axes[:1], env), to.entry(term.right, axes[1:], env)))


def _transposed(to: Scalariser, term: t.Transposed, axes: Axes, env: Env) -> Entry:
    return to.entry(term.base, tuple(reversed(axes)), env)


def _inverse(to: Scalariser, term: t.Inverse, axes: Axes, env: Env) -> Entry:
    own = to.axes_of(term.shape)
    matrix = to.names.of_matrix(to.entry(term.base, own, env), own)
    return Load(to.names.of_inverse(matrix, own), axes)


def determinant(to: Scalariser, matrix: t.Term, env: Env, kind: Kind = "det") -> Entry:
    """The determinant of a matrix, its logarithm or its sign."""
    own = to.axes_of(matrix.shape)
    return _sum_over(to, own, Load(to.names.of_matrix(to.entry(matrix, own, env), own), own), kind)


def _matrix_function(to: Scalariser, term: t.MatrixFunction, axes: Axes, env: Env) -> Entry:
    argument = term.argument
    match term.name, len(argument.shape):
        case "trace", _:
            label = to.fresh(Affine.number(1), argument.shape[0])
            return _sum_over(to, (label,), to.entry(argument, (label, label), env))
        case "diag", 1:
            return Where(_same(*axes), to.entry(argument, axes[:1], env), ZERO)
        case "diag", _:
            return to.entry(argument, (axes[0], axes[0]), env)
        case "norm", _:
            labels = to.axes_of(argument.shape)
            square = power(to.entry(argument, labels, env), Fraction(2))
            return power(_sum_over(to, labels, square), HALF)
        case "det", _:
            return determinant(to, argument, env)
    raise UnsupportedError(f"{term.name} cannot be exported")


def _same(left: Affine, right: Affine) -> Condition:
    return ((Place(left), "==", Place(right)),)


def _identity(to: Scalariser, term: t.Identity, axes: Axes, env: Env) -> Entry:
    return Where(_same(*axes), ONE, ZERO)


def _filled(to: Scalariser, term: t.Filled, axes: Axes, env: Env) -> Entry:
    return Num(term.value)


def _sum(to: Scalariser, term: t.Sum, axes: Axes, env: Env) -> Entry:
    inner = dict(env)
    bounds, extra = list[Bound](), list[tuple[Entry, Any, Entry]]()
    for bound in term.bounds:
        low, high = moved_to(bound.low, inner), moved_to(bound.high, inner)
        widest = to.ranges_of(low)[0], to.ranges_of(high)[1]
        label = to.fresh(*widest)
        bounds.append(to.ranges[label.terms[0][0]])
        extra += [(Place(low), "<=", Place(label))] if low != widest[0] else []
        extra += [(Place(label), "<=", Place(high))] if high != widest[1] else []
        inner[bound.name] = label
    condition = (*extra, *to.condition(term.condition, inner))
    kind: Kind = "prod" if term.product else "sum"
    return Reduce(kind, tuple(bounds), condition, to.entry(term.body, axes, inner))


def _indicator(to: Scalariser, term: t.Indicator, axes: Axes, env: Env) -> Entry:
    return Where(to.condition(term.condition, env), ONE, ZERO)


def _cases(to: Scalariser, term: t.Cases, axes: Axes, env: Env) -> Entry:
    result: Entry = Const("nan")
    for value, condition in reversed(term.rows):
        entry = spread(to, value, term.shape, axes, env)
        result = entry if condition is None else Where(to.condition(condition, env), entry, result)
    return result


def _function(to: Scalariser, term: t.Function, axes: Axes, env: Env) -> Entry:
    if term.opaque:
        raise UnsupportedError(f"{term.name} has no definition, so it cannot be exported")
    if term.name in ("softmax", "logsumexp"):
        return _over_last_axis(to, term, axes, env)
    first = term.arguments[0]
    matrix = _in_logdet(term)
    if matrix is not None:
        return determinant(to, matrix, env, "logdet")
    if term.name in ("max", "min") and len(term.arguments) == 1 and first.shape != term.shape:
        labels = to.axes_of(first.shape[len(term.shape) :])
        kind: Kind = "max" if term.name == "max" else "min"
        return _sum_over(to, labels, to.entry(first, axes + labels, env), kind)
    values = tuple(spread(to, a, term.shape, axes, env) for a in term.arguments)
    return Apply(term.name, values, term.orders)


def _in_logdet(term: t.Function) -> t.Term | None:
    """The matrix of a logarithm of a determinant, which itself may be too large or too small."""
    match term:
        case t.Function("log", (t.MatrixFunction("det", matrix),)) if not any(term.orders):
            return matrix
    return None


def _over_last_axis(to: Scalariser, term: t.Function, axes: Axes, env: Env) -> Entry:
    """`softmax` and `logsumexp`, shifted by the largest entry."""
    (argument,) = term.arguments
    lead = axes[: len(argument.shape) - 1]
    size = argument.shape[-1]

    def at(label: Affine) -> Entry:
        return to.entry(argument, (*lead, label), env)

    over = to.fresh(Affine.number(1), size)
    largest = _sum_over(to, (over,), at(over), "max")
    shift = product((Num(Fraction(-1)), largest))
    inner = to.fresh(Affine.number(1), size)
    folded = _sum_over(to, (inner,), Apply("exp", (total((at(inner), shift)),)))
    if term.name == "logsumexp":
        return total((Apply("log", (folded,)), largest))
    top = Apply("exp", (total((at(axes[-1]), shift)),))
    return product((top, power(folded, Fraction(-1))))


def _derivative(to: Scalariser, term: t.Derivative, axes: Axes, env: Env) -> Entry:
    objective = term.of.symbol if isinstance(term.of, t.Variable) else None
    if objective is None or objective.key not in to.context.outputs:
        raise UnsupportedError(
            "a closed form still holds a derivative that is not an upstream gradient",
            advice="Write the derivative out before exporting.",
        )
    array = to.names.of_gradient(objective, term.target)
    return Load(array, _merged(term.at, axes, env))


RULES: Mapping[type, Callable[[Scalariser, Any, Axes, Env], Entry]] = {
    t.Number: _number,
    t.Constant: _constant,
    t.Position: _position,
    t.Variable: _variable,
    t.Element: _element,
    t.Add: _add,
    t.Multiply: _multiply,
    t.Divide: _divide,
    t.Power: _power,
    t.MatrixProduct: _matrix_product,
    t.Outer: _outer,
    t.Transposed: _transposed,
    t.Inverse: _inverse,
    t.MatrixFunction: _matrix_function,
    t.Identity: _identity,
    t.Filled: _filled,
    t.Sum: _sum,
    t.Indicator: _indicator,
    t.Cases: _cases,
    t.Function: _function,
    t.Derivative: _derivative,
}
