"""Polynomials as products and as sums of products, for people to read.

`factored` writes one product; `collected` gathers the terms of a normal form that share their
powers, deltas, sums and functions, and factors what stands before each.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TypeVar

from derive.calculus.factoring import content_and_common, irreducible_factors
from derive.calculus.polynomial import (
    Atom,
    Frozen,
    Monomial,
    Polynomial,
    Rational,
    add_into,
    freeze,
    multiply_monomials,
    serial,
    tidy,
)

Key = TypeVar("Key")
MOST_FACTORED = 60
"""A polynomial with more terms than this is not factored."""
HIGHEST = 12
"""A polynomial in which an atom has a higher power than this is not factored."""
DECIDED = frozenset(["delta", "order", "step", "kink", "any"])
"""Atoms that are their own squares and may be zero: nothing is divided by them."""


@dataclass(frozen=True, slots=True)
class Factors:
    """`content · monomial · Π base^times` with bases of more than one term."""

    content: Rational
    monomial: Monomial
    groups: tuple[tuple[Frozen, int], ...] = ()

    def over(self, other: Factors) -> Factors | None:
        """The quotient of two products; None where it would divide by a delta or an indicator."""
        shared = {pair for pair in other.monomial if pair[0][0] in DECIDED}
        if not shared <= self.monomial:
            return None
        inverse = {atom: -e for atom, e in other.monomial if atom[0] not in DECIDED}
        powers = _added(dict(self.monomial - shared), inverse)
        times = _added(dict(self.groups), {base: -power for base, power in other.groups})
        content = Fraction(self.content) / Fraction(other.content)
        groups = tuple((base, int(power)) for base, power in times.items())
        return Factors(content, frozenset(powers.items()), groups)


def _added(left: dict[Key, Rational], right: Mapping[Key, Rational]) -> dict[Key, Rational]:
    """Exponents added, those that come to zero left out."""
    for key, exponent in right.items():
        left[key] = tidy(left.get(key, 0) + exponent)
    return {key: exponent for key, exponent in left.items() if exponent}


def factored(form: Polynomial, outside: Monomial = frozenset()) -> Factors:
    """The factors of `form · outside`; a long polynomial keeps one factor."""
    content, common, primitive = content_and_common(form)
    powers = _added(dict(common), dict(outside))
    groups: dict[Frozen, Rational] = {}
    for factor, times in _irreducible(primitive):
        share, only, base = content_and_common(factor)
        content = tidy(content * Fraction(share) ** times)
        powers = _added(powers, {atom: e * times for atom, e in only})
        frozen = freeze(base)
        if ("power", frozen) in powers:
            powers = _added(powers, {("power", frozen): times})
        elif len(base) > 1:
            groups = _added(groups, {frozen: times})
    # Exponents of primes and deltas are brought back to their standard form.
    monomial, extra = multiply_monomials(frozenset(powers.items()), frozenset())
    ordered = sorted(groups.items(), key=serial)
    return Factors(
        tidy(content * Fraction(extra)), monomial, tuple((b, int(times)) for b, times in ordered)
    )


def _irreducible(primitive: Polynomial) -> list[tuple[Polynomial, int]]:
    """Irreducible factors, fractional powers of an atom counted in their smallest part."""
    if len(primitive) > MOST_FACTORED:
        return [(primitive, 1)]
    parts: dict[Atom, int] = {}
    for monomial in primitive:
        for atom, exponent in monomial:
            parts[atom] = math.lcm(parts.get(atom, 1), Fraction(exponent).denominator)
    whole = {_scaled(m, parts, True): c for m, c in primitive.items()}
    if any(exponent > HIGHEST for monomial in whole for _, exponent in monomial):
        return [(primitive, 1)]
    return [
        ({_scaled(m, parts, False): c for m, c in factor.items()}, times)
        for factor, times in irreducible_factors(whole)
    ]


def _scaled(monomial: Monomial, parts: Mapping[Atom, int], up: bool) -> Monomial:
    return frozenset(
        (atom, tidy(Fraction(e) * parts[atom] if up else Fraction(e) / parts[atom]))
        for atom, e in monomial
    )


# ---- sums of products -----------------------------------------------------------------------


def collected(form: Polynomial) -> list[Factors]:
    """The form as products, one for each set of powers, deltas, sums and functions in it."""
    gathered: dict[Monomial, Polynomial] = {}
    for monomial, coefficient in form.items():
        telling = frozenset(pair for pair in monomial if _is_telling(pair))
        add_into(gathered.setdefault(telling, {}), {monomial - telling: coefficient})
    return [factored(rest, telling) for telling, rest in gathered.items()]


def _is_telling(pair: tuple[Atom, Rational]) -> bool:
    """Whether an atom says in which term it stands, unlike a number, a size or an entry."""
    (kind, *rest), exponent = pair
    if kind == "entry":
        return exponent < 0 or str(rest[0]).startswith("∂")
    return kind not in ("size", "index", "const")


def common_front(pieces: Sequence[Factors]) -> tuple[Factors, list[Factors]]:
    """What all products share, and the products without it.

    Of a shared base the exponent nearest to zero is taken out.
    """
    monomials = [dict(piece.monomial) for piece in pieces]
    front = _shared(monomials)
    groups = _shared([dict(piece.groups) for piece in pieces])
    sizes = {abs(Fraction(piece.content)) for piece in pieces}
    content = sizes.pop() if len(sizes) == 1 else Fraction(1)
    if all(piece.content < 0 for piece in pieces):
        content = -content
    taken = Factors(
        tidy(content), frozenset(front.items()), tuple((b, int(k)) for b, k in groups.items())
    )
    return taken, [_without(piece, taken) for piece in pieces]


def _shared(exponents: Sequence[Mapping[Key, Rational]]) -> dict[Key, Rational]:
    found: dict[Key, Rational] = {}
    for key, own in exponents[0].items():
        here = [other.get(key, 0) for other in exponents]
        if all(e > 0 for e in here) or all(e < 0 for e in here):
            found[key] = min(here) if own > 0 else max(here)
    return found


def _without(piece: Factors, taken: Factors) -> Factors:
    powers = _added(dict(piece.monomial), {a: -e for a, e in taken.monomial})
    groups = _added(dict(piece.groups), {b: -k for b, k in taken.groups})
    content = tidy(Fraction(piece.content) / Fraction(taken.content))
    left = tuple((base, int(power)) for base, power in groups.items())
    return Factors(content, frozenset(powers.items()), left)
