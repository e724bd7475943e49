"""Names for what a definition spells out: `σ` for `√(v + ε)`, `p_i` for `exp(x_i) / Z`."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import permutations

from derive.calculus.normal_form import NormalForm
from derive.calculus.polynomial import (
    Atom,
    Frozen,
    Index,
    Monomial,
    Polynomial,
    Rational,
    index_position,
    indices_of,
    indices_of_frozen,
    indices_of_monomial,
    multiply_monomials,
    rename_atom,
    rename_frozen,
    rename_monomial,
    tidy,
)
from derive.errors import LimitError, UnsupportedError
from derive.report.factors import Factors, factored

MOST_PARAMETERS = 3
TELLING = frozenset(["power", "exp", "call", "sum"])
"""A product without any of these, such as `a x_i`, is left as it is."""


@dataclass(frozen=True, slots=True)
class Fold:
    """A definition `key[parameters] = monomial · group`; the group may be missing.

    A `root` is one power `base^e` with `1 / e` whole: every power of the base is one of the name.
    """

    key: str
    parameters: tuple[str, ...]
    monomial: Monomial
    group: Frozen | None

    @property
    def root(self) -> tuple[Atom, Rational] | None:
        if self.group is not None or len(self.monomial) != 1:
            return None
        ((atom, exponent),) = self.monomial
        whole = Fraction(exponent).numerator in (1, -1)
        return (atom, exponent) if atom[0] == "power" and whole else None


def folds(engine: NormalForm) -> tuple[Fold, ...]:
    """The definitions that name a product, in the normal form of an engine."""
    found = []
    for definition in engine.context.definitions.values():
        try:
            body = engine.definition(definition)
        except (UnsupportedError, LimitError):
            continue
        fold = _fold(definition.symbol.key, body.parameters, body.form)
        if fold is not None:
            found.append(fold)
    return tuple(found)


def _fold(key: str, parameters: tuple[str, ...], form: Polynomial) -> Fold | None:
    parts = factored(form) if form and len(parameters) <= MOST_PARAMETERS else None
    if parts is None or parts.content != 1 or len(parts.groups) > 1:
        return None
    group, times = parts.groups[0] if parts.groups else (None, 1)
    kinds = {atom[0] for atom, _ in parts.monomial}
    if times != 1 or (group is None and not kinds & TELLING):
        return None
    inside = indices_of_monomial(parts.monomial)
    inside |= frozenset() if group is None else indices_of_frozen(group)
    generic = {str(index) for index in inside if str(index).startswith("$")}
    return Fold(key, parameters, parts.monomial, group) if generic == set(parameters) else None


def named(of: Factors, given: tuple[Fold, ...], sizes: frozenset[str]) -> Factors:
    """The product with each part that has a name called by it."""
    for fold in given:
        if fold.root is None:
            of = _product_named(of, fold, sizes)
    for fold in given:
        if fold.root is not None:
            of = _powers_named(of, fold, *fold.root, sizes)
    return of


def _places(fold: Fold, letters: list[str]) -> Iterator[tuple[Atom, dict[Index, Index]]]:
    """The entries of the name at some indices, and the renaming of its parameters to these."""
    for chosen in permutations(letters, len(fold.parameters)):
        at = tuple(index_position(letter) for letter in chosen)
        yield ("entry", fold.key, at), dict(zip(fold.parameters, chosen, strict=True))


def _product_named(of: Factors, fold: Fold, sizes: frozenset[str]) -> Factors:
    kinds = {atom[0] for atom, _ in of.monomial}
    if not {atom[0] for atom, _ in fold.monomial} <= kinds:
        return of
    if fold.group is not None and not of.groups:
        return of
    for entry, names in _places(fold, _letters(of, sizes)):
        monomial = rename_monomial(fold.monomial, names)
        group = None if fold.group is None else rename_frozen(fold.group, names)
        times = _times(of, monomial, group)
        if times > 0:
            taken = frozenset((atom, tidy(-e * times)) for atom, e in monomial)
            rest, _ = multiply_monomials(of.monomial, taken)
            rest, _ = multiply_monomials(rest, frozenset([(entry, times)]))
            groups = ((b, k - times if b == group else k) for b, k in of.groups)
            of = Factors(of.content, rest, tuple((b, k) for b, k in groups if k))
    return of


def _letters(of: Factors, sizes: frozenset[str]) -> list[str]:
    found = indices_of_monomial(of.monomial)
    for base, _ in of.groups:
        found |= indices_of_frozen(base)
    return sorted(str(index) for index in found if index not in sizes)


def _times(of: Factors, monomial: Monomial, group: Frozen | None) -> int:
    """How often a product stands in another as a whole."""
    powers, counts = dict(of.monomial), dict(of.groups)
    often = [math.floor(Fraction(powers.get(atom, 0)) / Fraction(e)) for atom, e in monomial]
    if group is not None:
        often.append(counts.get(group, 0))
    return max(0, min(often, default=0))


def _powers_named(
    of: Factors, fold: Fold, base: Atom, exponent: Rational, sizes: frozenset[str]
) -> Factors:
    total: Monomial = frozenset()
    for atom, own in of.monomial:
        pair: tuple[Atom, Rational] = (atom, own)
        if atom[0] == "power":
            letters = sorted(str(i) for i in indices_of(atom) if i not in sizes)
            for entry, names in _places(fold, letters):
                if rename_atom(base, names) == atom:
                    pair = (entry, tidy(Fraction(own) / Fraction(exponent)))
        total, _ = multiply_monomials(total, frozenset([pair]))
    return Factors(of.content, total, of.groups)
