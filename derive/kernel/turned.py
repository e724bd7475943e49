"""A plan for arrays in Fortran order: the same steps, the axes of every array reversed."""

from __future__ import annotations

from dataclasses import replace

from derive.kernel.entries import Entry, Load, rebuild
from derive.kernel.plan import Parameter, Plan, Step
from derive.kernel.steps import Result


def turned(plan: Plan) -> Plan | None:
    """The plan over the transposes of all arrays, whose loops suit arrays in Fortran order.

    None where it would be the same, or where matrices are multiplied: those loops are shared
    among rows in either order.
    """
    flat = all(len(step.axes) + len(step.bounds) < 2 for step in plan.steps)
    if flat or any(step.kind == "contraction" for step in plan.steps):
        return None
    return replace(
        plan,
        parameters=tuple(_parameter(p) for p in plan.parameters),
        steps=tuple(_step(step) for step in plan.steps),
        results=tuple(_result(result) for result in plan.results),
        checks=(),
    )


def _parameter(parameter: Parameter) -> Parameter:
    symbol = parameter.symbol
    return replace(parameter, symbol=replace(symbol, shape=symbol.shape[::-1]))


def _step(step: Step) -> Step:
    return replace(step, axes=step.axes[::-1], body=_entry(step.body))


def _result(result: Result) -> Result:
    form = result.form
    target = replace(form.target, shape=form.target.shape[::-1])
    return replace(result, form=replace(form, target=target))


def _entry(entry: Entry) -> Entry:
    if isinstance(entry, Load):
        return Load(entry.array, entry.at[::-1])
    return rebuild(entry, _entry)
