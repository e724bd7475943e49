"""A plan cut at its matrix products, which a back end hands to the library that has them.

What lies between two products is a segment: a plan of its own, whose arguments are arguments of
the whole and arrays that stand before it, and whose results are what stands after it reads.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from derive.kernel.entries import loads
from derive.kernel.plan import Parameter, Plan, Result, Step
from derive.meaning.terms import Affine, Symbol


@dataclass(frozen=True)
class Segment:
    """Steps that are computed together: matrix products, or everything else.

    `reads` are the arrays that it takes from outside, `gives` those that are read outside.
    """

    kind: Literal["products", "loops"]
    steps: tuple[Step, ...]
    reads: tuple[str, ...]
    gives: tuple[str, ...]


def segments(plan: Plan) -> tuple[Segment, ...]:
    """The segments in order; one of loops when the plan has no matrix product."""
    levels: dict[str, int] = {}
    products = {step.array for step in plan.steps if is_product(step)}
    for step in plan.steps:
        below = (levels.get(array, 0) + (array in products) for array in loads(step.body))
        levels[step.array] = max(below, default=0)
    found = list[Segment]()
    for level in range(1 + max(levels.values(), default=0)):
        own = [step for step in plan.steps if levels[step.array] == level]
        for kind in ("loops", "products"):
            steps = tuple(s for s in own if (s.array in products) == (kind == "products"))
            if steps:
                found.append(_segment(plan, "loops" if kind == "loops" else "products", steps))
    return tuple(found)


def is_product(step: Step) -> bool:
    """Whether a step is a product of matrices, of as many axes as make one worth a call.

    Or an inverse or a determinant, which are the library's as well.
    """
    product = step.kind == "contraction" and len(step.order) >= 3
    return product or step.kind == "matrix function"


def _segment(plan: Plan, kind: Literal["products", "loops"], steps: tuple[Step, ...]) -> Segment:
    own = [step.array for step in steps]
    others = [step for step in plan.steps if step.array not in own]
    wanted = {result.array for result in plan.results} | _loads(others)
    inside = set(own)
    outside = [p.array for p in plan.parameters] + [step.array for step in others]
    read = _loads(steps)
    return Segment(
        kind,
        steps,
        tuple(array for array in outside if array in read and array not in inside),
        tuple(array for array in own if array in wanted),
    )


def segment_plan(plan: Plan, segment: Segment) -> Plan:
    """A segment as a plan: its arguments are symbols that have the shapes of what it reads."""
    known = {p.array: p for p in plan.parameters}
    shapes = shapes_of(plan)
    parameters = tuple(
        known.get(array) or Parameter(array, _symbol(array, shapes[array]), "input")
        for array in segment.reads
    )
    forms = {result.array: result for result in plan.results}
    any_form = plan.results[0].form
    results = tuple(
        forms.get(array) or Result(replace(any_form, target=_symbol(array, shapes[array])), array)
        for array in segment.gives
    )
    return replace(plan, parameters=parameters, steps=segment.steps, results=results, checks=())


def shapes_of(plan: Plan) -> Mapping[str, tuple[Affine, ...]]:
    """The shape of each array of a plan."""
    shapes = {p.array: p.symbol.shape for p in plan.parameters}
    for step in plan.steps:
        shapes[step.array] = tuple(axis.high - axis.low + 1 for axis in step.axes)
    return shapes


def _symbol(array: str, shape: tuple[Affine, ...]) -> Symbol:
    return Symbol(array, shape, "input", array)


def _loads(steps: Iterable[Step]) -> set[str]:
    return {array for step in steps for array in loads(step.body)}
