"""Functions without a definition, largest entries, second derivatives and assumed sums."""

from __future__ import annotations

import pytest
from judging import judged

ARRAY = r"$x \in \mathbb{R}^N$, $A \in \mathbb{R}^{N \times M}$, $m = \max(x)$. "
FUNCTION = r"$r \in \mathbb{R}$, $h : \mathbb{R} \to \mathbb{R}$, $y = h(r^2)$. "
POLAR = (
    r"$r, \theta \in \mathbb{R}$, $u : \mathbb{R}^2 \to \mathbb{R}$, $x = r \cos\theta$, "
    r"$y = r \sin\theta$, $w = u(x, y)$. "
)
TWICE = (
    r"$x \in \mathbb{R}^N$, $q = \sum_{i=1}^N x_i^2$, $a \in \mathbb{R}$, $p = a^3$, $s = p^2$. "
)
ASSUMED = r"$t, x \in \mathbb{R}^N$. Assume $\sum_i t_i = 1$. "
SYMMETRIC = (
    r"$A, B \in \mathbb{R}^{N \times N}$, $x, z \in \mathbb{R}^N$, $A = A^\top$, "
    r"$q = x^\top A x$. "
)
PATH = r"\frac{\partial u}{\partial x} \cos\theta"

TABLE = (
    (
        ARRAY,
        r"\frac{\exp(x_i - m)}{\sum_j \exp(x_j - m)} = \frac{\exp(x_i)}{\sum_j \exp(x_j)}",
        True,
    ),
    (ARRAY, r"\sum_{i=1}^N m = N \max(x)", True),
    (ARRAY, r"\max(2 x) = 2 m", False),
    (ARRAY, r"\max(x) = \min(x)", False),
    (ARRAY, r"\frac{\partial m}{\partial x_i} = 0", False),
    (ARRAY, r"\frac{\partial m}{\partial x_i} = 1", False),
    (ARRAY, r"\frac{\partial m}{\partial A_{ij}} = 0", True),
    (ARRAY, r"\max(A) = \max(x)", False),
    (FUNCTION, r"\frac{d y}{d r} = 2 r h'(r^2)", True),
    (FUNCTION, r"\frac{d y}{d r} = r h'(r^2)", False),
    (FUNCTION, r"\frac{d y}{d r} = 2 r h(r^2)", False),
    (FUNCTION, r"h(r) + h(r + 0) = 2 h(r)", True),
    (FUNCTION, r"h(2 r) = 2 h(r)", False),
    (POLAR, rf"\frac{{\partial w}}{{\partial r}} = {PATH} + "
     r"\frac{\partial u}{\partial y} \sin\theta", True),
    (POLAR, rf"\frac{{\partial w}}{{\partial r}} = {PATH} - "
     r"\frac{\partial u}{\partial y} \sin\theta", False),
    (TWICE, r"\frac{\partial}{\partial x_j} \frac{\partial q}{\partial x_i} = 2 \delta_{ij}", True),
    (TWICE, r"\frac{\partial}{\partial x_j} \frac{\partial q}{\partial x_i} = \delta_{ij}", False),
    (TWICE, r"\frac{\partial^2 q}{\partial x_i \partial x_j} = 2 \delta_{ij}", True),
    (TWICE, r"\frac{d^2 s}{d a^2} = 30 a^4", True),
    (TWICE, r"\frac{d^2 s}{d a^2} = 20 a^4", False),
    (ASSUMED, r"\sum_i t_i x_j = x_j", True),
    (ASSUMED, r"\sum_i \sum_j t_i t_j x_j = \sum_j x_j t_j", True),
    (ASSUMED, r"\frac{\partial}{\partial t_j} \sum_i t_i = 1", True),
    (ASSUMED, r"\frac{\partial}{\partial t_j} \sum_i t_i = 0", False),
    (ASSUMED, r"\sum_i t_i x_j = 2 x_j", False),
    (ASSUMED, r"\sum_i t_i^2 = 1", False),
    (SYMMETRIC, r"A_{ij} = A_{ji}", True),
    (SYMMETRIC, r"B_{ij} = B_{ji}", False),
    (SYMMETRIC, r"\frac{\partial q}{\partial x} = 2 A x", True),
    (SYMMETRIC, r"\frac{\partial q}{\partial x} = A x", False),
    (SYMMETRIC, r"x^\top A z = z^\top A x", True),
    (SYMMETRIC, r"x^\top B z = z^\top B x", False),
    (SYMMETRIC, r"\frac{\partial q}{\partial A_{ij}} = x_i x_j", True),
    (SYMMETRIC, r"\frac{\partial q}{\partial A_{ij}} = 2 x_i x_j", False),
    (SYMMETRIC, r"\frac{\partial A_{kl}}{\partial A_{ij}} = \delta_{ki} \delta_{lj}", True),
    (SYMMETRIC, r"\frac{\partial A_{kl}}{\partial A_{ij}} = \delta_{kj} \delta_{li}", False),
)  # fmt: skip


@pytest.mark.parametrize(("declared", "claim", "holds"), TABLE)
def test_exactly_what_holds_is_proved(declared: str, claim: str, holds: bool) -> None:
    ((_, judgement),) = judged(f"{declared} $${claim}$$").judged
    assert (judgement.verdict == "proved") == holds
    assert judgement.verdict in ("proved", "refuted", "undecided")
