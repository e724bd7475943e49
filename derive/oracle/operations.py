"""Array operations over any field: matrix products, determinants, functions of a whole axis."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache, reduce
from itertools import product
from math import perm
from zlib import crc32

from derive.errors import LimitError, UnsupportedError
from derive.oracle.arrays import Array, combine, dimensions, entries, rank, transpose
from derive.oracle.duals import Dual, DualField
from derive.oracle.fields import Field, Scalar
from derive.oracle.interval import UndefinedHere

ZERO = Fraction(0)
ONE = Fraction(1)
LARGEST_DETERMINANT = 7
OPAQUE_DEGREE = 4


def dot(left: Sequence[Scalar], right: Sequence[Scalar], field: Field) -> Scalar:
    """Σ a_k b_k."""
    if len(left) != len(right):
        raise UnsupportedError(f"inner sizes {len(left)} and {len(right)} do not meet")
    return field.total(field.mul(a, b) for a, b in zip(left, right, strict=True))


def matrix_product(left: Array, right: Array, field: Field) -> Array:
    """The last axis of `left` with the first of `right`; ranks 1 and 2."""
    if rank(left) == 2:
        return tuple(matrix_product(row, right, field) for row in left)
    if rank(right) == 2:
        return tuple(dot(left, column, field) for column in transpose(right))
    return dot(left, right, field)


def determinant(matrix: Array, field: Field) -> Scalar:
    """Expansion by the first row, minors shared: no division, so it has a derivative anywhere."""
    size = len(matrix)
    if size > LARGEST_DETERMINANT:
        raise LimitError(f"determinants are expanded up to size {LARGEST_DETERMINANT}")
    minors: dict[tuple[int, ...], Scalar] = {(): field.lift(ONE)}

    def minor(columns: tuple[int, ...]) -> Scalar:
        if columns not in minors:
            row = matrix[size - len(columns)]
            terms = []
            for place, column in enumerate(columns):
                part = field.mul(row[column], minor(columns[:place] + columns[place + 1 :]))
                terms.append(field.neg(part) if place % 2 else part)
            minors[columns] = field.total(terms)
        return minors[columns]

    return minor(tuple(range(size)))


def inverse(matrix: Array, field: Field) -> Array:
    """The inverse by Gauss and Jordan; `UndefinedHere` for a singular matrix."""
    size = len(matrix)
    zero, one = field.lift(ZERO), field.lift(ONE)
    rows = [[*row, *(one if k == j else zero for j in range(size))] for k, row in enumerate(matrix)]
    for column in range(size):
        pivot = next((k for k in range(column, size) if not field.is_zero(rows[k][column])), None)
        if pivot is None:
            raise UndefinedHere("inverse of a singular matrix")
        rows[column], rows[pivot] = rows[pivot], rows[column]
        head = rows[column][column]
        rows[column] = [field.div(value, head) for value in rows[column]]
        for k in range(size):
            if k != column:
                factor = field.neg(rows[k][column])
                rows[k] = [
                    field.add(a, field.mul(factor, b))
                    for a, b in zip(rows[k], rows[column], strict=True)
                ]
    return tuple(tuple(row[size:]) for row in rows)


def matrix_function(name: str, array: Array, field: Field) -> Array:
    """`trace`, `det`, `diag`, `norm`."""
    match name:
        case "trace":
            return field.total(row[k] for k, row in enumerate(array))
        case "det":
            return determinant(array, field)
        case "norm":
            squares = (field.mul(value, value) for _, value in entries(array))
            return field.power(field.total(squares), Fraction(1, 2))
        case "diag" if rank(array) == 2:
            return tuple(row[k] for k, row in enumerate(array))
        case "diag":
            zero = field.lift(ZERO)
            return tuple(
                tuple(value if j == k else zero for j in range(len(array)))
                for k, value in enumerate(array)
            )
        case _:
            raise UnsupportedError(f"the matrix function {name} is not evaluated")


def over_last_axis(name: str, array: Array, field: Field) -> Array:
    """`softmax` (keeps the axis) and `logsumexp` (takes it away)."""
    if rank(array) > 1:
        return tuple(over_last_axis(name, part, field) for part in array)
    if rank(array) == 0:
        raise UnsupportedError(f"{name} of a scalar")
    powers = tuple(field.function("exp", value) for value in array)
    total = field.total(powers)
    if name == "logsumexp":
        return field.function("log", total)
    return tuple(field.div(value, total) for value in powers)


def extreme(name: str, arrays: Sequence[Array], kept: int, field: Field) -> Array:
    """`max` or `min` of several arrays entry by entry, or of one over its axes past `kept`."""
    wanted = 1 if name == "max" else -1

    def better(left: Scalar, right: Scalar) -> Scalar:
        return left if field.compare(left, right) in (0, wanted) else right

    if len(arrays) > 1:
        return reduce(lambda a, b: combine(better, a, b), arrays)
    (array,) = arrays
    if kept and rank(array) > kept:
        return tuple(extreme(name, (part,), kept - 1, field) for part in array)
    if kept:
        return array
    return reduce(better, (value for _, value in entries(array)))


def derived(name: str, value: Scalar, order: int, field: Field) -> Scalar:
    """The derivative of a known function, by duals."""
    if order == 0:
        return field.function(name, value)
    inner = DualField(field)
    seeded = Dual(inner.level, value, {(): field.lift(ONE)})
    result = derived(name, seeded, order - 1, inner)
    return inner.split(result)[1].get((), field.lift(ZERO))


@lru_cache(maxsize=256)
def opaque_coefficients(name: str, arguments: int) -> Mapping[tuple[int, ...], int]:
    """The polynomial that stands for an opaque function: exponents → coefficient, from its name."""
    exponents = product(range(OPAQUE_DEGREE + 1), repeat=arguments)
    kept = (e for e in exponents if sum(e) <= OPAQUE_DEGREE)
    return {e: 1 + crc32(f"{name}{e}".encode()) % 5 for e in kept}


def opaque(name: str, values: Sequence[Scalar], orders: Sequence[int], field: Field) -> Scalar:
    """An opaque function, or its derivative of the given orders, at a point."""
    orders = orders or (0,) * len(values)
    return field.total(_opaque_terms(name, values, orders, field))


def _opaque_terms(
    name: str, values: Sequence[Scalar], orders: Sequence[int], field: Field
) -> Iterator[Scalar]:
    for exponents, coefficient in opaque_coefficients(name, len(values)).items():
        if any(e < n for e, n in zip(exponents, orders, strict=True)):
            continue
        term = field.lift(Fraction(coefficient))
        for value, exponent, order in zip(values, exponents, orders, strict=True):
            term = field.mul(term, field.lift(Fraction(perm(exponent, order))))
            if exponent > order:
                term = field.mul(term, field.power(value, Fraction(exponent - order)))
        yield term


def check_square(array: Array) -> None:
    """`UnsupportedError` unless the array is a square matrix."""
    lengths = dimensions(array)
    if len(lengths) != 2 or lengths[0] != lengths[1]:
        raise UnsupportedError("a square matrix is wanted")
