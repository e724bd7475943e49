"""Contractions that a definition or an assumption gives a value."""

from __future__ import annotations

from fractions import Fraction

from derive.calculus.algebra import NamedSum
from derive.calculus.polynomial import (
    Atom,
    Monomial,
    Polynomial,
    constant,
    freeze,
    indices_of,
    serial,
)
from derive.calculus.rules import ASSUMED_SUM


def assumed_sum(
    form: Polynomial, value: Fraction, sizes: frozenset[str], parameters: tuple[str, ...] = ()
) -> list[NamedSum]:
    """The rewrite for `form = value`, if the form is a number times one closed contraction.

    Beside the sizes only the parameters may stand in it, each of them somewhere.
    """
    if len(form) != 1:
        return []
    ((monomial, coefficient),) = form.items()
    if len(monomial) != 1:
        return []
    ((atom, exponent),) = monomial
    if atom[0] != "sum" or exponent != 1 or indices_of(atom) - sizes != frozenset(parameters):
        return []
    return [NamedSum(atom, parameters, constant(value / coefficient), ASSUMED_SUM)]


def solvable(
    form: Polynomial, parameters: tuple[str, ...], sizes: frozenset[str]
) -> tuple[Monomial, Atom] | None:
    """A term `rational · sizes · contraction` whose contraction stands nowhere else."""
    for monomial in sorted(form, key=serial):
        atoms = [atom for atom, e in monomial if atom[0] == "sum" and e == 1]
        others = [atom for atom, _ in monomial if atom[0] != "sum"]
        if len(atoms) != 1 or any(atom[0] != "size" for atom in others):
            continue
        (atom,) = atoms
        if set(parameters) != {i for i in indices_of(atom) if i not in sizes}:
            continue
        rest = serial(freeze({m: c for m, c in form.items() if m != monomial}))
        if serial(atom) not in rest:
            return monomial, atom
    return None


def is_mean(form: Polynomial, atom: Atom) -> bool:
    """Whether the form is the mean of one array over one axis, `atom` its sum."""
    if len(form) != 1 or len(atom[1]) != 1 or len(atom[2]) != 1:
        return False
    ((low, high),) = atom[1]
    ((entry, exponent),) = atom[2]
    ((monomial, coefficient),) = form.items()
    size = ("size", high[0][0][0]) if len(high[0]) == 1 and high[1] == 0 else None
    return (
        entry[0] == "entry"
        and exponent == 1
        and coefficient == 1
        and low == ((), 1)
        and monomial == frozenset([(atom, 1), (size, -1)])
    )
