"""One line of Unicode or ASCII, unambiguous without layout."""

from __future__ import annotations

import formula_trees as t
import pytest

from derive.reading.syntax import (
    BigOperator,
    Call,
    Derivative,
    Dots,
    Expr,
    Frac,
    Group,
    Power,
    Product,
    Root,
    Row,
    Star,
    Subscript,
    Underbrace,
)
from derive.writing.to_linear import linear

TABLE: list[tuple[Expr | Row, str, str]] = [
    (t.mean, "μ = 1/N · ∑ᵢ₌₁ᴺ xᵢ", "mu = 1/N * sum_{i=1}^{N} x_i"),
    (
        t.chain_rule,
        "∂f/∂xⱼ = ∑ᵢ₌₁ᴺ ∂f/∂yᵢ · ∂yᵢ/∂x̂ᵢ · ∂x̂ᵢ/∂xⱼ",
        "d f / d x_j = sum_{i=1}^{N} (d f / d y_i) * (d y_i / d xhat_i) * (d xhat_i / d x_j)",
    ),
    (
        t.identity,
        "∂xᵢ/∂xⱼ = { 1 if i = j; 0 if i ≠ j }",
        "d x_i / d x_j = { 1 if i = j; 0 if i != j }",
    ),
    (t.rstd, "(v + ε)⁻¹ᐟ²", "(v + epsilon)^{-1/2}"),
    (t.times(t.N, t.mu), "Nμ", "N mu"),
    (Root(t.plus(t.v, t.eps)), "√(v + ε)", "sqrt(v + epsilon)"),
    (Root(t.x, t.num(3)), "³√x", "root_{3}(x)"),
    (t.total(t.negative(t.x_i), t.i), "∑ᵢ (−xᵢ)", "sum_{i} (-x_i)"),
    (BigOperator("max", (t.i,), None, t.x_i), "maxᵢ xᵢ", "max_{i} x_i"),
    (Frac(t.minus(t.x, t.mu), t.sigma), "(x − μ)/σ", "(x - mu)/sigma"),
    (Frac(t.num(1), t.times(t.N, t.x)), "1/(Nx)", "1/(N x)"),
    (Frac(Frac(t.x, t.y), t.v), "(x/y)/v", "(x/y)/v"),
    (Power(t.share, t.num(2)), "(1/N)²", "(1/N)^2"),
    (Power(t.d(t.f, t.x), t.num(2)), "(∂f/∂x)²", "(d f / d x)^2"),
    (Product((t.x, t.share), ("/",)), "x/(1/N)", "x/(1/N)"),
    (Power(Group("{", "}", t.plus(t.x, t.y)), t.num(2)), "(x + y)²", "(x + y)^2"),
    (Derivative(t.f, ((t.x, 1), (t.y, 1)), order=2), "∂²f/∂x∂y", "d^2 f / d x d y"),
    (
        Derivative(t.plus(t.x, t.y), ((t.x, 1),), "operator"),
        "∂/∂x (x + y)",
        "d / d x (x + y)",
    ),
    (Subscript(t.x, (t.plus(t.i, t.num(1)), t.j)), "x_{i+1,j}", "x_{i+1,j}"),
    (t.sub(t.x, t.i, t.j), "xᵢⱼ", "x_{i,j}"),
    (Power(t.x, Star()), "x*", "x^*"),
    (Call("exp", t.x, power=t.num(2)), "exp²(x)", "exp^2(x)"),
    (Dots("\\cdots"), "⋯", "..."),
    (Row(t.num(0), None, "otherwise"), "0 otherwise", "0 otherwise"),
    (Underbrace(t.x, t.chain(None, "=", t.num(1))), "x [= 1]", "x [= 1]"),
    (t.chain(t.x, "=", None), "x =", "x ="),
]


@pytest.mark.parametrize(("tree", "unicode", "ascii"), TABLE)
def test_linear(tree: Expr, unicode: str, ascii: str) -> None:
    assert linear(tree) == unicode
    assert linear(tree, ascii=True) == ascii
    assert ascii.isascii()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Frac(t.x, t.times(t.y, t.v)), t.times(Frac(t.x, t.y), t.v)),
        (t.times(t.d(t.f, t.y), t.x), t.d(t.f, t.times(t.y, t.x))),
        (Frac(t.x, Frac(t.y, t.v)), Frac(Frac(t.x, t.y), t.v)),
        (t.total(t.plus(t.x_i, t.y), t.i), t.plus(t.total(t.x_i, t.i), t.y)),
        (Power(Frac(t.x, t.y), t.num(2)), Frac(t.x, Power(t.y, t.num(2)))),
        (t.minus(t.x, t.minus(t.y, t.v)), t.minus(t.minus(t.x, t.y), t.v)),
        (t.times(t.total(t.x_i, t.i), t.y), t.total(t.times(t.x_i, t.y), t.i)),
        (Root(t.times(t.x, t.y)), t.times(Root(t.x), t.y)),
        (Power(Power(t.x, t.y), t.v), Power(t.x, Power(t.y, t.v))),
    ],
)
def test_different_meanings_print_differently(one: Expr, other: Expr) -> None:
    for ascii in (False, True):
        assert linear(one, ascii=ascii) != linear(other, ascii=ascii)
