"""Contractions: connected products under sums, named by a canonical labelling.

A contraction is a small labelled multigraph: the bound indices are its nodes, the factors its
hyperedges. Its name must not depend on how the bound indices were called or in which order the
sums stood. Colours are refined first; what they leave apart is searched, and the labelling with
the least serial form wins.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import permutations, product

from derive.calculus.polynomial import (
    Atom,
    Index,
    Monomial,
    Position,
    indices_of,
    level_of,
    rename_atom,
    rename_monomial,
    serial,
)
from derive.errors import LimitError

MAX_LABELLINGS = 5040
Range = tuple[Position, Position]


def contraction(ranges: Mapping[str, Range], factors: Monomial) -> Atom:
    """The atom of `Σ` over the bound indices in `ranges` of the product of `factors`."""
    return _canonical(tuple(sorted(ranges.items())), factors)


@lru_cache(maxsize=50_000)
def _canonical(ranges: tuple[tuple[str, Range], ...], factors: Monomial) -> Atom:
    level = max((level_of(atom) for atom, _ in factors), default=0)
    if len(ranges) == 1:
        ((name, limits),) = ranges
        return ("sum", (limits,), rename_monomial(factors, {name: level}), level)
    best: tuple[str, Atom] | None = None
    limits_of = dict(ranges)
    for order in _labellings(ranges, factors):
        names: dict[Index, Index] = {name: level + k for k, name in enumerate(order)}
        atom = ("sum", tuple(limits_of[n] for n in order), rename_monomial(factors, names), level)
        text = serial(atom)
        if best is None or text < best[0]:
            best = (text, atom)
    assert best is not None
    return best[1]


def _labellings(
    ranges: tuple[tuple[str, Range], ...], factors: Monomial
) -> Iterator[tuple[str, ...]]:
    """Orders of the bound indices that respect their refined colours."""
    classes = _colour_classes(ranges, factors)
    if math.prod(math.factorial(len(c)) for c in classes) > MAX_LABELLINGS:
        raise LimitError("a contraction is too symmetric to be named")
    for parts in product(*(permutations(c) for c in classes)):
        yield tuple(name for part in parts for name in part)


def _colour_classes(
    ranges: tuple[tuple[str, Range], ...], factors: Monomial
) -> list[Sequence[str]]:
    """Bound indices grouped by colour, colours in a canonical order."""
    bound = [name for name, _ in ranges]
    colours = {name: serial(limits) for name, limits in ranges}
    while True:
        refined = {name: _signature(name, colours, factors) for name in bound}
        ranking = {text: rank for rank, text in enumerate(sorted(set(refined.values())))}
        if len(ranking) == len(set(colours.values())):
            break
        colours = {name: f"{ranking[refined[name]]:03d}" for name in bound}
    groups: dict[str, list[str]] = {}
    for name in bound:
        groups.setdefault(refined[name], []).append(name)
    return [groups[text] for text in sorted(groups)]


def _signature(name: str, colours: Mapping[str, str], factors: Monomial) -> str:
    """How a bound index sits in the factors, other bound indices seen by colour only."""
    masks: dict[Index, Index] = {other: f"?{colour}" for other, colour in colours.items()}
    masks[name] = "*"
    seen = sorted(
        f"{serial(rename_atom(atom, masks))}^{exponent}"
        for atom, exponent in factors
        if name in indices_of(atom)
    )
    return f"{colours[name]}|{seen}"


def open_contraction(atom: Atom, names: Iterator[str]) -> tuple[dict[str, Range], Monomial]:
    """Ranges and factors of a contraction under fresh names for its bound indices."""
    _, limits, factors, level = atom
    fresh = [next(names) for _ in limits]
    opened: dict[Index, Index] = {level + k: name for k, name in enumerate(fresh)}
    return dict(zip(fresh, limits, strict=True)), rename_monomial(factors, opened)
