"""Division with remainder: what stands over a power of a polynomial p is reduced modulo p.

With l the leading monomial of `p = c l + r`,

    m l p^e = (m / c) p^(e + 1) - (m r / c) p^e    for e < 0,

so `x / (1 + x)` and `1 - 1 / (1 + x)` become one form, term by term under a sum too.
"""

from __future__ import annotations

import math
from fractions import Fraction

from derive.calculus.polynomial import (
    Atom,
    Monomial,
    Polynomial,
    Rational,
    add_into,
    serial,
    thaw,
    tidy,
)
from derive.calculus.powers import Powers

MAX_STEPS = 500


def divided(algebra: Powers, form: Polynomial) -> Polynomial:
    """The form with every term reduced modulo the polynomials it is divided by."""
    done: Polynomial = {}
    pending = dict(form)
    for _ in range(MAX_STEPS):
        if not pending:
            return done
        monomial = max(pending, key=_height)
        coefficient = pending.pop(monomial)
        step = _reduction(algebra, monomial)
        if step is None:
            add_into(done, {monomial: coefficient})
        else:
            add_into(pending, step, coefficient)
    return add_into(done, pending)


def _height(monomial: Monomial) -> tuple[Rational, str]:
    """The degree apart from divisors: like terms come together before they are reduced."""
    return sum(e for a, e in monomial if a[0] != "power"), serial(monomial)


def _reduction(algebra: Powers, monomial: Monomial) -> Polynomial | None:
    """One step for a product of factors, None when it is reduced."""
    powers = [(a, e) for a, e in monomial if a[0] == "power"]
    for atom, exponent in sorted(powers, key=lambda pair: serial(pair[0])):
        others = monomial - {(atom, exponent)}
        base = thaw(atom[1])
        if exponent >= 1:
            whole = math.floor(exponent)
            rest: Polynomial = {_with(others, atom, exponent - whole): 1}
            for _ in range(whole):
                rest = algebra.multiply(rest, base)
            return rest
        if exponent < 0:
            lead = max(base, key=lambda m: _degree(m, base))
            quotient = _without(others, lead)
            if quotient is not None:
                return _replaced(algebra, quotient, (atom, exponent), base, lead)
    return None


def _replaced(
    algebra: Powers,
    quotient: Monomial,
    divisor: tuple[Atom, Rational],
    base: Polynomial,
    lead: Monomial,
) -> Polynomial:
    atom, exponent = divisor
    inverse = tidy(1 / Fraction(base[lead]))
    rest = {m: c for m, c in base.items() if m != lead}
    total: Polynomial = {_with(quotient, atom, exponent + 1): inverse}
    remainder = algebra.multiply({_with(quotient, atom, exponent): 1}, rest)
    return add_into(total, remainder, -inverse)


def _degree(monomial: Monomial, base: Polynomial) -> tuple[Rational, tuple[Rational, ...]]:
    """The graded lexicographic order: total degree, then exponents of the atoms in their order."""
    atoms = sorted({atom for m in base for atom, _ in m}, key=serial)
    exponents = dict(monomial)
    return sum(exponents.values()), tuple(exponents.get(atom, 0) for atom in atoms)


def _with(monomial: Monomial, atom: Atom, exponent: Rational) -> Monomial:
    return monomial | {(atom, tidy(exponent))} if exponent else monomial


def _without(monomial: Monomial, divisor: Monomial) -> Monomial | None:
    """The quotient when the divisor divides the monomial."""
    exponents = dict(monomial)
    for atom, exponent in divisor:
        left = exponents.get(atom, 0) - exponent
        if left < 0 or atom not in exponents:
            return None
        exponents[atom] = tidy(left)
    return frozenset((a, e) for a, e in exponents.items() if e)
