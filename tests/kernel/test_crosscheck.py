"""The cross-check agrees with right kernels and objects to wrong ones."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from closed_forms import BATCHNORM, LAYERS, forms_of, plan_for

from derive.errors import UnsupportedError
from derive.kernel.crosscheck import (
    CrossCheck,
    Row,
    central_difference,
    complex_step,
    crosscheck,
    exact_value,
)
from derive.kernel.inputs import cases
from derive.kernel.outputs import forward_plan
from derive.kernel.plan import plan_of
from derive.kernel.reference import reference
from derive.meaning import terms as t

ULPS = {"batchnorm": 8, "layernorm": 8, "softmax": 8, "linear": 4, "neighbours": 8}


@pytest.fixture(scope="module")
def softmax() -> CrossCheck:
    return crosscheck(plan_for("softmax"))


@pytest.mark.parametrize("layer", [name for name in LAYERS if name != "layernorm"])
def test_layers_agree(layer: str) -> None:
    check = crosscheck(plan_for(layer))
    assert check.agrees
    assert check.worst <= ULPS.get(layer, 8)
    for row in check.rows:
        if not row.hard and row.output.startswith("d"):
            assert row.complex_step is not None and row.complex_step <= 64, row
        if row.dtype == "float32 precise" and row.exact is not None and not row.hard:
            assert row.exact <= 1, row


def test_a_large_offset_costs_no_digits() -> None:
    rows = {
        (r.dtype, r.output): r for r in crosscheck(plan_for("batchnorm")).rows if r.input[0] == "o"
    }
    plain, precise = rows["float32", "dx"].exact, rows["float32 precise", "dx"].exact
    assert plain is not None and precise is not None
    assert max(precise, plain) <= 1


@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_wrong_form_is_caught(place: int) -> None:
    form = forms_of(BATCHNORM)[place]
    slightly = t.Number(1 + Fraction(1, 10**6))
    wrong = replace(form, term=t.Multiply((slightly, form.term), form.term.shape))
    check = crosscheck(plan_of((wrong,)))
    assert not check.agrees
    found = [r for r in check.rows if r.dtype == "float64" and not r.hard]
    assert all((r.exact or 0) <= 8 for r in found if r.output == "y")
    rows = [r for r in found if r.output != "y"]
    assert rows and all((r.exact or 0) > 1e8 and (r.complex_step or 0) > 1e8 for r in rows)


@pytest.mark.parametrize("layer", ["batchnorm", "softmax", "sigmoid"])
def test_outputs_have_exact_values(layer: str) -> None:
    plan = plan_for(layer)
    forward = forward_plan(plan)
    case = next(iter(cases(plan, "float64")))
    held = {p.array: case.inputs[p.symbol.key].astype(float) for p in forward.parameters}
    found = reference(forward)(held)
    for result in forward.results:
        exact = exact_value(result.form, case).astype(float)
        assert np.allclose(found[result.array], exact, rtol=1e-13, atol=1e-14)


def test_saved_statistics_agree() -> None:
    """Outputs, what is saved, and the gradients from it; μ as rounded costs digits."""
    check = crosscheck(plan_of(forms_of(BATCHNORM), ("mu", "v")))
    assert check.agrees and check.worst <= 16
    assert {row.output for row in check.rows} == {"dx", "dgamma", "dbeta", "y", "mu", "v"}


def test_agreement_needs_an_exact_value() -> None:
    silent = Row("random", "5", "float64", "dx", None, 0.0, 0.0, False)
    hard = Row("offset", "5", "float64", "dx", 1e9, 0.0, 0.0, True)
    good, bad = replace(silent, exact=1.0), replace(silent, exact=float("inf"))
    for rows, expected in (
        ((), False),
        ((silent,), False),
        ((hard,), False),
        ((good, hard), True),
        ((good, bad), False),
    ):
        assert CrossCheck(rows, (), 0.0).agrees is expected


def test_witnesses_are_independent_and_close() -> None:
    plan = plan_for("batchnorm")
    case = next(iter(cases(plan, "float64")))
    form = plan.results[0].form
    exact = exact_value(form, case).astype(float)
    assert np.abs(complex_step(form, case, None) - exact).max() < 1e-14
    assert np.abs(central_difference(form, case, None) - exact).max() < 1e-8
    assert np.abs(central_difference(form, case, 1e-14) - exact).max() > 1e-4


def test_what_cannot_be_evaluated_is_said(softmax: CrossCheck) -> None:
    assert any("2000" in reason for reason in softmax.silent)


def test_inputs_meet_the_assumptions() -> None:
    text = r"""Let $t, z \in \mathbb{R}^N$, assume $\sum_{i=1}^N t_i = 1$, let $\tau > 2$, and
    $s = \tau \sum_{i=1}^N t_i z_i$ for a loss $f : \mathbb{R} \to \mathbb{R}$.
    $$\frac{\partial f}{\partial z_j} = \frac{\partial f}{\partial s} \tau t_j$$"""
    plan = plan_of(forms_of(text))
    for case in cases(plan, "float32"):
        assert sum(map(float, case.inputs["t"])) == 1.0
        assert case.inputs[r"\tau"] > 2
    assert crosscheck(plan).agrees


def test_a_defined_number_beside_a_regulariser() -> None:
    """ε only ever stands beside v, which is defined: it is small, v is what it is."""
    text = r"""Let $x, y \in \mathbb{R}^N$, $\epsilon > 0$, $v = \sum_{i=1}^N x_i$ and
    $y_i = (v + \epsilon) x_i$ for a loss $f : \mathbb{R}^N \to \mathbb{R}$.
    $$\frac{\partial f}{\partial x_j} = (v + \epsilon) \frac{\partial f}{\partial y_j}
    + \sum_{i=1}^N x_i \frac{\partial f}{\partial y_i}$$"""
    plan = plan_of(forms_of(text))
    assert {float(case.inputs[r"\epsilon"]) for case in cases(plan, "float64")} == {1e-5}
    assert crosscheck(plan).agrees


def test_assumptions_that_nothing_meets() -> None:
    text = r"""Let $x \in \mathbb{R}^N$, assume $x x < x x - 1$, and $y = x x$ for a loss
    $f : \mathbb{R}^N \to \mathbb{R}$.
    $$\frac{\partial f}{\partial x} = 2 x \frac{\partial f}{\partial y}$$"""
    with pytest.raises(UnsupportedError, match="no inputs were found"):
        crosscheck(plan_of(forms_of(text)))


# ---- plots --------------------------------------------------------------------------------------


def test_step_errors_fall_and_rise(softmax: CrossCheck) -> None:
    errors = {round(np.log10(s.h)): s for s in softmax.steps}
    assert errors[-5].central < min(errors[-1].central, errors[-13].central)
    assert errors[-18].complex_step < 1e-14 < errors[-18].central
