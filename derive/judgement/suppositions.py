"""What an author may have left unsaid: assumptions under which a claim is proved as it stands.

Offered are symmetry of a square input, a sum of entries that is 1, positive inputs, and two
indices that differ. Each must let the oracle find admissible points where both sides agree, so
that none makes the inputs empty.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain, combinations

from derive.judgement.sampling import needs_of
from derive.meaning import terms as t
from derive.meaning.graph import subterms
from derive.meaning.to_syntax import name, to_syntax
from derive.reading import syntax as s
from derive.writing.to_linear import linear

MOST_PAIRS = 10
UNEQUAL, SYMMETRIC, POSITIVE, ADDS_UP = 2, 2, 2, 3
"""How unlikely it is that an author left it unsaid."""


@dataclass(frozen=True, slots=True)
class Supposition:
    """A reading with one more condition, or in a context with more assumptions."""

    reading: t.Reading
    context: t.Context
    words: str
    cost: int


def suppositions(reading: t.Reading, context: t.Context) -> Iterator[Supposition]:
    """What a reading may rest on, the likeliest first."""
    inputs = _inputs(reading, context)
    for one, other in combinations(reading.free, 2):
        if one.high == other.high and one.low == other.low and not reading.condition:
            yield _unequal(reading, context, one, other)
    given = [(assumption, SYMMETRIC) for assumption in map(_symmetric, inputs) if assumption]
    given += [(_positive(symbol), POSITIVE) for symbol in inputs if _needs_sign(reading)]
    given += [(_adds_up(symbol), ADDS_UP) for symbol in inputs if len(symbol.shape) == 1]
    pairs = combinations([assumption for assumption, cost in given if cost == POSITIVE], 2)
    alone = (((assumption,), cost) for assumption, cost in given)
    for more, cost in chain(alone, ((pair, POSITIVE + 1) for pair in _some(pairs))):
        if not any(assumption in context.assumptions for assumption in more):
            enlarged = replace(context, assumptions=(*context.assumptions, *more))
            said = ", ".join(_shown(assumption) for assumption in more)
            yield Supposition(reading, enlarged, f"holds if {said}", cost)


def _some(pairs: Iterator[tuple[t.Assumption, ...]]) -> list[tuple[t.Assumption, ...]]:
    found = list(pairs)
    return found if len(found) <= MOST_PAIRS else []


def _inputs(reading: t.Reading, context: t.Context) -> list[t.Symbol]:
    """The inputs on which a reading depends."""
    needs = needs_of((reading.left, reading.right), reading.free, context)
    keys = [key for key in needs.arrays if isinstance(key, str)]
    symbols = (context.symbols[key] for key in keys if key in context.symbols)
    return [symbol for symbol in symbols if symbol.role == "input"]


def _needs_sign(reading: t.Reading) -> bool:
    """Whether signs matter in a reading: roots, logarithms, kinks."""
    kinks = ("log", "ln", "abs", "sign", "relu", "max", "min")
    return any(
        (isinstance(part, t.Function) and part.name in kinks)
        or (isinstance(part, t.MatrixFunction) and part.name == "norm")
        or (isinstance(part, t.Power) and _is_root(part.exponent))
        for side in (reading.left, reading.right)
        for part in subterms(side)
    )


def _is_root(exponent: t.Term) -> bool:
    match exponent:
        case t.Number(value):
            return value.denominator != 1
        case t.Multiply(factors):
            return any(_is_root(factor) for factor in factors)
        case t.Divide(_, t.Number(value)):
            return value != 1
        case _:
            return False


# ---- the assumptions ----------------------------------------------------------------------------


def _unequal(reading: t.Reading, context: t.Context, one: t.Bound, other: t.Bound) -> Supposition:
    sides = (t.Position(t.Affine.name(one.name)), t.Position(t.Affine.name(other.name)))
    condition = (*reading.condition, t.Comparison(sides[0], "!=", sides[1]))
    said = f"holds if {one.name} ≠ {other.name}"
    return Supposition(replace(reading, condition=condition), context, said, UNEQUAL)


def _symmetric(symbol: t.Symbol) -> t.Assumption | None:
    if len(symbol.shape) != 2 or symbol.shape[0] != symbol.shape[1]:
        return None
    matrix = t.Variable(symbol)
    return t.Assumption(matrix, "==", t.Transposed(matrix))


def _positive(symbol: t.Symbol) -> t.Assumption:
    zero = t.Filled(Fraction(0), symbol.shape) if symbol.shape else t.Number(Fraction(0))
    return t.Assumption(t.Variable(symbol), ">", zero)


def _adds_up(symbol: t.Symbol) -> t.Assumption:
    """The entries of a vector have the sum 1."""
    letter = next(x for x in "ikln" if name(x) != name(symbol.latex or symbol.key))
    bound = t.Bound(letter, t.Affine.number(1), symbol.shape[0])
    entry = t.Element(t.Variable(symbol), (t.Affine.name(letter),))
    return t.Assumption(t.Sum((bound,), (), entry), "==", t.Number(Fraction(1)))


def _shown(assumption: t.Assumption) -> str:
    """An assumption in one line, `A = Aᵀ`, `∑ᵢ tᵢ = 1`."""
    left = to_syntax(assumption.left)
    if isinstance(left, s.BigOperator) and isinstance(assumption.left, t.Sum):
        left = replace(left, lower=(name(assumption.left.bounds[0].name),), upper=None)
    sign = s.Relation("=" if assumption.sign == "==" else assumption.sign)
    return linear(s.Chain((left, to_syntax(assumption.right)), (sign,)))
