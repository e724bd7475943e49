"""Evaluate typed terms on concrete arrays, over any field of scalars.

Names are computed from their definitions and kept per world. A derivative perturbs the entries of
its target by duals and evaluates again what depends on them; that is the whole idea of a
derivative here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from functools import reduce
from math import prod
from typing import Any

from derive.errors import UnsupportedError
from derive.meaning import terms as t
from derive.oracle import operations as ops
from derive.oracle.arrays import Array, apply, build, combine, dimensions, transpose
from derive.oracle.duals import DualField
from derive.oracle.fields import EXACT, MODULAR, Field, Scalar
from derive.oracle.interval import UndefinedHere, Unresolved
from derive.oracle.operations import ONE
from derive.oracle.scope import At, Scope, World

__all__ = [
    "SIGNS",
    "UndefinedHere",
    "Unresolved",
    "World",
    "assignments",
    "evaluate",
    "evaluate_modular",
    "holds",
]


def evaluate(
    term: t.Term, world: World, indices: Mapping[str, int] | None = None, over: Field = EXACT
) -> Array:
    """The value of a term; raises `UndefinedHere` where it has none."""
    return value_of(term, scope_of(world, over), {**world.sizes, **(indices or {})})


def evaluate_modular(term: t.Term, world: World, indices: Mapping[str, int] | None = None) -> Array:
    """The value modulo 2^61 − 1; `NotModular` where that has no meaning."""
    return evaluate(term, world, indices, MODULAR)


def holds(
    condition: t.Condition,
    world: World,
    indices: Mapping[str, int] | None = None,
    over: Field = EXACT,
) -> bool:
    """Whether a conjunction of comparisons is true."""
    return holds_in(condition, scope_of(world, over), {**world.sizes, **(indices or {})})


def scope_of(world: World, over: Field) -> Scope:
    """The unperturbed values of a world over a field, kept with the world."""
    if over.key not in world.scopes:
        world.scopes[over.key] = Scope(world, over, value_of)
    return world.scopes[over.key]


# ---- one function for each kind of term -------------------------------------------------------


def value_of(term: t.Term, scope: Scope, at: At) -> Array:
    """The value of a term in a scope, at given sizes and indices."""
    return RULES[type(term)](term, scope, at)


def _number(term: t.Number, scope: Scope, at: At) -> Array:
    return scope.over.lift(term.value)


def _constant(term: t.Constant, scope: Scope, at: At) -> Array:
    return scope.over.constant(term.name)


def _position(term: t.Position, scope: Scope, at: At) -> Array:
    return scope.over.lift(Fraction(term.at.value(at)))


def _variable(term: t.Variable, scope: Scope, at: At) -> Array:
    return scope.lookup(term.symbol.key)


def _element(term: t.Element, scope: Scope, at: At) -> Array:
    return _take(value_of(term.base, scope, at), _places(term.at, at))


def _places(position: tuple[t.Affine | None, ...], at: At) -> list[int | None]:
    return [None if place is None else place.value(at) for place in position]


def _take(array: Array, places: list[int | None]) -> Array:
    for depth, place in enumerate(places):
        if place is None:
            return tuple(_take(part, places[depth + 1 :]) for part in array)
        if not 1 <= place <= len(array):
            raise UndefinedHere(f"there is no element {place} on an axis of length {len(array)}")
        array = array[place - 1]
    return array


def _add(term: t.Add, scope: Scope, at: At) -> Array:
    return _total([value_of(part, scope, at) for part in term.terms], scope)


def _total(values: list[Array], scope: Scope) -> Array:
    if any(type(value) is tuple for value in values):
        return reduce(lambda a, b: combine(scope.over.add, a, b), values)
    return scope.over.total(values)


def _multiply(term: t.Multiply, scope: Scope, at: At) -> Array:
    mul = scope.over.mul
    values = (value_of(factor, scope, at) for factor in term.factors)
    return reduce(lambda a, b: combine(mul, a, b), values)


def _divide(term: t.Divide, scope: Scope, at: At) -> Array:
    above = value_of(term.numerator, scope, at)
    return combine(scope.over.div, above, value_of(term.denominator, scope, at))


LARGEST_EXPONENT = 4096


def _power(term: t.Power, scope: Scope, at: At) -> Array:
    over, base = scope.over, value_of(term.base, scope, at)
    exponent = plain_number(term.exponent, at)
    if exponent is None:
        raised = value_of(term.exponent, scope, at)
        exponent = over.rational(raised)
        if exponent is None:
            return apply(
                lambda b: over.function("exp", over.mul(raised, over.function("log", b))), base
            )
    if max(abs(exponent.numerator), exponent.denominator) > LARGEST_EXPONENT:
        raise UnsupportedError(f"an exponent above {LARGEST_EXPONENT}")
    return apply(lambda b: over.power(b, exponent), base)


def plain_number(term: t.Term, at: Mapping[str, int]) -> Fraction | None:
    """The value of a term made of numbers, sizes and indices only, else None."""
    match term:
        case t.Number(value):
            return value
        case t.Position(place):
            return Fraction(place.value(at))
        case t.Add(terms, ()):
            values = [plain_number(part, at) for part in terms]
            return None if None in values else sum((v for v in values if v), Fraction(0))
        case t.Multiply(factors, ()):
            values = [plain_number(factor, at) for factor in factors]
            return None if None in values else prod((v for v in values if v is not None), start=ONE)
        case t.Divide(numerator, denominator, ()):
            above, below = plain_number(numerator, at), plain_number(denominator, at)
            return None if above is None or not below else above / below
        case _:
            return None


def _matrix_product(term: t.MatrixProduct, scope: Scope, at: At) -> Array:
    left, right = value_of(term.left, scope, at), value_of(term.right, scope, at)
    return ops.matrix_product(left, right, scope.over)


def _outer(term: t.Outer, scope: Scope, at: At) -> Array:
    left, right = value_of(term.left, scope, at), value_of(term.right, scope, at)
    return apply(lambda a: apply(lambda b: scope.over.mul(a, b), right), left)


def _transposed(term: t.Transposed, scope: Scope, at: At) -> Array:
    return transpose(value_of(term.base, scope, at))


def _inverse(term: t.Inverse, scope: Scope, at: At) -> Array:
    matrix = value_of(term.base, scope, at)
    ops.check_square(matrix)
    return ops.inverse(matrix, scope.over)


def _matrix_function(term: t.MatrixFunction, scope: Scope, at: At) -> Array:
    argument = value_of(term.argument, scope, at)
    if term.name in ("trace", "det"):
        ops.check_square(argument)
    return ops.matrix_function(term.name, argument, scope.over)


def _identity(term: t.Identity, scope: Scope, at: At) -> Array:
    size = term.size.value(at)
    return build((size, size), lambda p: scope.one if p[0] == p[1] else scope.zero)


def _filled(term: t.Filled, scope: Scope, at: At) -> Array:
    number = scope.over.lift(term.value)
    return build([size.value(at) for size in term.shape], lambda p: number)


def assignments(bounds: tuple[t.Bound, ...], at: At) -> Iterator[At]:
    """Every value of the bound indices, added to the sizes and indices given."""
    if not bounds:
        yield at
        return
    bound = bounds[0]
    for k in range(bound.low.value(at), bound.high.value(at) + 1):
        yield from assignments(bounds[1:], {**at, bound.name: k})


def _sum(term: t.Sum, scope: Scope, at: At) -> Array:
    values = [
        value_of(term.body, scope, inside)
        for inside in assignments(term.bounds, at)
        if not term.condition or holds_in(term.condition, scope, inside)
    ]
    if not values:
        empty = scope.one if term.product else scope.zero
        return build([size.value(at) for size in term.shape], lambda p: empty)
    if term.product:
        return reduce(lambda a, b: combine(scope.over.mul, a, b), values)
    return _total(values, scope)


def _indicator(term: t.Indicator, scope: Scope, at: At) -> Array:
    return scope.one if holds_in(term.condition, scope, at) else scope.zero


def _cases(term: t.Cases, scope: Scope, at: At) -> Array:
    for value, condition in term.rows:
        if condition is None or holds_in(condition, scope, at):
            return value_of(value, scope, at)
    raise UndefinedHere("no row of the cases holds")


def _function(term: t.Function, scope: Scope, at: At) -> Array:
    over = scope.over
    values = [value_of(argument, scope, at) for argument in term.arguments]
    if term.opaque:
        if any(type(value) is tuple for value in values):
            raise UnsupportedError(f"the unknown function {term.name} of an array")
        return ops.opaque(term.name, values, term.orders, over)
    if term.name in ("max", "min"):
        return ops.extreme(term.name, values, len(term.shape), over)
    if len(values) != 1:
        raise UnsupportedError(f"{term.name} of {len(values)} arguments")
    if term.name in ("softmax", "logsumexp"):
        return ops.over_last_axis(term.name, values[0], over)
    order = sum(term.orders)
    return apply(lambda value: ops.derived(term.name, value, order, over), values[0])


def _derivative(term: t.Derivative, scope: Scope, at: At) -> Array:
    inner = scope.perturbed(term.target.key, term.reading)
    lengths = dimensions(inner.known[term.target.key])
    fixed = _places(term.at, at)
    fixed += [None] * (len(lengths) - len(fixed))
    for place, length in zip(fixed, lengths, strict=True):
        if place is not None and not 1 <= place <= length:
            raise UndefinedHere(f"there is no element {place} on an axis of length {length}")
    kept = [length for place, length in zip(fixed, lengths, strict=True) if place is None]

    def slopes(tangents: Mapping[tuple[int, ...], Scalar]) -> Array:
        return build(kept, lambda free: tangents.get(_merge(fixed, free), scope.zero))

    if isinstance(term.of, t.Variable) and term.of.symbol.key in scope.world.context.outputs:
        return slopes(inner.objective_slope(term.of.symbol.key))
    duals = inner.over
    assert isinstance(duals, DualField)
    return apply(lambda entry: slopes(duals.split(entry)[1]), _differentiated(term, inner, at))


def _merge(fixed: list[int | None], free: tuple[int, ...]) -> tuple[int, ...]:
    rest = iter(free)
    return tuple(next(rest) if place is None else place - 1 for place in fixed)


def _differentiated(term: t.Derivative, inner: Scope, at: At) -> Array:
    """What stands under the derivative, in the perturbed scope; direct opens one definition."""
    match term.of:
        case t.Variable(symbol):
            places: list[int | None] = []
        case t.Element(t.Variable(symbol), position):
            places = _places(position, at)
        case _:
            return value_of(term.of, inner, at)
    opened = inner.mode == "direct" and symbol.key in inner.world.context.definitions
    if not opened or symbol.key == inner.target:
        return value_of(term.of, inner, at)
    return _take(inner.explicit(symbol.key), places)


def holds_in(condition: t.Condition, scope: Scope, at: At) -> bool:
    return all(_compares(comparison, scope, at) for comparison in condition)


def _compares(comparison: t.Comparison, scope: Scope, at: At) -> bool:
    left, right = plain_number(comparison.left, at), plain_number(comparison.right, at)
    if left is not None and right is not None:
        return SIGNS[comparison.sign]((left > right) - (left < right))
    found = scope.over.compare(
        value_of(comparison.left, scope, at), value_of(comparison.right, scope, at)
    )
    return SIGNS[comparison.sign](found)


SIGNS: Mapping[str, Callable[[int], bool]] = {
    "==": lambda sign: sign == 0,
    "!=": lambda sign: sign != 0,
    "<": lambda sign: sign < 0,
    "<=": lambda sign: sign <= 0,
    ">": lambda sign: sign > 0,
    ">=": lambda sign: sign >= 0,
}
"""A relation, told from the sign of left − right."""

RULES: Mapping[type, Callable[[Any, Scope, At], Array]] = {
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
