"""Products over an index, powers to a size, and sums over a part of an axis."""

from __future__ import annotations

import pytest
from judging import judged

DECLARED = (
    r"$x, y, t \in \mathbb{R}^N$, $p \in \mathbb{R}^N$, $p > 0$, $a, c \in \mathbb{R}$, $c > 0$, "
    r"$A \in \mathbb{R}^{N \times M}$, $S \in \mathbb{R}^{N \times N}$, $z \in \mathbb{R}^3$. "
)

PROVED = (
    r"\prod_{i=1}^N x_i y_i = \left(\prod_i x_i\right) \left(\prod_i y_i\right)",
    r"\prod_{i=1}^N \frac{x_i}{y_i} = \frac{\prod_i x_i}{\prod_i y_i}",
    r"\prod_{i=1}^N a x_i = a^N \prod_i x_i",
    r"\prod_{i=1}^N c x_i = c^N \prod_i x_i",
    r"\prod_{i=1}^N x_i^2 = \left(\prod_{i=1}^N x_i\right)^2",
    r"\prod_i \sqrt{p_i} = \sqrt{\prod_i p_i}",
    r"\prod_i \prod_j A_{ij} = \prod_j \prod_i A_{ij}",
    r"\prod_i (1 - x_i^2) = \left(\prod_i (1 - x_i)\right) \left(\prod_i (1 + x_i)\right)",
    r"\prod_{i=1}^N e^{x_i} = e^{\sum_i x_i}",
    r"\log \prod_{i=1}^N p_i = \sum_i \log p_i",
    r"\log \prod_{i=1}^N p_i^{t_i} = \sum_i t_i \log p_i",
    r"\frac{\partial}{\partial x_j} \prod_{i=1}^N x_i = \prod_{i \neq j} x_i",
    r"\frac{\partial}{\partial x_j} \prod_{i=1}^N (a + x_i^2) = 2 x_j \prod_{i \neq j} (a + x_i^2)",
    r"\frac{\partial}{\partial a} \prod_{i=1}^N (a + x_i) = \sum_k \prod_{i \neq k} (a + x_i)",
    r"\frac{\partial}{\partial p_j} \log \prod_{i=1}^N p_i = \frac{1}{p_j}",
    r"\prod_{i=1}^3 z_i = z_1 z_2 z_3",
    r"\prod_{i=1}^N 2 = 2^N",
    r"\det(\operatorname{diag}(x)) = \prod_i x_i",
    r"\det(-S) = (-1)^N \det S",
    r"(-1)^N (-1)^N = 1",
    r"(-1)^{N+1} = -(-1)^N",
    r"a^N a = a^{N+1}",
    r"a^N a^N = a^{2N}",
    r"\frac{\partial a^N}{\partial a} = N a^{N-1}",
    r"0^N = 0",
    r"\sum_{i=1}^{N-1} x_i + x_N = \sum_{i=1}^N x_i",
    r"\sum_{i=2}^N x_{i-1} = \sum_{i=1}^{N-1} x_i",
    r"\sum_{i=1}^{N-1} (x_{i+1} - x_i) = x_N - x_1",
    r"\sum_{i=2}^N a = (N - 1) a",
    r"\sum_{i=1}^{N-1} x_i x_{i+1} = \sum_{i=2}^N x_{i-1} x_i",
    r"\frac{\partial}{\partial x_j} \sum_{i=1}^{N-1} x_i = 1 - \delta_{jN}",
    r"\sum_{i=1}^3 z_i = z_1 + z_2 + z_3",
)

REFUTED = (
    r"\prod_{i=1}^N c x_i = c \prod_i x_i",
    r"\prod_{i=1}^N (x_i + y_i) = \prod_i x_i + \prod_i y_i",
    r"\log \prod_{i=1}^N p_i = \prod_i \log p_i",
    r"\log \prod_{i=1}^N p_i^{t_i} = \sum_i t_i p_i",
    r"\prod_{i=1}^N e^{x_i} = e^{x_1}",
    r"\frac{\partial}{\partial x_j} \prod_{i=1}^N x_i = \prod_i x_i",
    r"\frac{\partial}{\partial x_j} \prod_{i=1}^N x_i = N \prod_{i \neq j} x_i",
    r"\prod_{i=1}^N 2 = 2 N",
    r"\prod_{i=1}^{N-1} 0 = 0",
    r"\prod_{i=3}^N a = a^{N-2}",
    r"\det(-S) = -\det S",
    r"(-1)^N = 1",
    r"(-1)^N = -1",
    r"a^N = a",
    r"\frac{\partial a^N}{\partial a} = N a^N",
    r"\sum_{i=3}^N 1 = N - 2",
    r"\sum_{i=2}^{N-1} a = (N - 2) a",
    r"\sum_{i=1}^{N-1} x_i = \sum_{i=1}^N x_i",
    r"\sum_{i=1}^{N-1} x_{i+1} = \sum_{i=1}^N x_i",
    r"\sum_{i=1}^{N-1} (x_{i+1} - x_i) = x_N",
    r"\frac{\partial}{\partial x_j} \sum_{i=1}^{N-1} x_i = 1",
)


@pytest.mark.parametrize("claim", PROVED)
def test_true_identities_are_proved(claim: str) -> None:
    ((_, judgement),) = judged(f"{DECLARED}$${claim}$$").judged
    assert judgement.verdict == "proved"


@pytest.mark.parametrize("claim", REFUTED)
def test_false_identities_are_refuted(claim: str) -> None:
    ((_, judgement),) = judged(f"{DECLARED}$${claim}$$").judged
    assert judgement.verdict == "refuted"


def test_a_factor_that_is_left_out_is_not_zero() -> None:
    claim = r"\frac{\partial}{\partial x_j} \prod_{i=1}^N x_i = \prod_{i \neq j} x_i"
    ((_, judgement),) = judged(f"{DECLARED}$${claim}$$").judged
    assert judgement.side_conditions == ("xᵢ ≠ 0",)


@pytest.mark.parametrize(
    ("claim", "verdict"),
    (
        (r"\prod_i x_i y_i = \prod_i x_i \prod_k y_k", "proved"),
        (r"\prod_i x_i y_i = \prod_i x_i \prod_i y_i", "proved"),
        (r"\prod_i x_i \sum_k y_k = \left(\prod_i x_i\right) \left(\sum_k y_k\right)", "proved"),
        (r"\prod_i x_i \sum_k y_k = \prod_i \left(x_i \sum_k y_k\right)", "refuted"),
        (r"\prod_i a \sum_k A_{ik} = a^N \prod_i \sum_k A_{ik}", "proved"),
        (
            r"\prod_i x_i \prod_{k \neq i} y_k = \prod_i \left(x_i \prod_{k \neq i} y_k\right)",
            "proved",
        ),
    ),
)
def test_where_a_product_ends_before_another_sign(claim: str, verdict: str) -> None:
    ((_, judgement),) = judged(f"{DECLARED}$${claim}$$").judged
    assert judgement.verdict == verdict
