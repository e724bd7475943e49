"""Who is defined from whom: order of dependence, what a name reaches, outputs of the graph."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields

from derive.meaning import terms as t


def subterms(term: object) -> Iterator[object]:
    """A term and everything below it: terms, comparisons, bounds."""
    stack = [term]
    while stack:
        top = stack.pop()
        if isinstance(top, tuple):
            stack.extend(top)
        elif isinstance(top, _WALKED):
            yield top
            stack.extend(getattr(top, name) for name in _FIELDS[type(top)])


_WALKED = (*t.Term.__args__, t.Comparison)
_FIELDS = {
    kind: tuple(f.name for f in fields(kind) if f.name not in ("shape", "symbol", "target"))
    for kind in _WALKED
}


def symbols_in(term: t.Term) -> set[str]:
    """The keys of the names whose values stand in a term, targets of derivatives left out."""
    return {part.symbol.key for part in subterms(term) if isinstance(part, t.Variable)}


def in_order(uses: Mapping[str, Iterable[str]]) -> tuple[list[str], set[str]]:
    """Names so that each stands after those it uses; and the names that run in a circle."""
    order: list[str] = []
    state: dict[str, int] = {}
    circular: set[str] = set()
    for start in uses:
        _visit(start, uses, order, state, circular)
    return [key for key in order if key not in circular], circular


def _visit(
    start: str,
    uses: Mapping[str, Iterable[str]],
    order: list[str],
    state: dict[str, int],
    circular: set[str],
) -> None:
    path = [(start, iter(sorted(uses[start])))] if start not in state else []
    state.setdefault(start, 1)
    while path:
        key, rest = path[-1]
        below = next((k for k in rest if k in uses), None)
        if below is None:
            path.pop()
            state[key] = 2
            order.append(key)
        elif state.get(below) == 1:
            names = [k for k, _ in path]
            circular.update(names[names.index(below) :])
        elif below not in state:
            state[below] = 1
            path.append((below, iter(sorted(uses[below]))))


def reached(uses: Mapping[str, frozenset[str]], order: Iterable[str]) -> dict[str, frozenset[str]]:
    """For each definition all names it depends on, directly or through others."""
    reach: dict[str, frozenset[str]] = {}
    for key in order:
        below = set(uses[key])
        for used in uses[key]:
            below |= reach.get(used, frozenset())
        reach[key] = frozenset(below)
    return reach


def outputs(uses: Mapping[str, frozenset[str]], eligible: Iterable[str]) -> tuple[str, ...]:
    """The eligible definitions that no eligible definition uses, in the order given."""
    names = list(eligible)
    used = {below for key in names for below in uses.get(key, ())}
    return tuple(key for key in names if key not in used)
