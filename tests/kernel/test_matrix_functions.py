"""Inverses and determinants in kernels: each back end's own, of inputs and of what is computed."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from closed_forms import forms_of
from layers import planned
from require import require_backend

import derive
from derive.errors import UnsupportedError
from derive.kernel.backends import emitter
from derive.kernel.front import load_kernel
from derive.kernel.plan import Plan, plan_of
from derive.kernel.segments import segments
from derive.kernel.to_triton import emit_triton

RIDGE = r"""
Data $A \in \mathbb{R}^{N \times D}$, targets $y \in \mathbb{R}^N$, a number $\lambda > 0$, and
$$G_{ij} = \sum_{n=1}^{N} A_{ni} A_{nj} + \lambda \delta_{ij}, \qquad
w_i = \sum_{j=1}^{D} (G^{-1})_{ij} \sum_{n=1}^{N} A_{nj} y_n$$
for a loss $f : \mathbb{R}^D \to \mathbb{R}$. Then
$$\frac{\partial f}{\partial y_n} = \sum_{i=1}^{D} \sum_{j=1}^{D} A_{nj} (G^{-1})_{ji}
\frac{\partial f}{\partial w_i}$$
"""
TRANSPOSED = r"""
Let $A \in \mathbb{R}^{N \times N}$, $x \in \mathbb{R}^N$ and $y_i = \sum_{k=1}^N (A^{-1})_{ki} x_k$
for a loss $f : \mathbb{R}^N \to \mathbb{R}$. Then
$$\frac{\partial f}{\partial x_k} = \sum_{i=1}^N (A^{-1})_{ki} \frac{\partial f}{\partial y_i}$$
$$\frac{\partial f}{\partial A_{ij}} = -\sum_{k=1}^N \sum_{l=1}^N (A^{-1})_{ki} x_k (A^{-1})_{jl}
\frac{\partial f}{\partial y_l}$$
"""
OF_A_SUM = r"""
Let $A, B \in \mathbb{R}^{N \times N}$, $x \in \mathbb{R}^N$ and $y = (A^\top + 2 B)^{-1} x$ for a
loss $f : \mathbb{R}^N \to \mathbb{R}$. Then
$$\frac{\partial f}{\partial x} = (A + 2 B^\top)^{-1} \frac{\partial f}{\partial y}$$
"""
SCALED = r"""
Let $A \in \mathbb{R}^{D \times D}$, $x \in \mathbb{R}^N$ and $y_i = x_i \det A$ for a loss
$f : \mathbb{R}^N \to \mathbb{R}$. Then
$$\frac{\partial f}{\partial x_i} = \frac{\partial f}{\partial y_i} \det A$$
"""
BACKENDS = ("numpy", "numba", "c")


@cache
def kernel_of(text: str, backend: str) -> Any:
    return load_kernel(emitter(backend)(plan_of(forms_of(text)), "kernel"), "kernel")


def covariance(size: int, dtype: str = "float64") -> Any:
    random = np.random.default_rng(3)
    factor = random.standard_normal((size, size + 3))
    return (factor @ factor.T / size).astype(dtype)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_of_what_is_computed(backend: str, dtype: str) -> None:
    require_backend(backend)
    random = np.random.default_rng(1)
    a = random.standard_normal((40, 7)).astype(dtype)
    dw = random.standard_normal(7).astype(dtype)
    found = kernel_of(RIDGE, backend)(a=a, dw=dw, lam=0.5)
    wide = a.astype(float)
    right = wide @ np.linalg.solve(wide.T @ wide + 0.5 * np.eye(7), dw.astype(float))
    tolerance = 1e-5 if dtype == "float32" else 1e-12
    assert found.dy.dtype == dtype
    assert np.abs(found.dy - right).max() <= tolerance * np.abs(right).max()


@pytest.mark.parametrize("backend", BACKENDS)
def test_rows_are_not_columns(backend: str) -> None:
    """An inverse that is not symmetric, read along both of its axes, in both orders of entries."""
    require_backend(backend)
    random = np.random.default_rng(2)
    a, x, dy = (random.standard_normal(n) for n in ((5, 5), 5, 5))
    inverse = np.linalg.inv(a)
    kernel = kernel_of(TRANSPOSED, backend)
    for given in (a, np.asfortranarray(a), np.repeat(a, 2, axis=1)[:, ::2]):
        found = kernel(**{"a": given, "x": x, "dy": dy})
        assert np.allclose(found.dx, inverse @ dy, rtol=1e-10)
        assert np.allclose(found.da, -np.outer(x @ inverse, inverse @ dy), rtol=1e-9)


@pytest.mark.parametrize("backend", BACKENDS)
def test_of_a_sum_of_transposed_matrices(backend: str) -> None:
    require_backend(backend)
    random = np.random.default_rng(4)
    a, b, dy = (random.standard_normal(n) for n in ((6, 6), (6, 6), 6))
    found = kernel_of(OF_A_SUM, backend)(a=a, b=b, dy=dy)
    assert np.allclose(found.dx, np.linalg.solve(a + 2 * b.T, dy), rtol=1e-9)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_matrix_without_inverse_is_refused(backend: str) -> None:
    require_backend(backend)
    with pytest.raises(ValueError, match="has no inverse"):
        kernel_of(TRANSPOSED, backend)(a=np.ones((3, 3)), x=np.ones(3), dy=np.ones(3))


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_logarithm_of_a_determinant_that_no_float_holds(backend: str) -> None:
    require_backend(backend)
    text = derive.load("gaussian_logdet").export(backend)
    forward = load_kernel(text, "gaussian_logdet_forward")
    for scale in (1e-3, 1e3):
        found = forward(x=np.zeros((2, 400)), s=scale * np.eye(400))
        assert np.isclose(found.j, 400 * np.log(scale))


def test_assumptions_about_determinants_are_tested() -> None:
    kernel = derive.load("gaussian_logdet").kernel()
    given = {"x": np.ones((4, 2)), "dj": 1.0}
    assert np.isfinite(kernel(**given, s=covariance(2)).ds).all()
    with pytest.raises(ValueError, match=r"s: must satisfy \\det S > 0"):
        kernel(**given, s=np.diag([1.0, -1.0]))


def test_an_inverse_is_computed_once() -> None:
    plan = planned("mahalanobis")
    functions = [step.of_matrix[0] for step in plan.steps if step.of_matrix]
    assert functions == ["inverse"]
    assert [segment.kind for segment in segments(plan)][:2] == ["loops", "products"]


def test_a_back_end_without_it_says_so() -> None:
    for plan, function in ((planned("mahalanobis"), "inverse"), (plan_of(forms_of(SCALED)), "det")):
        with pytest.raises(UnsupportedError, match=f"the function {function} cannot be exported"):
            emit_triton(plan, "kernel")


def test_plans_read_the_same_matrix_once() -> None:
    plan: Plan = plan_of(forms_of(TRANSPOSED))
    assert sum(step.of_matrix is not None for step in plan.steps) == 1
