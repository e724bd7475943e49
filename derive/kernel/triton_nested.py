"""Sums of sums as one sum: Σ_k c_k Σ_s x_ks = Σ_ks c_k x_ks, where rows are written as a whole.

A sum over a group of channels, taken channel by channel, and the array that is centred by it then
share a row, and one kernel reads the row once. Sums that no array of full size waits for stay
as they are: they come from smaller arrays.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction

from derive.kernel.entries import (
    Entry,
    Load,
    Num,
    Place,
    Reduce,
    Times,
    Total,
    free_labels,
    placed,
    product,
    subentries,
    total,
)
from derive.kernel.plan import Plan, Step
from derive.kernel.planning import live, with_depth
from derive.kernel.sharing import Key, canonical
from derive.kernel.triton_schedule import opened
from derive.meaning.terms import Affine, Bound

Terms = list[list[Entry]]


def flattened(plan: Plan) -> Plan:
    """The plan with sums of sums as one sum where a result of their rank waits for them."""
    flattening = _Flattening(plan)
    for step in plan.steps:
        flattening.step(step)
    steps = live(flattening.out, {result.array for result in plan.results})
    return replace(plan, steps=with_depth(steps))


@dataclass
class _Flattening:
    plan: Plan
    out: list[Step] = field(default_factory=list)
    known: dict[Key, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.sums = dict[str, Step]()
        self.virtual = dict[str, Step]()
        self.waiting = {
            result.array: self.plan.needed([result.array]) for result in self.plan.results
        }
        self.ranges = {
            step.array: _ranges(step.axes) for step in self.plan.steps if step.array in self.waiting
        }

    def step(self, step: Step) -> None:
        """A step as it is, or its sums of sums flat and itself from them."""
        terms = self._terms(step)
        if terms is not None:
            step = replace(step, body=self._flat(step, terms))
        self._put(step)

    def _put(self, step: Step) -> None:
        if isinstance(step.body, Reduce):
            if _is_plain(step.body):
                self.sums[step.array] = step
            self.known.setdefault(_key(step), step.array)
        else:
            self.virtual[step.array] = step
        self.out.append(step)

    # ---- terms ----------------------------------------------------------------------------------

    def _terms(self, step: Step) -> Terms | None:
        """The terms of a sum of sums; None for another step, or where nothing is gained."""
        if not isinstance(step.body, Reduce) or not _is_plain(step.body):
            return None
        bound = {b.name for b in step.bounds}
        terms = self._expanded(step.body.body, bound)
        if terms is None:
            return None
        found = [self._split(term, bound) for term in terms]
        inner = [load for load, _ in found if load is not None]
        if not inner or any(load is None and self._reads(rest, bound) for load, rest in found):
            return None
        return terms if all(self._is_awaited(step, load) for load in inner) else None

    def _reads(self, factors: list[Entry], bound: set[str]) -> bool:
        return any(bound & set(free_labels(factor)) for factor in factors)

    def _split(self, term: list[Entry], bound: set[str]) -> tuple[Load | None, list[Entry]]:
        """The inner sum of a term, and its other factors."""
        inner = [f for f in term if self._carries(f, bound)]
        rest = [f for f in term if f not in inner]
        return (inner[0] if inner and isinstance(inner[0], Load) else None), rest

    def _is_awaited(self, step: Step, load: Load) -> bool:
        """Whether a result with all the labels of both sums depends on the step."""
        own = _ranges((*step.axes, *step.bounds, *self.sums[load.array].bounds))
        return any(
            step.array in needed and self.ranges[result] == own
            for result, needed in self.waiting.items()
        )

    def _expanded(self, entry: Entry, bound: set[str]) -> Terms | None:
        """An entry as a sum of products, in each of which at most one factor is an inner sum."""
        if not self._carries(entry, bound):
            return [[entry]]
        match entry:
            case Load(array) if array in self.virtual:
                return self._expanded(opened(entry, self.virtual), bound)
            case Load():
                return [[entry]]
            case Total(parts):
                found = [self._expanded(part, bound) for part in parts]
                if any(terms is None for terms in found):
                    return None
                return [term for terms in found for term in terms or []]
            case Times(factors):
                carriers = [f for f in factors if self._carries(f, bound)]
                terms = self._expanded(carriers[0], bound) if len(carriers) == 1 else None
                rest = [f for f in factors if f not in carriers]
                return None if terms is None else [[*rest, *term] for term in terms]
            case _:
                return None

    def _carries(self, entry: Entry, bound: set[str]) -> bool:
        """Whether an entry reads an inner sum, at a position that is summed over."""
        for part in subentries(entry):
            if not isinstance(part, Load):
                continue
            if part.array in self.virtual:
                if self._carries(opened(part, self.virtual), bound):
                    return True
            elif part.array in self.sums and any(at.names & bound for at in part.at):
                return True
        return False

    # ---- flat sums ------------------------------------------------------------------------------

    def _flat(self, step: Step, terms: Terms) -> Entry:
        """Σ over the bounds of the terms: flat sums, times what they do not run over."""
        bound = {b.name for b in step.bounds}
        lengths = [_number(b.high - b.low + 1) for b in step.bounds]
        found = list[Entry]()
        for term in terms:
            load, rest = self._split(term, bound)
            if load is None:
                found.append(product((*rest, *lengths)))
                continue
            outside = [f for f in rest if not bound & set(free_labels(f))]
            inside = [f for f in rest if bound & set(free_labels(f))]
            found.append(product((*outside, self._sum(step, load, inside))))
        return total(found)

    def _sum(self, step: Step, load: Load, inside: list[Entry]) -> Load:
        """The sum over the bounds of a step and of the sum inside it."""
        inner = self.sums[load.array]
        assert isinstance(inner.body, Reduce)
        fresh = {b.name: f"{b.name} {load.array}" for b in inner.bounds}
        at = dict(zip((axis.name for axis in inner.axes), load.at, strict=True))
        at |= {old: Affine.name(new) for old, new in fresh.items()}
        bounds = (*step.bounds, *(Bound(fresh[b.name], b.low, b.high) for b in inner.bounds))
        body = Reduce("sum", bounds, (), product((*inside, placed(inner.body.body, at))))
        made = Step(f"{step.array} flat {len(self.out)}", step.axes, body)
        key = _key(made)
        if key not in self.known:
            ranges = {bound.name: bound for bound in (*step.axes, *bounds)}
            (entry, axes), _ = canonical(body, ranges, tuple(a.name for a in step.axes))
            self._put(Step(made.array, axes, entry))
        return Load(self.known[key], tuple(Affine.name(axis.name) for axis in step.axes))


def _key(step: Step) -> Key:
    ranges = {bound.name: bound for bound in (*step.axes, *step.bounds)}
    return canonical(step.body, ranges, tuple(axis.name for axis in step.axes))[0]


def _is_plain(body: Reduce) -> bool:
    return body.kind == "sum" and not body.condition


def _ranges(bounds: tuple[Bound, ...]) -> tuple[tuple[Affine, Affine], ...]:
    return tuple((bound.low, bound.high) for bound in bounds)


def _number(length: Affine) -> Entry:
    return Place(length) if length.terms else Num(Fraction(length.constant))
