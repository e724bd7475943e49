"""Edits of a claim: each kind makes the slip that it names, and never the claim itself."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import pytest
from judging import understood

from derive.reading.parse import parse_expression
from derive.writing.to_latex import to_latex

sys.path.append(str(Path(__file__).parent.parent / "scripts"))
variants = import_module("variants").variants

SETUP = (
    r"Let $x, y \in \mathbb{R}^N$, $\hat{x} \in \mathbb{R}^N$, $a \in \mathbb{R}$ and "
    r"$A, B \in \mathbb{R}^{N \times N}$."
)


def edited(claim: str) -> dict[str, set[str]]:
    """The equations one edit away from a claim, by the kind of edit."""
    found: dict[str, set[str]] = {}
    for variant in variants(understood(f"{SETUP}\n\n$${claim}$$\n").claims[0]):
        found.setdefault(variant.kind, set()).add(variant.text)
    return found


@pytest.mark.parametrize(
    ("claim", "kind", "expected"),
    [
        ("x_i + y_i = y_i + x_i", "sign", "x_i + y_i = y_i - x_i"),
        ("x_i + y_i = y_i + x_i", "term dropped", "x_i + y_i = y_i"),
        ("x_i + y_i = y_i + x_i", "term doubled", "x_i + y_i = y_i + x_i + x_i"),
        ("x_i + y_i = y_i + x_i", "times for plus", "x_i + y_i = y_i x_i"),
        ("x_i + y_i = y_i + x_i", "name of the same shape", "y_i + y_i = y_i + x_i"),
        ("x_i + y_i = y_i + x_i", "name of another shape", "A_i + y_i = y_i + x_i"),
        (r"\hat{x} + y = y + \hat{x}", "accent dropped", r"x + y = y + \hat{x}"),
        ("A_{ij} = A_{ij}", "index letter", "A_{ij} = A_{ii}"),
        ("A_{ij} = A_{ij}", "indices swapped", "A_{ij} = A_{ji}"),
        ("A B = A B", "factors swapped", "A B = B A"),
        ("A B = A B", "transpose in", r"A^\top B = A B"),
        (r"A^\top B = A^\top B", "transpose out", r"A B = A^\top B"),
        ("a a = a a", "plus for times", "(a + a) = a a"),
        ("a a = a a", "factor in", r"a a = \frac{1}{N} a a"),
        ("a a = a a", "factor out", "a a = a"),
        ("a^2 = a a", "exponent", "a^3 = a a"),
        ("a^2 = a a", "exponent", "a^{-2} = a a"),
        (r"\sum_{i=1}^{N} x_i = a", "sum dropped", "(x_i) = a"),
        (r"\sum_{i=1}^{N} x_i = a", "sum limits", r"\sum_{i=2}^{N} x_i = a"),
        (r"\sum_{i=1}^{N} x_i = a", "sum limits", r"\sum_{i=1}^{N - 1} x_i = a"),
        (r"x_i \delta_{ij} = x_j \delta_{ij}", "delta dropped", r"x_i 1 = x_j \delta_{ij}"),
        (r"\exp(a) = \exp(a)", "function", r"\log(a) = \exp(a)"),
        ("2 a = a + a", "number", "3 a = a + a"),
        (r"\frac{\partial a}{\partial a} = 1", "derivative order",
         r"\frac{\partial^2 a}{\partial a^2} = 1"),
        (r"\frac{\partial a}{\partial a} = 1", "derivative by another name",
         r"\frac{\partial a}{\partial x} = 1"),
        (r"\begin{cases} 1 & i = j \\ 0 & i \neq j \end{cases} x_i = x_i", "case condition",
         r"\begin{cases} 1 & i \neq j \\ 0 & i \neq j \end{cases} x_i = x_i"),
    ],
)  # fmt: skip
def test_each_kind_makes_its_slip(claim: str, kind: str, expected: str) -> None:
    wanted = to_latex(parse_expression(expected))
    assert wanted in {to_latex(parse_expression(text)) for text in edited(claim)[kind]}


@pytest.mark.parametrize("claim", ["x + y = y + x", r"\sum_{i=1}^{N} A_{ij} x_i = [A^\top x]_j"])
def test_the_claim_is_no_variant_and_each_one_is_read_as_it_is_printed(claim: str) -> None:
    texts = [text for found in edited(claim).values() for text in found]
    assert len(texts) > 20
    assert claim not in texts
    assert [to_latex(parse_expression(text)) for text in texts] == texts
