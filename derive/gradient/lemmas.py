"""Lemmas that nobody listed: every sum that appears is put to the decision procedure.

A sum with a simple value (zero, or a product without a sum) is replaced by it: `Σ (x_i − μ) = 0`,
`Σ p_i = 1`, `Σ (x_i − μ)² = N v`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from derive.calculus.normal_form import NormalForm
from derive.calculus.polynomial import (
    Atom,
    Polynomial,
    add_into,
    multiply,
    of_atom,
    scale,
    serial,
)
from derive.calculus.rules import DEFINED_SUM, LINEARITY, MEAN_DEVIATIONS, Trace


@dataclass(frozen=True, slots=True)
class Lemma:
    """`contraction = value`, with the rules of its proof."""

    contraction: Atom
    value: Polynomial
    rules: tuple[str, ...]

    @property
    def rule(self) -> str:
        """The rule that says most about the lemma."""
        for rule in (MEAN_DEVIATIONS, DEFINED_SUM):
            if rule.name in self.rules:
                return rule.name
        return self.rules[-1] if self.rules else LINEARITY.name


def contractions(form: Polynomial) -> Iterator[Atom]:
    """The contractions that stand as factors of the terms, in a fixed order."""
    found = {atom for monomial in form for atom, _ in monomial if atom[0] == "sum"}
    return iter(sorted(found, key=serial))


def find(form: Polynomial, engine: NormalForm) -> list[Lemma]:
    """The lemmas that simplify a form."""
    found = []
    for atom in contractions(form):
        if "'∂" in serial(atom):
            continue
        trace = Trace()
        engine.watch(trace)
        value = engine.renormalise(of_atom(atom))
        if is_simple(value):
            found.append(Lemma(atom, value, trace.names))
    return found


def is_simple(value: Polynomial) -> bool:
    """Zero, or one product without a sum in it."""
    return len(value) <= 1 and "'sum'" not in "".join(serial(m) for m in value)


def use(form: Polynomial, lemma: Lemma) -> Polynomial:
    """Replace whole powers of the lemma's sum by its value."""
    total: Polynomial = {}
    for monomial, coefficient in form.items():
        exponent = dict(monomial).get(lemma.contraction, 0)
        if exponent <= 0 or exponent != int(exponent):
            add_into(total, {monomial: coefficient})
            continue
        rest = frozenset(p for p in monomial if p[0] != lemma.contraction)
        product: Polynomial = scale({rest: 1}, coefficient)
        for _ in range(int(exponent)):
            product = multiply(product, lemma.value)
        add_into(total, product)
    return total
