"""What an edit is, and the words it may use: names in force, letters, factors in use."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from derive.judgement.missing import factors_in_use
from derive.meaning.terms import Context
from derive.meaning.to_syntax import name, number
from derive.reading import syntax as s


@dataclass(frozen=True, slots=True)
class Edit:
    """A side after one edit; `cost` orders the edits, the likeliest slip first.

    `replaces` tells what puts something else in place of a part from what adds to it.
    """

    expr: s.Expr
    words: str
    cost: int
    replaces: bool = False


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What an edit may put in: the names in force, the index letters and factors in use."""

    context: Context
    letters: tuple[str, ...]
    loose: tuple[str, ...]
    factors: tuple[tuple[s.Expr, int], ...]


def vocabulary(
    context: Context, side: s.Expr, other: s.Expr, letters: tuple[str, ...], loose: tuple[str, ...]
) -> Vocabulary:
    """What edits of a side may use; `loose` are letters that are free on this side alone."""
    sizes = [name(size) for size in context.sizes]
    one = s.Number("1")
    scales = [
        name(symbol.latex or key)
        for key, symbol in context.symbols.items()
        if not symbol.shape and symbol.role in ("input", "defined")
    ]
    found: list[tuple[s.Expr, int]] = [(s.Number("2"), 2), (number(Fraction(1, 2)), 2)]
    for size in sizes:
        found += [(s.Frac(one, size), 2), (size, 2)]
    found += [(scale, 3) for scale in scales]
    found += [(s.Frac(one, scale), 4) for scale in scales]
    found += [(factor, 3) for factor in factors_in_use(side, other)]
    found += [
        (name(symbol.latex or key), 4)
        for key, symbol in context.symbols.items()
        if len(symbol.shape) == 1 and symbol.role == "input"
    ]
    return Vocabulary(context, letters, loose, tuple(dict.fromkeys(found)))
