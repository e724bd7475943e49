"""Make a failing point small: fewer non-zero entries, smaller numbers, rational sides."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from time import monotonic

from derive.errors import LimitError, UnsupportedError
from derive.judgement.comparing import Failure, failure
from derive.judgement.sampling import Needs, Point, Slot, settle
from derive.meaning import terms as t
from derive.oracle.evaluate import UndefinedHere

SIMPLE: tuple[Fraction, ...] = (
    Fraction(0),
    *(Fraction(sign * size) for size in range(1, 6) for sign in (1, -1)),
    *(Fraction(sign, size) for size in (2, 3, 4) for sign in (1, -1)),
)
MOST_TRIES = 400

Fails = Callable[[Point], Failure | None]


def fails_at(reading: t.Reading, point: Point) -> Failure | None:
    """The failure of a claim at a point; None also where the claim says nothing."""
    try:
        return failure(reading, point.world())
    except (UndefinedHere, LimitError, UnsupportedError):
        return None


def simplicity(value: Fraction) -> tuple[int, int]:
    """The place of a number in the order of preference, then its size."""
    if value in SIMPLE:
        return SIMPLE.index(value), 0
    return len(SIMPLE), abs(value.numerator) + value.denominator


def shrink(
    reading: t.Reading, point: Point, found: Failure, needs: Needs, deadline: float
) -> tuple[Point, Failure]:
    """A simpler point at which the claim still fails."""
    tries = MOST_TRIES
    changed = True
    while changed and tries > 0:
        changed = False
        for slot in list(point.slots()):
            for candidate in _simpler(point, slot, needs):
                tries -= 1
                if tries <= 0 or monotonic() > deadline:
                    return _rational(reading, point, found, needs, deadline)
                again = fails_at(reading, candidate)
                if again is not None:
                    point, found, changed = candidate, again, True
                    break
    return _rational(reading, point, found, needs, deadline)


def _cost(point: Point) -> tuple[int, tuple[int, int]]:
    values = [point.entry(slot) for slot in point.slots()]
    costs = [simplicity(value) for value in values]
    return sum(value != 0 for value in values), (sum(a for a, _ in costs), sum(b for _, b in costs))


def _simpler(point: Point, slot: Slot, needs: Needs) -> Iterator[Point]:
    """The point with one entry simpler, the assumptions restored through other entries."""
    old = point.entry(slot)
    cost = _cost(point)
    for value in SIMPLE:
        if simplicity(value) >= simplicity(old):
            return
        candidate = settle(point.with_entry(slot, value), needs, locked=frozenset([slot]))
        if candidate is not None and _cost(candidate) < cost:
            yield candidate


def _rational(
    reading: t.Reading, point: Point, found: Failure, needs: Needs, deadline: float
) -> tuple[Point, Failure]:
    """The point with one positive scalar chosen so that roots come out rational, if one does."""
    if _is_rational(found):
        return point, found
    largest = max([*point.sizes.values(), 2])
    for name, hint in needs.signs.items():
        if hint == "-" or isinstance(point.values.get(name), tuple) or name not in point.values:
            continue
        for denominator in (1, 4, 9, largest**2):
            for numerator in range(1, 6 * denominator + 1):
                if monotonic() > deadline:
                    return point, found
                candidate = point.with_entry((name, ()), Fraction(numerator, denominator))
                settled = settle(candidate, needs, locked=frozenset([(name, ())]))
                again = fails_at(reading, settled) if settled else None
                if settled and again and _is_rational(again):
                    return settled, again
    return point, found


def _is_rational(found: Failure) -> bool:
    return isinstance(found.left, Fraction) and isinstance(found.right, Fraction)
