"""Gradients derived from definitions alone, proved, and found equal to known closed forms."""

from __future__ import annotations

import pytest
from judging import library_text, understood

from derive.errors import UsageError
from derive.gradient.steps import Gradient, derive_gradient
from derive.meaning.to_syntax import to_syntax
from derive.reading.parse import parse_expression
from derive.writing.to_linear import linear

VECTORS = r"$x, t \in \mathbb{R}^N$. $f : \mathbb{R}^N \to \mathbb{R}$ is the loss." + "\n\n"
MEAN = r"$$m = \frac{1}{N} \sum_{i=1}^{N} x_i$$" + "\n\n"


def gradient(text: str, wrt: str = "x") -> Gradient:
    return derive_gradient(understood(text), wrt)


def closed(text: str, wrt: str = "x") -> str:
    return linear(to_syntax(gradient(text, wrt).closed_form))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (VECTORS + "$$y_i = 3 x_i$$", "3 · ∂f/∂yⱼ"),
        (VECTORS + "$$y_i = x_i t_i$$", "tⱼ · ∂f/∂yⱼ"),
        (VECTORS + MEAN + "$$y_i = x_i - m$$", "∂f/∂yⱼ − 1/N · ∑ᵢ₌₁ᴺ ∂f/∂yᵢ"),
        (VECTORS + r"$$y = \sum_{i=1}^{N} (x_i - t_i)^2$$", "2 (xⱼ − tⱼ) · ∂f/∂y"),
        (VECTORS + r"$$y_i = \exp(x_i)$$", "yⱼ · ∂f/∂yⱼ"),
    ],
)
def test_closed_forms(text: str, expected: str) -> None:
    assert closed(text) == expected


MATRICES = (
    r"$W \in \mathbb{R}^{M \times N}$, $x \in \mathbb{R}^N$, $b \in \mathbb{R}^M$. "
    r"$f : \mathbb{R}^M \to \mathbb{R}$ is the loss." + "\n\n$$y = W x + b$$\n"
)


@pytest.mark.parametrize(
    ("wrt", "expected"),
    [("x", "∑ᵢ₌₁ᴹ Wᵢⱼ · ∂f/∂yᵢ"), ("W", "xⱼ · ∂f/∂yᵢ"), ("b", "∂f/∂yⱼ")],
)
def test_a_linear_layer(wrt: str, expected: str) -> None:
    assert closed(MATRICES, wrt) == expected


@pytest.mark.parametrize(("wrt", "line"), [("x", 79), ("X", 91), ("gamma", 93), ("beta", 93)])
def test_batchnorm_equals_the_closed_forms_of_the_document(wrt: str, line: int) -> None:
    meaning = understood(library_text("batchnorm"))
    found = derive_gradient(meaning, wrt)
    assert found.agrees_with is not None
    assert meaning.document.source.position(found.agrees_with.relation.span.start)[0] == line


def test_batchnorm_keeps_centred_sums_and_finds_its_lemma() -> None:
    steps = gradient(library_text("batchnorm")).steps
    shown = [f"{linear(step.left)} = {linear(step.right)}" for step in steps]
    assert "∑ᵢ₌₁ᴺ (xᵢ − μ) = 0" in shown
    assert shown[-1] == (
        "∂f/∂xⱼ = γ (v + ε)⁻¹ᐟ² (∂f/∂yⱼ − 1/N · ∑ᵢ₌₁ᴺ ∂f/∂yᵢ "
        "− (xⱼ − μ)(v + ε)⁻¹ · 1/N · ∑ᵢ₌₁ᴺ (xᵢ − μ) · ∂f/∂yᵢ)"
    )
    assert all(step.rule for step in steps)


def test_no_name_is_used_before_its_adjoint_stands() -> None:
    steps = gradient(library_text("batchnorm")).steps
    known = {"∂f/∂yᵢ", "∂f/∂yⱼ"}
    for step in steps:
        used = {word for word in linear(step.right).replace("(", " ").split() if "∂f/" in word}
        stems = {word.strip("·,)").rstrip("ᵢⱼ") for word in used}
        assert stems <= {word.rstrip("ᵢⱼ") for word in known}
        known.add(linear(step.left))


@pytest.mark.parametrize(
    ("text", "wrt", "message"),
    [
        (VECTORS + "$$y_i = 3 x_i$$", "q", "q is not an input"),
        (VECTORS + "$$y_i = 3 x_i$$", "y", "y is not an input"),
        (r"$x \in \mathbb{R}^N$." + "\n\n$$y_i = 3 x_i$$", "x", "declares no scalar objective"),
    ],
)
def test_what_cannot_be_derived_is_refused(text: str, wrt: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        gradient(text, wrt)


def test_what_the_loss_does_not_depend_on_has_gradient_zero() -> None:
    found = gradient(VECTORS + "$$y_i = 3 x_i$$", "t")
    assert to_syntax(found.closed_form) == parse_expression("0")
    assert "does not depend on t" in found.steps[0].reason
