"""Inverse and determinant in normal forms, and the cancellation `Σ_k X_ik (X⁻¹)_kj = δ_ij`.

    ("inverse", entry, level, extent, row, column, symmetric)      one entry of an inverse
    ("det", entry, level, extent)                                  a determinant

`entry` is the frozen normal form of the matrix at the bound indices `level` and `level + 1`; of a
matrix and its transpose the one with the lesser serial form is taken. Scalar factors, diagonal
matrices, products of square matrices and inverses of inverses are worked out, so that the matrix
of an atom is none of these.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import permutations

from derive.calculus.algebra import Algebra, Change
from derive.calculus.contraction import Range, contraction, open_contraction
from derive.calculus.factoring import content_and_common
from derive.calculus.polynomial import (
    ONE,
    Atom,
    Index,
    Monomial,
    Polynomial,
    Position,
    add_into,
    constant,
    delta,
    freeze,
    index_position,
    indices_of,
    indices_of_monomial,
    level_of,
    move_position,
    multiply,
    of_atom,
    plain_index,
    scale,
    serial,
    thaw,
)
from derive.calculus.products import ProductAlgebra, product_over
from derive.calculus.rules import CANCELLATION, INVERSE_OF_PRODUCT
from derive.errors import UnsupportedError

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Matrix:
    """A square matrix: its entry at two named indices, and its size."""

    entry: Polynomial
    indices: Pair
    extent: Position

    def at(self, algebra: Algebra, row: Position, column: Position) -> Polynomial:
        moves: dict[Index, Position] = dict(zip(self.indices, (row, column), strict=True))
        return algebra.substitute(self.entry, moves)

    @property
    def limits(self) -> Range:
        return ((), 1), self.extent


class MatrixAlgebra(ProductAlgebra):
    """The operations on polynomials, with inverses and determinants."""

    def to_cancel(self, ranges: Mapping[str, Range], factors: Monomial) -> Polynomial | None:
        return cancelled(self, ranges, factors)

    def transform_matrix(self, atom: Atom, change: Change) -> Polynomial:
        matrix = opened(self, atom)
        extent = move_position(matrix.extent, change.moves)
        matrix = Matrix(self.transform(matrix.entry, change), matrix.indices, extent)
        if atom[0] == "det":
            return determinant(self, matrix)
        row, column = (move_position(p, change.moves) for p in atom[4:6])
        return inverse(self, matrix, row, column)


def opened(algebra: Algebra, atom: Atom) -> Matrix:
    """The matrix of an atom, at fresh indices."""
    names = next(algebra.fresh), next(algebra.fresh)
    matrix = Matrix({}, names, atom[3])
    for name in names:
        algebra.ranges[name] = matrix.limits
    moves: dict[Index, Position] = {atom[2] + k: index_position(n) for k, n in enumerate(names)}
    return Matrix(algebra.substitute(thaw(atom[1]), moves, fold=False), names, atom[3])


def inverse(algebra: Algebra, matrix: Matrix, row: Position, column: Position) -> Polynomial:
    """One entry of the inverse of a matrix whose determinant is not zero."""
    factor, core = _scalar_factor(matrix)
    if factor != constant(1):
        inner = inverse(algebra, core, row, column)
        return algebra.multiply(algebra.power(factor, -1), inner)
    diagonal = _diagonal(algebra, matrix, row)
    if diagonal is not None:
        return algebra.multiply(delta(row, column), algebra.power(diagonal, -1))
    atom = _single_atom(matrix.entry)
    if atom is not None and atom[0] == "inverse":
        turned = plain_index(atom[4]) != matrix.indices[0]
        return opened(algebra, atom).at(algebra, *((column, row) if turned else (row, column)))
    parts = _product_of_squares(algebra, matrix)
    if parts is not None:
        algebra.trace.fire(INVERSE_OF_PRODUCT)
        left, right = parts
        k = next(algebra.fresh)
        algebra.ranges[k] = matrix.limits
        here = index_position(k)
        body = algebra.multiply(
            inverse(algebra, right, row, here), inverse(algebra, left, here, column)
        )
        return algebra.sum_over(body, k, matrix.limits)
    return of_atom(_inverse_atom(algebra, matrix, row, column))


def determinant(algebra: Algebra, matrix: Matrix) -> Polynomial:
    """The determinant of a matrix."""
    factor, core = _scalar_factor(matrix)
    if factor != constant(1):
        power = _to_the_size(algebra, factor, matrix.extent)
        return algebra.multiply(power, determinant(algebra, core))
    k = next(algebra.fresh)
    algebra.ranges[k] = matrix.limits
    diagonal = _diagonal(algebra, matrix, index_position(k))
    if diagonal is not None:
        return product_over(algebra, diagonal, k, matrix.limits)
    atom = _single_atom(matrix.entry)
    if atom is not None and atom[0] == "inverse":
        return algebra.power(determinant(algebra, opened(algebra, atom)), -1)
    parts = _product_of_squares(algebra, matrix)
    if parts is not None:
        algebra.trace.fire(INVERSE_OF_PRODUCT)
        return algebra.multiply(*(determinant(algebra, part) for part in parts))
    entry, level, _, _ = _labelled(algebra, matrix)
    return of_atom(("det", freeze(entry), level, matrix.extent))


def moved_atom(atom: Atom, row: Position, column: Position) -> Atom:
    """The same inverse at another place; of a symmetric one in a fixed order."""
    if atom[6] and serial(column) < serial(row):
        row, column = column, row
    return (*atom[:4], row, column, atom[6])


def _inverse_atom(algebra: Algebra, matrix: Matrix, row: Position, column: Position) -> Atom:
    entry, level, turned, symmetric = _labelled(algebra, matrix)
    if turned:
        row, column = column, row
    atom = ("inverse", freeze(entry), level, matrix.extent, row, column, symmetric)
    return moved_atom(atom, row, column)


def _labelled(algebra: Algebra, matrix: Matrix) -> tuple[Polynomial, int, bool, bool]:
    """The entry at numbered indices, the first number, whether transposed, whether symmetric."""
    level = max((level_of(atom) for m in matrix.entry for atom, _ in m), default=0)
    choices = []
    for indices in (matrix.indices, matrix.indices[::-1]):
        moves: dict[Index, Position] = {n: index_position(level + k) for k, n in enumerate(indices)}
        choices.append(algebra.substitute(matrix.entry, moves, fold=False))
    straight, turned = (serial(freeze(choice)) for choice in choices)
    return (
        min(choices, key=lambda c: serial(freeze(c))),
        level,
        turned < straight,
        turned == straight,
    )


def multiplied_by_matrix(algebra: Algebra, form: Polynomial) -> Iterator[Polynomial]:
    """The form times a matrix whose inverse has a free index in it, summed over that index.

    The matrix is invertible, so the form is zero for all values of the index if and only if the
    product is.
    """
    atoms = {atom for monomial in form for atom in _inverses(monomial)}
    for atom in sorted(atoms, key=lambda a: (-len(serial(a)), serial(a))):
        for side in (4, 5):
            index = plain_index(atom[side])
            if isinstance(index, str) and algebra.ranges.get(index) == (((), 1), atom[3]):
                algebra.trace.fire(CANCELLATION)
                matrix = opened(algebra, atom)
                here = index_position(index)
                fresh = index_position(matrix.indices[0])
                entry = matrix.at(algebra, *((fresh, here) if side == 4 else (here, fresh)))
                yield algebra.sum_over(algebra.multiply(entry, form), index, matrix.limits)


def _inverses(factors: Monomial) -> Iterator[Atom]:
    """The inverses among the factors and in their sums."""
    for atom, _ in factors:
        if atom[0] == "inverse":
            yield atom
        elif atom[0] == "sum":
            yield from _inverses(atom[2])


# ---- matrices that are worked out ------------------------------------------------------------


def _scalar_factor(matrix: Matrix) -> tuple[Polynomial, Matrix]:
    """A factor of every entry that depends on neither index, and the matrix without it."""
    if not matrix.entry:
        raise UnsupportedError("the inverse or the determinant of zero")
    content, common, primitive = content_and_common(matrix.entry)
    own = frozenset(p for p in common if not indices_of(p[0]).isdisjoint(matrix.indices))
    scalar: Polynomial = {common - own: content}
    return scalar, Matrix(multiply(primitive, {own: 1}), matrix.indices, matrix.extent)


def _to_the_size(algebra: Algebra, factor: Polynomial, extent: Position) -> Polynomial:
    """`c^N` for a factor of an N×N matrix."""
    k = next(algebra.fresh)
    return product_over(algebra, factor, k, (((), 1), extent))


def _diagonal(algebra: Algebra, matrix: Matrix, row: Position) -> Polynomial | None:
    """The diagonal entry at `row` of a matrix that is a delta times something."""
    unit = delta(*(index_position(i) for i in matrix.indices))
    ((mark,),) = unit
    if any(mark not in monomial for monomial in matrix.entry):
        return None
    entry: Polynomial = {monomial - {mark}: c for monomial, c in matrix.entry.items()}
    return Matrix(entry, matrix.indices, matrix.extent).at(algebra, row, row)


def _single_atom(entry: Polynomial) -> Atom | None:
    if len(entry) != 1:
        return None
    ((monomial, coefficient),) = entry.items()
    if coefficient != 1 or len(monomial) != 1:
        return None
    ((atom, exponent),) = monomial
    return atom if exponent == 1 else None


def _product_of_squares(algebra: Algebra, matrix: Matrix) -> tuple[Matrix, Matrix] | None:
    """A and B when the matrix is `Σ_k A_ik B_kj` of two matrices of its own size."""
    atom = _single_atom(matrix.entry)
    if atom is None or atom[0] != "sum":
        return None
    ranges, factors = open_contraction(atom, algebra.fresh)
    algebra.ranges.update(ranges)
    for k, limits in ranges.items():
        if limits != matrix.limits:
            continue
        sides = _sides(factors, ranges, k)
        rows = [side for side in sides if matrix.indices[0] in _names(side)]
        columns = [side for side in sides if matrix.indices[1] in _names(side)]
        if len(sides) == 2 and len(rows) == len(columns) == 1 and rows != columns:
            left = _part(algebra, rows[0], ranges, k)
            right = _part(algebra, columns[0], ranges, k)
            return (
                Matrix(left, (matrix.indices[0], k), matrix.extent),
                Matrix(right, (k, matrix.indices[1]), matrix.extent),
            )
    return None


def _names(factors: Monomial) -> frozenset[Index]:
    return indices_of_monomial(factors)


def _sides(factors: Monomial, ranges: Mapping[str, Range], k: str) -> list[Monomial]:
    """The factors in groups that share a bound index other than k."""
    groups: list[Monomial] = []
    for pair in sorted(factors, key=serial):
        bound = (indices_of(pair[0]) & ranges.keys()) - {k}
        joined = frozenset([pair])
        apart: list[Monomial] = []
        for group in groups:
            if _names(group) & bound:
                joined |= group
            else:
                apart.append(group)
        groups = [*apart, joined]
    return groups


def _part(algebra: Algebra, factors: Monomial, ranges: Mapping[str, Range], k: str) -> Polynomial:
    inner = {n: limits for n, limits in ranges.items() if n != k and n in _names(factors)}
    return of_atom(contraction(inner, factors)) if inner else {factors: 1}


# ---- cancellation ----------------------------------------------------------------------------


def cancelled(
    algebra: Algebra, ranges: Mapping[str, Range], factors: Monomial
) -> Polynomial | None:
    """The sum of a product in which a matrix meets its inverse, None where none does."""
    for atom, exponent in sorted(factors, key=serial):
        if atom[0] != "inverse" or exponent != 1:
            continue
        for side in (4, 5):
            k = plain_index(atom[side])
            if isinstance(k, str) and ranges.get(k) == (((), 1), atom[3]):
                found = _meeting(algebra, ranges, factors, atom, side)
                if found is not None:
                    algebra.trace.fire(CANCELLATION)
                    return found
    return None


def _meeting(
    algebra: Algebra, ranges: Mapping[str, Range], factors: Monomial, atom: Atom, side: int
) -> Polynomial | None:
    """Use `Σ_k X_rk (X⁻¹)_kj = δ_rj`, solved for the leading term of X."""
    matrix = opened(algebra, atom)
    lead = _lead(matrix)
    if lead is None:
        return None
    others = factors - {(atom, 1)}
    k, other = plain_index(atom[side]), atom[9 - side]
    assert isinstance(k, str)
    shared, free = (matrix.indices[1], matrix.indices[0])
    if side == 5:
        shared, free = free, shared
    for pattern, used, place in _matches(algebra, ranges, others, lead, (shared, free), k):
        rest = _subtracted(others, pattern)
        if rest is None or not _names(rest).isdisjoint({k, *used}):
            continue
        tail = {m: c for m, c in matrix.entry.items() if m != lead}
        here = index_position(k)
        moves: dict[Index, Position] = {shared: here, free: place}
        remainder = algebra.multiply(algebra.substitute(tail, moves), of_atom(atom))
        total = add_into(delta(place, other), algebra.sum_over(remainder, k, ranges[k]), -1)
        total = scale(total, Fraction(1) / Fraction(matrix.entry[lead]))
        result = algebra.multiply({rest: 1}, total)
        for name, limits in ranges.items():
            if name != k and name not in used:
                result = algebra.sum_over(result, name, limits)
        return result
    return None


def _lead(matrix: Matrix) -> Monomial | None:
    """The term of a matrix that is replaced: one whose factors all depend on both its indices."""
    wanted = frozenset(matrix.indices)
    found = [
        monomial
        for monomial in matrix.entry
        if monomial != ONE
        and all(wanted <= indices_of(a) and a[0] in _PLAIN and e > 0 for a, e in monomial)
    ]
    return min(found, key=serial, default=None)


_PLAIN = frozenset(["entry", "sum", "inverse"])


def _matches(
    algebra: Algebra,
    ranges: Mapping[str, Range],
    others: Monomial,
    lead: Monomial,
    indices: Pair,
    k: str,
) -> Iterator[tuple[Monomial, tuple[str, ...], Position]]:
    """Ways to lay the leading term over the factors with its shared index at k."""
    inner, wanted = _opened_lead(algebra, lead)
    candidates = [n for n in ranges if n != k]
    places = _places(others, k)
    for used in permutations(candidates, len(inner)):
        if any(ranges[n] != inner[m] for m, n in zip(inner, used, strict=True)):
            continue
        for place in places:
            if plain_index(place) in used:
                continue
            moves: dict[Index, Position] = {indices[0]: index_position(k), indices[1]: place}
            moves.update((m, index_position(n)) for m, n in zip(inner, used, strict=True))
            form = algebra.substitute({wanted: 1}, moves, fold=False)
            if len(form) == 1:
                ((pattern, coefficient),) = form.items()
                if coefficient == 1:
                    yield pattern, used, place


def _opened_lead(algebra: Algebra, lead: Monomial) -> tuple[dict[str, Range], Monomial]:
    """The leading term without its sums: their ranges, and all factors."""
    ranges: dict[str, Range] = {}
    product: Polynomial = {ONE: 1}
    for atom, exponent in sorted(lead, key=serial):
        if atom[0] == "sum" and exponent == 1:
            inner, factors = open_contraction(atom, algebra.fresh)
            ranges.update(inner)
            product = multiply(product, {factors: 1})
        else:
            product = multiply(product, {frozenset([(atom, exponent)]): 1})
    algebra.ranges.update(ranges)
    ((factors, _),) = product.items()
    return ranges, factors


def _places(factors: Monomial, k: str) -> list[Position]:
    """Positions at which the other index of the matrix may stand."""
    found: dict[Position, None] = {}
    for atom, _ in sorted(factors, key=serial):
        match atom[0]:
            case "entry":
                positions = atom[2]
            case "inverse":
                positions = atom[4:6]
            case _:
                positions = tuple(index_position(i) for i in sorted(indices_of(atom), key=str))
        found.update((p, None) for p in positions if plain_index(p) != k)
    return list(found)


def _subtracted(factors: Monomial, pattern: Monomial) -> Monomial | None:
    """The factors without those of the pattern, None where one is missing."""
    left = dict(factors)
    for atom, exponent in pattern:
        if left.get(atom, 0) < exponent:
            return None
        left[atom] = left[atom] - exponent
    return frozenset((a, e) for a, e in left.items() if e)
