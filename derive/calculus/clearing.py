"""Denominators: powers of what is not a monomial are multiplied out of a polynomial."""

from __future__ import annotations

import math

from derive.calculus.polynomial import Atom, Polynomial, Rational, add_into, serial, thaw
from derive.calculus.powers import Powers


def reducible(form: Polynomial) -> Atom | None:
    """The outermost power atom that still has a whole part in some exponent."""
    found: dict[Atom, list[Rational]] = {}
    for monomial in form:
        for atom, exponent in monomial:
            if atom[0] == "power":
                found.setdefault(atom, []).append(exponent)
    for atom in sorted(found, key=lambda a: (-len(serial(a)), serial(a))):
        missing = len(found[atom]) < len(form)
        exponents = [*found[atom], 0] if missing else found[atom]
        least = math.floor(min(exponents))
        if least != 0 or any(e - least >= 1 for e in exponents):
            return atom
    return None


def clear(algebra: Powers, form: Polynomial, atom: Atom) -> Polynomial:
    """The polynomial times the power that leaves no whole powers of the atom."""
    least = math.floor(min(dict(m).get(atom, 0) for m in form))
    total: Polynomial = {}
    base = thaw(atom[1])
    for monomial, coefficient in form.items():
        exponent = dict(monomial).get(atom, 0) - least
        whole = math.floor(exponent)
        rest = frozenset(p for p in monomial if p[0] != atom)
        if exponent != whole:
            rest |= {(atom, exponent - whole)}
        product: Polynomial = {rest: coefficient}
        for _ in range(whole):
            product = algebra.multiply(product, base)
        add_into(total, product)
    return total
