"""The arithmetics a term can be evaluated in: exact, modulo a prime, and floating point.

A field offers the few operations that evaluation needs; scalars are whatever it computes with.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from typing import Any, Protocol

from derive.errors import UnsupportedError
from derive.oracle import elementary, exact
from derive.oracle.interval import UndefinedHere

Scalar = Any
"""A number of some field: a fraction, a surd, an interval, a residue, a float or a dual."""


class Field(Protocol):
    """What evaluation asks of an arithmetic. `key` tells two fields apart in caches."""

    @property
    def key(self) -> str: ...
    @property
    def level(self) -> int: ...
    def lift(self, value: Scalar) -> Scalar: ...
    def add(self, left: Scalar, right: Scalar) -> Scalar: ...
    def mul(self, left: Scalar, right: Scalar) -> Scalar: ...
    def neg(self, value: Scalar) -> Scalar: ...
    def div(self, left: Scalar, right: Scalar) -> Scalar: ...
    def power(self, base: Scalar, exponent: Fraction) -> Scalar: ...
    def function(self, name: str, value: Scalar) -> Scalar: ...
    def constant(self, name: str) -> Scalar: ...
    def compare(self, left: Scalar, right: Scalar) -> int: ...
    def is_zero(self, value: Scalar) -> bool: ...
    def total(self, values: Iterable[Scalar]) -> Scalar: ...
    def rational(self, value: Scalar) -> Fraction | None: ...


class ExactField:
    """Fractions, sums of square roots, and intervals of `bits` bits where neither suffices."""

    level = 0

    def __init__(self, bits: int = 64) -> None:
        self.bits = bits
        self.key = f"exact{bits}"

    def lift(self, value: Scalar) -> Scalar:
        """An input or a number of a term as a scalar."""
        return value

    add = staticmethod(operator.add)
    mul = staticmethod(operator.mul)
    neg = staticmethod(operator.neg)
    div = staticmethod(exact.quotient)

    def power(self, base: Scalar, exponent: Fraction) -> Scalar:
        """A rational power, roots non-negative."""
        return exact.power(base, exponent, self.bits)

    def function(self, name: str, value: Scalar) -> Scalar:
        """A known function of one number."""
        return exact.known_function(name, value, self.bits)

    def constant(self, name: str) -> Scalar:
        """π or e, enclosed."""
        return (
            elementary.pi(self.bits) if name == "pi" else elementary.exp_at(Fraction(1), self.bits)
        )

    def compare(self, left: Scalar, right: Scalar) -> int:
        """The sign of left − right."""
        return exact.sign(left - right)

    def is_zero(self, value: Scalar) -> bool:
        """Whether a number is provably zero; `Unresolved` when that cannot be told."""
        return exact.sign(value) == 0

    def total(self, values: Iterable[Scalar]) -> Scalar:
        """The sum of numbers."""
        return sum(values, Fraction(0))

    def rational(self, value: Scalar) -> Fraction | None:
        """The number as a fraction, where it is one."""
        return value if isinstance(value, Fraction) else None


PRIME = (1 << 61) - 1


class NotModular(UnsupportedError):  # noqa: N818 - a property of the term, not a mistake
    """The term has no meaning modulo a prime: an order, an exponential, a kink."""


class ModularField:
    """Integers modulo 2^61 − 1: agreement here is a screen, never a verdict.

    The prime is 3 modulo 4, so a ↦ a^((p+1)/4) is the root that is itself a square; it is
    multiplicative, as the positive root of the reals is. Squares play the positive numbers.
    """

    key = "modular"
    level = 0

    def lift(self, value: Scalar) -> Scalar:
        """The residue of an integer or a fraction."""
        if isinstance(value, Fraction):
            return value.numerator * pow(value.denominator, -1, PRIME) % PRIME
        return value % PRIME

    def add(self, left: Scalar, right: Scalar) -> Scalar:
        """left + right."""
        return (left + right) % PRIME

    def mul(self, left: Scalar, right: Scalar) -> Scalar:
        """left · right."""
        return left * right % PRIME

    def neg(self, value: Scalar) -> Scalar:
        """−value."""
        return -value % PRIME

    def div(self, left: Scalar, right: Scalar) -> Scalar:
        """left / right."""
        if right == 0:
            raise UndefinedHere("division by zero")
        return left * pow(right, -1, PRIME) % PRIME

    def power(self, base: Scalar, exponent: Fraction) -> Scalar:
        """A whole or half-whole power; `UndefinedHere` when the base is not a square."""
        if exponent.denominator == 2:
            base = self._root(base)
        elif exponent.denominator != 1:
            raise NotModular("only square roots are taken modulo a prime")
        if exponent < 0 and base == 0:
            raise UndefinedHere("division by zero")
        return pow(base, exponent.numerator, PRIME)

    def _root(self, value: int) -> int:
        found = pow(value, (PRIME + 1) >> 2, PRIME)
        if found * found % PRIME != value:
            raise UndefinedHere("root of a number that is no square")
        return found

    def function(self, name: str, value: Scalar) -> Scalar:
        """No function has a meaning here."""
        raise NotModular(f"{name} has no meaning modulo a prime")

    def constant(self, name: str) -> Scalar:
        """No constant has a meaning here."""
        raise NotModular(f"{name} has no meaning modulo a prime")

    def compare(self, left: Scalar, right: Scalar) -> int:
        """0 for equal numbers; there is no order."""
        if left == right:
            return 0
        raise NotModular("residues have no order")

    def is_zero(self, value: Scalar) -> bool:
        """Whether a residue is zero."""
        return bool(value == 0)

    def total(self, values: Iterable[Scalar]) -> Scalar:
        """The sum of residues."""
        return sum(values) % PRIME

    def rational(self, value: Scalar) -> Fraction | None:
        """Small whole residues, the only ones that may stand in an exponent."""
        return Fraction(value) if value < 64 else None


FLOAT_FUNCTIONS: Mapping[str, Callable[[float], float]] = {
    "exp": math.exp,
    "log": math.log,
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "sinh": math.sinh,
    "cosh": math.cosh,
    "tanh": math.tanh,
    "arcsin": math.asin,
    "arccos": math.acos,
    "arctan": math.atan,
    "arcsinh": math.asinh,
    "arccosh": math.acosh,
    "arctanh": math.atanh,
    "erf": math.erf,
    "gamma": math.gamma,
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "softplus": lambda x: math.log1p(math.exp(-abs(x))) + max(x, 0.0),
    "relu": lambda x: max(x, 0.0),
    "abs": abs,
    "sign": lambda x: float((x > 0) - (x < 0)),
}


class FloatField:
    """Double precision, for numeric cross-checks."""

    key = "float"
    level = 0

    def lift(self, value: Scalar) -> Scalar:
        """The nearest double."""
        return float(value)

    add = staticmethod(operator.add)
    mul = staticmethod(operator.mul)
    neg = staticmethod(operator.neg)

    def div(self, left: Scalar, right: Scalar) -> Scalar:
        """left / right."""
        if right == 0:
            raise UndefinedHere("division by zero")
        return left / right

    def power(self, base: Scalar, exponent: Fraction) -> Scalar:
        """A rational power, roots non-negative."""
        if (exponent.denominator > 1 and base < 0) or (exponent < 0 and base == 0):
            raise UndefinedHere("a power without a value")
        if exponent.denominator <= 2:
            return (math.sqrt(base) if exponent.denominator == 2 else base) ** exponent.numerator
        return base ** float(exponent)

    def function(self, name: str, value: Scalar) -> Scalar:
        """A known function of one number."""
        if name not in FLOAT_FUNCTIONS:
            raise UnsupportedError(f"the function {name} has no floating-point evaluation")
        try:
            return FLOAT_FUNCTIONS[name](value)
        except (ValueError, OverflowError) as problem:
            raise UndefinedHere(f"{name} has no value here") from problem

    def constant(self, name: str) -> Scalar:
        """π or e."""
        return math.pi if name == "pi" else math.e

    def compare(self, left: Scalar, right: Scalar) -> int:
        """The sign of left − right."""
        return int(left > right) - int(left < right)

    def is_zero(self, value: Scalar) -> bool:
        """Whether a number is zero."""
        return bool(value == 0)

    def total(self, values: Iterable[Scalar]) -> Scalar:
        """The correctly rounded sum."""
        return math.fsum(values)

    def rational(self, value: Scalar) -> Fraction | None:
        """The double as a fraction, when it is a whole number or a half."""
        return Fraction(value) if float(2 * value).is_integer() else None


EXACT = ExactField()
MODULAR = ModularField()
FLOAT = FloatField()
