"""The forward pass as a plan: the outputs of a document, computed as their definitions say."""

from __future__ import annotations

from derive.errors import UnsupportedError
from derive.kernel.plan import ClosedForm, Plan
from derive.kernel.planning import Planner
from derive.meaning import terms as t


def with_outputs(plan: Plan) -> Plan:
    """The plan that computes the outputs of the document as well, after the gradients."""
    return Planner((*(result.form for result in plan.results), *_outputs(plan))).plan()


def forward_plan(plan: Plan) -> Plan:
    """The plan that computes the outputs only.

    Raises UnsupportedError, as `with_outputs` does, when there are none to compute.
    """
    return Planner(_outputs(plan)).plan()


def _outputs(plan: Plan) -> tuple[ClosedForm, ...]:
    """The outputs as forms whose source is their definition."""
    objective, context = plan.results[0].form.objective, plan.context
    defined = objective.key in context.definitions
    outputs = (objective,) if defined else context.outputs.get(objective.key, ())
    if not outputs or (defined and objective.shape):
        raise UnsupportedError("the document has no outputs that a layer could return")
    return tuple(
        ClosedForm(objective, o, (), t.Variable(o), context, o.latex, "definition") for o in outputs
    )
