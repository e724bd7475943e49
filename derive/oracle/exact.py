"""Exact scalars: fractions, sums of square roots (decidable), and rigorous intervals for the rest.

The values are `Fraction`, `Surd` (Σ q·√r over square-free integers r) and `Interval`. Sums,
products and quotients are Python's operators; two values of the first two kinds are always
compared exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import factorial, gcd, isqrt

from derive.errors import UnsupportedError
from derive.oracle import elementary
from derive.oracle.interval import (
    Interval,
    UndefinedHere,
    Unresolved,
    as_interval,
    integer_root,
    root_interval,
)

MOST_RADICALS = 6
LARGEST_TRIAL = 10_000


@dataclass(frozen=True, slots=True, eq=False)
class Surd:
    """Σ q·√r over square-free integers r ≥ 1; never rational, so never zero.

    Square roots of distinct square-free integers are linearly independent over the rationals,
    hence two sums are equal exactly when their coefficients are.
    """

    parts: Mapping[int, Fraction]
    bits: int = 64

    def enclose(self, bits: int) -> Interval:
        """An enclosure of `bits` bits."""
        total = as_interval(0, bits)
        for radicand, coefficient in self.parts.items():
            total = total + coefficient * root_interval(radicand, 2, bits)
        return total

    def sign(self) -> int:
        """The sign; more bits until zero is outside."""
        bits = 64
        while True:
            try:
                return self.enclose(bits).sign()
            except Unresolved:
                bits *= 2

    def __hash__(self) -> int:
        return hash(tuple(sorted(self.parts.items())))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Surd) and self.parts == other.parts

    def __neg__(self) -> Surd:
        return Surd({r: -q for r, q in self.parts.items()}, self.bits)

    def __add__(self, other: Exact) -> Exact:
        if isinstance(other, Interval):
            return other + self
        total = dict(self.parts)
        for radicand, coefficient in _parts(other).items():
            total[radicand] = total.get(radicand, Fraction(0)) + coefficient
        return _surd(total, self.bits)

    __radd__ = __add__

    def __sub__(self, other: Exact) -> Exact:
        return self + -other

    def __rsub__(self, other: Exact) -> Exact:
        return -self + other

    def __mul__(self, other: Exact) -> Exact:
        if isinstance(other, Interval):
            return other * self
        total: dict[int, Fraction] = {}
        for left, p in self.parts.items():
            for right, q in _parts(other).items():
                common = gcd(left, right)
                radicand = (left // common) * (right // common)
                total[radicand] = total.get(radicand, Fraction(0)) + common * p * q
        return _surd(total, self.bits)

    __rmul__ = __mul__

    def __truediv__(self, other: Exact) -> Exact:
        if isinstance(other, Surd):
            return self * other.inverse()
        if isinstance(other, Interval):
            return self.enclose(self.bits) / other
        return Surd({r: q / other for r, q in self.parts.items()}, self.bits)

    def __rtruediv__(self, other: Exact) -> Exact:
        return other * self.inverse()

    def inverse(self) -> Exact:
        """1 / itself, by multiplying with one conjugate for each prime under its roots."""
        if len(self.parts) == 1:
            ((radicand, coefficient),) = self.parts.items()
            return _surd({radicand: 1 / (coefficient * radicand)}, self.bits)
        prime = _a_prime(max(self.parts))
        flipped = {r: (-q if r % prime == 0 else q) for r, q in self.parts.items()}
        conjugate = Surd(flipped, self.bits)
        norm = self * conjugate
        return conjugate / norm

    def __str__(self) -> str:
        pieces = [_root_text(r, q) for r, q in sorted(self.parts.items())]
        return " + ".join(pieces).replace("+ −", "− ")


Exact = Fraction | Surd | Interval


def _parts(value: Fraction | Surd) -> Mapping[int, Fraction]:
    return value.parts if isinstance(value, Surd) else {1: Fraction(value)}


def _surd(parts: Mapping[int, Fraction], bits: int) -> Exact:
    kept = {r: q for r, q in parts.items() if q}
    if not kept.keys() - {1}:
        return kept.get(1, Fraction(0))
    value = Surd(kept, bits)
    return value if len(kept) <= 1 << MOST_RADICALS else value.enclose(bits)


def _root_text(radicand: int, coefficient: Fraction) -> str:
    if radicand == 1:
        return number_text(coefficient)
    if abs(coefficient) == 1:
        return f"{'−' if coefficient < 0 else ''}√{radicand}"
    return f"{number_text(coefficient)}·√{radicand}"


def number_text(value: Fraction) -> str:
    """A fraction as people write it, with a true minus sign."""
    return str(value).replace("-", "−")


@lru_cache(maxsize=4096)
def _a_prime(number: int) -> int:
    """The least prime factor of a square-free integer above 1."""
    for factor in range(2, isqrt(number) + 1):
        if number % factor == 0:
            return factor
    return number


@lru_cache(maxsize=4096)
def square_free(number: int) -> tuple[int, int] | None:
    """(s, r) with number = s²·r and r square-free; None when that is too hard to find."""
    outside, inside, rest = 1, 1, number
    for factor in (2, *range(3, LARGEST_TRIAL, 2)):
        if factor * factor > rest:
            break
        while rest % (factor * factor) == 0:
            rest //= factor * factor
            outside *= factor
        if rest % factor == 0:
            rest //= factor
            inside *= factor
    whole = isqrt(rest)
    if whole * whole == rest:
        return outside * whole, inside
    return (outside, inside * rest) if rest < LARGEST_TRIAL**3 else None


def sign(value: Exact) -> int:
    """−1, 0 or 1; `Unresolved` when an interval contains zero."""
    if isinstance(value, Fraction | int):
        return (value > 0) - (value < 0)
    return value.sign()


def root(value: Exact, degree: int, bits: int) -> Exact:
    """The non-negative root of a non-negative number, exact where it can be."""
    if sign(value) < 0:
        raise UndefinedHere("root of a negative number")
    if not isinstance(value, Fraction):
        return root_interval(value, degree, bits)
    top, bottom = (integer_root(n, degree) for n in (value.numerator, value.denominator))
    if top**degree == value.numerator and bottom**degree == value.denominator:
        return Fraction(top, bottom)
    found = square_free(value.numerator * value.denominator) if degree == 2 else None
    if found is None:
        return root_interval(value, degree, bits)
    outside, inside = found
    return Surd({inside: Fraction(outside, value.denominator)}, bits)


def quotient(left: Exact, right: Exact) -> Exact:
    """left / right; `UndefinedHere` when the divisor is zero."""
    if sign(right) == 0:
        raise UndefinedHere("division by zero")
    return left / right


def power(base: Exact, exponent: Fraction, bits: int) -> Exact:
    """A rational power; x⁰ = 1, a fractional one is of the non-negative root."""
    if exponent == 0:
        return Fraction(1)
    rooted = base if exponent.denominator == 1 else root(base, exponent.denominator, bits)
    raised = _whole_power(rooted, abs(exponent.numerator))
    return raised if exponent > 0 else quotient(Fraction(1), raised)


LARGEST_NUMBER = 200_000


def _whole_power(base: Exact, exponent: int) -> Exact:
    if isinstance(base, Fraction):
        bits = max(base.numerator.bit_length(), base.denominator.bit_length())
        if bits * exponent > LARGEST_NUMBER:
            raise UnsupportedError(f"a number of more than {LARGEST_NUMBER} bits")
    if not isinstance(base, Surd):
        return base**exponent
    return base if exponent == 1 else _by_squaring(base, exponent)


def _by_squaring(base: Exact, exponent: int) -> Exact:
    half = _whole_power(base, exponent // 2)
    return half * half * base if exponent % 2 else half * half


def known_function(name: str, value: Exact, bits: int) -> Exact:
    """A known function of one number, rational where the table says so, else enclosed."""
    if name == "abs":
        return -value if sign(value) < 0 else value
    if name == "relu":
        return value if sign(value) > 0 else Fraction(0)
    if name == "sign":
        return Fraction(sign(value))
    if isinstance(value, Fraction) and value.denominator == 1:
        known = elementary.RATIONAL_VALUES.get((name, value.numerator))
        if known is not None:
            return known
        if name == "gamma" and 0 < value <= 64:
            return Fraction(factorial(value.numerator - 1))
    enclosure = elementary.ENCLOSURES.get(name)
    if enclosure is None:
        raise UnsupportedError(f"the function {name} has no exact evaluation")
    return enclosure(value, bits)
