"""Sine and cosine over the complex exponential; gamma and digamma over shifts by whole numbers.

    cos p = (e^{ip} + e^{-ip}) / 2,   sin p = (e^{ip} - e^{-ip}) / 2i,
    Γ(p + 1) = p Γ(p),   ψ(p + 1) = ψ(p) + 1 / p.

`("cis", m)` is e^{im} for a monomial m, `("i",)` the imaginary unit. What is complex has no sign,
no root and no logarithm here.
"""

from __future__ import annotations

import math
from fractions import Fraction

from derive.calculus.polynomial import (
    ONE,
    Monomial,
    Polynomial,
    Rational,
    add_into,
    constant,
    freeze,
    of_atom,
    scale,
    tidy,
)
from derive.calculus.powers import Powers
from derive.errors import UnsupportedError

MAX_SHIFT = 16
PI: Monomial = frozenset([(("const", "pi"), 1)])


def cosine(algebra: Powers, p: Polynomial) -> Polynomial:
    """`cos p`."""
    turn = turned(algebra, p)
    return scale(add_into(algebra.power(turn, -1), turn), Fraction(1, 2))


def sine(algebra: Powers, p: Polynomial) -> Polynomial:
    """`sin p`; 1/i is -i."""
    turn = turned(algebra, p)
    difference = add_into(dict(turn), algebra.power(turn, -1), -1)
    return algebra.multiply(of_atom(("i",)), scale(difference, Fraction(-1, 2)))


def turned(algebra: Powers, p: Polynomial) -> Polynomial:
    """`e^{ip}`; a multiple of half a turn is a power of i."""
    result = constant(1)
    for monomial, coefficient in p.items():
        if monomial == PI and Fraction(2 * coefficient).denominator == 1:
            for _ in range(int(2 * coefficient) % 4):
                result = algebra.multiply(result, of_atom(("i",)))
        else:
            result = algebra.multiply(result, of_atom(("cis", monomial), coefficient))
    return result


def gamma(algebra: Powers, p: Polynomial) -> Polynomial:
    """`Γ(p)` over Γ at the same point with the constant in (0, 1]."""
    base, steps = _shifted(p)
    result = of_atom(("call", "gamma", (), (freeze(base),)))
    if base == constant(1):
        result = constant(1)
    for k in range(abs(steps)):
        factor = add_into(dict(base), constant(k if steps > 0 else -1 - k))
        result = algebra.multiply(result, algebra.power(factor, 1 if steps > 0 else -1))
    return result


def digamma(algebra: Powers, p: Polynomial) -> Polynomial:
    """`ψ(p)` over ψ at the same point with the constant in (0, 1]."""
    base, steps = _shifted(p)
    result = of_atom(("call", "digamma", (), (freeze(base),)))
    for k in range(abs(steps)):
        factor = add_into(dict(base), constant(k if steps > 0 else -1 - k))
        add_into(result, algebra.power(factor, -1), 1 if steps > 0 else -1)
    return result


def _shifted(p: Polynomial) -> tuple[Polynomial, int]:
    """The polynomial with its constant in (0, 1], and by how much it was lowered."""
    number: Rational = p.get(ONE, 0)
    steps = math.ceil(number) - 1
    if abs(steps) > MAX_SHIFT:
        raise UnsupportedError(f"a gamma function shifted by more than {MAX_SHIFT}")
    return add_into(dict(p), constant(tidy(Fraction(steps))), -1), steps
