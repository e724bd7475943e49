"""Trigonometric identities and the shifts of gamma and digamma."""

from __future__ import annotations

import pytest
from judging import judged

DECLARED = r"$a, b \in \mathbb{R}$, $x \in \mathbb{R}^N$. "

PROVED = (
    r"\sin^2 a + \cos^2 a = 1",
    r"\sin 2a = 2 \sin a \cos a",
    r"\sin(a + b) = \sin a \cos b + \cos a \sin b",
    r"\cos(a - b) = \cos a \cos b + \sin a \sin b",
    r"\cos(3a) = 4 \cos^3 a - 3 \cos a",
    r"\sin(a + \pi) = -\sin a",
    r"\cos(a + \frac{\pi}{2}) = -\sin a",
    r"\sin \frac{\pi}{2} = 1",
    r"\frac{1 - \cos(2a)}{\sin(2a)} = \tan a",
    r"\frac{\partial}{\partial a} \tan a = 1 + \tan^2 a",
    r"\sum_k \sin^2 x_k + \sum_k \cos^2 x_k = N",
    r"\Gamma(a + 3) = (a + 2) (a + 1) a \Gamma(a)",
    r"\Gamma(4) = 6",
    r"\Gamma(N + 1) = N \Gamma(N)",
    r"\psi(a + 1) = \psi(a) + \frac{1}{a}",
)

NOT_PROVED = (
    r"\sin 2a = 2 \sin a",
    r"\sin^2 a - \cos^2 a = 1",
    r"\sin(a + b) = \sin a \cos b - \cos a \sin b",
    r"\cos(3a) = 4 \cos^3 a + 3 \cos a",
    r"\sin(a + \pi) = \sin a",
    r"\sin(a + 2) = \sin a",
    r"\cos a = \sqrt{1 - \sin^2 a}",
    r"\sqrt{\sin^2 a} = \sin a",
    r"|\sin a| = \sin a",
    r"\sum_k \sin^2 x_k = N \sum_k \cos^2 x_k",
    r"\Gamma(a + 2) = a \Gamma(a)",
    r"\Gamma(4) = 24",
    r"\psi(a + 1) = \psi(a) + a",
)


@pytest.mark.parametrize("claim", PROVED)
def test_true_identities_are_proved(claim: str) -> None:
    ((_, judgement),) = judged(f"{DECLARED}$${claim}$$").judged
    assert judgement.verdict == "proved"


@pytest.mark.parametrize("claim", NOT_PROVED)
def test_false_identities_are_not_proved(claim: str) -> None:
    ((_, judgement),) = judged(f"{DECLARED}$${claim}$$").judged
    assert judgement.verdict in ("refuted", "undecided")
