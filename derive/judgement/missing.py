"""What an equation may lack: factors that it uses elsewhere, the share of a single index."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from itertools import islice
from typing import Any, TypeVar

from derive.meaning.names import capital_of, key_of, walk
from derive.meaning.subscripts import bound_letters, free_letters
from derive.meaning.terms import Context
from derive.meaning.to_syntax import name
from derive.reading import syntax as s

_N = TypeVar("_N", bound=s.Node)
MOST_FACTORS = 6
MOST_TERMS = 12


def factors_in_use(*sides: s.Expr) -> list[s.Expr]:
    """Powers that stand in the equation and have no index, `(v + \\epsilon)^{-1/2}`."""
    found = (
        node
        for side in sides
        for node in walk(side)
        if isinstance(node, s.Power) and not free_letters(node)
    )
    return list(islice(dict.fromkeys(found), MOST_FACTORS))


def delta_terms(node: s.Expr, letters: tuple[str, ...], context: Context) -> list[s.Expr]:
    """What a sum holds, at one index: `\\partial f / \\partial y_j`, also times a power in use."""
    single = list(dict.fromkeys(_singled(node, letters, context)))
    powers = factors_in_use(node)
    scaled: list[s.Expr] = [s.Product((p, one), ("",)) for one in single for p in powers]
    return (single + scaled + _kronecker(node, letters))[:MOST_TERMS]


def _kronecker(node: s.Expr, letters: tuple[str, ...]) -> list[s.Expr]:
    free = sorted(free_letters(node))
    others = [letter for letter in letters if letter not in free]
    pair = (*free, *others)[:2]
    if len(pair) < 2 or not free:
        return []
    first, second = map(s.Name, pair)
    return [s.Subscript(s.Name("\\delta"), (s.Product((first, second), ("",)),))]


def _singled(node: s.Expr, letters: tuple[str, ...], context: Context) -> Iterator[s.Expr]:
    for big in walk(node):
        if not isinstance(big, s.BigOperator) or big.command != "sum":
            continue
        bound = bound_letters(big.lower)
        for atom in walk(big.body):
            if not isinstance(atom, s.Derivative) or not free_letters(atom) & set(bound):
                continue
            for letter in letters:
                if letter not in bound:
                    yield substituted(atom, {old: s.Name(letter) for old in bound})
            yield from _as_arrays(atom, context)


def _as_arrays(atom: s.Derivative, context: Context) -> Iterator[s.Expr]:
    """A derivative by an entry or row, taken by the whole array instead."""
    for variable, order in atom.by[:1]:
        key = key_of(variable.base) if isinstance(variable, s.Subscript) else None
        for whole in (key, capital_of(key or "")):
            if whole is not None and whole in context.symbols:
                yield replace(atom, by=((name(context.symbols[whole].latex or whole), order),))


def substituted(node: _N, moves: Mapping[str, s.Expr]) -> _N:
    """The tree with names replaced, wherever they stand."""
    changes: dict[str, Any] = {
        field.name: _moved(getattr(node, field.name), moves)
        for field in fields(node)
        if field.name != "span"
    }
    return replace(node, **changes)


def _moved(value: object, moves: Mapping[str, s.Expr]) -> object:
    match value:
        case s.Name(letter=letter) if letter in moves:
            return moves[letter]
        case s.Node():
            return substituted(value, moves)
        case tuple():
            return tuple(_moved(item, moves) for item in value)
        case _:
            return value
