"""Division with remainder: what stands over a power of a polynomial is reduced modulo it."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest

from derive.calculus.algebra import Algebra
from derive.calculus.division import divided
from derive.calculus.polynomial import (
    Atom,
    Monomial,
    Polynomial,
    freeze,
    thaw,
)

U, V, W = (("entry", name, ()) for name in "uvw")
DIVISOR: Polynomial = {
    frozenset(): 1,
    frozenset([(U, 2), (V, 3)]): 1,
    frozenset([(V, 1), (W, 1)]): 2,
}
POWER: Atom = ("power", freeze(DIVISOR))
AT = {U: Fraction(2, 3), V: Fraction(-5, 7), W: Fraction(3, 5)}


def value(form: Polynomial) -> Fraction:
    """The form at one point."""
    return sum((Fraction(c) * _product(m) for m, c in form.items()), Fraction())


def _product(monomial: Monomial) -> Fraction:
    result = Fraction(1)
    for atom, exponent in monomial:
        base = value(thaw(atom[1])) if atom[0] == "power" else AT[atom]
        result *= base ** int(exponent)
    return result


def over(times: int, **exponents: int) -> Monomial:
    """A product of u, v and w over a power of the divisor."""
    above = zip((U, V, W), (exponents.get(name, 0) for name in "uvw"), strict=True)
    return frozenset([(POWER, -times), *((a, e) for a, e in above if e)])


def test_a_quotient_is_the_remainder_and_the_rest() -> None:
    base = {frozenset(): 1, frozenset([(U, 1)]): 1}
    over_one_plus = ("power", freeze(base))
    found = divided(Algebra(), {frozenset([(U, 1), (over_one_plus, -1)]): 1})
    assert found == {frozenset(): 1, frozenset([(over_one_plus, -1)]): -1}


@pytest.mark.parametrize("seed", range(4))
def test_the_order_of_terms_does_not_matter(seed: int) -> None:
    """Terms that meet in the middle do so in any order, and before the steps are used up."""
    terms = [
        (over(3, u=14, v=21), 1),
        (over(2, u=14, v=21), 3),
        (over(1, u=8, v=14, w=2), -2),
        (over(3, v=12, w=12), 5),
        (over(1, u=2, v=5, w=4), 1),
    ]
    first = divided(Algebra(), dict(terms))
    random.Random(seed).shuffle(terms)
    assert divided(Algebra(), dict(terms)) == first
    assert value(first) == value(dict(terms))
    highest = ((U, 2), (V, 3))
    left = [m for m in first if dict(m).get(POWER, 0) < 0]
    assert not any(all(dict(m).get(a, 0) >= e for a, e in highest) for m in left)
