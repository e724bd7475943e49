"""Logarithms: a logarithm of a product is the sum of the logarithms of its factors.

In a normal form `("call", "log", (), (p,))` stands for `log |p|`. It equals the author's `log p`
wherever that is defined, and there `log |pq| = log |p| + log |q|` needs no sign of the factors.
A factor keeps its sign, so `log(1 - x)` and `log(x - 1)`, which are nowhere both defined, differ.
"""

from __future__ import annotations

from derive.calculus.clearing import together
from derive.calculus.factoring import content_and_common, irreducible_factors, prime_powers
from derive.calculus.polynomial import (
    ONE,
    UNIT,
    Atom,
    Monomial,
    Polynomial,
    add_into,
    constant,
    freeze,
    of_atom,
    scale,
    thaw,
)
from derive.calculus.powers import Powers, refuse_complex
from derive.errors import UnsupportedError


def log_atom(argument: Polynomial) -> Atom:
    """The atom of `log |p|`."""
    return ("call", "log", (), (freeze(argument),))


def logarithm(algebra: Powers, argument: Polynomial) -> Polynomial:
    """The logarithm of a polynomial over its content, its common monomial and its factors."""
    if not argument:
        raise UnsupportedError("the logarithm of zero")
    refuse_complex(argument)
    above, outside = together(algebra.multiply, argument)
    content, common, primitive = content_and_common(above)
    sign, factors = _oriented(primitive, 1 if content > 0 else -1)
    monomial = (*common, *outside)
    if sign < 0 and len(factors) == 1 and not monomial:
        sign, factors = 1, [(scale(factors[0][0], -1), 1)]
    if sign < 0 or any(atom[0] in _INDICATORS for atom, _ in monomial):
        return of_atom(log_atom(argument))
    total: Polynomial = {}
    for prime, times in prime_powers(content if content > 0 else -content):
        add_into(total, of_atom(log_atom(constant(prime))), times)
    for atom, exponent in monomial:
        add_into(total, _of_factor(algebra, atom), exponent)
    for factor, times in factors:
        add_into(total, of_atom(log_atom(factor)), times)
    return total


def _oriented(primitive: Polynomial, sign: int) -> tuple[int, list[tuple[Polynomial, int]]]:
    """Irreducible factors, each with a positive constant term, and the sign that is left over."""
    factors: list[tuple[Polynomial, int]] = []
    for factor, times in irreducible_factors(primitive):
        if factor.get(ONE, 0) < 0:
            factor = scale(factor, -1)
            sign = -sign if times % 2 else sign
        if factor != UNIT:
            factors.append((factor, times))
    return sign, factors


def _of_factor(algebra: Powers, atom: Atom) -> Polynomial:
    match atom[0]:
        case "exp":
            exponent: Monomial = atom[1]
            return {exponent: 1}
        case "const" if atom[1] == "e":
            return {ONE: 1}
        case "prod":
            return algebra.log_of_product(atom)
        case "power":
            return logarithm(algebra, thaw(atom[1]))
    return of_atom(log_atom(of_atom(atom)))


_INDICATORS = frozenset(["delta", "order", "step", "kink", "any"])
