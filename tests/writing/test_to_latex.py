"""LaTeX: the author's spelling, closed to everything else."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import formula_trees as t
import pytest

from derive.reading.syntax import (
    Bars,
    BigOperator,
    Call,
    Chain,
    Derivative,
    Dots,
    Expr,
    Frac,
    Group,
    Name,
    Number,
    Power,
    Prime,
    Product,
    Relation,
    Root,
    Row,
    Subscript,
    Sum,
    Transpose,
    Underbrace,
    Words,
)
from derive.writing.to_latex import to_latex

TABLE: list[tuple[Expr | Relation | Row, str]] = [
    (t.mean, r"\mu = \frac{1}{N} \sum_{i=1}^{N} x_i"),
    (
        t.chain_rule,
        r"\frac{\partial f}{\partial x_j} = \sum_{i=1}^{N} \frac{\partial f}{\partial y_i}"
        r" \frac{\partial y_i}{\partial \hat{x}_i} \frac{\partial \hat{x}_i}{\partial x_j}",
    ),
    (t.rstd, r"(v + \epsilon)^{-\frac{1}{2}}"),
    (t.paren(t.negative(t.half)), r"\left( -\frac{1}{2} \right)"),
    (
        t.identity,
        r"\frac{\partial x_i}{\partial x_j} ="
        r" \begin{cases} 1 & i = j \\ 0 & i \neq j \end{cases}",
    ),
    (Subscript(t.x, (t.times(t.i, t.j),)), "x_{ij}"),
    (Subscript(t.x, (t.i, t.j)), "x_{i,j}"),
    (Subscript(t.x, (t.i, t.j), True), "x[i, j]"),
    (Subscript(t.x, (t.plus(t.i, t.num(1)), t.j)), "x_{i+1,j}"),
    (t.total(t.x_i, t.chain(t.i, "\\neq", t.j)), r"\sum_{i \neq j} x_i"),
    (Power(t.x, t.minus(t.n("n"), t.num(1))), "x^{n-1}"),
    (Power(t.x_i, t.num(2)), "x_i^2"),
    (Power(t.x, t.num(2), "\\odot"), r"x^{\odot 2}"),
    (Transpose(t.n("W"), "-\\top"), r"W^{-\top}"),
    (Prime(t.f, 2), "f''"),
    (Call("tanh", t.x, power=t.num(2), parenthesised=False), r"\tanh^2 x"),
    (Call("relu", t.x, font="operatorname"), r"\operatorname{relu}(x)"),
    (Call("exp", t.share), r"\exp\left( \frac{1}{N} \right)"),
    (Bars(t.x, True, t.n("F")), r"\|x\|_F"),
    (Bars(Bars(t.x)), r"\left| |x| \right|"),
    (Group("\\langle", "\\rangle", t.x), r"\langle x\rangle"),
    (Derivative(t.f, ((t.x, 2),), order=2), r"\frac{\partial^2 f}{\partial x^2}"),
    (
        Derivative(t.f, ((t.x, 1),), sign="\\mathrm{d}"),
        r"\frac{\mathrm{d} f}{\mathrm{d} x}",
    ),
    (Derivative(t.f, ((t.x_j, 1),), "slash"), r"\partial f / \partial x_j"),
    (Derivative(t.f, ((t.x, 1),), "nabla"), r"\nabla_x f"),
    (Derivative(t.f, ((t.x, 1),), "operator"), r"\frac{\partial}{\partial x} f"),
    (
        Underbrace(t.x, t.chain(None, "=", t.num(1))),
        r"\underbrace{x}_{= 1}",
    ),
    (Row(t.num(1), t.chain(t.i, "=", t.j), "if"), r"1 & \text{if } i = j"),
    (Row(t.num(0), None, "otherwise"), r"0 & \text{otherwise}"),
    (Chain((t.x, None), (Relation("="),)), "x ="),
    (Name("γ"), r"\gamma"),
    # brackets that the tree does not show
    (t.times(t.gamma, t.plus(t.v, t.eps)), r"\gamma (v + \epsilon)"),
    (t.times(t.total(t.x_i, t.i), t.y), r"\left( \sum_{i} x_i \right) y"),
    (Power(Power(t.x, t.num(2)), t.num(3)), "(x^2)^3"),
    (Power(Transpose(t.x, "\\top"), t.num(2)), r"(x^\top)^2"),
    (Subscript(t.x_i, (t.j,)), "(x_i)_j"),
    (Sum(("", "-"), (t.x, t.negative(t.y))), "x - (-y)"),
    (Product((t.x, t.times(t.y, t.v)), ("/",)), "x / (yv)"),
    (Product((t.x, t.times(t.y, t.v)), ("\\cdot",)), r"x \cdot yv"),
]

EVIL = r"\input{/etc/passwd}$\write18{x}%#&_^~" + '"<é漢'

HOSTILE = [
    Words(EVIL),
    Name(EVIL),
    Name(EVIL, "text"),
    Name("\\input{x}"),
    Name("\\write18"),
    Name("x", "input"),
    Name("x", "", ("input",)),
    Number(EVIL),
    Relation("\\input"),
    Dots("\\input"),
    Transpose(t.x, "\\input"),
    Power(t.x, t.num(2), "\\input"),
    Product((t.x, t.y), ("\\input",)),
    Frac(t.x, t.y, "input"),
    Derivative(t.f, ((t.x, 1),), sign="\\input", command="input"),
    BigOperator("input", (), None, t.x),
    Group("\\input", "\\input", t.x),
    Call("input", t.x),
    Call(EVIL, t.x, font="input"),
    Row(t.x, None, EVIL),
]

_ALLOWED = re.compile(
    r"\\(?:[\\|{}$&#%_ ]|(?:textbackslash|textasciicircum|textasciitilde|textless|textgreater"
    r"|textbar|text|mathrm|operatorname|partial|frac|sum|mathrel|top|left|right|dots)(?![a-zA-Z]))"
)


@pytest.mark.parametrize(("tree", "expected"), TABLE)
def test_latex(tree: Expr, expected: str) -> None:
    assert to_latex(tree) == expected


@pytest.mark.parametrize("tree", HOSTILE)
def test_only_known_commands_come_out(tree: Expr) -> None:
    rest = _ALLOWED.sub("", to_latex(tree))
    assert "\\" not in rest
    assert "$" not in rest and "%" not in rest and "#" not in rest


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_compiles(tmp_path: Path) -> None:
    formulas = [tree for tree, _ in TABLE if not isinstance(tree, Row)]
    formulas += [tree for tree in HOSTILE if not isinstance(tree, Row)]
    formulas += [t.square_rows, t.closed_form, t.off_diagonal, Root(t.x, t.num(3))]
    body = "\n\n".join(f"${to_latex(tree)}$" for tree in formulas)
    head = "\\documentclass{article}\\usepackage{amsmath,amssymb}\\begin{document}\n"
    (tmp_path / "formulas.tex").write_text(f"{head}{body}\n\\end{{document}}\n", "utf-8")
    command = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "formulas.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout[-1500:]
