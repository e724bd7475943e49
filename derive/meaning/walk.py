"""Walks over typed terms: their parts, the names in them, and who depends on whom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import assert_never

from derive.meaning import terms as t


def parts(term: t.Term) -> tuple[t.Term, ...]:
    """The terms directly inside a term, those of its conditions included."""
    match term:
        case t.Number() | t.Constant() | t.Position() | t.Variable() | t.Identity() | t.Filled():
            return ()
        case t.Element(base) | t.Transposed(base) | t.Inverse(base):
            return (base,)
        case t.Add(terms):
            return terms
        case t.Multiply(factors):
            return factors
        case t.Divide(a, b) | t.Power(a, b) | t.MatrixProduct(a, b) | t.Outer(a, b):
            return (a, b)
        case t.MatrixFunction(_, argument):
            return (argument,)
        case t.Sum(_, condition, body):
            return (body, *_compared(condition))
        case t.Indicator(condition):
            return _compared(condition)
        case t.Cases(rows):
            values = tuple(value for value, _ in rows)
            return values + tuple(x for _, c in rows if c for x in _compared(c))
        case t.Function(_, arguments):
            return arguments
        case t.Derivative(of):
            return (of,)
        case _:
            assert_never(term)


def _compared(condition: t.Condition) -> tuple[t.Term, ...]:
    return tuple(side for c in condition for side in (c.left, c.right))


def subterms(term: t.Term) -> Iterator[t.Term]:
    """The term and everything inside it, outermost first."""
    yield term
    for part in parts(term):
        yield from subterms(part)


def names_in(term: t.Term) -> frozenset[str]:
    """The keys of the symbols that stand in a term, targets of derivatives included."""
    found = set()
    for part in subterms(term):
        if isinstance(part, t.Variable):
            found.add(part.symbol.key)
        elif isinstance(part, t.Derivative):
            found.add(part.target.key)
    return frozenset(found)


def reach(context: t.Context) -> Mapping[str, frozenset[str]]:
    """For each name of a context, the names that its value depends on, itself left out.

    A name defined by a derivative of the objective depends on all that the objective does.
    """
    found: dict[str, frozenset[str]] = {}

    def of(key: str) -> frozenset[str]:
        if key not in found:
            found[key] = frozenset()
            if key in context.outputs:
                direct = frozenset(output.key for output in context.outputs[key])
            else:
                definition = context.definitions.get(key)
                direct = names_in(definition.body) if definition else frozenset()
            found[key] = direct.union(*(of(name) for name in direct))
        return found[key]

    for key in (*context.definitions, *context.outputs):
        of(key)
    return found
