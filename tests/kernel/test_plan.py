"""Plans: sums by depth, shared parts once, nothing that is not needed."""

from __future__ import annotations

from dataclasses import replace

import pytest
from closed_forms import BATCHNORM, forms_of, plan_for

from derive.errors import UnsupportedError
from derive.kernel.entries import Reduce, loads
from derive.kernel.plan import Plan, plan_of
from derive.meaning import terms as t


def reductions(plan: Plan) -> list[tuple[int, str]]:
    return [(step.depth, step.kind) for step in plan.steps if isinstance(step.body, Reduce)]


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        ("batchnorm", [(1, "reduction")] * 2 + [(2, "reduction")] * 2),
        ("layernorm", [(1, "reduction")] * 2 + [(2, "reduction")] * 2),
        ("softmax", [(1, "reduction"), (2, "reduction"), (3, "reduction")]),
        ("linear", [(1, "contraction")] * 2 + [(1, "reduction")]),
        ("sigmoid", []),
    ],
)
def test_reductions_by_depth(layer: str, expected: list[tuple[int, str]]) -> None:
    assert reductions(plan_for(layer)) == expected


@pytest.mark.parametrize("layer", ["batchnorm", "layernorm", "softmax", "linear", "neighbours"])
def test_every_step_is_needed_and_reads_only_what_stands_before(layer: str) -> None:
    plan = plan_for(layer)
    known = {parameter.array for parameter in plan.parameters}
    for step in plan.steps:
        assert loads(step.body) <= known
        known.add(step.array)
    needed = plan.needed(result.array for result in plan.results)
    assert {step.array for step in plan.steps} <= needed


def test_parameters_are_those_that_are_read() -> None:
    keys = [p.symbol.key for p in plan_for("batchnorm").parameters]
    assert keys == ["X", "Y", r"\gamma", r"\epsilon"]


def test_one_gradient_needs_less() -> None:
    forms = forms_of(BATCHNORM)
    alone = plan_of(forms[2:])
    assert [p.kind for p in alone.parameters] == ["upstream"]
    assert len(alone.steps) == 1


def test_centred_input_is_shared() -> None:
    """X − μ stands in v, in both sums and in the result, and is computed once."""
    plan = plan_for("batchnorm")
    shared = [step for step in plan.steps if len(step.axes) == 2 and step.array[1] == "c"]
    assert len(shared) == 1
    users = [step for step in plan.steps if shared[0].array in loads(step.body)]
    assert len(users) == 3


def test_assumptions_on_parameters_become_checks() -> None:
    checks = plan_for("batchnorm").checks
    assert [(check.parameters, check.latex) for check in checks] == [
        ((r"\epsilon",), r"\epsilon > 0")
    ]
    assert plan_for("softmax").checks == ()


BATCH = t.Symbol("B", (t.Affine.name("N"), *[t.Affine.name("D")] * 2), "input", "B")
INVERSE = t.MatrixFunction(
    "trace", t.Inverse(t.Element(t.Variable(BATCH), (t.Affine.name("k"), None, None))), ()
)
BOUND = t.Bound("k", t.Affine.number(1), t.Affine.name("N"))
OPAQUE = t.Function("g", (t.Constant("pi"),), (), opaque=True)


def test_forms_without_a_kernel_are_refused() -> None:
    forms = forms_of(BATCHNORM)
    first = forms[0]
    inner = t.Derivative(
        t.Variable(first.objective), first.context.symbols[r"\hat{X}"], (), "total"
    )
    jacobian = t.Derivative(t.Variable(first.target), first.target, (), "total")
    cases = [
        ((), "no closed form"),
        ((first, first), "two closed forms"),
        ((replace(first, term=t.Sum((BOUND,), (), INVERSE)),), "depends on an index"),
        ((replace(first, term=OPAQUE),), "no definition"),
        ((replace(first, term=inner),), "not an upstream gradient"),
        ((replace(first, term=jacobian),), "more axes"),
        ((replace(forms[1], free=(), term=first.term),), "more axes"),
    ]
    for given, message in cases:
        with pytest.raises(UnsupportedError, match=message):
            plan_of(given)
