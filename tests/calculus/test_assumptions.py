"""Assumptions about entries and rows: what they prove, and what they must not prove."""

from __future__ import annotations

import pytest
from judging import judged

T = "Let $T \\in \\mathbb{R}^{N \\times K}$, $u, x \\in \\mathbb{R}^N$. "
ROWS = "Assume $\\sum_k T_{ik} = 1$"

PROVED = [
    (f"{T}{ROWS}.", "\\sum_{k} T_{jk} = 1"),
    (f"{T}{ROWS}.", "\\sum_{i,k} T_{ik} = N"),
    (f"{T}{ROWS}.", "\\sum_{i} u_i \\sum_k T_{ik} = \\sum_i u_i"),
    (f"{T}{ROWS}.", "\\frac{\\partial}{\\partial T_{jl}} \\sum_{i,k} T_{ik} u_i = u_j"),
    (f"{T}{ROWS} for $1 \\le i \\le N$.", "\\sum_{k} T_{jk} = 1"),
    (f"{T}Assume $x_i > 0$ for $1 \\le i \\le N$.", "|x_i| = x_i"),
]

NOT_PROVED = [
    (f"{T}{ROWS}.", "\\sum_{i} T_{ik} = 1"),
    (f"{T}{ROWS}.", "\\sum_{i,k} T_{ik} = K"),
    (f"{T}{ROWS}.", "\\sum_{k} T_{ik}^2 = 1"),
    (f"{T}{ROWS}.", "\\frac{\\partial}{\\partial T_{jl}} \\sum_{i,k} T_{ik} u_i = 0"),
    (f"{T}{ROWS} for $i \\neq 1$.", "\\sum_{k} T_{ik} = 1"),
    (f"{T}For $i \\neq 1$ assume $\\sum_k T_{{ik}} = 1$.", "\\sum_{k} T_{ik} = 1"),
    (f"{T}Let $1 \\le J \\le N$. Assume $\\sum_k T_{{Jk}} = 1$.", "\\sum_{k} T_{ik} = 1"),
    (f"{T}Assume $\\sum_k T_{{i+1,k}} = 1$.", "\\sum_{k} T_{ik} = 1"),
    (f"{T}Assume $x_i > 0$ for $i \\neq 1$.", "|x_i| = x_i"),
    (f"{T}Assume $$x_i > 0 \\quad \\text{{for }} i \\neq 1$$", "|x_i| = x_i"),
    (f"{T}Let $1 \\le J \\le N$. Assume $x_i > 0$ for $i \\neq J$.", "|x_i| = x_i"),
]


def verdict(given: str, claim: str) -> str:
    ((_, judgement),) = judged(f"{given}\n\n$${claim}$$\n").judged
    return judgement.verdict


@pytest.mark.parametrize(("given", "claim"), PROVED)
def test_what_an_assumption_proves(given: str, claim: str) -> None:
    assert verdict(given, claim) == "proved"


@pytest.mark.parametrize(("given", "claim"), NOT_PROVED)
def test_an_assumption_proves_no_more_than_it_says(given: str, claim: str) -> None:
    assert verdict(given, claim) in ("refuted", "undecided")
