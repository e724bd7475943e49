"""Which closed forms of a judged document are exported, and which never are."""

from __future__ import annotations

import pytest
from judging import judged, library_text

from derive.errors import UsageError
from derive.kernel.plan import make_plan, proved_forms

SQUARES = r"""
Let $x, y \in \mathbb{R}^N$ with $y_i = x_i^2$ and a loss $f : \mathbb{R}^N \to \mathbb{R}$.
"""
TABLE = r"""
Let $A, B \in \mathbb{R}^{N \times M}$, $B_{ij} = A_{ij}^2$,
and $f : \mathbb{R}^{N \times M} \to \mathbb{R}$.
"""
MATRIX = r"""
Let $A, B \in \mathbb{R}^{N \times N}$, $B_{ij} = A_{ij}^2$,
and $f : \mathbb{R}^{N \times N} \to \mathbb{R}$.
"""
RIGHT = r"$$\frac{\partial f}{\partial x_j} = 2 x_j \frac{\partial f}{\partial y_j}$$"
SWAPPED = r"$$\frac{\partial f}{\partial x_k} = \frac{\partial f}{\partial y_k} 2 x_k$$"
WRONG = r"$$\frac{\partial f}{\partial x_j} = 3 x_j \frac{\partial f}{\partial y_j}$$"
FIRST = r"$$\frac{\partial f}{\partial x_1} = 2 x_1 \frac{\partial f}{\partial y_1}$$"
SOME = r"For $j \neq 1$ $$\frac{\partial f}{\partial x_j} = 2 x_j \frac{\partial f}{\partial y_j}$$"
DIAGONAL = r"$$\frac{\partial f}{\partial A_{ii}} = 2 A_{ii} \frac{\partial f}{\partial B_{ii}}$$"
TURNED = r"$$\frac{\partial f}{\partial A_{ji}} = 2 A_{ji} \frac{\partial f}{\partial B_{ji}}$$"
WHOLE = r"$$\frac{\partial f}{\partial A} = 2 A \odot \frac{\partial f}{\partial B}$$"
ROW = r"$$\frac{\partial f}{\partial A_i} = 2 A_i \odot \frac{\partial f}{\partial B_i}$$"
OPEN = (
    r"$$\frac{\partial f}{\partial x_j} = \sum_{i=1}^{N} \frac{\partial f}{\partial y_i}"
    r" \frac{\partial y_i}{\partial x_j}$$"
)
BROKEN_CHAIN = (
    r"$$\frac{\partial f}{\partial x_j} = 3 x_j \frac{\partial f}{\partial y_j}"
    r" = 2 x_j \frac{\partial f}{\partial y_j}$$"
)
CHAIN = (
    r"$$\frac{\partial f}{\partial x_j} = \sum_{i=1}^{N} \frac{\partial f}{\partial y_i}"
    r" \frac{\partial y_i}{\partial x_j} = 2 x_j \frac{\partial f}{\partial y_j}$$"
)

FOUND = [
    (SQUARES + RIGHT, [("x", ("j",), "test.md:3")]),
    (SQUARES + CHAIN, [("x", ("j",), "test.md:3")]),
    (SQUARES + RIGHT + "\n\n" + SWAPPED, [("x", ("k",), "test.md:5")]),
    (SQUARES + RIGHT + "\n\n" + WRONG, [("x", ("j",), "test.md:3")]),
    (SQUARES + RIGHT + "\n\n" + FIRST, [("x", ("j",), "test.md:3")]),
    (TABLE + WHOLE, [("A", (), "test.md:4")]),
    (TABLE + ROW, [("A", ("i", "j"), "test.md:4")]),
    (TABLE + TURNED, [("A", ("j", "i"), "test.md:4")]),
]


@pytest.mark.parametrize(("text", "expected"), FOUND)
def test_found(text: str, expected: list[tuple[str, tuple[str, ...], str]]) -> None:
    forms = proved_forms(judged(text))
    assert [(f.target.key, f.free, f.source) for f in forms] == expected


NOT_FOUND = [
    ("nothing claimed", SQUARES, "State the gradient"),
    ("refuted", SQUARES + WRONG, "derive check test.md"),
    ("a refuted link before a true one", SQUARES + BROKEN_CHAIN, "derive check test.md"),
    ("not closed", SQUARES + OPEN, "State the gradient"),
    ("one entry", SQUARES + FIRST, "all entries"),
    ("the diagonal", MATRIX + DIAGONAL, "all entries"),
    ("some entries", SQUARES + SOME, "State the gradient"),
]


@pytest.mark.parametrize(("text", "advice"), [row[1:] for row in NOT_FOUND])
def test_not_found(text: str, advice: str) -> None:
    with pytest.raises(UsageError, match="no closed form") as refused:
        proved_forms(judged(text))
    assert advice in refused.value.advice


def test_the_whole_batch_goes_before_one_column() -> None:
    forms = proved_forms(judged(library_text("batchnorm"), "folder/batchnorm.md"))
    assert [form.target.key for form in forms] == ["X", r"\gamma", r"\beta"]
    assert [len(form.target.shape) for form in forms] == [2, 1, 1]
    assert forms[0].latex.startswith(r"\frac{\partial f}{\partial X} = \gamma (v + \epsilon)")
    assert forms[0].source == "batchnorm.md:91"
    assert any("N ≥ 1" in condition for condition in forms[0].side_conditions)


@pytest.mark.parametrize("name", ["two words", "import", "__import__", "x;y", "", "d\n"])
def test_a_plan_needs_a_name(name: str) -> None:
    with pytest.raises(UsageError, match="cannot be the name"):
        make_plan(proved_forms(judged(SQUARES + RIGHT)), name)
