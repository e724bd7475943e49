"""Derivatives: spellings, total and direct, objectives, upstream gradients, readings."""

from __future__ import annotations

import pytest
from judging import display, last

GRAPH = (
    r"Let $x \in \mathbb{R}^N$, $u_i = x_i^2$, $s = \sum_i u_i$ and $m = s + \sum_i x_i$. "
    r"Let $a, b \in \mathbb{R}$ and $A \in \mathbb{R}^{N \times N}$."
)


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        (r"\frac{\partial s}{\partial x_j} = 2 x_j", "proved"),
        (r"\frac{\partial s}{\partial x_j} = x_j", "refuted"),
        (r"\frac{\partial s}{\partial x} = 2 x", "proved"),
        (r"\partial s / \partial x_j = 2 x_j", "proved"),
        (r"\frac{ds}{dx_j} = 2 x_j", "proved"),
        (r"\frac{ds}{dx_j} = 2", "refuted"),
        (r"\mathrm{d}s / \mathrm{d}x_j = 2 x_j", "proved"),
        (r"\nabla_x s = 2 x", "proved"),
        (r"\nabla_x s = x", "refuted"),
        (r"\partial_{x_j} s = 2 x_j", "proved"),
        (r"\nabla s = 2 x", "unread"),
        (r"\frac{\partial}{\partial x_j} \sum_i x_i^3 = 3 x_j^2", "proved"),
        (r"\frac{\partial}{\partial x_j} a x_j b = a b", "proved"),
        (r"\frac{\partial}{\partial x_j} x_j \frac{\partial}{\partial a} a^2 = 2 a", "proved"),
        (r"\frac{\mathrm d}{\mathrm d a} a^2 = 2 a", "proved"),
        (r"\frac{\partial^2 s}{\partial x_j^2} = 2", "proved"),
        (r"\frac{\partial^2 s}{\partial x_j \partial x_k} = 2 \delta_{jk}", "proved"),
        (r"\frac{\partial^2 s}{\partial x_j \partial x_k} = 2", "refuted"),
        (r"\frac{\partial^2 s}{\partial x_j} = 2", "unread"),
        (r"\nabla_x^2 s = 2 I", "proved"),
        (r"\nabla^2_x s = 2 I", "proved"),
        (r"\nabla_{xx}^2 s = I", "refuted"),
        (r"\nabla^2_{x} s = 2 s", "ill-typed"),
        (r"\nabla^2 s = 2 I", "unread"),
        (r"\nabla_x^2 (x^\top A x) = A + A^\top", "proved"),
        (r"\nabla_x^2 (x^\top A x) = 2 A", "refuted"),
        (r"\nabla_x (x^\top A x) = (A + A^\top) x", "proved"),
        (r"\nabla_x (x^\top A x) = 2 A x", "refuted"),
        (r"\frac{\partial u_i}{\partial x_j} = 2 x_i \delta_{ij}", "proved"),
        (r"\frac{\partial u_i}{\partial x_j} = 2 x_i", "refuted"),
        (r"\left[\frac{\partial u}{\partial x}\right]_{ij} = 2 x_j \delta_{ij}", "proved"),
        (r"\frac{\partial u}{\partial x} = 2 \operatorname{diag}(x)", "proved"),
        (r"\frac{\partial u}{\partial x} = 2 x", "ill-typed"),
        (r"\frac{\partial (A x)_i}{\partial x_k} = A_{ik}", "proved"),
        (r"\frac{\partial (A x)_i}{\partial x_k} = A_{ki}", "refuted"),
        (r"\frac{\partial}{\partial A_{ij}} \operatorname{tr}(A) = \delta_{ij}", "proved"),
        (r"\frac{\partial}{\partial A} \operatorname{tr}(A) = I", "proved"),
        (r"\frac{\partial}{\partial A} \operatorname{tr}(A) = A", "refuted"),
        (r"\frac{\partial a}{\partial q} = 0", "unread"),
        (r"\frac{\partial s}{\partial u_j} = 1", "proved"),
        (r"\frac{\partial s}{\partial u_j} = 0", "refuted"),
        (r"\frac{\partial |a|}{\partial a} = \operatorname{sign}(a)", "proved"),
        (r"\left. \frac{\partial s}{\partial x_j} \right|_{x=0} = 0", "unread"),
        (r"\frac{\partial s}{\partial x_j} \Big|_{x = 0} = 0", "unread"),
        (r"s|_{x=0} = 0", "unread"),
        (r"\partial a = 1", "unread"),
    ],
)
def test_spellings(formula: str, expected: str) -> None:
    assert display(GRAPH, formula) == expected


@pytest.mark.parametrize(
    ("formula", "verdict", "reading"),
    [
        (r"\frac{\partial m}{\partial x_j} = 2 x_j + 1", "proved", ""),
        (r"\frac{\partial m}{\partial x_j} = 1", "proved", "derivatives are direct"),
        (r"\frac{\partial m}{\partial x_j} = 2 x_j", "refuted", ""),
        (r"\frac{\partial m}{\partial s} = 1", "proved", ""),
        (r"\frac{\partial m}{\partial x_j} + \frac{\partial m}{\partial x_k} = 2 x_j + 2",
         "refuted", ""),
        (r"\frac{\partial m}{\partial x_j} - \frac{\partial m}{\partial x_j} = 2 x_j", "refuted",
         ""),
    ],
)  # fmt: skip
def test_total_and_direct(formula: str, verdict: str, reading: str) -> None:
    found = last(f"{GRAPH}\n\n$$\n{formula}\n$$\n")
    assert found.verdict == verdict
    assert found.reading.startswith(reading) and bool(found.reading) == bool(reading)


@pytest.mark.parametrize(
    ("option", "formula", "expected"),
    [
        ("total", r"\frac{\partial m}{\partial x_j} = 2 x_j + 1", "proved"),
        ("total", r"\frac{\partial m}{\partial x_j} = 1", "refuted"),
        ("direct", r"\frac{\partial m}{\partial x_j} = 1", "proved"),
        ("direct", r"\frac{\partial m}{\partial x_j} = 2 x_j + 1", "refuted"),
        ("either", r"\frac{\partial m}{\partial x_j} = 2 x_j", "refuted"),
    ],
)
def test_the_option_partials(option: str, formula: str, expected: str) -> None:
    text = f"---\nderive:\n  partials: {option}\n---\n{GRAPH}\n\n$$\n{formula}\n$$\n"
    assert last(text).verdict == expected


OBJECTIVE = (
    r"Let $x \in \mathbb{R}^N$ and $w \in \mathbb{R}$, let $y_i = w x_i$, and let "
    r"$L : \mathbb{R}^N \to \mathbb{R}$ be the loss."
)


@pytest.mark.parametrize(
    ("setup", "formula", "expected"),
    [
        (OBJECTIVE, r"\frac{\partial L}{\partial x_j} = w \frac{\partial L}{\partial y_j}",
         "proved"),
        (OBJECTIVE, r"\frac{\partial L}{\partial x_j} = \frac{\partial L}{\partial y_j}",
         "refuted"),
        (OBJECTIVE, r"\frac{\partial L}{\partial w} = \sum_i x_i \frac{\partial L}{\partial y_i}",
         "proved"),
        (OBJECTIVE, r"\frac{\partial L}{\partial w} = \sum_i \frac{\partial L}{\partial y_i}",
         "refuted"),
        (OBJECTIVE, r"dx_j = w dy_j", "proved"),
        (OBJECTIVE, r"dx_j = dy_j", "refuted"),
        (OBJECTIVE, r"dw = \sum_i x_i dy_i", "proved"),
        (OBJECTIVE, r"\nabla_x L = w \nabla_y L", "proved"),
        (OBJECTIVE, r"\mathrm{d}L = w \mathrm{d}x", "unread"),
        (r"Let $x, w \in \mathbb{R}$, $y = w x$ and $L = \ell(y)$.",
         r"\frac{\partial L}{\partial w} = x \frac{\partial L}{\partial y}", "proved"),
        (r"Let $x, w \in \mathbb{R}$, $y = w x$ and $L = \ell(y)$.",
         r"\frac{\partial L}{\partial w} = x \ell'(y)", "unread"),
        (r"Let $x, w \in \mathbb{R}$, $y = w x$ and $L = \ell(y)$.",
         r"\frac{\partial \ell(y)}{\partial w} = x \frac{\partial L}{\partial y}", "proved"),
        (r"Let $x \in \mathbb{R}$ and $y = f(x)$.", r"\frac{\partial y}{\partial x} = f'(x)",
         "proved"),
        (r"Let $x \in \mathbb{R}$ and $y = f(2 x)$.", r"\frac{\partial y}{\partial x} = f'(2 x)",
         "refuted"),
        (r"Let $x \in \mathbb{R}$ and $y = f(2 x)$.", r"\frac{\partial y}{\partial x} = 2 f'(2 x)",
         "proved"),
        (r"Let $x \in \mathbb{R}$ and $f(t) = t^3$.", r"f'(x) = 3 x^2", "proved"),
        (r"Let $x \in \mathbb{R}$ and $f(t) = t^3$.", r"f'(x) = x^2", "refuted"),
        (r"Let $x \in \mathbb{R}$ and $f(t) = t^3$.", r"f''(x) = 6 x", "proved"),
        (r"Let $x \in \mathbb{R}$ and $f(t) = t^3 + x$.", r"f'(x) = 3 x^2", "unread"),
        (r"Let $x \in \mathbb{R}$ and $f(t) = t^3$.", r"f'(2 x) = 12 x^2", "unread"),
        (r"Let $x \in \mathbb{R}^N$ and $f(t) = t^3$.", r"f'(x_i) = 3 x_i^2", "proved"),
        (r"Let $x \in \mathbb{R}^N$ and $f(x) = \sum_i x_i^2$.", r"\nabla f(x) = 2 x", "proved"),
        (r"Let $x \in \mathbb{R}^N$ and $f(x) = \sum_i x_i^2$.", r"\nabla f(x) = x", "refuted"),
        (r"Let $x \in \mathbb{R}^N$ and $f(x) = \sum_i x_i^2$.", r"\nabla^2 f(x) = 2 I", "proved"),
        (r"Let $x \in \mathbb{R}^N$ and $f(x) = \sum_i x_i^2$.",
         r"\frac{\partial f}{\partial x_j} = 2 x_j", "proved"),
        (r"Let $x \in \mathbb{R}^N$ and $f(x) = \sum_i x_i^2$.",
         r"\frac{\partial f}{\partial x_j} = 2", "refuted"),
        (r"Let $x \in \mathbb{R}^N$ and $f(t) = \sum_i t_i^2$.",
         r"\frac{\partial f}{\partial x_j} = 2 x_j", "unread"),
        (r"Let $x \in \mathbb{R}$, $f(x) = x^2$ and $g = f + 1$.", r"2 g = g + g", "unread"),
    ],
)  # fmt: skip
def test_objectives_and_functions(setup: str, formula: str, expected: str) -> None:
    assert display(setup, formula) == expected


SCALED = r"Let $x \in \mathbb{R}^N$ and $\beta \in \mathbb{R}$."


@pytest.mark.parametrize(
    ("definitions", "formula", "expected"),
    [
        (r"$u = \beta x$, $f = \sum_i u_i^2$", r"\frac{\partial f}{\partial (\beta x)} = 2 u",
         "proved"),
        (r"$u = \beta x$, $f = \sum_i u_i^2$", r"\frac{\partial f}{\partial (\beta x)} = u",
         "refuted"),
        (r"$u_i = \beta x_i$, $f = \sum_i u_i^2$",
         r"\frac{\partial f}{\partial (\beta x_i)} = 2 \beta x_i", "proved"),
        (r"$f = \sum_i u_i^2$, $u_i = \beta x_i$",
         r"\frac{\partial f}{\partial (\beta x_i)} = 2 x_i", "refuted"),
        (r"$u = \beta x$, $f = \sum_i (\beta x_i)^2$", r"\frac{\partial f}{\partial (\beta x)} = 0",
         "unread"),
        (r"$u = \beta x$, $f = \sum_i u_i^2 + \beta$",
         r"\frac{\partial f}{\partial (\beta x)} = 2 u", "unread"),
        (r"$u = \beta x$, $v = \beta x$, $f = \sum_i u_i^2$",
         r"\frac{\partial f}{\partial (\beta x)} = 2 u", "unread"),
        (r"$f = \sum_i x_i^2$", r"\frac{\partial f}{\partial (\beta x)} = 0", "unread"),
        (r"$u = \beta x$, $f = \sum_i u_i^2$", r"\frac{\partial f}{\partial (x \beta)} = 2 u",
         "unread"),
    ],
)  # fmt: skip
def test_derivative_by_an_expression(definitions: str, formula: str, expected: str) -> None:
    assert display(f"{SCALED} Let {definitions}.", formula) == expected


@pytest.mark.parametrize(
    ("formula", "verdict"),
    [
        (r"\frac{\partial L}{\partial z_i} = 1 + p_i", "proved"),
        (r"\frac{\partial L}{\partial z_i} = 1", "refuted"),
        (r"\frac{\partial L}{\partial p_i} = 1", "proved"),
    ],
)
def test_the_derivative_of_a_defined_loss_is_total(formula: str, verdict: str) -> None:
    text = (
        r"Let $z \in \mathbb{R}^N$, $p_i = e^{z_i}$ and $L = \sum_i p_i + \sum_i z_i$. "
        f"$${formula}$$"
    )
    assert last(text).verdict == verdict
