"""Sums of products as contractions of arrays, for back ends with a matrix product.

Σ_m a_nm (b_md c_nm + e_md g_nm) is two products of matrices, (a c) b and (a g) e: what has the
same labels is multiplied entry by entry first. Terms with opposite signs are left in one sum, in
which they can cancel before they are rounded.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from derive.kernel.entries import (
    Entry,
    Load,
    Num,
    Reduce,
    Times,
    Total,
    free_labels,
    product,
    total,
)
from derive.kernel.plan import Plan, Step
from derive.kernel.planning import live, with_depth
from derive.kernel.sharing import Key, canonical
from derive.meaning.terms import Affine, Bound


@dataclass(frozen=True)
class Products:
    """A plan whose `contractions` read whole arrays; `operands` are those made for them."""

    plan: Plan
    contractions: frozenset[str]
    operands: frozenset[str]


def with_products(plan: Plan) -> Products:
    """The plan with every sum of products of arrays as contractions."""
    axes = {
        p.array: tuple(Bound("", Affine.number(1), size) for size in p.symbol.shape)
        for p in plan.parameters
    }
    writing = _Writing(axes | {step.array: step.axes for step in plan.steps})
    writing.stored = {p.array for p in plan.parameters}
    for step in plan.steps:
        writing.step(step)
    steps = live(writing.out, {result.array for result in plan.results})
    kept = {step.array for step in steps}
    made = replace(plan, steps=with_depth(steps))
    return Products(made, frozenset(writing.products & kept), frozenset(writing.operands & kept))


@dataclass
class _Writing:
    axes: dict[str, tuple[Bound, ...]]
    stored: set[str] = field(default_factory=set)
    out: list[Step] = field(default_factory=list)
    operands: set[str] = field(default_factory=set)
    products: set[str] = field(default_factory=set)
    known: dict[Key, str] = field(default_factory=dict)

    def step(self, step: Step) -> None:
        """A step as it is, or as contractions and their sum."""
        if isinstance(step.body, Reduce):
            self.stored.add(step.array)
            terms = _terms(step)
            if len(terms) == 1:
                self.out.append(self._contraction(step.array, step, terms[0]))
                return
            if terms:
                self._several(step, terms)
                return
        self.out.append(step)

    def _several(self, step: Step, terms: list[list[Entry]]) -> None:
        own = tuple(Affine.name(axis.name) for axis in step.axes)
        found = list[Entry]()
        for number, groups in enumerate(terms):
            array = f"{step.array} product {number}"
            self.stored.add(array)
            self.out.append(self._contraction(array, step, groups))
            found.append(Load(array, own))
        self.stored.discard(step.array)
        self.out.append(replace(step, body=total(found)))

    def _contraction(self, array: str, step: Step, groups: list[Entry]) -> Step:
        """A contraction whose factors are loads of whole arrays."""
        assert isinstance(step.body, Reduce)
        self.products.add(array)
        ranges = {bound.name: bound for bound in (*step.axes, *step.bounds)}
        factors = tuple(self._operand(group, ranges) for group in groups)
        return replace(step, array=array, body=replace(step.body, body=Times(factors)))

    def _operand(self, group: Entry, ranges: Mapping[str, Bound]) -> Load:
        """A load of a whole array; one is computed for it, laid out as what it reads."""
        if isinstance(group, Load) and self._is_whole(group, ranges):
            return group
        key, free = canonical(group, ranges)
        if key not in self.known:
            self.known[key] = f"operand {len(self.known)}"
            self.out.append(Step(self.known[key], key[1], key[0]))
            self.operands.add(self.known[key])
        return Load(self.known[key], tuple(map(Affine.name, free)))

    def _is_whole(self, load: Load, ranges: Mapping[str, Bound]) -> bool:
        """Whether each axis of a stored array is run over by a label of its own, as a whole."""
        labels = [at.single for at in load.at]
        if load.array not in self.stored or len(set(labels)) < len(labels):
            return False
        found = [ranges.get(label or "") for label in labels]
        return all(
            bound is not None and (bound.low, bound.high) == (axis.low, axis.high)
            for bound, axis in zip(found, self.axes[load.array], strict=True)
        )


def _terms(step: Step) -> list[list[Entry]]:
    """The contractions that a sum is made of, each as its factors by labels; else nothing."""
    body = step.body
    if not isinstance(body, Reduce) or body.kind != "sum" or body.condition:
        return []
    bound = {b.name for b in body.bounds}
    found = [_grouped(factors, set(step.order), bound) for factors in _expanded(body.body)]
    return [] if any(groups is None for groups in found) else [g for g in found if g]


def _expanded(entry: Entry) -> Iterator[list[Entry]]:
    """The terms of a product of sums, each as its factors."""
    match entry:
        case Total(terms) if _is_open(entry):
            for term in terms:
                yield from _expanded(term)
        case Times(factors):
            sums = [f for f in factors if isinstance(f, Total) and _is_open(f)]
            if not sums:
                yield list(factors)
                return
            rest = [f for f in factors if f is not sums[0]]
            for term in sums[0].terms:
                yield from _expanded(product((*rest, term)))
        case _:
            yield [entry]


def _is_open(entry: Entry) -> bool:
    """Whether an entry is a sum in which nothing cancels by a minus sign."""
    return isinstance(entry, Total) and not any(map(_is_negative, entry.terms))


def _is_negative(term: Entry) -> bool:
    first = term.factors[0] if isinstance(term, Times) else term
    return isinstance(first, Num) and first.value < 0


def _grouped(factors: list[Entry], whole: set[str], bound: set[str]) -> list[Entry] | None:
    """Factors with the same labels multiplied; None when that is no product of arrays."""
    groups: dict[frozenset[str], list[Entry]] = {}
    for factor in factors:
        groups.setdefault(frozenset(free_labels(factor)), []).append(factor)
    numbers = groups.pop(frozenset(), [])
    covered = set().union(*groups) if groups else set()
    if len(groups) < 2 or frozenset(whole) in groups or covered != whole:
        return None
    if not all(any(name in labels for labels in groups) for name in bound):
        return None
    first, *others = groups.values()
    return [product((*numbers, *first)), *(product(group) for group in others)]
