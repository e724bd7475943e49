"""Sums of exponentials are scaled by their largest where that cancels, and only there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from closed_forms import forms_of

from derive.kernel.entries import Reduce
from derive.kernel.front import load_kernel
from derive.kernel.plan import Plan, plan_of
from derive.kernel.to_numpy import emit_numpy

HEAD = r"""
Let $X, W \in \mathbb{R}^{N \times K}$ and $y \in \mathbb{R}^N$, with a loss
$f : \mathbb{R}^{N} \to \mathbb{R}$ of $y$.
"""
WRITTEN = {
    "softmax in one piece": (
        r"$$y_i = \log \sum_{k=1}^{K} e^{x_{ik}}$$"
        r"$$\frac{\partial f}{\partial x_{ij}} = \frac{\partial f}{\partial y_i}"
        r" \frac{e^{x_{ij}}}{\sum_{k=1}^{K} e^{x_{ik}}}$$"
    ),
    "softmax by the logarithm": (
        r"$$y_i = \log \sum_{k=1}^{K} e^{x_{ik}}$$"
        r"$$\frac{\partial f}{\partial x_{ij}} = \frac{\partial f}{\partial y_i}"
        r" e^{x_{ij} - y_i}$$"
    ),
    "weighted mean": (
        r"$$s_i = \sum_{k=1}^{K} e^{x_{ik}}, \qquad t_i = \sum_{k=1}^{K} w_{ik} e^{x_{ik}},"
        r" \qquad y_i = \frac{t_i}{s_i}$$ with $s, t \in \mathbb{R}^N$."
        r"$$\frac{\partial f}{\partial x_{ij}} = \frac{\partial f}{\partial y_i} e^{x_{ij}}"
        r" \left(\frac{w_{ij}}{s_i} - \frac{t_i}{s_i^2}\right)$$"
    ),
}
PLAIN = {
    "a sum that is wanted itself": (
        r"$$y_i = \sum_{k=1}^{K} e^{x_{ik}}$$"
        r"$$\frac{\partial f}{\partial x_{ij}} = \frac{\partial f}{\partial y_i} e^{x_{ij}}$$"
    ),
    "a sum that is squared": (
        r"$$s_i = \sum_{k=1}^{K} e^{x_{ik}}, \qquad y_i = s_i^2$$ with $s \in \mathbb{R}^N$."
        r"$$\frac{\partial f}{\partial x_{ij}} = 2 \frac{\partial f}{\partial y_i} s_i e^{x_{ij}}$$"
    ),
    "a sum beside another term": (
        r"$$s_i = \sum_{k=1}^{K} e^{x_{ik}}, \qquad y_i = \log(1 + s_i)$$"
        r" with $s \in \mathbb{R}^N$."
        r"$$\frac{\partial f}{\partial x_{ij}} = \frac{\partial f}{\partial y_i}"
        r" \frac{e^{x_{ij}}}{1 + s_i}$$"
    ),
}


def planned(text: str) -> Plan:
    return plan_of(forms_of(HEAD + text))


def peaks(plan: Plan) -> int:
    return sum(isinstance(s.body, Reduce) and s.body.kind == "max" for s in plan.steps)


def computed(plan: Plan, x: Any, w: Any, dy: Any) -> Any:
    values = {"X": x, "W": w, "y": dy}
    kernel = load_kernel(emit_numpy(plan, "kernel"), "kernel")
    return kernel(*(values[p.symbol.key] for p in plan.parameters))[0]


def drawn() -> tuple[Any, Any, Any]:
    random = np.random.default_rng(3)
    return random.standard_normal((5, 7)), random.standard_normal((5, 7)), np.arange(1.0, 6.0)


@pytest.mark.parametrize("name", WRITTEN)
def test_a_shift_of_the_exponents_changes_nothing(name: str) -> None:
    plan = planned(WRITTEN[name])
    x, w, dy = drawn()
    assert peaks(plan) == 1
    here = computed(plan, x, w, dy)
    p = np.exp(x) / np.exp(x).sum(axis=1, keepdims=True)
    mean = (p * w).sum(axis=1, keepdims=True)
    expected = dy[:, None] * p * (w - mean if name == "weighted mean" else 1)
    np.testing.assert_allclose(here, expected, rtol=1e-13, atol=1e-15)
    for offset in (-2000.0, 2000.0):
        np.testing.assert_allclose(computed(plan, x + offset, w, dy), here, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", PLAIN)
def test_where_it_does_not_cancel_the_sum_is_as_written(name: str) -> None:
    plan = planned(PLAIN[name])
    x, w, dy = drawn()
    assert peaks(plan) == 0
    s = np.exp(x).sum(axis=1, keepdims=True)
    factor = {"a sum that is squared": 2 * s, "a sum beside another term": 1 / (1 + s)}
    expected = dy[:, None] * np.exp(x) * factor.get(name, 1)
    np.testing.assert_allclose(computed(plan, x, w, dy), expected, rtol=1e-13)


def test_a_logarithm_of_a_share_is_a_difference() -> None:
    text = (
        r"$$p_{ij} = \frac{e^{x_{ij}}}{\sum_{k=1}^{K} e^{x_{ik}}}, \qquad"
        r" y_i = \sum_{k=1}^{K} w_{ik} \log p_{ik}$$ with $P \in \mathbb{R}^{N \times K}$."
        r"$$\frac{\partial f}{\partial w_{ij}} = \frac{\partial f}{\partial y_i} \log p_{ij}$$"
    )
    x, w, dy = drawn()
    x[:, 0] -= 2000  # its share is below the smallest number
    found = computed(planned(text), x, w, dy)
    top = x - x.max(axis=1, keepdims=True)
    expected = dy[:, None] * (top - np.log(np.exp(top).sum(axis=1, keepdims=True)))
    np.testing.assert_allclose(found, expected, rtol=1e-12)
