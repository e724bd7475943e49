"""Shifted sums: the same values for any shift, one pass for a mean and its sums, and digits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from closed_forms import LAYERS, forms_of, plan_for
from compiled import Kernel, arguments, kernel_of
from require import require_compiler

from derive.kernel.entries import Load, Reduce, subentries
from derive.kernel.loops import Loop, nest_of, paths
from derive.kernel.plan import Plan, plan_of
from derive.kernel.reference import reference
from derive.kernel.shifting import shifted
from derive.kernel.steps import Parameter, Shift, Shifted
from derive.meaning.terms import Affine, Symbol

TWO_COLUMNS = r"""
Let $x, y \in \mathbb{R}^N$ and $\mu = \frac1N \sum_{i=1}^N x_i$, $\nu = \frac1N \sum_{i=1}^N y_i$,
$c = \sum_{i=1}^N (x_i - \mu) (y_i - \nu)$, $s = \frac12 c^2$ for a loss $f : \mathbb{R} \to
\mathbb{R}$. Then
$$\frac{\partial f}{\partial x_j} = \frac{\partial f}{\partial s} c (y_j - \nu)$$
"""
HALF_MEAN = TWO_COLUMNS.replace(r"\mu = \frac1N", r"\mu = \frac{1}{2N}")


def with_shifts_given(found: Shifted) -> Plan:
    """The plan with its sampled shifts as arguments."""
    plan = found.plan
    given = tuple(Parameter(shift.array, _symbol(shift), "input") for shift in found.sampled)
    return Plan(plan.context, plan.parameters + given, plan.steps, plan.results)


def _symbol(shift: Shift) -> Symbol:
    shape = tuple(axis.high for axis in shift.axes)
    return Symbol(shift.array, latex=shift.array, shape=shape, role="input")


def values(plan: Plan, sizes: Mapping[str, int]) -> dict[str, Any]:
    """Random arguments for the parameters of a plan."""
    random = np.random.default_rng(5)
    return {
        p.array: np.abs(random.standard_normal([n.value(sizes) for n in p.symbol.shape])) + 0.5
        for p in plan.parameters
    }


@pytest.mark.parametrize("document", [*LAYERS.values(), TWO_COLUMNS, HALF_MEAN])
def test_any_shift_gives_the_same(document: str) -> None:
    plan = plan_of(forms_of(document))
    other = with_shifts_given(shifted(plan))
    sizes = {name: 3 + k for k, name in enumerate(plan.sizes)}
    held = values(other, sizes)
    right = reference(plan)({p.array: held[p.array] for p in plan.parameters})
    found = reference(other)(held)
    for array, value in right.items():
        assert np.allclose(found[array], value, rtol=1e-11, atol=1e-12)


def test_a_wrong_shift_rule_would_show() -> None:
    """The comparison above can fail: a sum that misses its correction differs."""
    plan = plan_for("batchnorm")
    other = with_shifts_given(shifted(plan))
    held = values(other, {"N": 4, "D": 3})
    (shift,) = shifted(plan).sampled
    wrong = tuple(s for s in other.steps if s.array != f"{shift.array.split()[0]} rest")
    zero = next(s for s in other.steps if s.array == f"{shift.array.split()[0]} rest")
    body = Load(shift.array, tuple(Affine.name(axis.name) for axis in zero.axes))
    changed = Plan(
        other.context,
        other.parameters,
        tuple(
            s if s in wrong else type(s)(s.array, s.axes, body, s.title, s.depth)
            for s in other.steps
        ),
        other.results,
    )
    right, found = reference(plan)(held), reference(changed)(held)
    assert any(not np.allclose(found[a], v, rtol=1e-3) for a, v in right.items())


@pytest.mark.parametrize(
    ("document", "sampled", "narrow"),
    [
        (LAYERS["batchnorm"], 1, 1),
        (LAYERS["layernorm"], 0, 1),
        (TWO_COLUMNS, 2, 2),
        (HALF_MEAN, 1, 1),
        (LAYERS["softmax"], 0, 0),
        (LAYERS["linear"], 0, 0),
    ],
)
def test_which_means_are_shifted(document: str, sampled: int, narrow: int) -> None:
    """Half a mean is no mean; what is summed inside the outermost loop needs no sample."""
    found = shifted(plan_of(forms_of(document)))
    assert (len(found.sampled), len(found.narrow)) == (sampled, narrow)


@pytest.mark.parametrize(
    ("layer", "passes"),
    [("batchnorm", 2), ("layernorm", 1), ("softmax", 4), ("linear", 2), ("sigmoid", 1)],
)
def test_passes_over_the_rows(layer: str, passes: int) -> None:
    """One pass for all sums of the batch normalisation, one for its element-wise part.

    Softmax of a vector: its largest entry, exp and its sum, Σ p ∂f/∂p, the gradient.
    """
    nest = nest_of(shifted(plan_for(layer)))
    deep = [node for node in nest.nodes if max(len(path) for _, path in paths([node])) > 1]
    loops = deep or [node for node in nest.nodes if isinstance(node, Loop)]
    assert len(loops) == passes


def test_no_difference_of_raw_moments() -> None:
    """No sum of the batch normalisation reads x but as its distance from the shift."""
    found = shifted(plan_for("batchnorm"))
    x = found.plan.parameters[0].array
    for step in found.plan.steps:
        if isinstance(step.body, Reduce) and any(
            isinstance(p, Load) and p.array == x for p in subentries(step.body)
        ):
            arrays = {p.array for p in subentries(step.body) if isinstance(p, Load)}
            assert found.sampled[0].array in arrays


# ---- digits -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def batchnorm(tmp_path_factory: pytest.TempPathFactory) -> Any:
    require_compiler()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DERIVE_KERNEL_CACHE", str(tmp_path_factory.mktemp("kernels")))
        yield kernel_of("batchnorm", "c")


def exactly(named: Mapping[str, Any]) -> tuple[Any, Any]:
    """dx and dγ in long double, centred twice."""
    x, dy = named["x"].astype(np.longdouble), named["dy"].astype(np.longdouble)
    centred = x - x[0]
    centred = centred - centred.mean(0)
    centred = centred - centred.mean(0)
    eps = np.longdouble(named["gamma"].dtype.type(named["eps"]))
    root = 1 / np.sqrt((centred * centred).mean(0) + eps)
    share = centred * root * root * (centred * dy).mean(0)
    dx = named["gamma"].astype(np.longdouble) * root * (dy - dy.mean(0) - share)
    return dx, (dy * centred).sum(0) * root


HARD = ["normal", "offset 1e4", "offset 1e6", "correlated", "half constant", "outliers", "drift"]


@pytest.mark.parametrize("case", HARD)
@pytest.mark.parametrize(("dtype", "bound"), [("float32", 3e-6), ("float64", 2e-14)])
def test_errors_as_a_share_of_a_columns_rms(
    batchnorm: Kernel, case: str, dtype: str, bound: float
) -> None:
    named = arguments((3000, 24), dtype)
    x = named["x"].astype(float)
    match case:
        case "offset 1e4" | "correlated" | "half constant":
            x += 1e4
        case "offset 1e6":
            x += 1e6
        case "outliers":  # the sample is far from the mean: the shift is found anew
            x[:16] += 1e4
        case "drift":
            x += np.linspace(0, 1e4, len(x))[:, None]
    if case == "half constant":
        x[:, ::2] = 1e4 + 0.3
    named["x"] = x.astype(dtype)
    if case == "correlated":
        named["dy"] += (named["x"] - named["x"].mean(0, dtype=float)).astype(dtype)
    found = batchnorm(**named, threads=2)
    dx, dgamma = exactly(named)
    rms = np.sqrt((dx * dx).mean(0))
    assert (np.abs(found.dx - dx) / rms).max() <= bound
    assert np.abs(found.dgamma - dgamma).max() <= bound * np.abs(dgamma).max()
