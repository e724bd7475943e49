"""Signs that follow from the assumptions: squares, sums and definitions of what has a sign."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

from derive.meaning import terms as t
from derive.meaning.terms import Context
from derive.meaning.walk import subterms

Sign = Literal["positive", "nonnegative", "nonzero", "unknown"]


@dataclass
class Signs:
    """Signs of terms in one context, found by structure; `unknown` claims nothing."""

    context: Context
    _names: dict[str, Sign] = field(default_factory=dict)

    def of(self, term: t.Term) -> Sign:
        """The sign of every entry of a term."""
        match term:
            case t.Number(value) | t.Filled(value):
                return "positive" if value > 0 else "nonzero" if value else "nonnegative"
            case t.Constant():
                return "positive"
            case t.Position(at):
                return self._position(at)
            case t.Variable(symbol):
                return self.of_name(symbol.key)
            case t.Element(base) | t.Transposed(base):
                return self.of(base)
            case t.Add(terms):
                return _sum([self.of(x) for x in terms])
            case t.Multiply(factors):
                return self._product(factors)
            case t.Divide(a, b):
                return self._product((a, b))
            case t.Power(base, exponent):
                return self._power(self.of(base), exponent)
            case t.Sum(body=body, product=product):
                sign = self.of(body)
                return sign if product or (sign == "positive" and self._runs(term)) else _weak(sign)
            case t.Function(name, _) if not term.opaque and not term.orders:
                return (
                    "positive"
                    if name in _POSITIVE
                    else ("nonnegative" if name in _NONNEGATIVE else "unknown")
                )
            case t.MatrixFunction("norm", _) | t.Indicator():
                return "nonnegative"
        return "unknown"

    def is_negative(self, term: t.Term) -> bool:
        """Whether every entry of a term is surely negative."""
        match term:
            case t.Number(value):
                return value < 0
            case t.Add(terms):
                return all(self.is_negative(x) for x in terms)
            case t.Multiply((first, *rest), shape):
                others: t.Term = rest[0] if len(rest) == 1 else t.Multiply(tuple(rest), shape)
                return self.is_negative(first) and self.of(others) == "positive"
            case t.Divide(above, below):
                return self.is_negative(above) and self.of(below) == "positive"
            case t.Element(base) | t.Transposed(base):
                return self.is_negative(base)
            case t.Variable(symbol):
                return self._assumed_negative(symbol.key)
        return False

    def _assumed_negative(self, key: str) -> bool:
        for given in unconditional(self.context):
            if isinstance(given.left, t.Variable) and given.left.symbol.key == key:
                bound = _constant(given.right)
                if bound is not None and given.sign == "<" and bound <= 0:
                    return True
        return False

    def _position(self, at: t.Affine) -> Sign:
        """Sizes and indices count from 1."""
        if any(c < 0 for _, c in at.terms):
            return "unknown"
        least = at.constant + sum(c for _, c in at.terms)
        return "positive" if least > 0 else "nonnegative" if least == 0 else "unknown"

    def _runs(self, term: t.Sum) -> bool:
        """Whether the sum surely has a term."""
        return not term.condition and all(
            b.low == t.Affine.number(1) and self._position(b.high) == "positive"
            for b in term.bounds
        )

    def _product(self, factors: tuple[t.Term, ...]) -> Sign:
        counted: dict[t.Term, int] = {}
        for factor in factors:
            counted[factor] = counted.get(factor, 0) + 1
        signs: list[Sign] = []
        for factor, times in counted.items():
            sign = self.of(factor)
            if times % 2 == 0:
                sign = "positive" if sign in ("positive", "nonzero") else "nonnegative"
            signs.append(sign)
        if all(s == "positive" for s in signs):
            return "positive"
        if all(s in ("positive", "nonnegative") for s in signs):
            return "nonnegative"
        return "nonzero" if all(s in ("positive", "nonzero") for s in signs) else "unknown"

    def _power(self, base: Sign, exponent: t.Term) -> Sign:
        value = _constant(exponent)
        if base == "positive":
            return "positive"
        if value is None:
            return "unknown"
        even = value.denominator == 1 and value.numerator % 2 == 0
        if even or value.denominator % 2 == 0:
            return "positive" if base == "nonzero" or value < 0 else "nonnegative"
        return "nonzero" if value < 0 and base != "nonnegative" else base

    def of_name(self, key: str) -> Sign:
        if key not in self._names:
            self._names[key] = "unknown"
            self._names[key] = self._assumed(key) or self._defined(key)
        return self._names[key]

    def _assumed(self, key: str) -> Sign | None:
        found: Sign | None = None
        for given in unconditional(self.context):
            if not (isinstance(given.left, t.Variable) and given.left.symbol.key == key):
                continue
            bound = _constant(given.right)
            if bound is None:
                continue
            if (given.sign == ">" and bound >= 0) or (given.sign == ">=" and bound > 0):
                return "positive"
            if given.sign == ">=" and bound == 0:
                found = "positive" if found == "nonzero" else "nonnegative"
            if given.sign == "!=" and bound == 0:
                found = "positive" if found == "nonnegative" else "nonzero"
            if given.sign == "<" and bound <= 0:
                found = "nonzero"
        return found

    def _defined(self, key: str) -> Sign:
        definition = self.context.definitions.get(key)
        if definition is None:
            return "unknown"
        sign = self.of(definition.body)
        if definition.squares:
            return "positive" if sign in ("positive", "nonzero") else "nonnegative"
        return sign


_POSITIVE = frozenset(["exp", "sigmoid", "softplus", "cosh", "softmax"])
_NONNEGATIVE = frozenset(["relu", "abs"])


def _weak(sign: Sign) -> Sign:
    return "nonnegative" if sign in ("positive", "nonnegative") else "unknown"


def _sum(signs: list[Sign]) -> Sign:
    if all(s in ("positive", "nonnegative") for s in signs):
        return "positive" if "positive" in signs else "nonnegative"
    return "unknown"


def _constant(term: t.Term) -> Fraction | None:
    """The value of a term of numbers only."""
    match term:
        case t.Number(value) | t.Filled(value):
            return value
        case t.Divide(a, b):
            above, below = _constant(a), _constant(b)
            return above / below if above is not None and below else None
        case t.Multiply(factors):
            product = Fraction(1)
            for factor in factors:
                part = _constant(factor)
                if part is None:
                    return None
                product *= part
            return product
    return None


def discharges(sign: Sign, kind: str) -> bool:
    """Whether a sign is enough for an obligation."""
    match kind:
        case "positive":
            return sign == "positive"
        case "nonnegative":
            return sign in ("positive", "nonnegative")
    return sign in ("positive", "nonzero")


def unconditional(context: Context) -> tuple[t.Assumption, ...]:
    """The assumptions that hold for all indices."""
    return tuple(given for given in context.assumptions if not given.condition)


def over_whole_axes(term: t.Term, indices: tuple[t.Bound, ...]) -> bool:
    """Whether each index stands only for a whole axis of an array, as `i` in `Σ_k T[i, k]`."""
    ranges = {bound.name: bound for bound in indices}
    for part in subterms(term):
        match part:
            case t.Sum(bounds, condition):
                limits = [n for b in bounds for n in (b.name, *b.low.names, *b.high.names)]
                if condition or not ranges.keys().isdisjoint(limits):
                    return False
            case t.Element(base, at):
                pairs = zip(at, base.shape, strict=False)
                if not all(_is_whole(place, extent, ranges) for place, extent in pairs):
                    return False
            case t.Variable() | t.Number() | t.Add() | t.Multiply() | t.Power() | t.Divide():
                continue
            case _:
                return not indices
    return True


def _is_whole(place: t.Affine | None, extent: t.Affine, ranges: Mapping[str, t.Bound]) -> bool:
    if place is None or ranges.keys().isdisjoint(place.names):
        return True
    bound = ranges.get(place.single or "")
    return bound is not None and bound.low == t.Affine.number(1) and bound.high == extent


def symmetric_names(context: Context) -> frozenset[str]:
    """The input matrices that are assumed to equal their transpose."""
    found = set()
    for given in unconditional(context):
        for side, other in ((given.left, given.right), (given.right, given.left)):
            if isinstance(side, t.Variable) and other == t.Transposed(side) and given.sign == "==":
                square = len(side.shape) == 2 and side.shape[0] == side.shape[1]
                if square and side.symbol.role == "input":
                    found.add(side.symbol.key)
    return frozenset(found)
