"""Sums over a part of an axis: the whole axis, less or more the terms at its borders.

    Σ_{i=a}^{N+b} f(i) = Σ_{i=1}^{N} f(i) - Σ_{i=1}^{a-1} f(i) - Σ_{i=N+b+1}^{N} f(i)

It holds for every N ≥ 1 if the range is never shorter than empty, that is b ≥ a - 2; then both
sides are differences of one partial sum. The index is moved so that the entry with the least
shift has none, and `Σ x_{i-1}` from 2 becomes `Σ x_i` from 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from derive.calculus.polynomial import (
    Atom,
    Index,
    Monomial,
    Position,
    Rational,
    index_position,
    indices_of,
)

MAX_BORDERS = 8
Range = tuple[Position, Position]


@dataclass(frozen=True, slots=True)
class Borders:
    """How a sum becomes one over a whole axis: the index moved by `shift`, the axis, and the
    places of the terms that are added and taken away."""

    shift: int
    axis: Range
    added: tuple[Position, ...]
    taken: tuple[Position, ...]


def never_negative(limits: Range) -> bool:
    """Whether `high - low + 1` is at least zero whatever the sizes are."""
    (low, start), (high, end) = limits
    counted = dict(high)
    for name, coefficient in low:
        counted[name] = counted.get(name, 0) - coefficient
    return all(c >= 0 for c in counted.values()) and sum(counted.values()) + end - start >= -1


def contains(outer: Range, inner: Range) -> bool:
    """Whether a range surely lies in another, both from numbers to the same size and a number."""
    (low, start), (high, end) = outer
    (inner_low, inner_start), (inner_high, inner_end) = inner
    if low != inner_low or high != inner_high:
        return False
    return start <= inner_start and inner_end <= end


def borders(factors: Monomial, index: str, limits: Range, sizes: frozenset[str]) -> Borders | None:
    """How to sum over a whole axis, None where it is one or where that cannot be said."""
    (low, start), (high, end) = limits
    if low or len(high) != 1 or high[0][1] != 1 or high[0][0] not in sizes:
        return None
    if not never_negative(limits):
        return None
    shift = min(_shifts(factors, index), default=0)
    first, last = start + shift, end + shift
    if max(abs(first - 1), abs(last)) > MAX_BORDERS or (shift, first, last) == (0, 1, 0):
        return None
    return Borders(
        shift,
        (((), 1), (high, 0)),
        (*(((), k) for k in range(first, 1)), *((high, k) for k in range(1, last + 1))),
        (*(((), k) for k in range(1, first)), *((high, k) for k in range(last + 1, 1))),
    )


def moved_back(index: str, shift: int) -> dict[Index, Position]:
    """The substitution that moves an index by a shift."""
    terms, constant = index_position(index)
    return {index: (terms, constant - shift)}


def _shifts(factors: Iterable[tuple[Atom, Rational]], index: str) -> Iterator[int]:
    """What is added to the index where it stands alone in an entry."""
    for atom, _ in factors:
        if index not in indices_of(atom):
            continue
        match atom[0]:
            case "entry":
                for terms, constant in atom[2]:
                    if terms == ((index, 1),):
                        yield constant
            case "sum":
                yield from _shifts(atom[2], index)
            case "exp":
                yield from _shifts(atom[1], index)
            case "power":
                for monomial, _ in atom[1]:
                    yield from _shifts(monomial, index)
            case "call":
                for argument in atom[3]:
                    for monomial, _ in argument:
                        yield from _shifts(monomial, index)


def ends(limits: Range) -> tuple[int, int] | None:
    """Both ends of a range between numbers."""
    (low, start), (high, end) = limits
    return None if low or high else (start, end)
