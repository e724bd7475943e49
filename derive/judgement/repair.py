"""The nearest true equations for a claim that is false or does not fit together.

Candidates are single edits of one side, the likeliest slip first. Each is read in the claim's own
context, screened by the oracle, and proved before it is shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from time import monotonic

from derive.errors import DeriveError
from derive.judgement.edits import Edit, edits, vocabulary
from derive.judgement.prove import Proof, Prover
from derive.judgement.refute import agrees, survives
from derive.meaning import terms as t
from derive.meaning.claims import Claim
from derive.meaning.classify import EQUALS
from derive.meaning.graph import subterms, symbols_in
from derive.meaning.names import walk
from derive.meaning.subscripts import free_letters, index_letter
from derive.reading import syntax as s
from derive.writing.to_latex import to_latex

SECONDS = 2.0
MOST_CANDIDATES = 1500
MOST_SHOWN = 3
MOST_NODES = 600
"""Longer equations are left alone: their edits are too many to look at."""
SPREAD = 1
"""How much farther than the nearest repair another one may be."""


@dataclass(frozen=True, slots=True)
class Repair:
    """A true equation near a claim; `reading` is the one under which it is proved."""

    left: s.Expr
    right: s.Expr
    sign: s.Relation
    words: str
    cost: int
    reading: t.Reading

    @property
    def text(self) -> str:
        """The equation in LaTeX, and what was changed."""
        equation = s.Chain((self.left, self.right), (self.sign,))
        return f"{to_latex(equation)} ({self.words})"


@dataclass(frozen=True, slots=True)
class _Candidate:
    left: s.Expr
    right: s.Expr
    words: str
    cost: int


def repairs(claim: Claim, prover: Prover, seconds: float = SECONDS) -> tuple[Repair, ...]:
    """At most three proved equations near a claim, the nearest first."""
    nodes = sum(1 for side in (claim.left, claim.right) for _ in walk(side))
    equation = claim.relation.sign in EQUALS
    if claim.reread is None or not equation or nodes > MOST_NODES:
        return ()
    deadline = monotonic() + seconds
    found: list[Repair] = []
    for candidate in islice(_candidates(claim), MOST_CANDIDATES):
        far = found and candidate.cost > found[0].cost + SPREAD
        if far or len(found) == MOST_SHOWN or monotonic() > deadline:
            break
        reading = _true_reading(claim, candidate, prover, deadline)
        if reading is not None:
            left, right = candidate.left, candidate.right
            repair = Repair(left, right, claim.relation, candidate.words, candidate.cost, reading)
            found.append(repair)
    return tuple(found)


def _candidates(claim: Claim) -> Iterator[_Candidate]:
    """Each equation that one edit makes, once, the nearest first."""
    letters = _letters(claim.left, claim.right)
    left, right = claim.left, claim.right
    found: dict[tuple[s.Expr, s.Expr], _Candidate] = {}
    for edit in _side_edits(claim, right, left, letters):
        words = f"right side: {edit.words}"
        found.setdefault((left, edit.expr), _Candidate(left, edit.expr, words, edit.cost))
    for edit in _side_edits(claim, left, right, letters):
        words = f"left side: {edit.words}"
        found.setdefault((edit.expr, right), _Candidate(edit.expr, right, words, edit.cost))
    found.pop((left, right), None)
    yield from sorted(found.values(), key=lambda candidate: candidate.cost)


def _side_edits(claim: Claim, side: s.Expr, other: s.Expr, letters: tuple[str, ...]) -> list[Edit]:
    loose = tuple(sorted(free_letters(side) - free_letters(other)))
    known = vocabulary(claim.context, side, other, letters, loose)
    return sorted(edits(side, known), key=lambda edit: edit.cost)


def _letters(*sides: s.Expr) -> tuple[str, ...]:
    """The letters that stand as indices somewhere in the equation."""
    found = (
        index_letter(node)
        for side in sides
        for subscript in walk(side)
        if isinstance(subscript, s.Subscript)
        for item in subscript.items
        for node in walk(item)
    )
    return tuple(sorted({letter for letter in found if letter is not None}))


def _true_reading(
    claim: Claim, candidate: _Candidate, prover: Prover, deadline: float
) -> t.Reading | None:
    """The first reading under which a candidate is proved; None without.

    An equation that holds because a new derivative vanishes in it, or because both sides are the
    same, says nothing and does not count.
    """
    assert claim.reread is not None
    try:
        readings, _ = claim.reread(candidate.left, candidate.right)
        for reading in readings:
            if reading.left == reading.right or not survives(reading, claim.context):
                continue
            if _vanishing(reading, claim.context) - _known(claim):
                continue
            seconds = max(0.1, deadline - monotonic())
            proved = isinstance(prover.prove(reading, seconds), Proof)
            if proved and agrees(reading, claim.context) is None:
                return reading
    except DeriveError:
        return None
    return None


def _known(claim: Claim) -> frozenset[t.Derivative]:
    return frozenset().union(*(_vanishing(reading, claim.context) for reading in claim.readings))


def _vanishing(reading: t.Reading, context: t.Context) -> frozenset[t.Derivative]:
    """Derivatives of a reading by names on which nothing in them depends."""
    return frozenset(
        part
        for side in (reading.left, reading.right)
        for part in subterms(side)
        if isinstance(part, t.Derivative) and part.target.key not in _reach(part.of, context)
    )


def _reach(term: t.Term, context: t.Context) -> set[str]:
    """The keys of all names on which a term depends, directly or through others."""
    reached: set[str] = set()
    waiting = symbols_in(term)
    while waiting:
        key = waiting.pop()
        if key in reached:
            continue
        reached.add(key)
        if key in context.definitions:
            waiting |= symbols_in(context.definitions[key].body)
        waiting |= {symbol.key for symbol in context.outputs.get(key, ())}
    return reached
