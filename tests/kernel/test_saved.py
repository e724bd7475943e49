"""Saved statistics: which names can be, that they stand for their definitions, clear refusals."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from closed_forms import BATCHNORM, forms_of, plan_for

import derive
from derive.cli import cli
from derive.errors import UnsupportedError, UsageError
from derive.kernel.front import parameter_names
from derive.kernel.inputs import cases
from derive.kernel.outputs import forward_name, forward_plan, with_outputs
from derive.kernel.plan import ClosedForm, Plan, plan_of, proved_forms
from derive.kernel.reference import reference
from derive.kernel.saved import savable

# A root of what the closed form writes out: σ = √(v + ε), where (v + ε)^(-1/2) and (v + ε)^(-1)
# stand in it.
ROOT = BATCHNORM.replace(
    r"\hat{X} = \frac{X - \mu}{\sqrt{v + \epsilon}}",
    r"\sigma = \sqrt{v + \epsilon}, \qquad \hat{X} = \frac{X - \mu}{\sigma}",
).replace(r"\mu, v \in", r"\mu, v, \sigma \in")


@cache
def forms(layer: str) -> tuple[ClosedForm, ...]:
    """The closed forms of a short document, or of one of the library."""
    if layer == "root":
        return forms_of(ROOT)
    return tuple(proved_forms(derive.load(layer).checked))


@pytest.mark.parametrize(
    ("layer", "names"),
    [
        ("root", ["\\mu", "v", "\\sigma", "\\hat{X}"]),
        ("rmsnorm", ["m", "r", "\\hat{X}", "Y"]),
        ("weightnorm", ["\\rho", "U"]),
        ("logsumexp", ["y"]),
        ("softmax", ["Z", "P"]),
        ("gelu", ["\\Phi", "\\varphi"]),
        ("linear", []),
    ],
)
def test_what_can_be_saved(layer: str, names: list[str]) -> None:
    assert [symbol.key for symbol in savable(forms(layer))] == names


@pytest.mark.parametrize(
    ("saved", "arguments"),
    [
        ((), ["x", "dy", "gamma", "eps"]),
        (("mu",), ["x", "dy", "gamma", "eps", "mu"]),
        ((r"\mu", "v"), ["x", "dy", "gamma", "eps", "mu", "v"]),
        (("sigma", "mu"), ["x", "dy", "gamma", "mu", "sigma"]),
    ],
)
def test_arguments(saved: tuple[str, ...], arguments: list[str]) -> None:
    """With σ saved nothing needs v or ε: what the form writes as v + ε is σ²."""
    assert list(parameter_names(plan_of(forms("root"), saved)).values()) == arguments


@pytest.mark.parametrize(
    ("layer", "saved"),
    [
        ("root", ("mu",)),
        ("root", ("mu", "v")),
        ("root", ("mu", "sigma")),
        ("root", ("sigma",)),
        ("rmsnorm", ("r",)),
        ("rmsnorm", ("m",)),
        ("weightnorm", ("rho",)),
        ("logsumexp", ("y",)),
        ("softmax", ("P",)),
    ],
)
def test_forward_and_backward_fit(layer: str, saved: tuple[str, ...]) -> None:
    """What the forward plan returns makes the gradients of the plan that saves nothing."""
    plan, whole = plan_of(forms(layer), saved), plan_of(forms(layer))
    forward = forward_plan(plan)
    for case in list(cases(whole, "float64"))[:2]:
        held = case.inputs | {"up " + key: value for key, value in case.upstream.items()}
        computed = reference(forward)(_inputs(forward, held))
        by_key = {r.form.target.key: computed[r.array] for r in forward.results}
        found = reference(plan)(_inputs(plan, held, by_key))
        right = reference(whole)(_inputs(whole, held))
        for one, other in zip(plan.results, whole.results, strict=True):
            assert np.allclose(found[one.array], right[other.array], rtol=1e-11, atol=1e-12)


def _inputs(
    plan: Plan, held: dict[str, object], saved: dict[str, object] | None = None
) -> dict[str, object]:
    arrays = {}
    for p in plan.parameters:
        key = p.symbol.key
        arrays[p.array] = {
            "input": lambda key=key: held[key],
            "upstream": lambda key=key: held["up " + key],
            "saved": lambda key=key: (saved or {})[key],
        }[p.kind]()
    return arrays


@pytest.mark.parametrize(
    ("layer", "saved", "message"),
    [
        ("root", ("q",), "'q' cannot be saved\nOf this document, mu, v, sigma, X_hat can be saved"),
        ("root", ("x",), "'x' cannot be saved"),
        ("root", ("beta",), "'beta' cannot be saved"),
        ("root", ("mu", ""), "'' cannot be saved"),
        ("root", ("v", "sigma"), "v is not needed beside sigma"),
        ("gelu", ("y",), "Phi, phi can be saved"),
        ("linear", ("y",), "read no defined name"),
    ],
)
def test_names_that_cannot_be_saved(layer: str, saved: tuple[str, ...], message: str) -> None:
    with pytest.raises(UsageError) as error:
        plan_of(forms(layer), saved)
    assert message in str(error.value)


def test_a_layer_saves_its_own() -> None:
    with pytest.raises(UnsupportedError, match="no saved statistics"):
        with_outputs(plan_of(forms("root"), ("mu",)))


@pytest.mark.parametrize(
    ("name", "forward"),
    [("norm_backward", "norm_forward"), ("kernel", "kernel_forward"), ("a_b", "a_b_forward")],
)
def test_name_of_the_forward_function(name: str, forward: str) -> None:
    assert forward_name(name) == forward


@pytest.mark.parametrize("layer", ["batchnorm", "softmax", "linear"])
def test_a_forward_plan_has_no_upstream_gradient(layer: str) -> None:
    plan = forward_plan(plan_for(layer))
    assert {p.kind for p in plan.parameters} == {"input"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--saved", "q"], "'q' cannot be saved"),
        (["--saved", "r", "--backend", "torch"], "no saved statistics with the back end torch"),
    ],
)
def test_the_command_refuses(tmp_path: Path, options: list[str], message: str) -> None:
    out = tmp_path / "kernel.py"
    with pytest.raises(UsageError) as error:
        arguments = ["export", "rmsnorm", "-o", str(out), *options]
        CliRunner().invoke(cli, arguments, catch_exceptions=False, standalone_mode=False)
    assert message in str(error.value) and not out.exists()


def test_the_command_exports_both(tmp_path: Path) -> None:
    out = tmp_path / "kernel.py"
    arguments = ["export", "rmsnorm", "-o", str(out), "--saved", "r", "--backend", "c"]
    done = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    text = out.read_text(encoding="utf-8")
    assert done.exit_code == 0
    assert "takes r as saved by the forward function, whose errors" in " ".join(text.split())
    assert "def rmsnorm_backward(" in text and "def rmsnorm_forward(" in text
