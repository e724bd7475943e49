"""Points at which a claim is tried: sizes and inputs that meet the assumptions.

Sign assumptions choose the pool of values, equations are solved for one entry each, and what is
left is met by drawing again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from functools import lru_cache
from itertools import product
from random import Random
from typing import Any

from derive.meaning import terms as t
from derive.meaning.walk import names_in, subterms
from derive.oracle.arrays import Array, build, combine, entries, pick
from derive.oracle.evaluate import SIGNS, UndefinedHere, World, assignments, evaluate, holds
from derive.oracle.fields import EXACT, MODULAR, PRIME, Field, NotModular, Scalar
from derive.oracle.interval import Unresolved
from derive.oracle.scope import reach_of

Name = str | tuple[str, str]
"""An input's key, or (objective, output) for an upstream gradient."""

Slot = tuple[Name, tuple[int, ...]]
"""One entry of an input."""

ATTEMPTS = 40
"""How often inputs are drawn anew until the assumptions hold."""

POOLS: tuple[tuple[Fraction, ...], ...] = tuple(
    tuple(Fraction(text) for text in line.split())
    for line in (
        "0",
        "0 1 -1 1",
        "0 1 -1 2 -2 3",
        "0 1 -1 2 -2 3 -3 4 1/2 -1/2",
        "1 -1 2 -2 3 -3 4 5 1/2 -1/2 3/2 1/3 -1/3 1/4 1/5",
    )
)


@dataclass(frozen=True)
class Needs:
    """What a claim depends on: inputs and upstream gradients with shapes, sizes, assumptions."""

    arrays: Mapping[Name, t.Shape]
    sizes: tuple[str, ...]
    assumptions: tuple[t.Assumption, ...]
    signs: Mapping[str, str]


@dataclass(frozen=True)
class Point:
    """Sizes and values; the world is made from it."""

    context: t.Context
    sizes: Mapping[str, int]
    values: Mapping[Name, Array]

    def world(self) -> World:
        """A fresh world at this point."""
        inputs = {name: value for name, value in self.values.items() if isinstance(name, str)}
        upstream = {name: v for name, v in self.values.items() if not isinstance(name, str)}
        return World(self.context, self.sizes, inputs, upstream)

    def entry(self, slot: Slot) -> Scalar:
        """The value of one entry."""
        return pick(self.values[slot[0]], slot[1])

    def slots(self, names: Iterable[Name] | None = None) -> Iterator[Slot]:
        """Every entry of the named inputs."""
        for name in self.values if names is None else names:
            for at, _ in entries(self.values.get(name, ())):
                yield name, at

    def with_entry(self, slot: Slot, value: Scalar) -> Point:
        """The point with one entry changed."""
        name, at = slot
        return replace(self, values={**self.values, name: _put(self.values[name], at, value)})


def _put(array: Array, at: tuple[int, ...], value: Scalar) -> Array:
    if not at:
        return value
    changed = _put(array[at[0]], at[1:], value)
    return (*array[: at[0]], changed, *array[at[0] + 1 :])


# ---- what a claim needs -----------------------------------------------------------------------


def needs_of(sides: Sequence[t.Term], free: Sequence[t.Bound], context: t.Context) -> Needs:
    """What terms depend on, through definitions and assumptions."""
    reach = reach_of(context)

    def closed(terms: Iterable[t.Term]) -> frozenset[str]:
        direct = frozenset[str]().union(*(names_in(term) for term in terms))
        return direct.union(*(reach.get(key, frozenset()) for key in direct))

    keys = closed(sides)
    kept: list[t.Assumption] = []
    rest = list(context.assumptions)
    while touching := [a for a in rest if closed((a.left, a.right)) & keys]:
        kept += touching
        rest = [a for a in rest if a not in touching]
        keys = keys.union(*(closed((a.left, a.right)) for a in touching))
    arrays = _arrays(keys, context)
    bodies = [context.definitions[key].body for key in sorted(keys & context.definitions.keys())]
    sizes = size_names((*sides, *bodies), free, context)
    for key in keys & context.symbols.keys():
        sizes |= {name for axis in context.symbols[key].shape for name in axis.names}
    return Needs(arrays, tuple(sorted(sizes)), tuple(kept), sign_hints(kept))


def _arrays(keys: frozenset[str], context: t.Context) -> Mapping[Name, t.Shape]:
    arrays: dict[Name, t.Shape] = {}
    for key in sorted(keys):
        symbol = context.symbols.get(key)
        if key in context.outputs:
            arrays[key] = ()
            for output in context.outputs[key]:
                arrays[key, output.key] = output.shape
        elif symbol is not None and key not in context.definitions and symbol.role == "input":
            arrays[key] = symbol.shape
    return arrays


def size_names(terms: Iterable[t.Term], free: Sequence[t.Bound], context: t.Context) -> set[str]:
    """The size names that stand in terms and ranges."""
    found = {n for bound in free for n in bound.low.names | bound.high.names}
    for term in terms:
        for part in subterms(term):
            found |= {name for affine in _affines(part) for name in affine.names}
    return found & set(context.sizes)


def _affines(value: object) -> Iterator[t.Affine]:
    """The positions, ranges and shapes written in a node itself."""
    for slot in fields(value) if hasattr(value, "__dataclass_fields__") else ():  # type: ignore[arg-type]
        content = getattr(value, slot.name)
        for item in content if isinstance(content, tuple) else (content,):
            if isinstance(item, t.Affine):
                yield item
            elif isinstance(item, t.Bound):
                yield from (item.low, item.high)


def sign_hints(assumptions: Iterable[t.Assumption]) -> Mapping[str, str]:
    """Inputs that are assumed positive (`+`), non-negative (`0+`) or negative (`-`)."""
    hints: dict[str, str] = {}
    for assumption in assumptions:
        if assumption.condition:
            continue
        for side, other, sign in (
            (assumption.left, assumption.right, assumption.sign),
            (assumption.right, assumption.left, _MIRRORED.get(assumption.sign, "")),
        ):
            name = _named(side, {bound.name for bound in assumption.free})
            if name and isinstance(other, t.Number) and sign in _HINTS:
                hint = _HINTS[sign]
                positive = other.value >= 0 if hint != "-" else other.value <= 0
                if positive:
                    hints[name] = hint
    return hints


_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_HINTS = {">": "+", ">=": "0+", "<": "-", "<=": "-"}


def _named(term: t.Term, free: set[str]) -> str:
    """The input that a term is, or any entry of; empty where it is one entry alone."""
    match term:
        case t.Variable(symbol):
            return symbol.key
        case t.Element(t.Variable(symbol), at) if all(p is None or p.single in free for p in at):
            return symbol.key
        case _:
            return ""


# ---- drawing ----------------------------------------------------------------------------------


def draw(
    needs: Needs, context: t.Context, sizes: Mapping[str, int], seed: str, level: int = 1
) -> Point | None:
    """A point of simple exact values that meets the assumptions, or None when none was found."""
    return _draw(needs, context, sizes, seed, lambda rng, hint: _simple(rng, hint, level), EXACT)


def draw_modular(
    needs: Needs, context: t.Context, sizes: Mapping[str, int], seed: str
) -> Point | None:
    """A random point modulo the prime; squares stand for positive numbers."""
    return _draw(needs, context, sizes, seed, _residue, MODULAR)


def _draw(
    needs: Needs,
    context: t.Context,
    sizes: Mapping[str, int],
    seed: str,
    value: Callable[[Random, str], Scalar],
    over: Field,
) -> Point | None:
    rng = Random(seed)
    for _ in range(ATTEMPTS):
        values = {}
        for name, shape in needs.arrays.items():
            hint = needs.signs.get(name, "") if isinstance(name, str) else ""
            lengths = [axis.value(sizes) for axis in shape]
            if any(length < 1 for length in lengths):
                return None
            values[name] = build(lengths, lambda _, hint=hint: value(rng, hint))  # type: ignore[misc]
        point = settle(Point(context, sizes, values), needs, over)
        if point is not None:
            return point
    return None


def _simple(rng: Random, hint: str, level: int) -> Fraction:
    return rng.choice(_pool(hint, level))


@lru_cache(maxsize=64)
def _pool(hint: str, level: int) -> tuple[Fraction, ...]:
    values = POOLS[min(level, len(POOLS) - 1)]
    admitted = {
        "+": [v for v in values if v > 0] or [Fraction(1)],
        "0+": [v for v in values if v >= 0],
        "-": [v for v in values if v < 0] or [Fraction(-1)],
    }
    return tuple(admitted.get(hint, values))


def _residue(rng: Random, hint: str) -> int:
    value = rng.randrange(1, PRIME)
    square = value * value % PRIME
    return {"+": square, "0+": square, "-": -square % PRIME}.get(hint, value)


# ---- assumptions ------------------------------------------------------------------------------


def settle(
    point: Point, needs: Needs, over: Field = EXACT, locked: frozenset[Slot] = frozenset()
) -> Point | None:
    """The point, changed so that the assumptions hold, or None."""
    try:
        fixed = set(locked)
        for assumption in needs.assumptions:
            if assumption.sign == "==":
                solved = _solve(point, assumption, over, fixed)
                if solved is None:
                    return None
                point = solved
        return point if all(_met(point, a, over) for a in needs.assumptions) else None
    except (UndefinedHere, Unresolved):
        return None


def _places(assumption: t.Assumption, point: Point, over: Field) -> Iterator[tuple[Any, Any]]:
    """(indices, position) of every scalar equation in an assumption."""
    for indices in _where(assumption, point, over):
        for at, _ in entries(_residual(point, assumption, indices, over)):
            yield indices, at


def _where(assumption: t.Assumption, point: Point, over: Field) -> Iterator[Mapping[str, int]]:
    """The free indices for which an assumption is made."""
    for indices in assignments(assumption.free, dict(point.sizes)):
        if holds(assumption.condition, point.world(), indices, over):
            yield indices


def _residual(point: Point, assumption: t.Assumption, at: Mapping[str, int], over: Field) -> Array:
    world = point.world()
    left = evaluate(assumption.left, world, at, over)
    right = evaluate(assumption.right, world, at, over)
    return combine(lambda a, b: over.add(a, over.neg(b)), left, right)


def _solve(point: Point, assumption: t.Assumption, over: Field, fixed: set[Slot]) -> Point | None:
    """Each scalar equation solved for one entry in which it is linear."""
    reach = reach_of(point.context)
    direct = names_in(assumption.left) | names_in(assumption.right)
    names = direct.union(*(reach.get(key, frozenset()) for key in direct))
    slots = list(point.slots([name for name in point.values if name in names]))[::-1]
    for indices, at in list(_places(assumption, point, over)):
        if over.is_zero(pick(_residual(point, assumption, indices, over), at)):
            continue
        for slot in slots:
            if slot in fixed:
                continue
            moved = _moved(point, assumption, indices, at, slot, over)
            if moved is not None:
                point = moved
                fixed.add(slot)
                break
        else:
            return None
    return point


def _moved(
    point: Point,
    assumption: t.Assumption,
    indices: Mapping[str, int],
    at: tuple[int, ...],
    slot: Slot,
    over: Field,
) -> Point | None:
    """The point with one entry moved to the zero of a linear residual."""
    old = point.entry(slot)

    def residual(candidate: Point) -> Scalar:
        return pick(_residual(candidate, assumption, indices, over), at)

    here = residual(point)
    one = over.lift(Fraction(1))
    slope = over.add(residual(point.with_entry(slot, over.add(old, one))), over.neg(here))
    if over.is_zero(slope):
        return None
    moved = point.with_entry(slot, over.add(old, over.neg(over.div(here, slope))))
    exact = over is MODULAR or isinstance(moved.entry(slot), Fraction)
    return moved if exact and over.is_zero(residual(moved)) else None


def _met(point: Point, assumption: t.Assumption, over: Field) -> bool:
    world = point.world()
    for indices in _where(assumption, point, over):
        try:
            left = evaluate(assumption.left, world, indices, over)
            right = evaluate(assumption.right, world, indices, over)
            met = combine(lambda a, b: SIGNS[assumption.sign](over.compare(a, b)), left, right)
        except NotModular:
            return True
        if not all(value for _, value in entries(met)):
            return False
    return True


def size_choices(names: Sequence[str], largest: int) -> list[Mapping[str, int]]:
    """Sizes from 1 to `largest`, all small ones first."""
    every = product(range(1, largest + 1), repeat=len(names))
    ordered = sorted(every, key=lambda sizes: (max(sizes, default=0), sum(sizes), sizes))
    return [dict(zip(names, sizes, strict=True)) for sizes in ordered]
