"""Matrix calculus for symbolic sizes: products, traces, inverses and determinants."""

from __future__ import annotations

import pytest
from judging import judged

DECLARED = (
    r"$A \in \mathbb{R}^{M \times N}$, $B \in \mathbb{R}^{P \times M}$, "
    r"$X \in \mathbb{R}^{N \times P}$, $S, T \in \mathbb{R}^{N \times N}$, "
    r"$b, x, y, u, v \in \mathbb{R}^N$, $c \in \mathbb{R}$, $\lambda \in \mathbb{R}$, "
    r"$\lambda > 0$, $Z, V, W \in \mathbb{R}^{N \times D}$. "
)

PROVED = (
    r"\frac{\partial}{\partial X} \operatorname{tr}(A X B) = A^\top B^\top",
    r"\nabla_x x^\top S x = (S + S^\top) x",
    r"\frac{\partial}{\partial S} \log\det S = S^{-\top}",
    r"\frac{\partial (S^{-1})_{ij}}{\partial S_{kl}} = -(S^{-1})_{ik} (S^{-1})_{lj}",
    r"S S^{-1} = I",
    r"S^{-1} S T = T",
    r"S^{-\top} S^\top = I",
    r"(ST)^{-1} = T^{-1} S^{-1}",
    r"(S^\top)^{-1} = (S^{-1})^\top",
    r"(2S)^{-1} = \frac12 S^{-1}",
    r"(S^{-1})^{-1} = S",
    r"I^{-1} = I",
    r"(\operatorname{diag}(b))^{-1} b = \mathbf{1}",
    r"\det(ST) = \det S \det T",
    r"\det(S^\top) = \det S",
    r"\det(S^{-1}) = \frac{1}{\det S}",
    r"\det(2S) = 2^N \det S",
    r"\log\det(\lambda S) = N \log \lambda + \log\det S",
    r"\operatorname{tr}(S^{-1} T S) = \operatorname{tr}(T)",
    r"\operatorname{tr}(S S^{-1}) = N",
    r"\sum_{k=1}^N S_{1k} (S^{-1})_{k1} = 1",
    r"\frac{\partial}{\partial S} \operatorname{tr}(S^{-1}) = -S^{-\top} S^{-\top}",
    r"\frac{\partial}{\partial S} x^\top S^{-1} y = -S^{-\top} x y^\top S^{-\top}",
    r"\frac{\partial \det S}{\partial S} = \det(S) S^{-\top}",
    r"\frac{\partial}{\partial c} \log\det(S + c T) = \operatorname{tr}((S + cT)^{-1} T)",
    r"\frac{\partial}{\partial c} (S + c T)^{-1} = -(S + cT)^{-1} T (S + cT)^{-1}",
    r"\frac{\partial^2}{\partial c^2} \log\det(S + c T) = "
    r"-\operatorname{tr}((S + cT)^{-1} T (S + cT)^{-1} T)",
    r"\frac{\partial}{\partial Z} \log\det(Z^\top Z) = 2 Z (Z^\top Z)^{-1}",
    r"(S + T)^{-1} S + (S + T)^{-1} T = I",
    r"S^{-1} - T^{-1} = S^{-1} (T - S) T^{-1}",
    r"(Z^\top Z + \lambda I)^{-1} Z^\top Z = I - \lambda (Z^\top Z + \lambda I)^{-1}",
    r"(Z^\top Z + \lambda I)^{-1} Z^\top y = Z^\top (Z Z^\top + \lambda I)^{-1} y",
    r"(S + u v^\top)^{-1} = S^{-1} - \frac{S^{-1} u v^\top S^{-1}}{1 + v^\top S^{-1} u}",
    r"(S + u v^\top)^{-1} u = \frac{S^{-1} u}{1 + v^\top S^{-1} u}",
    r"(S + V W^\top)^{-1} = S^{-1} - S^{-1} V (I + W^\top S^{-1} V)^{-1} W^\top S^{-1}",
)

REFUTED = (
    r"\nabla_x x^\top S x = 2 S x",
    r"\frac{\partial}{\partial S} \log\det S = S^{-1}",
    r"\frac{\partial (S^{-1})_{ij}}{\partial S_{kl}} = (S^{-1})_{ik} (S^{-1})_{lj}",
    r"\frac{\partial (S^{-1})_{ij}}{\partial S_{kl}} = -(S^{-1})_{il} (S^{-1})_{kj}",
    r"\frac{\partial (S^{-1})_{ij}}{\partial S_{kl}} = -(S^{-1})_{ik} (S^{-1})_{jl}",
    r"S^\top S^{-1} = I",
    r"S^{-1} T S = T",
    r"(ST)^{-1} = S^{-1} T^{-1}",
    r"S^{-1} = S^{-\top}",
    r"S^{-1} T^{-1} = T^{-1} S^{-1}",
    r"(S + T)^{-1} = S^{-1} + T^{-1}",
    r"\det(S + T) = \det S + \det T",
    r"(S^{-1})_{ij} = \frac{1}{S_{ij}}",
    r"(S^2)_{ij} = S_{ij}^2",
    r"\det(2S) = 2 \det S",
    r"\det(-S) = -\det S",
    r"\sum_{k=1}^N S_{ik} (S^{-1})_{jk} = \delta_{ij}",
    r"\sum_{k=1}^N S_{ik} (S^{-1})_{kj} = 1",
    r"\frac{\partial}{\partial S} \operatorname{tr}(S^{-1}) = -S^{-1} S^{-1}",
    r"\frac{\partial}{\partial S} x^\top S^{-1} y = -S^{-1} x y^\top S^{-1}",
    r"\frac{\partial \det S}{\partial S} = S^{-\top}",
    r"\frac{\partial}{\partial c} \log\det(S + c T) = \operatorname{tr}((S + cT)^{-1})",
    r"\frac{\partial}{\partial c} (S + c T)^{-1} = -T (S + cT)^{-1} (S + cT)^{-1}",
    r"\frac{\partial}{\partial Z} \log\det(Z^\top Z) = Z (Z^\top Z)^{-1}",
    r"S^{-1} + T^{-1} = S^{-1} (T - S) T^{-1}",
    r"(Z^\top Z + \lambda I)^{-1} Z^\top Z = I",
    r"(S + u v^\top)^{-1} = S^{-1} + \frac{S^{-1} u v^\top S^{-1}}{1 + v^\top S^{-1} u}",
    r"(S + u v^\top)^{-1} = S^{-1} - \frac{S^{-1} u v^\top S^{-1}}{1 + u^\top S^{-1} v}",
    r"(S + V W^\top)^{-1} = S^{-1} - S^{-1} V (I + V^\top S^{-1} W)^{-1} W^\top S^{-1}",
)


@pytest.mark.parametrize("claim", PROVED)
def test_true_identities_are_proved(claim: str) -> None:
    ((_, judgement),) = judged(f"{DECLARED}$${claim}$$").judged
    assert judgement.verdict == "proved"


@pytest.mark.parametrize("claim", REFUTED)
def test_false_identities_are_refuted(claim: str) -> None:
    ((_, judgement),) = judged(f"{DECLARED}$${claim}$$").judged
    assert judgement.verdict == "refuted"


def test_the_inverse_of_a_symmetric_matrix_is_symmetric() -> None:
    text = r"Let $A \in \mathbb{R}^{N \times N}$ with $A = A^\top$. $$A^{-1} = (A^{-1})^\top$$"
    ((_, judgement),) = judged(text).judged
    assert judgement.verdict == "proved"


def test_an_inverse_needs_a_determinant() -> None:
    ((_, judgement),) = judged(f"{DECLARED}$$S S^{{-1}} = I$$").judged
    assert judgement.side_conditions == ("det(S) ≠ 0",)


def test_a_sum_over_a_part_of_the_rows_cancels_nothing() -> None:
    text = rf"{DECLARED}$$\sum_{{k=1}}^{{N-1}} S_{{ik}} (S^{{-1}})_{{kj}} = \delta_{{ij}}$$"
    ((_, judgement),) = judged(text).judged
    assert judgement.verdict == "refuted"


def test_an_inverse_may_depend_on_an_index() -> None:
    declared = r"$A \in \mathbb{R}^{M \times N \times N}$, $b \in \mathbb{R}^{M \times N}$. "
    right = r"$$\sum_{k=1}^N \sum_{l=1}^N (A_m^{-1})_{ik} A_{mkl} b_{ml} = b_{mi}$$"
    wrong = r"$$\sum_{k=1}^N \sum_{l=1}^N (A_m^{-1})_{ik} A_{nkl} b_{ml} = b_{mi}$$"
    assert [j.verdict for _, j in judged(declared + right).judged] == ["proved"]
    assert [j.verdict for _, j in judged(declared + wrong).judged] != ["proved"]
