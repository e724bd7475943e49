"""What `to_latex` writes reads back to the same tree."""

from __future__ import annotations

import re
from pathlib import Path

import formula_trees as t
import pytest

from derive.reading.parse import parse_expression
from derive.reading.syntax import Expr
from derive.writing.to_latex import to_latex

LIBRARY = Path(__file__).parents[2] / "derive" / "library"


def _formulas(text: str) -> list[str]:
    """The statements of a document's formulas, split where a display holds several."""
    displays = [one or two for one, two in re.findall(r"\$\$(.+?)\$\$|\$(.+?)\$", text, re.S)]
    split = r",?\s*\\q?quad(?:\s*\\text\{for \})?"
    return [part.strip() for display in displays for part in re.split(split, display)]


DOCUMENT = _formulas((LIBRARY / "batchnorm.md").read_text("utf-8"))

TABLE = [
    r"x^2_i + x_i^2",
    r"-a + b - c",
    r"a / b c",
    r"a \cdot b \odot c",
    r"\sum_{i} \sum_{k \neq j} A_{ik} x_k y_i",
    r"\prod_{i<j} (x_i - x_j)",
    r"\sum_i -x_i",
    r"\max_{i} x_i",
    r"\max(0, x)",
    r"\left|\frac{x}{y}\right| + |x|",
    r"\|x\|_2^2",
    r"\sqrt[3]{x} + \sqrt{v + \epsilon}",
    r"\log_2 x",
    r"\log p(x) + \log x y",
    r"\log p_\theta(x)",
    r"f \log x + \log \det X",
    r"\frac{\partial}{\partial x} a \frac{\partial}{\partial y} b",
    r"\frac{\partial f}{\partial \sigma^2}",
    r"\tanh^2(x)",
    r"\exp(x)^2",
    r"\operatorname{softmax}(z)_i",
    r"A^{-1} A^\top A^{-\top}",
    r"(A^\top)_{jk}",
    r"x^{\odot 2}",
    r"x^{(t)}",
    r"x^*",
    r"f'(x) + f''(x)",
    r"x_{i,j} + x_{i+1} + X_{i,:} + x[i, j]",
    r"\mu_{\mathcal{B}} + x_{\text{in}}",
    r"\mathbb{1}_{i=j}",
    r"\frac{\partial^2 f}{\partial x^2} + \frac{\partial^2 f}{\partial x \partial y}",
    r"\frac{\mathrm{d} f}{\mathrm{d} x} + \frac{d f}{d x}",
    r"\frac{\partial}{\partial x} x^2",
    r"\nabla_x f",
    r"\partial_x f",
    r"\partial f / \partial x_j",
    r"\underbrace{\sum_i t_i}_{=1} = 1",
    r"\begin{cases} x & \text{if } x > 0 \\ 0 & \text{otherwise} \end{cases}",
    r"W \in \mathbb{R}^{N \times D}",
    r"f : \mathbb{R}^{N \times D} \to \mathbb{R}",
    r"x, y \in \mathbb{R}^N",
    r"a = b \le c < d",
    r"\bar{\hat{x}} + \tilde x",
    r"x_1 + \dots + x_N",
    r"e^{-\frac{x^2}{2 \sigma^2}}",
    r"\left\{ \frac{x}{y} \right\}",
    r"\delta_{ij} 2 \cdot 0.5",
]

BUILT = [
    t.mean,
    t.second_moment,
    t.chain_rule,
    t.quotient,
    t.identity,
    t.square_rows,
    t.variance_slope,
    t.off_diagonal,
    t.closed_form,
]


@pytest.mark.parametrize("formula", TABLE + DOCUMENT)
def test_text(formula: str) -> None:
    tree = parse_expression(formula)
    assert parse_expression(to_latex(tree)) == tree


@pytest.mark.parametrize("tree", BUILT)
def test_tree(tree: Expr) -> None:
    assert parse_expression(to_latex(tree)) == tree


def test_the_document_was_found() -> None:
    assert len(DOCUMENT) > 40


def test_different_formulas_stay_different() -> None:
    written = {to_latex(parse_expression(formula)) for formula in TABLE}
    assert len(written) == len(TABLE)
