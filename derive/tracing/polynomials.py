"""Polynomials in size names with integer coefficients: what `N`, `N - 1`, `N * D` are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

from derive.meaning.terms import Affine

Monomial = tuple[str, ...]
"""Size names in order, `("D", "N")`; empty for the constant term."""


@dataclass(frozen=True, slots=True)
class Polynomial:
    """Terms sorted by monomial, without zero coefficients. Every size is an integer ≥ 1."""

    terms: tuple[tuple[Monomial, int], ...] = ()

    def __add__(self, other: Polynomial) -> Polynomial:
        total = dict(self.terms)
        for monomial, coefficient in other.terms:
            total[monomial] = total.get(monomial, 0) + coefficient
        return _of(total)

    def __neg__(self) -> Polynomial:
        return _of({monomial: -coefficient for monomial, coefficient in self.terms})

    def __sub__(self, other: Polynomial) -> Polynomial:
        return self + -other

    def __mul__(self, other: Polynomial) -> Polynomial:
        total: dict[Monomial, int] = {}
        for a, p in self.terms:
            for b, q in other.terms:
                both = tuple(sorted(a + b))
                total[both] = total.get(both, 0) + p * q
        return _of(total)

    @property
    def number(self) -> int | None:
        """The integer it is, where it depends on no size."""
        if not self.terms:
            return 0
        ((monomial, coefficient), *rest) = self.terms
        return coefficient if not monomial and not rest else None

    @property
    def affine(self) -> Affine | None:
        """The same as an affine expression, where no two sizes are multiplied."""
        if any(len(monomial) > 1 for monomial, _ in self.terms):
            return None
        shift = sum(c for monomial, c in self.terms if not monomial)
        return Affine(tuple((m[0], c) for m, c in self.terms if m), shift)

    @property
    def least(self) -> int | None:
        """A lower bound over all sizes ≥ 1, None where there is none."""
        if any(c < 0 for monomial, c in self.terms if monomial):
            return None
        return sum(c for _, c in self.terms)

    def value(self, sizes: Mapping[str, int]) -> int:
        """The integer it is at given sizes."""
        return sum(c * prod(sizes[name] for name in monomial) for monomial, c in self.terms)

    def __str__(self) -> str:
        parts = [_text(monomial, c) for monomial, c in sorted(self.terms, key=_last)]
        return "+".join(parts).replace("+-", "-") or "0"


def _last(term: tuple[Monomial, int]) -> tuple[bool, Monomial]:
    return not term[0], term[0]


def _text(monomial: Monomial, coefficient: int) -> str:
    if not monomial:
        return str(coefficient)
    front = {1: "", -1: "-"}.get(coefficient, f"{coefficient}*")
    return front + "*".join(monomial)


def _of(total: Mapping[Monomial, int]) -> Polynomial:
    return Polynomial(tuple(sorted((m, c) for m, c in total.items() if c)))


def constant(value: int) -> Polynomial:
    """The polynomial of one integer."""
    return _of({(): value})


ZERO = constant(0)


def named(name: str) -> Polynomial:
    """The polynomial of one size."""
    return _of({(name,): 1})


def sign_of(form: Polynomial) -> int | None:
    """−1, 0 or 1 where a polynomial has one sign for all sizes ≥ 1, else None."""
    if not form.terms:
        return 0
    least, most = form.least, (-form).least
    if least is not None and least > 0:
        return 1
    return -1 if most is not None and most > 0 else None
