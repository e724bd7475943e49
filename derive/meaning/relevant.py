"""The part of a context that bears on given terms: what they depend on, what is assumed of it."""

from __future__ import annotations

from dataclasses import replace

from derive.meaning import terms as t
from derive.meaning.walk import names_in


def relevant(context: t.Context, terms: tuple[t.Term, ...]) -> t.Context:
    """The context with only those names, definitions and assumptions that the terms can reach.

    An assumption counts when it speaks of a name that is reached, and then reaches all its names.
    """
    found: set[str] = set()
    pending = [name for term in terms for name in names_in(term)]
    waiting = [(names_in(a.left) | names_in(a.right), a) for a in context.assumptions]
    while pending:
        while pending:
            name = pending.pop()
            if name not in found:
                found.add(name)
                pending.extend(_needed(context, name))
        touched = [names for names, _ in waiting if not names.isdisjoint(found)]
        pending.extend(name for names in touched for name in names if name not in found)
    return replace(
        context,
        symbols={
            key: symbol
            for key, symbol in context.symbols.items()
            if key in found or symbol.role not in ("input", "defined", "objective")
        },
        definitions={key: d for key, d in context.definitions.items() if key in found},
        assumptions=tuple(a for names, a in waiting if not names or not names.isdisjoint(found)),
    )


def _needed(context: t.Context, name: str) -> frozenset[str]:
    """The names in the definition of a name, or the outputs of an objective."""
    definition = context.definitions.get(name)
    outputs = frozenset(output.key for output in context.outputs.get(name, ()))
    return (names_in(definition.body) if definition else frozenset()) | outputs
