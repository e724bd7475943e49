"""Denominators: powers of what is not a monomial are multiplied out of a polynomial."""

from __future__ import annotations

import math
from collections.abc import Callable

from derive.calculus.polynomial import Atom, Monomial, Polynomial, Rational, add_into, serial, thaw

Product = Callable[[Polynomial, Polynomial], Polynomial]


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


def together(multiply: Product, form: Polynomial) -> tuple[Polynomial, Monomial]:
    """`(above, outside)`, whose product is the form; no whole power of a power atom is above."""
    outside: dict[Atom, Rational] = {}
    while form and (pending := reducible(form)) is not None:
        outside[pending] = outside.get(pending, 0) + whole_part(form, pending)
        form = clear(multiply, form, pending)
    return form, frozenset((a, e) for a, e in outside.items() if e)


def whole_part(form: Polynomial, atom: Atom) -> int:
    """The largest whole power of the atom that divides every term."""
    return math.floor(min(dict(m).get(atom, 0) for m in form))


def clear(multiply: Product, form: Polynomial, atom: Atom) -> Polynomial:
    """The polynomial divided by that power, with the whole powers that are left inserted."""
    least = whole_part(form, atom)
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
            product = multiply(product, base)
        add_into(total, product)
    return total
