"""The places of a syntax tree where an edit may put something else, and how to put it there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from derive.reading import syntax as s

OPEN = ("operator", "subscript", "nabla")
"""Styles of a derivative whose operand stands to the right of the sign, as a value."""
_T = TypeVar("_T")

Place = str
"""Where a node stands: `value`, `base` (of a power), `varied` (in a derivative), `index`."""
Slot = tuple[s.Expr, Callable[[s.Expr], s.Expr], Place]


def slots(node: s.Expr, place: Place) -> Iterator[Slot]:
    """The children that may be edited, how to put another one in, and where they stand."""
    inner = place if place in ("varied", "index") else "value"
    match node:
        case s.Subscript(items=items):
            yield _only(node, "base", "varied")
            yield from _each(node, "items", items, "index")
        case s.Power():
            yield _only(node, "base", "varied" if inner == "varied" else "base")
        case s.Transpose():
            yield _only(node, "base", "varied" if inner == "varied" else "base")
        case s.Sum(terms=terms):
            yield from _each(node, "terms", terms, inner)
        case s.Product(factors=factors):
            yield from _each(node, "factors", factors, inner)
        case s.List(items=items):
            yield from _each(node, "items", items, inner)
        case s.Chain(members=members):
            yield from _each(node, "members", members, inner)
        case s.Frac():
            yield _only(node, "numerator", inner)
            yield _only(node, "denominator", inner)
        case s.Derivative(style=style):
            yield _only(node, "of", inner if style in OPEN else "varied")
            yield from _variables(node)
        case s.Cases():
            yield from _values(node)
        case s.BigOperator() | s.Group() | s.Bars() | s.Root() | s.Underbrace():
            yield _only(node, "body", inner)
        case s.Call():
            yield _only(node, "argument", inner)
        case _:
            return


def _only(node: s.Expr, field: str, place: Place) -> Slot:
    def rebuilt(new: s.Expr) -> s.Expr:
        changes: dict[str, Any] = {field: new}
        return replace(node, **changes)

    return getattr(node, field), rebuilt, place


def _each(
    node: s.Expr, field: str, values: tuple[s.Expr | None, ...], place: Place
) -> Iterator[Slot]:
    def rebuilt(at: int, new: s.Expr) -> s.Expr:
        changes: dict[str, Any] = {field: put(values, at, new)}
        return replace(node, **changes)

    for at, value in enumerate(values):
        if value is not None:
            yield value, partial(rebuilt, at), place


def _variables(node: s.Derivative) -> Iterator[Slot]:
    def rebuilt(at: int, new: s.Expr) -> s.Expr:
        return replace(node, by=put(node.by, at, (new, node.by[at][1])))

    for at, (variable, _) in enumerate(node.by):
        yield variable, partial(rebuilt, at), "varied"


def _values(node: s.Cases) -> Iterator[Slot]:
    def rebuilt(at: int, new: s.Expr) -> s.Expr:
        return replace(node, rows=put(node.rows, at, replace(node.rows[at], value=new)))

    for at, row in enumerate(node.rows):
        yield row.value, partial(rebuilt, at), "value"


def put(values: tuple[_T, ...], at: int, new: _T) -> tuple[_T, ...]:
    return (*values[:at], new, *values[at + 1 :])
