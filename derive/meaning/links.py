"""The links of a chain, and the smaller ones inside it: rows of cases, notes under braces."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from derive.meaning.names import span_of, walk
from derive.reading import syntax as s
from derive.reading.span import Span


@dataclass(frozen=True, slots=True)
class Link:
    """`left relation right`, conditions of its row of cases, first member of its chain."""

    left: s.Expr
    right: s.Expr
    relation: s.Relation
    span: Span
    conditions: tuple[s.Expr, ...] = ()
    first: s.Expr | None = None


def links(chain: s.Chain, first: int = 0) -> Iterator[Link]:
    """The links of a chain from a given one on; those inside a member follow it."""
    members = chain.members
    for position, relation in enumerate(chain.relations):
        left, right = members[position], members[position + 1]
        if position == 0 and left is not None:
            yield from _inside(left)
        if position >= first and left is not None and right is not None:
            yield Link(left, right, relation, span_of(left).to(span_of(right)), (), members[0])
        if right is not None:
            yield from _inside(right)


def _inside(member: s.Expr) -> Iterator[Link]:
    for node in walk(member):
        if isinstance(node, s.Cases):
            for row in node.rows:
                yield from _row(row)
        elif isinstance(node, s.Underbrace) and isinstance(node.note, s.Chain):
            yield from _note(node, node.note)


def _row(row: s.Row) -> Iterator[Link]:
    if not isinstance(row.value, s.Chain):
        return
    conditions = () if row.condition is None else (row.condition,)
    for link in links(row.value):
        yield Link(link.left, link.right, link.relation, link.span, conditions)


def _note(node: s.Underbrace, note: s.Chain) -> Iterator[Link]:
    """A note that begins with a relation goes on from what stands in the brace."""
    if note.members[0] is None:
        note = s.Chain((node.body, *note.members[1:]), note.relations, span=note.span)
        yield from links(note)
