"""Rigorous intervals: rational endpoints, every operation rounded outward."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

from derive.errors import DeriveError


class UndefinedHere(DeriveError):  # noqa: N818 - it names a property of the point, not a mistake
    """The term has no value at this point: a kink, a pole, a root of a negative number."""


class Unresolved(DeriveError):  # noqa: N818 - it asks for more digits, nothing is wrong
    """The enclosure is too wide to tell; more bits may help."""


class Enclosable(Protocol):
    """A real number that can enclose itself."""

    def enclose(self, bits: int) -> Interval: ...


Real = int | Fraction | Enclosable


def round_down(value: Fraction, bits: int) -> Fraction:
    """The largest dyadic number of about `bits` significant bits that is not above `value`."""
    top, bottom = value.numerator, value.denominator
    if bottom & (bottom - 1) == 0 and top.bit_length() <= bits:
        return value
    shift = bits - top.bit_length() + bottom.bit_length()
    if shift >= 0:
        return Fraction((top << shift) // bottom, 1 << shift)
    return Fraction((top // (bottom << -shift)) << -shift)


def round_up(value: Fraction, bits: int) -> Fraction:
    """The smallest dyadic number of about `bits` significant bits that is not below `value`."""
    return -round_down(-value, bits)


@dataclass(frozen=True, slots=True)
class Interval:
    """All reals from `low` to `high`; results are rounded outward to `bits` bits."""

    low: Fraction
    high: Fraction
    bits: int = 64

    @staticmethod
    def around(low: Fraction, high: Fraction, bits: int) -> Interval:
        """The interval from `low` to `high`, endpoints rounded outward."""
        return Interval(round_down(low, bits), round_up(high, bits), bits)

    def enclose(self, bits: int) -> Interval:
        """Itself: an enclosure cannot be made tighter afterwards."""
        return self

    @property
    def is_point(self) -> bool:
        return self.low == self.high

    @property
    def magnitude(self) -> Fraction:
        """The largest absolute value in it."""
        return max(abs(self.low), abs(self.high))

    def sign(self) -> int:
        """The sign of every number in it; `Unresolved` when zero is one among others."""
        if self.low > 0:
            return 1
        if self.high < 0:
            return -1
        if self.is_point:
            return 0
        raise Unresolved("an enclosing interval contains zero")

    def __neg__(self) -> Interval:
        return Interval(-self.high, -self.low, self.bits)

    def __add__(self, other: Real) -> Interval:
        that = as_interval(other, self.bits)
        return Interval.around(self.low + that.low, self.high + that.high, self.bits)

    __radd__ = __add__

    def __sub__(self, other: Real) -> Interval:
        return self + -as_interval(other, self.bits)

    def __rsub__(self, other: Real) -> Interval:
        return -self + other

    def __mul__(self, other: Real) -> Interval:
        that = as_interval(other, self.bits)
        corners = [a * b for a in (self.low, self.high) for b in (that.low, that.high)]
        return Interval.around(min(corners), max(corners), self.bits)

    __rmul__ = __mul__

    def __truediv__(self, other: Real) -> Interval:
        that = as_interval(other, self.bits)
        if that.sign() == 0:
            raise UndefinedHere("division by zero")
        corners = [a / b for a in (self.low, self.high) for b in (that.low, that.high)]
        return Interval.around(min(corners), max(corners), self.bits)

    def __rtruediv__(self, other: Real) -> Interval:
        return as_interval(other, self.bits) / self

    def __pow__(self, exponent: int) -> Interval:
        if exponent < 0:
            return 1 / self**-exponent
        low, high = self.low**exponent, self.high**exponent
        if exponent % 2 == 0:
            least = Fraction(0) if self.low < 0 < self.high else min(low, high)
            low, high = (Fraction(1), Fraction(1)) if exponent == 0 else (least, max(low, high))
        return Interval.around(low, high, self.bits)


def as_interval(value: Real, bits: int) -> Interval:
    """An enclosure of a real number."""
    if isinstance(value, Interval):
        return value
    if isinstance(value, int | Fraction):
        return Interval(Fraction(value), Fraction(value), bits)
    return value.enclose(bits)


def integer_root(value: int, degree: int) -> int:
    """The floor of the root of a non-negative integer (Newton's iteration)."""
    if value < 2:
        return value
    guess = 1 << -(-value.bit_length() // degree)
    while True:
        better = ((degree - 1) * guess + value // guess ** (degree - 1)) // degree
        if better >= guess:
            return guess
        guess = better


def root_interval(value: Real, degree: int, bits: int) -> Interval:
    """The non-negative root of every number in an enclosure of a non-negative real."""
    whole = as_interval(value, bits)
    if whole.high < 0:
        raise UndefinedHere("root of a negative number")
    if whole.low < 0:
        raise Unresolved("a root's argument is not separated from zero")
    return Interval(_root(whole.low, degree, bits)[0], _root(whole.high, degree, bits)[1], bits)


def _root(value: Fraction, degree: int, bits: int) -> tuple[Fraction, Fraction]:
    if value == 0:
        return Fraction(0), Fraction(0)
    size = value.numerator.bit_length() - value.denominator.bit_length()
    shift = max(0, bits + 2 - size // degree)
    scaled = (value.numerator << (degree * shift)) // value.denominator
    low = integer_root(scaled, degree)
    exact = low**degree * value.denominator == value.numerator << (degree * shift)
    return Fraction(low, 1 << shift), Fraction(low if exact else low + 1, 1 << shift)
