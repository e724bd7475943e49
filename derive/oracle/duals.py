"""Forward-mode derivatives: numbers that carry their derivative in every seeded direction.

A dual is a value and a sparse mapping direction → derivative, over a field that may itself be one
of duals; `level` keeps nested ones apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction

from derive.errors import UnsupportedError
from derive.oracle.fields import Field, Scalar
from derive.oracle.interval import UndefinedHere

Direction = tuple[int, ...]


class Dual:
    """A value of the base field and its derivatives by direction; absent ones are zero."""

    __slots__ = ("level", "tangents", "value")

    def __init__(self, level: int, value: Scalar, tangents: Mapping[Direction, Scalar]) -> None:
        self.level = level
        self.value = value
        self.tangents = tangents


class DualField:
    """Duals over a base field; scalars of the base field count as constants."""

    def __init__(self, base: Field) -> None:
        self.base = base
        self.level = base.level + 1
        self.key = base.key + "'"

    def split(self, value: Scalar) -> tuple[Scalar, Mapping[Direction, Scalar]]:
        """The value and the derivatives of a scalar."""
        if type(value) is Dual and value.level == self.level:
            return value.value, value.tangents
        return value, {}

    def _join(self, value: Scalar, tangents: Mapping[Direction, Scalar]) -> Scalar:
        return Dual(self.level, value, tangents) if tangents else value

    def lift(self, value: Scalar) -> Scalar:
        """A constant."""
        return self.base.lift(value)

    def rational(self, value: Scalar) -> Fraction | None:
        """The number as a fraction, where it is a constant one."""
        plain, tangents = self.split(value)
        return None if tangents else self.base.rational(plain)

    def constant(self, name: str) -> Scalar:
        """π or e."""
        return self.base.constant(name)

    def add(self, left: Scalar, right: Scalar) -> Scalar:
        """(a + b)′ = a′ + b′."""
        return self.total((left, right))

    def total(self, values: Iterable[Scalar]) -> Scalar:
        """The sum, and the sums of the derivatives."""
        plain, tangents, add = [], dict[Direction, Scalar](), self.base.add
        for scalar in values:
            value, slopes = self.split(scalar)
            plain.append(value)
            for direction, slope in slopes.items():
                old = tangents.get(direction)
                tangents[direction] = slope if old is None else add(old, slope)
        return self._join(self.base.total(plain), tangents)

    def neg(self, value: Scalar) -> Scalar:
        """(−a)′ = −a′."""
        plain, slopes = self.split(value)
        neg = self.base.neg
        return self._join(neg(plain), {d: neg(s) for d, s in slopes.items()})

    def mul(self, left: Scalar, right: Scalar) -> Scalar:
        """(a b)′ = a′ b + a b′."""
        (a, da), (b, db) = self.split(left), self.split(right)
        mul = self.base.mul
        tangents = {d: mul(s, b) for d, s in da.items()}
        for direction, slope in db.items():
            part, old = mul(a, slope), tangents.get(direction)
            tangents[direction] = part if old is None else self.base.add(old, part)
        return self._join(mul(a, b), tangents)

    def div(self, left: Scalar, right: Scalar) -> Scalar:
        """(a / b)′ = (a′ − (a/b) b′) / b."""
        (a, da), (b, db) = self.split(left), self.split(right)
        base = self.base
        value = base.div(a, b)
        tangents = {d: base.div(s, b) for d, s in da.items()}
        slant = base.neg(base.div(value, b)) if db else None
        for direction, slope in db.items():
            part, old = base.mul(slant, slope), tangents.get(direction)
            tangents[direction] = part if old is None else base.add(old, part)
        return self._join(value, tangents)

    def power(self, base: Scalar, exponent: Fraction) -> Scalar:
        """(a^q)′ = q a^(q−1) a′."""
        plain, slopes = self.split(base)
        value = self.base.power(plain, exponent)
        if not slopes or exponent == 0:
            return value
        factor = self.base.mul(self.base.lift(exponent), self.base.power(plain, exponent - 1))
        return self._chained(value, factor, slopes)

    def function(self, name: str, value: Scalar) -> Scalar:
        """f(a)′ = f′(a) a′."""
        plain, slopes = self.split(value)
        result = self.base.function(name, plain)
        if not slopes:
            return result
        if name not in SLOPES:
            raise UnsupportedError(f"the function {name} has no derivative here")
        return self._chained(result, SLOPES[name](self.base, plain, result), slopes)

    def _chained(self, value: Scalar, factor: Scalar, slopes: Mapping[Direction, Scalar]) -> Scalar:
        mul = self.base.mul
        return self._join(value, {d: mul(factor, s) for d, s in slopes.items()})

    def compare(self, left: Scalar, right: Scalar) -> int:
        """The sign of the difference of the values; at equality a derivative is undefined."""
        (a, da), (b, db) = self.split(left), self.split(right)
        found = self.base.compare(a, b)
        if found == 0 and (da or db):
            raise UndefinedHere("a derivative at the border between two cases")
        return found

    def is_zero(self, value: Scalar) -> bool:
        """Whether the value is zero, whatever its derivatives."""
        return self.base.is_zero(self.split(value)[0])


Slope = Callable[[Field, Scalar, Scalar], Scalar]
"""(field, x, f(x)) → f′(x)."""


def _minus_square(f: Field, constant: int, value: Scalar) -> Scalar:
    return f.add(f.lift(Fraction(constant)), f.neg(f.mul(value, value)))


def _plus_square(f: Field, constant: int, value: Scalar) -> Scalar:
    return f.add(f.lift(Fraction(constant)), f.mul(value, value))


def _one_over_root(f: Field, value: Scalar) -> Scalar:
    return f.power(value, Fraction(-1, 2))


def _one_over(f: Field, value: Scalar) -> Scalar:
    return f.power(value, Fraction(-1))


def _side(f: Field, x: Scalar) -> int:
    found = f.compare(x, f.lift(Fraction(0)))
    if found == 0:
        raise UndefinedHere("a derivative at a kink")
    return found


def _gaussian(f: Field, x: Scalar) -> Scalar:
    bell = f.function("exp", f.neg(f.mul(x, x)))
    return f.div(f.mul(f.lift(Fraction(2)), bell), f.power(f.constant("pi"), Fraction(1, 2)))


SLOPES: Mapping[str, Slope] = {
    "exp": lambda f, x, y: y,
    "log": lambda f, x, y: _one_over(f, x),
    "sin": lambda f, x, y: f.function("cos", x),
    "cos": lambda f, x, y: f.neg(f.function("sin", x)),
    "tan": lambda f, x, y: _plus_square(f, 1, y),
    "sinh": lambda f, x, y: f.function("cosh", x),
    "cosh": lambda f, x, y: f.function("sinh", x),
    "tanh": lambda f, x, y: _minus_square(f, 1, y),
    "arcsin": lambda f, x, y: _one_over_root(f, _minus_square(f, 1, x)),
    "arccos": lambda f, x, y: f.neg(_one_over_root(f, _minus_square(f, 1, x))),
    "arctan": lambda f, x, y: _one_over(f, _plus_square(f, 1, x)),
    "arcsinh": lambda f, x, y: _one_over_root(f, _plus_square(f, 1, x)),
    "arccosh": lambda f, x, y: _one_over_root(f, _plus_square(f, -1, x)),
    "arctanh": lambda f, x, y: _one_over(f, _minus_square(f, 1, x)),
    "erf": lambda f, x, y: _gaussian(f, x),
    "sigmoid": lambda f, x, y: f.mul(y, _minus_one(f, y)),
    "softplus": lambda f, x, y: f.function("sigmoid", x),
    "gamma": lambda f, x, y: f.mul(y, f.function("digamma", x)),
    "digamma": lambda f, x, y: f.function("trigamma", x),
    "relu": lambda f, x, y: f.lift(Fraction(1 if _side(f, x) > 0 else 0)),
    "abs": lambda f, x, y: f.lift(Fraction(_side(f, x))),
    "sign": lambda f, x, y: f.lift(Fraction(0 * _side(f, x))),
}


def _minus_one(f: Field, value: Scalar) -> Scalar:
    return f.add(f.lift(Fraction(1)), f.neg(value))
