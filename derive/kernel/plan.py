"""From proved closed forms to a plan: which arrays are computed, from what, in which order.

Reductions come by depth (a mean, then what is centred by it, then the element-wise pass); what
does not depend on a summed index is taken out of the sum, what several results need is computed
once, and nothing else is computed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from derive.errors import UnsupportedError
from derive.kernel.names import function_name
from derive.kernel.planning import Planner
from derive.kernel.proved import ClosedForm, proved_forms
from derive.kernel.saved import savable, saved_keys
from derive.kernel.steps import Check, Parameter, Plan, Result, Step

__all__ = [
    "Check",
    "ClosedForm",
    "Parameter",
    "Plan",
    "Result",
    "Step",
    "make_plan",
    "plan_of",
    "proved_forms",
]


def plan_of(forms: tuple[ClosedForm, ...], saved: Sequence[str] = ()) -> Plan:
    r"""The plan that computes all the closed forms of one document together.

    Defined names in `saved`, such as `mu` or `\mu`, are arguments instead of computed; UsageError
    for names that cannot be, with those that can.
    Raises UnsupportedError when a form holds something that has no kernel, or when the forms do
    not belong to one context and objective.
    """
    if not forms:
        raise UnsupportedError("there is no closed form to export")
    seen = set[tuple[str, str]]()
    for form in forms:
        if (form.objective.key, form.target.key) in seen:
            raise UnsupportedError(f"two closed forms for the gradient by {form.target.latex}")
        seen.add((form.objective.key, form.target.key))
    keys = saved_keys(saved, savable(forms)) if saved else frozenset()
    return Planner(forms, saved=keys).plan()


def make_plan(forms: Iterable[ClosedForm], name: str, saved: Sequence[str] = ()) -> Plan:
    """The plan of a kernel called `name`; a UsageError when that cannot name a function."""
    function_name(name)
    return plan_of(tuple(forms), saved)
