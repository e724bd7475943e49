"""The summation convention made explicit: repeated indices get their sum signs, on the syntax."""

from __future__ import annotations

from dataclasses import replace

from derive.meaning.names import children, walk
from derive.meaning.subscripts import bound_letters, free_letters, index_letter
from derive.reading import syntax as s


def explicit(expr: s.Expr, keep: frozenset[str]) -> s.Expr:
    """An expression with a sum over each index not in `keep`, term by term.

    An index is summed over the whole product in which it stands; one that occurs twice inside
    a denominator, an exponent or an argument, and nowhere else, is summed in there.
    """
    if isinstance(expr, s.Sum):
        return replace(expr, terms=tuple(explicit(term, keep) for term in expr.terms))
    if isinstance(expr, s.Group) and isinstance(expr.body, s.Sum):
        return replace(expr, body=explicit(expr.body, keep))
    letters = sorted(free_letters(expr) - keep - _bound(expr))
    here = [letter for letter in letters if not _held_inside(expr, letter)]
    body = _inner(expr, keep | frozenset(here))
    for letter in reversed(here):
        body = s.BigOperator("sum", (s.Name(letter),), None, body, span=expr.span)
    return body


def _bound(expr: s.Expr) -> frozenset[str]:
    return frozenset(
        letter
        for node in walk(expr)
        if isinstance(node, s.BigOperator)
        for letter in bound_letters(node.lower)
    )


def _count(expr: s.Node, letter: str) -> int:
    return sum(
        index_letter(inner) == letter
        for node in walk(expr)
        if isinstance(node, s.Subscript)
        for item in node.items
        for inner in walk(item)
    )


def _held_inside(expr: s.Node, letter: str) -> bool:
    """Whether a term or a closed part below holds every occurrence of the letter."""
    total, node = _count(expr, letter), expr
    while True:
        below = [child for child in children(node) if _count(child, letter) == total]
        if not below:
            return False
        if isinstance(node, s.Sum) or (total > 1 and _is_closed(node, below[0])):
            return True
        node = below[0]


def _is_closed(node: s.Node, child: s.Node) -> bool:
    """Whether a part is no factor of what it stands in."""
    match node:
        case s.Frac(denominator=denominator):
            return child is denominator
        case s.Power() | s.Root() | s.Call() | s.Bars():
            return True
        case _:
            return False


def _inner(expr: s.Expr, keep: frozenset[str]) -> s.Expr:
    """The same node with the convention made explicit in its closed parts and inner sums."""
    match expr:
        case s.Product(factors=factors):
            return replace(expr, factors=tuple(_inner(factor, keep) for factor in factors))
        case s.Sum():
            return explicit(expr, keep)
        case s.Group(body=body):
            return replace(expr, body=_inner(body, keep))
        case s.Frac(numerator=above, denominator=below):
            return replace(expr, numerator=_inner(above, keep), denominator=explicit(below, keep))
        case s.Power(base=base, exponent=exponent):
            return replace(expr, base=explicit(base, keep), exponent=explicit(exponent, keep))
        case s.Call(argument=argument):
            return replace(expr, argument=explicit(argument, keep))
        case s.Root(body=body):
            return replace(expr, body=explicit(body, keep))
        case s.Derivative(of=of):
            return replace(expr, of=_inner(of, keep))
        case s.BigOperator(body=body):
            return replace(expr, body=_inner(body, keep))
        case _:
            return expr
