"""Positions of entries under renaming, slices and broadcasting, and the elementary functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction

import sympy
from sympy import Expr

from derive.calculus.indexed import Order
from derive.calculus.indexed import Position as At
from derive.errors import UnsupportedError
from derive.meaning import terms as t
from derive.meaning.terms import Affine, Context

Names = Mapping[str, Affine]

FUNCTIONS: dict[str, Callable[..., Expr]] = {
    "exp": sympy.exp,
    "log": sympy.log,
    "sin": sympy.sin,
    "cos": sympy.cos,
    "tan": lambda x: sympy.sin(x) / sympy.cos(x),
    "sinh": lambda x: (sympy.exp(x) - sympy.exp(-x)) / 2,
    "cosh": lambda x: (sympy.exp(x) + sympy.exp(-x)) / 2,
    "tanh": lambda x: (sympy.exp(2 * x) - 1) / (sympy.exp(2 * x) + 1),
    "sigmoid": lambda x: 1 / (1 + sympy.exp(-x)),
    "softplus": lambda x: sympy.log(1 + sympy.exp(x)),
    "arcsin": sympy.asin,
    "arccos": sympy.acos,
    "arctan": sympy.atan,
    "arcsinh": sympy.asinh,
    "arccosh": sympy.acosh,
    "arctanh": sympy.atanh,
    "erf": sympy.erf,
    "gamma": sympy.gamma,
    "digamma": sympy.digamma,
}

MEETS: dict[str, Callable[[Fraction], bool]] = {
    "positive": lambda value: value > 0,
    "nonnegative": lambda value: value >= 0,
    "nonzero": lambda value: value != 0,
}

LARGEST_EXPONENT = 4096
LARGEST_NUMBER = 200_000
"""In bits; larger powers of numbers are not worked out."""

INDEX = (t.Position, t.Number)


def as_position(term: t.Term) -> Affine:
    match term:
        case t.Position(at):
            return at
        case t.Number(value) if value.denominator == 1:
            return Affine.number(int(value))
    raise UnsupportedError("a condition on something that is not an index")


def order(left: Affine, right: Affine) -> Expr:
    """The indicator of `left < right`."""
    difference = right - left
    if not difference.terms:
        return sympy.S.One if difference.constant >= 1 else sympy.S.Zero
    return Order(left, right)


def bits(value: sympy.Rational) -> int:
    return max(int(value.p).bit_length(), int(value.q).bit_length())


def over(numerator: Expr, denominator: Expr) -> Expr:
    if denominator is sympy.S.Zero:
        raise UnsupportedError("division by zero")
    return numerator * sympy.Pow(denominator, -1, evaluate=denominator.is_Rational)


def renamed(position: Affine, names: Names) -> Affine:
    if not any(name in names for name in position.names):
        return position
    total = Affine.number(position.constant)
    for name, coefficient in position.terms:
        total = total + names.get(name, Affine.name(name)) * coefficient
    return total


def filled(positions: tuple[Affine | None, ...], at: At, names: Names) -> At:
    """Positions with their slices taken from `at` in order, followed by the rest of `at`."""
    rest = iter(at)
    chosen = [next(rest) if p is None else renamed(p, names) for p in positions]
    return (*chosen, *rest)


def as_size(term: t.Term, context: Context) -> Affine | None:
    """The term as one size, a multiple of it, and a number, if it is that and never negative."""
    found = _affine(term)
    if found is None or len(found.terms) != 1:
        return None
    ((name, coefficient),) = found.terms
    fits = coefficient >= 1 and name in context.sizes and coefficient + found.constant >= 0
    return found if fits else None


def _affine(term: t.Term) -> Affine | None:
    match term:
        case t.Position(at):
            return at
        case t.Number(value) if value.denominator == 1:
            return Affine.number(int(value))
        case t.Add(terms):
            total = Affine()
            for part in terms:
                found = _affine(part)
                if found is None:
                    return None
                total = total + found
            return total
        case t.Multiply((t.Number(value), other)) if value.denominator == 1:
            found = _affine(other)
            return None if found is None else found * int(value)
    return None


def aligned(term: t.Term, at: At) -> At:
    """The position in an operand that is broadcast against trailing axes."""
    shape = term.shape
    if len(shape) > len(at):
        raise UnsupportedError("a whole array where one entry is expected")
    if not shape:
        return ()
    own = at[len(at) - len(shape) :]
    one = Affine.number(1)
    return tuple(
        one if extent.constant == 1 and not extent.terms else p
        for extent, p in zip(shape, own, strict=True)
    )


def check_power(base: Expr, exponent: sympy.Rational) -> None:
    """Raise UnsupportedError for a power that is undefined or too large to be worked out."""
    if max(abs(exponent.p), exponent.q) > LARGEST_EXPONENT:
        raise UnsupportedError(f"an exponent above {LARGEST_EXPONENT}")
    if base.is_Rational and bits(base) * abs(exponent.p) > LARGEST_NUMBER:
        raise UnsupportedError(f"a number of more than {LARGEST_NUMBER} bits")
    if exponent < 0 and base is sympy.S.Zero:
        raise UnsupportedError("division by zero")
    if exponent.q != 1 and base.is_Rational and base < 0:
        raise UnsupportedError("root of a negative number")
