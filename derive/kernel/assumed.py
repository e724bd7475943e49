"""Assumptions about arrays as a plan of their own, whose one number says whether they hold."""

from __future__ import annotations

from dataclasses import replace

from derive.kernel.entries import Load, Reduce, product
from derive.kernel.plan import Check, Plan, Result, Step
from derive.meaning.terms import Affine, Symbol

HOLDS = "all hold"
"""The result. No argument and no result of a document has a space in its name."""


def assumed_plan(plan: Plan) -> Plan | None:
    """The plan that is 1 where all assumptions about arrays hold, else 0.

    Its parameters are those of the plan. None where no assumption reads an array.
    """
    checks = checks_of_arrays(plan)
    if not checks:
        return None
    steps = tuple(step for check in checks for step in check.steps)
    least = tuple(_least(check.steps[-1], number) for number, check in enumerate(checks))
    whole = Step(HOLDS, (), product(Load(step.array, ()) for step in least))
    target = Symbol(HOLDS, (), "input", HOLDS)
    result = Result(replace(plan.results[0].form, target=target), HOLDS)
    return replace(plan, steps=(*steps, *least, whole), results=(result,), checks=())


def checks_of_arrays(plan: Plan) -> list[Check]:
    """The assumptions that speak of arrays."""
    arrays = {p.symbol.key for p in plan.parameters if p.symbol.shape}
    return [check for check in plan.checks if arrays & set(check.parameters)]


def _least(truth: Step, number: int) -> Step:
    """The least of what says where an assumption holds, a number."""
    entry = Load(truth.array, tuple(Affine.name(axis.name) for axis in truth.axes))
    body = Reduce("min", truth.axes, (), entry) if truth.axes else entry
    return Step(f"least {number}", (), body, depth=truth.depth + bool(truth.axes))
