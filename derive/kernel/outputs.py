"""The forward pass as a plan: the outputs of a document, computed as their definitions say."""

from __future__ import annotations

from collections.abc import Iterable

from derive.errors import UnsupportedError
from derive.kernel.plan import ClosedForm, Plan
from derive.kernel.planning import Planner
from derive.kernel.steps import DEFINITION
from derive.meaning import terms as t


def forward_name(name: str) -> str:
    """The forward function beside the function `name`: `norm_backward` → `norm_forward`."""
    return f"{name.removesuffix('_backward')}_forward"


def with_outputs(plan: Plan) -> Plan:
    """The plan that computes the outputs of the document as well, after the gradients.

    Raises UnsupportedError when there are none, or when the plan takes saved statistics.
    """
    if any(p.kind == "saved" for p in plan.parameters):
        raise UnsupportedError("one function for outputs and gradients takes no saved statistics")
    return Planner((*(result.form for result in plan.results), *_outputs(plan))).plan()


def forward_plan(plan: Plan) -> Plan:
    """The plan that computes the outputs only, and what the given plan takes as saved.

    Raises UnsupportedError when there are none to compute.
    """
    outputs = _outputs(plan)
    own = {form.target.key for form in outputs}
    saved = [p.symbol for p in plan.parameters if p.kind == "saved" and p.symbol.key not in own]
    return Planner((*outputs, *_defined(plan, saved))).plan()


def _outputs(plan: Plan) -> tuple[ClosedForm, ...]:
    """The outputs as forms whose source is their definition."""
    objective, context = plan.results[0].form.objective, plan.context
    defined = objective.key in context.definitions
    outputs = (objective,) if defined else context.outputs.get(objective.key, ())
    if not outputs or (defined and objective.shape):
        raise UnsupportedError("the document has no outputs that a layer could return")
    return _defined(plan, outputs)


def _defined(plan: Plan, symbols: Iterable[t.Symbol]) -> tuple[ClosedForm, ...]:
    objective = plan.results[0].form.objective
    return tuple(
        ClosedForm(objective, s, (), t.Variable(s), plan.context, s.latex or s.key, DEFINITION)
        for s in symbols
    )
