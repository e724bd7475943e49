"""Equations near a claim: one edit of a side, the same edit in several places, one on each side."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from time import monotonic
from typing import Literal

from derive.judgement.edits import edits
from derive.judgement.holes import Dictionary, dictionary, filled
from derive.judgement.screening import Screen, Values
from derive.judgement.throughout import throughout
from derive.judgement.vocabulary import Edit, Vocabulary, vocabulary
from derive.meaning.claims import Claim
from derive.meaning.names import walk
from derive.meaning.subscripts import bound_letters, free_letters, index_letter
from derive.reading import syntax as s

Side = Literal["left", "right", "both"]
HOLES_FROM = 2
"""The cost from which on missing factors and terms are looked up."""
FIRST_COST = 2
"""The most that the first of two edits on the same side may cost."""
SECOND_COST = 3
"""The most that the second of two edits on the same side may cost."""
PAIR_COST = 3
"""The most that one of two edits on different sides may cost."""
MOST_PAIR_COST = 4
"""The most that two edits on different sides may cost together."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An equation near a claim; `cost` orders them, the likeliest slip first."""

    left: s.Expr
    right: s.Expr
    words: str
    cost: int
    side: Side


@dataclass(slots=True)
class Search:
    """The candidates for a claim; with a screen, only those that agree at its point."""

    claim: Claim
    screen: Screen | None
    words: dict[str, Vocabulary]
    single: dict[str, list[Edit]]
    deadline: float
    _dictionary: Dictionary | None = None

    def near(self) -> Iterator[Candidate]:
        """What one edit makes, each equation once, the nearest first."""
        seen = {(self.claim.left, self.claim.right)}
        for candidate in self._in_order():
            if self._late():
                return
            if (candidate.left, candidate.right) not in seen:
                seen.add((candidate.left, candidate.right))
                if self.agrees(candidate):
                    yield candidate

    def _in_order(self) -> Iterator[Candidate]:
        found = [self._with(side, edit) for side in ("right", "left") for edit in self.single[side]]
        found += self._throughout()
        found.sort(key=_cost)
        looked_up: list[Candidate] = []
        for cost, group in groupby(found, key=_cost):
            if cost >= HOLES_FROM and not looked_up and self.screen is not None:
                looked_up = sorted(self._looked_up(), key=_cost)
            yield from group
            yield from (c for c in looked_up if c.cost == cost)
        most = max((c.cost for c in found), default=0)
        yield from (c for c in looked_up if c.cost > most)

    def _looked_up(self) -> list[Candidate]:
        return [
            self._with(side, edit)
            for side in ("right", "left")
            for edit in self._filled(side, self._side(side))
        ]

    def _filled(self, side: str, expr: s.Expr) -> Iterator[Edit]:
        """What may stand at some place of a side, so that it equals the other."""
        assert self.screen is not None
        if self._dictionary is None:
            self._dictionary = dictionary(self.screen, self.words["right"])
        other = self._side("left" if side == "right" else "right")
        for target in self.screen.values(other)[:2]:
            for edit in filled(expr, other, target, self._dictionary):
                if self._late():
                    return
                yield edit

    def _throughout(self) -> Iterator[Candidate]:
        left, right = self.claim.left, self.claim.right
        for one, other, words, cost in throughout(left, right, self.words["right"]):
            side: Side = "both" if one != left and other != right else "left"
            yield Candidate(one, other, words, cost, "right" if one == left else side)

    def _late(self) -> bool:
        return monotonic() > self.deadline

    def _side(self, side: str) -> s.Expr:
        return self.claim.left if side == "left" else self.claim.right

    def _with(self, side: str, edit: Edit) -> Candidate:
        words = f"{side} side: {edit.words}"
        if side == "left":
            return Candidate(edit.expr, self.claim.right, words, edit.cost, "left")
        return Candidate(self.claim.left, edit.expr, words, edit.cost, "right")

    def agrees(self, candidate: Candidate) -> bool:
        """Whether both sides have the same values at the point of the screen.

        What puts the other side in place of something agrees and says nothing.
        """
        screen = self.screen
        if self._repeats(candidate):
            return False
        if screen is None or screen.strange(candidate.left) or screen.strange(candidate.right):
            return True
        for one in screen.values(candidate.left):
            for other in screen.values(candidate.right):
                ours, theirs = (other, one) if candidate.side == "left" else (one, other)
                back = candidate.side == "both"
                if screen.agree(ours, theirs) and (not back or screen.agree(theirs, ours)):
                    return True
        return False

    def _repeats(self, candidate: Candidate) -> bool:
        """Whether a side holds the other one, as it did not before."""
        left, right = candidate.left, candidate.right
        inside = _count(left, right) > _count(self.claim.left, self.claim.right)
        return inside or _count(right, left) > _count(self.claim.right, self.claim.left)

    # ---- two edits ------------------------------------------------------------------------------

    def pairs(self) -> Iterator[Candidate]:
        """One edit on each side, the nearest first."""
        screen = self.screen
        if screen is None:
            return
        lefts = list(self._valued("left"))
        by_key: dict[tuple[object, ...], list[Edit]] = {}
        for edit, values in lefts:
            if any(_known(entry) for entry in values):
                by_key.setdefault(screen.key(values), []).append(edit)
        found = [
            Candidate(
                one.expr,
                other.expr,
                f"left side: {one.words}; right side: {other.words}",
                one.cost + other.cost,
                "both",
            )
            for other, values in self._valued("right")
            for one in by_key.get(screen.key(values), ())
            if one.cost + other.cost <= MOST_PAIR_COST
        ]
        yield from sorted(found, key=_cost)

    def _valued(self, side: str) -> Iterator[tuple[Edit, Values]]:
        assert self.screen is not None
        for edit in self.single[side]:
            if edit.cost <= PAIR_COST and not self._late():
                for values in self.screen.values(edit.expr):
                    yield edit, values

    def twice(self) -> Iterator[Candidate]:
        """Two edits of the same side: a small one, then what is missing after it."""
        if self.screen is None:
            return
        for cost in range(1, FIRST_COST + 1):
            for side in ("right", "left"):
                other = self._side("left" if side == "right" else "right")
                if all(map(self.screen.is_zero, self.screen.values(other))):
                    continue
                for first in self.single[side]:
                    if self._late():
                        return
                    if first.cost != cost or not self.screen.values(first.expr):
                        continue
                    for second in self._filled(side, first.expr):
                        if second.replaces or second.cost > SECOND_COST:
                            continue
                        edit = Edit(
                            second.expr, f"{first.words}; {second.words}", cost + second.cost
                        )
                        candidate = self._with(side, edit)
                        if self.agrees(candidate):
                            yield candidate


def _count(inner: s.Expr, outer: s.Expr) -> int:
    if isinstance(inner, s.Number):
        return 0
    return sum(1 for node in walk(outer) if node == inner)


def _known(entry: object) -> bool:
    return entry is not None and entry != 0


def _cost(candidate: Candidate) -> int:
    return candidate.cost


def search(claim: Claim, screen: Screen | None, deadline: float) -> Search:
    """The search near a claim, until a deadline of the monotonic clock."""
    letters = _letters(claim.left, claim.right)
    words, single = {}, {}
    for side, here, there in (
        ("right", claim.right, claim.left),
        ("left", claim.left, claim.right),
    ):
        loose = tuple(sorted(free_letters(here) - free_letters(there)))
        words[side] = vocabulary(claim.context, here, there, letters, loose)
        single[side] = sorted(edits(here, words[side]), key=lambda edit: edit.cost)
    return Search(claim, screen, words, single, deadline)


def _letters(*sides: s.Expr) -> tuple[str, ...]:
    """The letters that stand as indices somewhere in the equation, or run under a sum."""
    found: set[str | None] = set()
    for node in (node for side in sides for node in walk(side)):
        if isinstance(node, s.Subscript):
            found |= {index_letter(inner) for item in node.items for inner in walk(item)}
        elif isinstance(node, s.BigOperator):
            found |= set(bound_letters(node.lower))
    return tuple(sorted(letter for letter in found if letter is not None))
