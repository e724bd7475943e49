"""Values of single sides at one point: the sieve that says which repairs are worth a proof.

Residues modulo a prime where the claim has a meaning there, else doubles. What agrees here is
only a candidate, and what differs here is dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from random import Random

from derive.errors import DeriveError
from derive.judgement.sampling import Needs, Point, draw, draw_modular, needs_of
from derive.meaning import terms as t
from derive.meaning.claims import Claim
from derive.oracle.arrays import Array, entries
from derive.oracle.evaluate import UndefinedHere, World, assignments, evaluate, holds
from derive.oracle.fields import FLOAT, MODULAR, PRIME, NotModular
from derive.oracle.interval import Unresolved
from derive.reading import syntax as s

ATTEMPTS = 16
MOST_PLACES = 14
LEVEL = 4
TOLERANCE = 1e-7
DIGITS = 6
ZERO = s.Number("0")
NO_VALUE = (OverflowError, ZeroDivisionError, ValueError, TypeError, KeyError, IndexError)
"""What doubles and odd shapes raise; such a side has no value here."""

Scalar = int | float
Entry = Scalar | tuple[Scalar, ...] | None
"""What a side is at one place: a number, the entries of an array, None where it has no value."""
Values = tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """Numbers modulo the prime, or doubles compared with a tolerance."""

    modular: bool

    def same(self, a: Scalar, b: Scalar) -> bool:
        if self.modular:
            return a == b
        return abs(a - b) <= TOLERANCE * max(1.0, abs(a), abs(b))

    def subtract(self, a: Scalar, b: Scalar) -> Scalar:
        return (a - b) % PRIME if self.modular else a - b

    def multiply(self, a: Scalar, b: Scalar) -> Scalar:
        return a * b % PRIME if self.modular else a * b

    def divide(self, a: Scalar, b: Scalar) -> Scalar:
        return a * pow(int(b), -1, PRIME) % PRIME if self.modular else a / b

    def key(self, value: Scalar) -> Scalar:
        """Equal for numbers that are the same, but for doubles at the edge of rounding."""
        if self.modular:
            return value
        return 0.0 if abs(value) < TOLERANCE else float(f"{value:.{DIGITS}g}")


@dataclass(slots=True)
class Screen:
    """A point at which the sides of a claim have values, and the places looked at there.

    It is `complete` where every defined name has a value.
    """

    claim: Claim
    world: World
    arithmetic: Arithmetic
    bounds: dict[str, t.Bound]
    places: list[dict[str, int]] = field(default_factory=list)
    complete: bool = False
    _known: dict[s.Expr, tuple[Values, ...]] = field(default_factory=dict)
    _strange: set[s.Expr] = field(default_factory=set)

    def values(self, side: s.Expr) -> tuple[Values, ...]:
        """The values of a side under each of its readings; none where it cannot be read."""
        if side not in self._known:
            readings = list(alone(self.claim, side))
            fitting = [term for term, reading in readings if self._fits(reading)]
            if len(fitting) < len(readings):
                self._strange.add(side)
            found = (self.of(term) for term in fitting)
            told = (values for values in found if any(entry is not None for entry in values))
            self._known[side] = tuple(dict.fromkeys(told))
        return self._known[side]

    def _fits(self, reading: t.Reading) -> bool:
        return all(self.bounds.get(bound.name) == bound for bound in reading.free)

    def strange(self, side: s.Expr) -> bool:
        """Whether a side has indices that run elsewhere, so that the places do not fit it."""
        self.values(side)
        return side in self._strange

    def of(self, term: t.Term) -> Values:
        """The values of a term at the places."""
        return tuple(self._entry(term, place) for place in self.places)

    def _entry(self, term: t.Term, place: Mapping[str, int]) -> Entry:
        over = MODULAR if self.arithmetic.modular else FLOAT
        try:
            return _flat(evaluate(term, self.world, place, over))
        except (DeriveError, *NO_VALUE):
            return None

    def is_zero(self, values: Values) -> bool:
        """Whether all that has a value is zero."""
        entries = (e if isinstance(e, tuple) else (e,) for e in values if e is not None)
        return all(self.arithmetic.same(value, 0) for entry in entries for value in entry)

    def agree(self, ours: Values, theirs: Values) -> bool:
        """Whether two sides have the same values wherever the first has one, and that is somewhere.

        Where roots of the document have no value at the point, a missing value tells nothing.
        """
        pairs = [(a, b) for a, b in zip(ours, theirs, strict=True) if a is not None]
        if not self.complete:
            pairs = [(a, b) for a, b in pairs if b is not None]
        return bool(pairs) and all(b is not None and self._equal(a, b) for a, b in pairs)

    def _equal(self, a: Entry, b: Entry) -> bool:
        assert a is not None
        assert b is not None
        return all(self.arithmetic.same(x, y) for x, y in _paired(a, b)) and _fit(a, b)

    def key(self, values: Values) -> tuple[object, ...]:
        """Values as a key, the same for sides that agree."""
        of = self.arithmetic.key
        return tuple(
            None if v is None else tuple(map(of, v)) if isinstance(v, tuple) else of(v)
            for v in values
        )


def alone(claim: Claim, side: s.Expr) -> Iterator[tuple[t.Term, t.Reading]]:
    """The meanings of one side: set beside zero, else beside a side that says where letters run."""
    assert claim.reread is not None
    told = False
    for pair in ((side, ZERO), (claim.left, side), (side, claim.right)):
        if told:
            return
        try:
            for reading in claim.reread(*pair)[0]:
                told = True
                yield (reading.left if pair[0] is side else reading.right), reading
        except DeriveError:
            continue


# ---- entries ------------------------------------------------------------------------------------


def _flat(array: Array) -> Entry:
    """The entries of an array in a row; one number where all of them are equal."""
    if not isinstance(array, tuple):
        number: Scalar = array
        return number
    found = tuple(value for _, value in entries(array))
    return found[0] if found and all(value == found[0] for value in found) else found


def _fit(a: Entry, b: Entry) -> bool:
    return not (isinstance(a, tuple) and isinstance(b, tuple)) or len(a) == len(b)


def _paired(a: Entry, b: Entry) -> Iterator[tuple[Scalar, Scalar]]:
    width = max(len(x) if isinstance(x, tuple) else 1 for x in (a, b))
    one = a if isinstance(a, tuple) else (a,) * width
    other = b if isinstance(b, tuple) else (b,) * width
    yield from zip(one, other, strict=False)


def combined(function: Callable[[Scalar, Scalar], Scalar], a: Entry, b: Entry) -> Entry:
    """A function of two entries, number by number; None where one has no value or they misfit."""
    if a is None or b is None or not _fit(a, b):
        return None
    if isinstance(a, tuple) or isinstance(b, tuple):
        return tuple(function(x, y) for x, y in _paired(a, b))
    return function(a, b)


# ---- the point ----------------------------------------------------------------------------------


def screen_of(claim: Claim) -> Screen | None:
    """A point at which a side of the claim has a value; None when none was found."""
    bounds = _bounds(claim)
    sides = [term for side in (claim.left, claim.right) for term, _ in alone(claim, side)]
    sides += [term for reading in claim.readings for term in (reading.left, reading.right)]
    needs = needs_of((*sides, *_everything(claim.context)), tuple(bounds.values()), claim.context)
    named = dict.fromkeys((*needs.sizes, *claim.context.sizes))
    sizes = {name: 3 - place % 2 for place, name in enumerate(named)}
    spare: Screen | None = None
    for modular in (True, False):
        for point in islice(_points(needs, claim.context, sizes, modular), ATTEMPTS):
            screen = Screen(claim, point.world(), Arithmetic(modular), bounds)
            screen.places = _places(claim, screen)
            if not screen.places:
                return None
            quality = _quality(screen, sides)
            if quality is None:
                break
            screen.complete = bool(quality) and _defined(screen)
            if screen.complete:
                return screen
            spare = spare or (screen if quality else None)
    return spare


def _bounds(claim: Claim) -> dict[str, t.Bound]:
    """The free indices of the claim, and those of each side for itself."""
    both = (claim.left, claim.right)
    readings = [*claim.readings, *(found[1] for side in both for found in alone(claim, side))]
    return {bound.name: bound for reading in reversed(readings) for bound in reading.free}


def _everything(context: t.Context) -> tuple[t.Term, ...]:
    roles = ("input", "defined", "objective")
    return tuple(t.Variable(symbol) for symbol in context.symbols.values() if symbol.role in roles)


def _points(
    needs: Needs, context: t.Context, sizes: Mapping[str, int], modular: bool
) -> Iterator[Point]:
    for attempt in range(ATTEMPTS):
        try:
            if modular:
                point = draw_modular(needs, context, sizes, f"repair {attempt}")
            else:
                point = draw(needs, context, sizes, f"repair {attempt}", LEVEL)
        except DeriveError:
            continue
        if point is not None:
            yield point


def _places(claim: Claim, screen: Screen) -> list[dict[str, int]]:
    """Values of the free indices that meet the condition, some of them where there are many."""
    bounds = tuple(screen.bounds.values())
    found = [
        {name: at[name] for name in screen.bounds}
        for at in assignments(bounds, dict(screen.world.sizes))
        if _meets(claim, screen.world, at)
    ]
    return Random(0).sample(found, MOST_PLACES) if len(found) > MOST_PLACES else found


def _meets(claim: Claim, world: World, at: Mapping[str, int]) -> bool:
    conditions = claim.readings[0].condition if claim.readings else ()
    try:
        return not conditions or holds(conditions, world, at)
    except (DeriveError, KeyError):
        return True


def _quality(screen: Screen, sides: list[t.Term]) -> bool | None:
    """Whether every side has a value at the point; None where residues mean nothing."""
    over = MODULAR if screen.arithmetic.modular else FLOAT
    for side in sides:
        for place in screen.places:
            try:
                evaluate(side, screen.world, place, over)
            except NotModular:
                return None
            except (UndefinedHere, Unresolved):
                continue
            except (DeriveError, *NO_VALUE):
                break
    return all(any(entry is not None for entry in screen.of(side)) for side in sides)


def _defined(screen: Screen) -> bool:
    """Whether every name that is defined has a value at the point."""
    over = MODULAR if screen.arithmetic.modular else FLOAT
    for definition in screen.claim.context.definitions.values():
        try:
            evaluate(t.Variable(definition.symbol), screen.world, {}, over)
        except UndefinedHere:
            return False
        except (DeriveError, *NO_VALUE):
            continue
    return True
