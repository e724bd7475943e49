"""Polynomials over atoms, as dictionaries from monomials to rationals.

A monomial is a frozen set of (atom, exponent) pairs; exponents are rational. An atom is a tuple
whose first item is its kind:

    ("size", N)                      a size, a positive integer
    ("entry", key, positions)        one entry of a named array
    ("index", i)                     an index used as a number
    ("delta", a, b)                  Kronecker's delta of two positions
    ("order", a)                     the indicator of a ≥ 1 for an affine a
    ("prime", p)                     a prime under a root
    ("parity", n)                    (-1)^n for a size n
    ("const", name)                  π
    ("sum", ranges, factors, level)  a contraction; its bound indices are level, level + 1, …
    ("prod", ranges, factor, level)  a product over bound indices level, level + 1, …
    ("power", base)                  a polynomial under a power
    ("exp", monomial)                the exponential of a monomial
    ("cis", monomial)                e^{im} of a monomial m
    ("i",)                           the imaginary unit
    ("call", name, orders, arguments)   another function of polynomials; orders of an unknown one
    ("extreme", name, (), (entry,))  the largest or smallest entry of an array, at generic indices
    ("step", c)                      the indicator of c > 0 for a polynomial c
    ("kink", c)                      the indicator of c = 0
    ("inverse", entry, level, extent, row, column, symmetric)   one entry of an inverse
    ("det", entry, level, extent)    a determinant; the matrix at the indices level, level + 1
    ("any",)                         a value that no claim may depend on

A position is an affine expression `(terms, constant)` with sorted `(index, coefficient)` terms;
an index is a free name (str) or the number of a bound index (int).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from fractions import Fraction
from functools import lru_cache
from typing import Any

Rational = int | Fraction
Atom = tuple[Any, ...]
Monomial = frozenset[tuple[Atom, Rational]]
Polynomial = dict[Monomial, Rational]
Frozen = frozenset[tuple[Monomial, Rational]]
Index = str | int
Position = tuple[tuple[tuple[Index, int], ...], int]

ONE: Monomial = frozenset()
UNIT: Polynomial = {ONE: 1}


def tidy(value: Rational) -> Rational:
    """A whole number as an `int`, which is many times faster than a `Fraction`."""
    if isinstance(value, Fraction) and value.denominator == 1:
        return value.numerator
    return value


def constant(value: Rational) -> Polynomial:
    return {ONE: tidy(value)} if value else {}


def of_atom(atom: Atom, exponent: Rational = 1) -> Polynomial:
    return {frozenset([(atom, exponent)]): 1}


def freeze(polynomial: Polynomial) -> Frozen:
    return frozenset(polynomial.items())


def thaw(frozen: Frozen) -> Polynomial:
    return dict(frozen)


def add_into(total: Polynomial, other: Polynomial, factor: Rational = 1) -> Polynomial:
    """Add `factor * other` to `total` in place and return it."""
    for monomial, coefficient in other.items():
        value = total.get(monomial, 0) + factor * coefficient
        if value:
            total[monomial] = value
        else:
            total.pop(monomial, None)
    return total


def subtract(left: Polynomial, right: Polynomial) -> Polynomial:
    return add_into(dict(left), right, -1)


def scale(polynomial: Polynomial, factor: Rational) -> Polynomial:
    return {m: c * factor for m, c in polynomial.items()} if factor else {}


def multiply(left: Polynomial, right: Polynomial) -> Polynomial:
    """The product, with like terms merged."""
    if left == UNIT:
        return right
    if right == UNIT:
        return left
    total: Polynomial = {}
    for m1, c1 in left.items():
        for m2, c2 in right.items():
            monomial, factor = multiply_monomials(m1, m2)
            value = total.get(monomial, 0) + c1 * c2 * factor
            if value:
                total[monomial] = tidy(value)
            else:
                total.pop(monomial, None)
    return total


def multiply_monomials(left: Monomial, right: Monomial) -> tuple[Monomial, Rational]:
    """The product of two monomials and the rational that comes out of it."""
    if not left:
        return right, 1
    if not right:
        return left, 1
    exponents = dict(left)
    special = False
    for atom, exponent in right:
        total = exponents.get(atom, 0) + exponent
        special = special or (atom[0] in _SPECIAL and (total != exponent or atom[0] in _EXCLUSIVE))
        if total:
            exponents[atom] = total
        else:
            del exponents[atom]
    if special:
        return normalise(exponents)
    return frozenset(exponents.items()), 1


_SPECIAL = frozenset(["delta", "order", "prime", "parity", "i", "step", "kink", "any"])
_EXCLUSIVE = frozenset(["step", "kink"])


def normalise(exponents: dict[Atom, Rational]) -> tuple[Monomial, Rational]:
    """Whole powers of primes and of i move to the coefficient; indicators are idempotent."""
    coefficient: Rational = 1
    for atom, exponent in list(exponents.items()):
        if atom[0] == "prime":
            whole = math.floor(exponent)
            coefficient *= Fraction(atom[1]) ** whole
            del exponents[atom]
            if exponent != whole:
                exponents[atom] = exponent - whole
        elif atom[0] == "i":
            del exponents[atom]
            coefficient *= -1 if exponent % 4 >= 2 else 1
            if exponent % 2:
                exponents[atom] = exponent % 2
        elif atom[0] == "parity":
            del exponents[atom]
            if exponent % 2:
                exponents[atom] = exponent % 2
        elif atom[0] in _SPECIAL:
            exponents[atom] = 1
            if atom[0] == "kink" and ("step", atom[1]) in exponents:
                coefficient = 0
    return frozenset(exponents.items()), coefficient


def plain_index(position: Position) -> Index | None:
    """The index when the position is exactly one index."""
    terms, shift = position
    return terms[0][0] if shift == 0 and len(terms) == 1 and terms[0][1] == 1 else None


def position_indices(position: Position) -> frozenset[Index]:
    return frozenset(index for index, _ in position[0])


def index_position(index: Index) -> Position:
    return (((index, 1),), 0)


def move_position(position: Position, moves: Mapping[Index, Position]) -> Position:
    """Substitute positions for indices in a position."""
    terms, shift = position
    if not any(index in moves for index, _ in terms):
        return position
    total: dict[Index, int] = {}
    for index, coefficient in terms:
        inner, extra = moves.get(index, (((index, 1),), 0))
        shift += coefficient * extra
        for name, factor in inner:
            total[name] = total.get(name, 0) + coefficient * factor
    kept = sorted(((n, c) for n, c in total.items() if c), key=lambda item: str(item[0]))
    return tuple(kept), shift


def delta(left: Position, right: Position) -> Polynomial:
    """Kronecker's delta as a polynomial, its sides in a fixed order."""
    negative = tuple((index, -c) for index, c in right[0])
    difference: dict[Index, int] = {}
    for index, c in (*left[0], *negative):
        difference[index] = difference.get(index, 0) + c
    if not any(difference.values()):
        return constant(1 if left[1] == right[1] else 0)
    if serial(right) < serial(left):
        left, right = right, left
    return of_atom(("delta", left, right))


@lru_cache(maxsize=200_000)
def indices_of(atom: Atom) -> frozenset[Index]:
    """The free indices in an atom (numbers of bound indices of an enclosing sum included)."""
    match atom[0]:
        case "entry":
            return frozenset(i for position in atom[2] for i, _ in position[0])
        case "index":
            return frozenset([atom[1]])
        case "delta":
            return position_indices(atom[1]) | position_indices(atom[2])
        case "order":
            return position_indices(atom[1])
        case "sum":
            inside = indices_of_monomial(atom[2])
            limits = frozenset(i for r in atom[1] for p in r for i in position_indices(p))
            return (inside | limits) - frozenset(range(atom[3], atom[3] + len(atom[1])))
        case "power" | "step" | "kink":
            return indices_of_frozen(atom[1])
        case "exp" | "cis":
            return indices_of_monomial(atom[1])
        case "call":
            return frozenset().union(*(indices_of_frozen(a) for a in atom[3]))
        case "prod":
            limits = frozenset(i for r in atom[1] for p in r for i in position_indices(p))
            bound = range(atom[3], atom[3] + len(atom[1]))
            return (indices_of_frozen(atom[2]) | limits) - frozenset(bound)
        case "inverse":
            inside = indices_of_frozen(atom[1]) - {atom[2], atom[2] + 1}
            return inside | position_indices(atom[4]) | position_indices(atom[5])
        case "det":
            return indices_of_frozen(atom[1]) - {atom[2], atom[2] + 1}
        case "extreme":
            inside = frozenset().union(*(indices_of_frozen(a) for a in atom[3]))
            return frozenset(i for i in inside if not str(i).startswith("$m"))
    return frozenset()


def indices_of_monomial(monomial: Iterable[tuple[Atom, Rational]]) -> frozenset[Index]:
    return frozenset().union(*(indices_of(atom) for atom, _ in monomial))


@lru_cache(maxsize=100_000)
def indices_of_frozen(frozen: Frozen) -> frozenset[Index]:
    return frozenset().union(*(indices_of_monomial(m) for m, _ in frozen))


@lru_cache(maxsize=200_000)
def level_of(atom: Atom) -> int:
    """The first number that no bound index inside the atom uses."""
    match atom[0]:
        case "sum" | "prod":
            return int(atom[3]) + len(atom[1])
        case "inverse" | "det":
            return int(atom[2]) + 2
        case "power" | "step" | "kink":
            return max((level_of(a) for m, _ in atom[1] for a, _ in m), default=0)
        case "exp" | "cis":
            return max((level_of(a) for a, _ in atom[1]), default=0)
        case "call" | "extreme":
            inside = (a for f in atom[3] for m, _ in f for a, _ in m)
            return max((level_of(a) for a in inside), default=0)
    return 0


@lru_cache(maxsize=200_000)
def serial(value: Any) -> str:
    """A string that orders values the same way in every run."""
    if isinstance(value, frozenset):
        return "{" + ",".join(sorted(serial(item) for item in value)) + "}"
    if isinstance(value, tuple):
        return "(" + ",".join(serial(item) for item in value) + ")"
    return f"{value}" if isinstance(value, (int, Fraction)) else f"'{value}'"


def rename_atom(atom: Atom, names: Mapping[Index, Index]) -> Atom:
    """Rename free indices one to one, so that nothing can collapse."""
    if not any(index in names for index in indices_of(atom)):
        return atom
    moves = {old: index_position(new) for old, new in names.items()}
    match atom[0]:
        case "entry":
            return ("entry", atom[1], tuple(move_position(p, moves) for p in atom[2]))
        case "index":
            return ("index", names.get(atom[1], atom[1]))
        case "delta":
            left, right = move_position(atom[1], moves), move_position(atom[2], moves)
            return ("delta", *sorted((left, right), key=serial))
        case "order":
            return ("order", move_position(atom[1], moves))
        case "sum":
            return ("sum", _rename_ranges(atom[1], names), rename_monomial(atom[2], names), atom[3])
        case "power" | "step" | "kink":
            return (atom[0], rename_frozen(atom[1], names))
        case "exp" | "cis":
            return (atom[0], rename_monomial(atom[1], names))
        case "prod":
            return ("prod", _rename_ranges(atom[1], names), rename_frozen(atom[2], names), atom[3])
        case "inverse" | "det":
            return _rename_matrix(atom, names, moves)
        case "call" | "extreme":
            return (*atom[:3], tuple(rename_frozen(a, names) for a in atom[3]))
    return atom


def _rename_matrix(
    atom: Atom, names: Mapping[Index, Index], moves: Mapping[Index, Position]
) -> Atom:
    extent = move_position(atom[3], moves)
    head = (atom[0], rename_frozen(atom[1], names), atom[2], extent)
    if atom[0] == "det":
        return head
    places = tuple(move_position(p, moves) for p in atom[4:6])
    return (*head, *(sorted(places, key=serial) if atom[6] else places), atom[6])


def _rename_ranges(
    ranges: tuple[tuple[Position, Position], ...], names: Mapping[Index, Index]
) -> tuple[tuple[Position, Position], ...]:
    moves = {old: index_position(new) for old, new in names.items()}
    return tuple((move_position(a, moves), move_position(b, moves)) for a, b in ranges)


def rename_monomial(monomial: Monomial, names: Mapping[Index, Index]) -> Monomial:
    return frozenset((rename_atom(atom, names), exponent) for atom, exponent in monomial)


def rename_frozen(frozen: Frozen, names: Mapping[Index, Index]) -> Frozen:
    return frozenset((rename_monomial(m, names), c) for m, c in frozen)


def position_value(position: Position, sizes: frozenset[str]) -> Polynomial:
    """A position as a number; the names in `sizes` are sizes, the others indices."""
    total = constant(position[1])
    for index, coefficient in position[0]:
        kind = "size" if index in sizes else "index"
        add_into(total, of_atom((kind, index)), coefficient)
    return total
