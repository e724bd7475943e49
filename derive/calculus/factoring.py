"""Content, common monomial and irreducible factors of a polynomial over atoms."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import lru_cache

import sympy

from derive.calculus.polynomial import (
    Atom,
    Frozen,
    Monomial,
    Polynomial,
    Rational,
    freeze,
    indices_of_monomial,
    multiply_monomials,
    serial,
    thaw,
    tidy,
)


def content_and_common(base: Polynomial) -> tuple[Rational, Monomial, Polynomial]:
    """`(content, common, primitive)` with `base = content · common · primitive`.

    The content is rational and carries the sign of the leading term; the common monomial leaves
    no negative exponents; the primitive part has coprime integer coefficients.
    """
    coefficients = [Fraction(c) for c in base.values()]
    numerators = math.gcd(*(c.numerator for c in coefficients))
    denominators = math.lcm(*(c.denominator for c in coefficients))
    content = Fraction(numerators, denominators)
    if base[min(base, key=_leading)] < 0:
        content = -content
    atoms = {atom for monomial in base for atom, _ in monomial}
    least: dict[Atom, Rational] = {}
    for atom in atoms:
        exponent = min(dict(monomial).get(atom, 0) for monomial in base)
        if exponent:
            least[atom] = exponent
    inverse = frozenset((atom, -exponent) for atom, exponent in least.items())
    primitive: Polynomial = {}
    for monomial, coefficient in base.items():
        reduced, factor = multiply_monomials(monomial, inverse)
        primitive[reduced] = tidy(Fraction(coefficient) * factor / content)
    return tidy(content), frozenset(least.items()), primitive


def _leading(monomial: Monomial) -> tuple[int, str]:
    """The term that carries the sign: the one with the most indices, `x_i` before `μ`."""
    return -len(indices_of_monomial(monomial)), serial(monomial)


def irreducible_factors(primitive: Polynomial) -> list[tuple[Polynomial, int]]:
    """Irreducible factors with multiplicities; their product is the polynomial itself.

    A polynomial in which some atom stands once, in one term, is irreducible once its common
    monomial is out; the others go to SymPy. Fractional exponents are left unfactored.
    """
    if _obviously_irreducible(primitive):
        return [(primitive, 1)]
    return [(thaw(factor), times) for factor, times in _factored(freeze(primitive))]


def _obviously_irreducible(polynomial: Polynomial) -> bool:
    seen: dict[Atom, list[Rational]] = {}
    for monomial in polynomial:
        for atom, exponent in monomial:
            seen.setdefault(atom, []).append(exponent)
    return any(exponents == [1] for exponents in seen.values())


@lru_cache(maxsize=4096)
def _factored(frozen: Frozen) -> tuple[tuple[Frozen, int], ...]:
    polynomial = thaw(frozen)
    exponents = [e for monomial in polynomial for _, e in monomial]
    if any(Fraction(e).denominator != 1 or e < 0 for e in exponents) or len(polynomial) > 400:
        return ((frozen, 1),)
    atoms = sorted({a for monomial in polynomial for a, _ in monomial}, key=serial)
    symbols = {atom: sympy.Dummy(f"g{k}") for k, atom in enumerate(atoms)}
    expression = sympy.Add(
        *(
            sympy.Rational(Fraction(c).numerator, Fraction(c).denominator)
            * sympy.Mul(*(symbols[a] ** int(e) for a, e in monomial))
            for monomial, c in polynomial.items()
        )
    )
    generators = [symbols[atom] for atom in atoms]
    lead, factors = sympy.factor_list(expression, *generators)
    result = [(_back(factor, generators, atoms), times) for factor, times in factors]
    rational = Fraction(int(lead.p), int(lead.q))
    if rational != 1:
        result.append((freeze({frozenset(): tidy(rational)}), 1))
    return tuple(result)


def _back(factor: sympy.Expr, generators: list[sympy.Symbol], atoms: list[Atom]) -> Frozen:
    poly = sympy.Poly(factor, *generators)
    terms: Polynomial = {}
    for powers, coefficient in poly.terms():
        monomial = frozenset(
            (atom, int(power)) for atom, power in zip(atoms, powers, strict=True) if power
        )
        terms[monomial] = tidy(Fraction(int(coefficient.p), int(coefficient.q)))
    return freeze(terms)


def prime_powers(number: Rational) -> list[tuple[int, int]]:
    """The primes of a positive rational with their exponents."""
    fraction = Fraction(number)
    above = sympy.factorint(fraction.numerator)
    below = sympy.factorint(fraction.denominator)
    return [(int(p), int(k)) for p, k in above.items()] + [
        (int(p), -int(k)) for p, k in below.items()
    ]
