"""Derivations of forward documents: proved in full, and equal to central differences."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from gradient.forward import FORWARD
from gradient.numbers_of import Numbers, slope
from judging import judged, library_text, understood

from derive.errors import DeriveError, UnsupportedError, UsageError
from derive.gradient.derived import Derived, Request, derive_document
from derive.gradient.problem import set_problem
from derive.meaning import terms as t
from derive.meaning.to_syntax import to_syntax
from derive.writing.to_linear import linear

SIZES = {"N": 3, "D": 2, "M": 2, "K": 2, "A": 2, "B": 2, "C": 3}
SLOW = ("gelu", "gelu_tanh", "attention")


def derived(name: str, wrt: str = "all", **options: object) -> Derived:
    text = FORWARD.get(name) or library_text(name)
    return derive_document(understood(text), Request(tuple(wrt.split(",")), **options))  # type: ignore[arg-type]


def closed(name: str, wrt: str, **options: object) -> str:
    (form,) = derived(name, wrt, **options).closed_forms
    return linear(to_syntax(form.term))


def verdicts(text: str) -> set[str]:
    return {verdict for verdict, count in judged(text).counts.items() if count}


@pytest.mark.parametrize("name", [name for name in FORWARD if name not in SLOW])
def test_every_step_of_a_derivation_is_proved(name: str) -> None:
    assert verdicts(derived(name).text) == {"proved"}


@pytest.mark.parametrize("name", SLOW)
def test_the_closed_forms_are_proved(name: str) -> None:
    assert verdicts(derived(name, detail="brief").text) == {"proved"}


@pytest.mark.parametrize(
    "name", ["mse", "linear", "softmax", "cross_entropy", "rmsnorm", "tanh", "outer", "trace"]
)
def test_a_wrong_factor_in_the_last_line_is_refuted(name: str) -> None:
    text = derived(name, detail="brief").text.rstrip()
    head, _, tail = text.rpartition(" = ")
    assert verdicts(f"{head} = 3 ({tail.removesuffix('$$')})$$") >= {"refuted"}


def random_inputs(context: t.Context) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(7)
    found = {}
    for symbol in context.symbols.values():
        if symbol.role == "input":
            shape = tuple(size.value(SIZES) for size in symbol.shape)
            found[symbol.key] = rng.uniform(0.3, 1.7, shape)
    if "t" in found and any("t_{k}" in g.latex or "t_k" in g.latex for g in context.assumptions):
        found["t"] /= found["t"].sum()
    return found


EXPLICIT = [name for name in FORWARD if "loss" not in FORWARD[name]]


@pytest.mark.parametrize("name", EXPLICIT)
def test_closed_forms_equal_central_differences(name: str) -> None:
    problem = set_problem(understood(FORWARD[name]))
    inputs = random_inputs(problem.context)
    sizes = {size: SIZES[size] for size in problem.context.sizes}
    worth = WithDerivatives(problem.context, sizes, inputs)
    worth.objective = problem.objective.key
    for form in derived(name).closed_forms:
        shape = tuple(size.value(SIZES) for size in form.target.shape)
        for at in product(*(range(1, n + 1) for n in shape)):
            index = dict(zip(form.indices, at, strict=True))
            found = worth.entry(form.term, (), index)
            by = form.target.key, at
            if form.target.key == "t" and name == "cross_entropy":
                continue  # moving one target leaves Σ t = 1
            expected = slope(problem.context, sizes, inputs, worth.objective, by)
            assert found == pytest.approx(expected, rel=1e-6, abs=1e-7)


class WithDerivatives(Numbers):
    """An adjoint in a closed form is a central difference too, the name being moved freely."""

    objective = ""

    def entry(self, term: t.Term, at: tuple[int, ...], index: dict[str, int]) -> float:  # type: ignore[override]
        if not isinstance(term, t.Derivative):
            return super().entry(term, at, index)
        place = tuple(self.position(p, index) for p in term.at if p is not None)
        key = term.target.key
        shape = tuple(size.value(SIZES) for size in term.target.shape)
        whole = np.empty(shape)
        for each in product(*(range(1, n + 1) for n in shape)):
            whole[tuple(k - 1 for k in each)] = self.name(key, each)
        held = {**self.inputs, key: whole}
        return slope(self.context, self.sizes, held, self.objective, (key, place))


@pytest.mark.parametrize(
    ("name", "wrt", "expected"),
    [
        ("mse", "x", "2/N · (xⱼ − tⱼ)"),
        ("variance", "x", "2/N · (xⱼ − μ)"),
        ("softmax", "x", "pⱼ (gⱼ − ∑ᵢ₌₁ᴺ gᵢpᵢ)"),
        ("softmax_named", "x", "pⱼ (gⱼ − ∑ᵢ₌₁ᴺ gᵢpᵢ)"),
        ("cross_entropy", "x", "pⱼ − tⱼ"),
        ("cross_entropy_free", "x", "−tⱼ + pⱼ ∑ᵢ₌₁ᴺ tᵢ"),
        ("logsumexp", "x", "exp(xⱼ − ℓ)"),
        ("log_softmax", "x", "gⱼ − exp(xⱼ − ℓ) ∑ᵢ₌₁ᴺ gᵢ"),
        ("sigmoid", "x", "yⱼ (1 − yⱼ) · ∂f/∂yⱼ"),
        ("tanh", "x", "(1 − yⱼ²) · ∂f/∂yⱼ"),
        ("softplus", "x", "gⱼ sigmoid(xⱼ)"),
        ("silu", "x", "gⱼsⱼ (1 + xⱼ (1 − sⱼ))"),
        ("gelu", "x", "1/2 · gⱼ (1 + erf(1/2 · 2¹ᐟ²xⱼ) + π⁻¹ᐟ²2¹ᐟ²xⱼ exp(−1/2 · xⱼ²))"),
        ("relu", "x", "𝟙_{xⱼ>0} · ∂f/∂yⱼ"),
        ("two_layers", "x", "∑ᵢ₌₁ᴹ Wᵢⱼ (1 − hᵢ²) · ∂s/∂hᵢ"),
        ("attention", "Q", "1/D¹ᐟ² · ∑ₗ₌₁ᴺ Kₗⱼ · ∂ℓ/∂Sᵢₗ"),
        ("attention", "S", "Pᵢⱼ (∑ₗ₌₁ᴰ Vⱼₗgᵢₗ − ∑ₗ₌₁ᴰ Oᵢₗgᵢₗ)"),
        (
            "rmsnorm",
            "x",
            "(m + ε)⁻¹ᐟ² (γⱼgⱼ − xⱼ (m + ε)⁻¹ · 1/N · ∑ᵢ₌₁ᴺ γᵢgᵢxᵢ)",
        ),
        (
            "batchnorm",
            "x",
            "γ (v + ε)⁻¹ᐟ² (∂f/∂yⱼ − 1/N · ∑ᵢ₌₁ᴺ ∂f/∂yᵢ "
            "− (xⱼ − μ)(v + ε)⁻¹ · 1/N · ∑ᵢ₌₁ᴺ (xᵢ − μ) · ∂f/∂yᵢ)",
        ),
        ("mahalanobis", "x", "2zⱼ · ∂f/∂q"),
    ],
)
def test_closed_forms_are_those_of_production_kernels(name: str, wrt: str, expected: str) -> None:
    assert closed(name, wrt) == expected


@pytest.mark.parametrize(
    ("name", "of", "expected"),
    [
        ("softmax", "p", "pᵢ (δᵢⱼ − pⱼ)"),
        ("tanh", "y", "(1 − yᵢ²) δᵢⱼ"),
        ("variance", "mu", "1/N"),
        ("variance", "v", "2/N · (xⱼ − μ)"),
        ("log_softmax", "y", "δᵢⱼ − exp(xⱼ − ℓ)"),
    ],
)
def test_jacobians(name: str, of: str, expected: str) -> None:
    assert closed(name, "x", of=of) == expected
    assert verdicts(derived(name, "x", of=of).text) == {"proved"}


@pytest.mark.parametrize("name", ["softmax", "rmsnorm", "layernorm", "quadratic", "relu"])
def test_a_tangent_is_proved(name: str) -> None:
    text = derived(name, mode="jvp").text
    assert "\\dot{" in text
    assert verdicts(text) == {"proved"}


@pytest.mark.parametrize(
    ("name", "wrt"), [("mse", "x"), ("mean", "x"), ("softmax", "x"), ("rmsnorm", "x,gamma")]
)
def test_the_gradient_of_a_gradient_is_proved(name: str, wrt: str) -> None:
    found = derived(name, wrt, order=2)
    assert verdicts(found.text) == {"proved"}
    assert found.closed_forms[0].target.key == "x"


def test_the_second_derivative_of_a_square() -> None:
    assert closed("square", "x", order=2) == "2hⱼ"


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("square", {"wrt": "y"}, "y is not an input of the document"),
        ("rmsnorm", {"wrt": "gama"}, "is not an input"),
        ("square", {"wrt": ""}, "is not an input of the document"),
        ("square", {"wrt": "x", "of": "x"}, "x is an input of the document"),
        ("square", {"wrt": "x", "of": "M"}, "M is not an input"),
        ("two_outputs", {"wrt": "x", "mode": "jvp"}, "more than one output: y, z"),
        ("variance", {"wrt": "mu", "mode": "jvp"}, "mu is defined"),
        ("variance", {"wrt": "mu", "order": 2}, "second derivative is by inputs"),
    ],
)
def test_a_request_that_does_not_fit(name: str, options: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        derived(name, **options)  # type: ignore[arg-type]


def test_a_closed_form_that_is_no_claim_is_noticed() -> None:
    found = derived("square")
    silent = replace(found, text=FORWARD["square"])
    with pytest.raises(UnsupportedError, match="is not read as a claim"):
        silent.check()


def test_near_names_are_offered() -> None:
    with pytest.raises(UsageError) as caught:
        derived("rmsnorm", "gama")
    assert "Did you mean gamma" in caught.value.advice


@pytest.mark.parametrize(
    "text",
    ["Nothing here.", r"Let $x \in \mathbb{R}^N$.", r"Let $x \in \mathbb{R}^N$. $$y_i = = x_i$$"],
)
def test_a_document_without_a_definition(text: str) -> None:
    with pytest.raises(DeriveError):
        derive_document(understood(text), Request(("x",)))


def test_what_does_not_enter_has_gradient_zero() -> None:
    text = r"Let $x, t \in \mathbb{R}^N$. $$L = \sum_{i=1}^N x_i^2$$"
    found = derive_document(understood(text), Request(("t",)))
    assert "does not depend on $t$" in found.text
    assert linear(to_syntax(found.closed_forms[0].term)) == "0"
    assert verdicts(found.text) == {"proved"}


def test_a_kink_is_named() -> None:
    text = derived("hinge", "x").text
    assert text.rstrip().endswith("the derivative is undefined.")
    assert "zeros of $-1 + t_j x_j$" in text
    assert "undefined" not in derived("softmax", "x").text


def test_a_jacobian_by_what_does_not_enter_is_zero() -> None:
    text = r"Let $x, t \in \mathbb{R}^N$. $$y_i = x_i^2$$"
    found = derive_document(understood(text), Request(("t",), of="y"))
    assert linear(to_syntax(found.closed_forms[0].term)) == "0"
    assert verdicts(found.text) == {"proved"}


def test_a_defined_name_has_an_adjoint_and_says_so() -> None:
    found = derived("ridge", "r")
    assert "$r$ is defined" in found.text
    assert linear(to_syntax(found.closed_forms[0].term)) == "2rⱼ"


def test_claims_of_the_document_are_not_used() -> None:
    false = FORWARD["mse"] + "\n\n" + r"$$\frac{\partial L}{\partial x_j} = 7$$"
    found = derive_document(understood(false), Request(("x",)))
    assert "7" not in found.text
    assert linear(to_syntax(found.closed_forms[0].term)) == "2/N · (xⱼ − tⱼ)"


@pytest.mark.parametrize(("detail", "steps"), [("brief", 1), ("normal", 12), ("full", 12)])
def test_detail(detail: str, steps: int) -> None:
    assert len(judged(derived("batchnorm", "X", detail=detail).text).judged) == steps
