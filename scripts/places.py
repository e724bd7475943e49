"""The places of a syntax tree where an edit may put something else, and how to put it there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, replace
from functools import partial
from typing import Any, TypeVar

from derive.reading import syntax as s

_T = TypeVar("_T")
Child = tuple[s.Expr, Callable[[s.Expr], s.Expr], str]
"""A child, how to put another one in its place, and where it stands."""


def children(node: s.Expr, place: str) -> Iterator[Child]:
    if isinstance(node, s.Derivative):
        open_ended = node.style in ("operator", "subscript", "nabla")
        yield node.of, partial(_with, node, "of"), place if open_ended else "varied"
        for at, (variable, order) in enumerate(node.by):
            yield variable, partial(_by, node, at, order), "varied"
        return
    if isinstance(node, s.Cases):
        for at, row in enumerate(node.rows):
            yield row.value, partial(_row_value, node, at), place
        return
    for field in fields(node):
        value = getattr(node, field.name)
        inner = _place_of(node, field.name, place)
        if inner is None:
            continue
        if isinstance(value, s.Node):
            yield _expr(value), partial(_with, node, field.name), inner
        elif isinstance(value, tuple):
            for at, item in enumerate(value):
                if isinstance(item, s.Node):
                    yield _expr(item), partial(_with_item, node, field.name, at), inner


def _place_of(node: s.Expr, field: str, place: str) -> str | None:
    """Where a field of a node stands; None for what has edits of its own or none."""
    match node, field:
        case _, "span" | "sub" | "degree" | "power" | "note" | "lower" | "upper" | "relations":
            return None
        case s.Subscript(), "items":
            return "index"
        case s.Subscript(), "base":
            return "varied"
        case s.Power(), "exponent":
            return None
        case s.Power() | s.Transpose() | s.Prime(), "base":
            return "varied" if isinstance(node.base, s.Name | s.Subscript) else place
        case _:
            return place


def _expr(node: s.Node) -> Any:
    return node


def _with(node: s.Expr, field: str, new: s.Expr) -> s.Expr:
    changes: dict[str, Any] = {field: new}
    return replace(node, **changes)


def _with_item(node: s.Expr, field: str, at: int, new: s.Expr) -> s.Expr:
    return _with(node, field, put(getattr(node, field), at, new))  # type: ignore[arg-type]


def _by(node: s.Derivative, at: int, order: int, new: s.Expr) -> s.Expr:
    return replace(node, by=put(node.by, at, (new, order)))


def _row_value(node: s.Cases, at: int, new: s.Expr) -> s.Expr:
    return replace(node, rows=put(node.rows, at, replace(node.rows[at], value=new)))


def put(values: Sequence[_T], at: int, new: _T) -> tuple[_T, ...]:
    return (*values[:at], new, *values[at + 1 :])


def without(values: Sequence[_T], at: int) -> tuple[_T, ...]:
    return (*values[:at], *values[at + 1 :])
