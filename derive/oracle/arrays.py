"""Arrays as nested tuples, a scalar bare; NumPy's broadcasting against trailing axes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from derive.errors import UnsupportedError

Array = Any
"""A scalar, or a tuple of arrays of one rank."""


def rank(array: Array) -> int:
    """The number of axes."""
    axes = 0
    while type(array) is tuple:
        axes += 1
        array = array[0] if array else None
    return axes


def dimensions(array: Array) -> tuple[int, ...]:
    """The length of each axis."""
    lengths = []
    while type(array) is tuple:
        lengths.append(len(array))
        array = array[0] if array else None
    return tuple(lengths)


def apply(function: Callable[[Any], Any], array: Array) -> Array:
    """The function of every entry."""
    if type(array) is not tuple:
        return function(array)
    return tuple(apply(function, part) for part in array)


def combine(function: Callable[[Any, Any], Any], left: Array, right: Array) -> Array:
    """The function of every pair of entries, broadcast."""
    if type(left) is not tuple and type(right) is not tuple:
        return function(left, right)
    difference = rank(left) - rank(right)
    if difference > 0:
        return tuple(combine(function, part, right) for part in left)
    if difference < 0:
        return tuple(combine(function, left, part) for part in right)
    if len(left) != len(right):
        if len(left) == 1:
            left = left * len(right)
        elif len(right) == 1:
            right = right * len(left)
        else:
            raise UnsupportedError(f"axes of lengths {len(left)} and {len(right)} do not meet")
    return tuple(combine(function, a, b) for a, b in zip(left, right, strict=True))


def build(
    lengths: Sequence[int], entry: Callable[[tuple[int, ...]], Any], at: tuple[int, ...] = ()
) -> Array:
    """The array with the given entry at each position, counted from 0."""
    if not lengths:
        return entry(at)
    return tuple(build(lengths[1:], entry, (*at, k)) for k in range(lengths[0]))


def entries(array: Array, at: tuple[int, ...] = ()) -> Iterator[tuple[tuple[int, ...], Any]]:
    """Positions, counted from 0, and entries in order."""
    if type(array) is not tuple:
        yield at, array
        return
    for k, part in enumerate(array):
        yield from entries(part, (*at, k))


def pick(array: Array, at: tuple[int, ...]) -> Any:
    """The entry, or the part, at a position counted from 0."""
    for k in at:
        array = array[k]
    return array


def transpose(array: Array) -> Array:
    """A matrix transposed; anything else itself."""
    return tuple(zip(*array, strict=True)) if rank(array) == 2 else array
