"""Differences that several steps of a plan read become a step: each is one array, made once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from derive.kernel.entries import Entry, Load, Num, Times, Total, is_label, rebuild, subentries
from derive.kernel.plan import Plan, Step
from derive.kernel.planning import with_depth
from derive.meaning.terms import Affine, Bound

Range = tuple[Affine, Affine]
MINUS = Num(Fraction(-1))


@dataclass(frozen=True)
class _Difference:
    """`of[…] - less[…]` over the axes of `of`; `places` are those that `less` has, by number."""

    of: str
    less: str
    places: tuple[int, ...]
    ranges: tuple[Range, ...]


def with_distances(plan: Plan) -> Plan:
    """The plan with every x - s that occurs more than once as a step of its own."""
    counted = Counter(found for step in plan.steps for found, _ in _differences(step))
    kept = [found for found, times in counted.items() if times > 1]
    names = {found: f"distance {k}" for k, found in enumerate(kept)}
    made, steps = set[_Difference](), list[Step]()
    for step in plan.steps:
        for found, _ in _differences(step):
            if found in names and found not in made:
                made.add(found)
                steps.append(_step(names[found], found))
        steps.append(_rewritten(step, names))
    return replace(plan, steps=with_depth(steps))


def _differences(step: Step) -> Iterator[tuple[_Difference, Total]]:
    ranges = {bound.name: bound for bound in (*step.axes, *step.bounds)}
    for part in subentries(step.body):
        found = _difference(part, ranges)
        if found is not None and isinstance(part, Total):
            yield found, part


def _difference(entry: Entry, ranges: Mapping[str, Bound]) -> _Difference | None:
    """What the first two terms of a sum are, when they are such a difference."""
    match entry:
        case Total((Load(of, at), Times((Num(value), Load(less, there))), *_)) if value == -1:
            labels, others = _labels(at), _labels(there)
            if labels is None or others is None or not set(others) < set(labels):
                return None
            if not set(labels) <= set(ranges):
                return None
            places = tuple(labels.index(name) for name in others)
            spans = tuple((ranges[name].low, ranges[name].high) for name in labels)
            return _Difference(of, less, places, spans)
        case _:
            return None


def _labels(at: tuple[Affine, ...]) -> list[str] | None:
    """The labels of positions that are nothing else, each another one."""
    found = [place.single for place in at if place.single is not None and is_label(place.single)]
    return found if len(found) == len(at) == len(set(found)) else None


def _step(array: str, found: _Difference) -> Step:
    axes = tuple(Bound(f"@{k}", low, high) for k, (low, high) in enumerate(found.ranges))
    own = tuple(Affine.name(axis.name) for axis in axes)
    there = tuple(own[k] for k in found.places)
    less = Times((MINUS, Load(found.less, there)))
    return Step(array, axes, Total((Load(found.of, own), less)))


def _rewritten(step: Step, names: Mapping[_Difference, str]) -> Step:
    ranges = {bound.name: bound for bound in (*step.axes, *step.bounds)}

    def change(entry: Entry) -> Entry:
        found = _difference(entry, ranges)
        if found in names and found is not None and isinstance(entry, Total):
            first, _, *rest = entry.terms
            assert isinstance(first, Load)
            load = Load(names[found], first.at)
            return Total((load, *map(change, rest))) if rest else load
        return rebuild(entry, change)

    return replace(step, body=change(step.body))
