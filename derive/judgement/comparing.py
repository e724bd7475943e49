"""Compare the two sides of a claim at a point, for every value of its free indices."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from derive.meaning import terms as t
from derive.oracle.arrays import combine, entries, pick
from derive.oracle.evaluate import (
    SIGNS,
    UndefinedHere,
    Unresolved,
    World,
    assignments,
    evaluate,
    holds,
)
from derive.oracle.fields import EXACT, MODULAR, ExactField, Field, Scalar
from derive.oracle.scope import At

FIELDS: tuple[ExactField, ...] = (EXACT, *(ExactField(bits) for bits in (128, 256, 512)))
"""Exact arithmetic with more and more bits where intervals are needed."""


@dataclass(frozen=True)
class Failure:
    """Free indices, entry (from 0) and values at which a claim is provably false."""

    indices: At
    entry: tuple[int, ...]
    left: Scalar
    right: Scalar
    over: ExactField


@dataclass(frozen=True)
class _Pair:
    left: Scalar
    right: Scalar


def pairs(
    reading: t.Reading, world: World, over: Field, most: int | None = None
) -> Iterator[tuple[At, tuple[int, ...], _Pair]]:
    """Both sides, entry by entry, at each admissible value of the free indices.

    With `most`, at about that many values, spread over all of them.
    """
    places = list(assignments(reading.free, dict(world.sizes)))
    for at in places[:: len(places) // most or 1] if most else places:
        try:
            if reading.condition and not holds(reading.condition, world, at, over):
                continue
            left = evaluate(reading.left, world, at, over)
            right = evaluate(reading.right, world, at, over)
        except UndefinedHere:
            continue
        for entry, pair in entries(combine(_Pair, left, right)):
            yield at, entry, pair


def agree_modular(reading: t.Reading, world: World, most: int | None = None) -> bool:
    """Whether both sides agree modulo the prime; `UndefinedHere` when nothing could be compared.

    With `most`, only about so many values of the free indices are looked at.
    """
    compared = False
    for _, _, pair in pairs(reading, world, MODULAR, most):
        if pair.left != pair.right:
            return False
        compared = True
    if not compared:
        raise UndefinedHere("no value of the free indices could be compared")
    return True


def failure(
    reading: t.Reading, world: World, fields: tuple[ExactField, ...] = FIELDS
) -> Failure | None:
    """Where the claim is provably false at a point, or None; `UndefinedHere` if it says nothing.

    More bits are used until every pair of entries is told apart or the bits run out; entries that
    stay together count as agreeing.
    """
    compared = False
    for over in fields:
        try:
            unresolved = False
            for at, entry, pair in pairs(reading, world, over):
                compared = True
                try:
                    found = over.compare(pair.left, pair.right)
                except Unresolved:
                    unresolved = True
                    continue
                if not SIGNS[reading.sign](found):
                    free = {bound.name: at[bound.name] for bound in reading.free}
                    return Failure(free, entry, pair.left, pair.right, over)
            if not unresolved:
                break
        except Unresolved:
            continue
    if not compared:
        raise UndefinedHere("no value of the free indices could be compared")
    return None


def sides_at(reading: t.Reading, world: World, found: Failure) -> tuple[Scalar, Scalar]:
    """Both sides at one place again, in a world of their own."""
    at = {**world.sizes, **found.indices}
    left = evaluate(reading.left, world, at, found.over)
    right = evaluate(reading.right, world, at, found.over)
    pair = pick(combine(_Pair, left, right), found.entry)
    return pair.left, pair.right
