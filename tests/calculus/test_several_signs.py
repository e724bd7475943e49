"""Steps that decide each other, and deltas that stay under their sum."""

from __future__ import annotations

import pytest
from judging import judged

GIVEN = (
    "Let $x \\in \\mathbb{R}^N$, $u \\in \\mathbb{R}^{N+2}$, $y \\in \\mathbb{R}^3$, "
    "$e \\in \\mathbb{R}$, $s \\in \\mathbb{R}$ and $\\kappa > 0$."
)
EXCESS = "\\max(e - \\kappa, 0)"
SHORT = "\\max(-e - \\kappa, 0)"


def cases(between: str, above: str, below: str) -> str:
    rows = (
        (between, "-\\kappa \\le e \\le \\kappa"),
        (above, "e > \\kappa"),
        (below, "e < -\\kappa"),
    )
    shown = " \\\\ ".join(f"{value} & {where}" for value, where in rows)
    return f"\\begin{{cases}} {shown} \\end{{cases}}"


CLIPPED = cases("e", "\\kappa", "-\\kappa")
BOTH_UP = cases("e", "\\kappa", "\\kappa")

PROVED = [
    f"{EXCESS} {SHORT} = 0",
    f"e - {EXCESS} + {SHORT} = {CLIPPED}",
    f"{EXCESS} \\max(e, 0) = {EXCESS} e",
    "\\sum_{k=1}^{N} x_k \\delta_{p,k+2} u_p = \\sum_{k=1}^{N} u_p \\delta_{p,k+2} x_k",
    "\\frac{\\partial}{\\partial u_p} \\sum_{k=1}^{N} x_k u_{k+2} = "
    "\\sum_{k=1}^{N} x_k \\delta_{p,k+2}",
]

NOT_PROVED = [
    "\\max(e - s, 0) \\max(-e - s, 0) = 0",
    f"e - {EXCESS} + {SHORT} = {BOTH_UP}",
    f"{EXCESS} \\max(e, 0) = \\max(e, 0) e",
    "\\max(e - \\kappa, 0) \\max(-e + \\kappa, 0) = e",
    "\\max(e, 0) \\max(\\kappa - e, 0) = 0",
    "\\sum_{k=1}^{N} \\delta_{p,k+2} u_p = u_p",
    "\\frac{\\partial}{\\partial u_p} \\sum_{k=1}^{N} x_k u_{k+2} = "
    "\\sum_{k=1}^{N} x_k \\delta_{p,k+1}",
    "\\frac{\\partial}{\\partial u_p} \\sum_{k=1}^{N} x_k u_{k+2} = \\sum_{k=1}^{N} x_k",
]


def verdict(claim: str) -> str:
    ((_, judgement),) = judged(f"{GIVEN}\n\n$${claim}$$\n").judged
    return judgement.verdict


@pytest.mark.parametrize("claim", PROVED)
def test_true_for_all_signs_and_places(claim: str) -> None:
    assert verdict(claim) == "proved"


@pytest.mark.parametrize("claim", NOT_PROVED)
def test_false_for_some_sign_or_place(claim: str) -> None:
    assert verdict(claim) == "refuted"
